package login_test

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/control"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// TestMatrix holds every cell of every door to the rules: status, error, description, Login History, and that a refusal
// made no session. Each door has an org of its own, so that no approval that one door makes opens another.
func TestMatrix(t *testing.T) {
	t.Parallel()
	total := 0
	for _, door := range doors {
		total += len(cells(door))
	}
	if total < 300 {
		t.Fatalf("%d cells are too few", total)
	}
	t.Logf("%d cells", total)
	each(t, func(t *testing.T, h *house) {
		for _, door := range doors {
			t.Run(door, func(t *testing.T) {
				t.Parallel()
				m := newMatrix(t, h, door)
				m.check(t, cells(door))
			})
		}
	})
}

// matrix is a door's org and what its cells need.
type matrix struct {
	*house
	org     org.ID
	name    string
	admin   org.Session
	numbers *org.Numbers
	// prepared are what was given out before the users' states were changed, by cell.
	prepared map[cell]string
}

// Where the requests of the table come from; each cell has a network of its own, so that none is throttled.
const (
	insideStart, insideEnd = "10.0.0.0", "10.255.255.255"
	matrixScopes           = "api refresh_token"
)

func newMatrix(t *testing.T, parent *house, door string) *matrix {
	t.Helper()
	h := parentOf(t, parent)
	m := &matrix{house: h, org: org.NewID(org.PrefixOrganization), name: "m-" + door, numbers: org.NewNumbers(h.clock.Machine), prepared: map[cell]string{}}
	_, cert := testKeys()
	spec := org.Spec{ID: string(m.org), Name: m.name, MyDomain: m.name, UsernamePasswordFlow: true, Users: []org.UserSpec{
		{Username: "boss@" + m.name + ".example", LastName: "Boss", Profile: org.AdministratorProfile, PasswordHash: adminHash},
	}}
	all := cells(door)
	apps, people := map[string]cell{}, map[string]cell{}
	for _, c := range all {
		apps[m.appKey(c)], people[m.user(c)] = c, c
	}
	set := org.PermissionSetSpec{Name: "Carrier", Label: "Carrier"}
	for _, key := range slices.Sorted(maps.Keys(apps)) {
		c := apps[key]
		if c.permitted == "-" {
			continue
		}
		name := strings.NewReplacer(".", " ", "_", " ").Replace(strings.TrimPrefix(key, m.name))
		spec.ConnectedApps = append(spec.ConnectedApps, org.ConnectedAppSpec{
			Name: name, DeveloperName: strings.ReplaceAll("A"+name, " ", "_"), ConsumerKey: key, Secret: appSecret, Certificate: cert, CallbackURLs: []string{callback},
			Scopes: strings.Fields(matrixScopes), AdminApproved: strings.HasPrefix(c.permitted, "admin"), ClientCredentialsUser: spec.Users[0].Username,
			IPRelaxation: c.relax, RefreshTokenPolicy: policyOf(c), Flows: org.Flows{UserAgent: true, Device: true},
		})
		set.Apps = append(set.Apps, strings.ReplaceAll("A"+name, " ", "_"))
	}
	for _, name := range slices.Sorted(maps.Keys(people)) {
		profile := org.StandardUserProfile
		if people[name].who == "profile" {
			profile = org.AdministratorProfile
		}
		spec.Users = append(spec.Users, org.UserSpec{Username: name, LastName: "Somebody", Profile: profile, PasswordHash: userHash})
		if people[name].who == "set" {
			set.Assignees = append(set.Assignees, name)
		}
	}
	spec.PermissionSets = []org.PermissionSetSpec{set}
	ctl := control.Control{Store: h.store, Records: h.records, Clock: h.clock, Changes: &changes{h.login}, Log: h.quiet()}
	if err := ctl.CreateOrg(t.Context(), spec); err != nil {
		t.Fatalf("making the org of %s: %v", door, err)
	}
	boss := m.find(spec.Users[0].Username)
	m.admin = org.Session{Org: m.org, User: boss.ID, Permissions: boss.Permissions}
	m.must(m.exec(`UPDATE profile SET login_ip_ranges = $2 WHERE org_id = $1`, string(m.org), `[{"start":"`+insideStart+`","end":"`+insideEnd+`"}]`))
	m.must(m.exec(`UPDATE connected_application SET is_blocked = 1 WHERE org_id = $1 AND name LIKE '%blocked%'`, string(m.org)))
	ids := map[string]org.ID{}
	for _, app := range spec.ConnectedApps {
		a, err := h.store.AppByConsumerKey(t.Context(), app.ConsumerKey)
		if err != nil {
			t.Fatal(err)
		}
		ids[app.ConsumerKey] = a.ID
	}
	m.carry(t, ids)
	m.prepare(t, all, ids)
	m.change(t, people)
	h.login.SetupChanged(m.org)
	return m
}

// parentOf is the house for a subtest.
func parentOf(t testing.TB, h *house) *house {
	return &house{
		t: t, login: h.login, handler: h.handler, store: h.store, records: h.records, clock: h.clock, url: h.url, log: h.log, vault: h.vault, org: h.org,
	}
}

func (m *matrix) must(_ int64, err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *matrix) appKey(c cell) string {
	policy, _, _ := strings.Cut(c.refresh, "/")
	return strings.ReplaceAll(m.name+"."+c.permitted+"."+policy+"."+c.relax, " ", ".")
}

func (m *matrix) user(c cell) string { return c.who + "." + c.state + "@" + m.name + ".example" }

func (m *matrix) find(username string) org.User {
	m.t.Helper()
	u, err := m.store.UserByUsername(m.t.Context(), username)
	if err != nil {
		m.t.Fatal(err)
	}
	return u
}

func policyOf(c cell) string {
	policy, _, _ := strings.Cut(c.refresh, "/")
	switch policy {
	case "lifetime", "inactivity":
		return "specific_" + policy + ":24:HOURS"
	}
	return policy
}

// carry gives every app to the administrators' profile, by its own permission set, as SetupEntityAccess does it
// (crm-wire 5.2).
func (m *matrix) carry(t *testing.T, apps map[string]org.ID) {
	t.Helper()
	var set string
	err := m.store.DB().QueryRow(t.Context(), `SELECT s.id FROM permission_set s JOIN profile p ON p.org_id = s.org_id AND p.id = s.profile_id WHERE s.org_id = $1 AND p.name = $2`,
		string(m.org), org.AdministratorProfile).Scan(&set)
	if err != nil {
		t.Fatal(err)
	}
	for _, app := range apps {
		if _, err := m.records.Create(t.Context(), m.admin, "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": string(app)}); err != nil {
			t.Fatal(err)
		}
	}
}

// prepare gives out, while everything is still in order, what some doors are knocked at with: approvals, refresh tokens of
// a certain age, codes, devices that a person has allowed.
func (m *matrix) prepare(t *testing.T, all []cell, apps map[string]org.ID) {
	t.Helper()
	now, users := m.clock.Now(string(m.org)), map[string]org.ID{}
	for chunk := range slices.Chunk(all, 200) {
		for _, c := range chunk {
			if c.permitted == "-" {
				return
			}
			if users[m.user(c)] == "" {
				users[m.user(c)] = m.find(m.user(c)).ID
			}
		}
		made := map[cell]string{}
		err := m.store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
			for _, c := range chunk {
				number, created, used := m.numbers.Next(), now, now
				grant := func(hash []byte) error {
					_, err := tx.Exec(`INSERT INTO oauth_grant (id, org_id, user_id, app_id, scopes, refresh_hash, created_ms, last_used_ms, delete_token) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')`,
						number, string(m.org), string(users[m.user(c)]), string(apps[m.appKey(c)]), matrixScopes, hash, created.UnixMilli(), used.UnixMilli())
					return err
				}
				var err error
				switch {
				case c.door == "jwt" && c.who == "consent":
					err = grant(nil)
				case c.door == "refresh":
					switch c.refresh {
					case "lifetime/young":
						created = now.Add(-23 * time.Hour)
					case "lifetime/old":
						created, used = now.Add(-25*time.Hour), now.Add(-time.Hour)
					case "inactivity/used":
						created, used = now.Add(-100*time.Hour), now.Add(-23*time.Hour)
					case "inactivity/idle":
						created, used = now.Add(-100*time.Hour), now.Add(-25*time.Hour)
					}
					var hash []byte
					made[c], hash = org.NewRefreshToken(number)
					err = grant(hash)
				case c.door == "code":
					var hash [32]byte
					made[c], hash = org.NewAuthCode(number)
					_, err = tx.Exec(`INSERT INTO oauth_code (id, code_hash, org_id, user_id, app_id, consumer_key, redirect_uri, challenge, nonce, scopes, grant_id, auth_ms, created_ms, expires_ms)
 VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', $8, 0, $9, $9, $10)`, number, hash[:], string(m.org), string(users[m.user(c)]), string(apps[m.appKey(c)]), m.appKey(c), callback, matrixScopes,
						now.UnixMilli(), now.Add(15*time.Minute).UnixMilli())
				case c.door == "device":
					var code, user [32]byte
					made[c], code = org.NewDeviceCode(number)
					_, user = org.NewUserCode()
					if err = grant(nil); err != nil {
						return err
					}
					_, err = tx.Exec(`INSERT INTO oauth_device (id, code_hash, user_code_hash, consumer_key, scopes, created_ms, expires_ms, interval_ms, state, org_id, user_id, grant_id)
 VALUES ($1, $2, $3, $4, $5, $6, $7, 5000, 'allowed', $8, $9, $1)`, number, code[:], user[:], m.appKey(c), matrixScopes, now.UnixMilli(), now.Add(10*time.Minute).UnixMilli(),
						string(m.org), string(users[m.user(c)]))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(m.prepared, made)
	}
}

// change puts every user into his state, as an administrator, wrong passwords, or time would.
func (m *matrix) change(t *testing.T, people map[string]cell) {
	t.Helper()
	for i, name := range slices.Sorted(maps.Keys(people)) {
		u, err := m.find(name), error(nil)
		switch people[name].state {
		case "inactive":
			err = m.records.Update(t.Context(), m.admin, "User", string(u.ID), map[string]any{"IsActive": false})
		case "frozen":
			err = m.records.Update(t.Context(), m.admin, "UserLogin", "0Yw"+string(u.ID)[3:15], map[string]any{"IsFrozen": true})
		case "locked":
			for range org.MaxLoginAttempts { // from a network of his own, too
				m.knock(fmt.Sprintf("172.%d.%d.7", slices.Index(doors, strings.TrimPrefix(m.name, "m-")), i), "preparation").soapLogin("50.0", name, "wrong")
			}
		case "expired":
			_, err = m.exec(`UPDATE user_login SET password_changed_ms = $3 WHERE org_id = $1 AND user_id = $2`, string(m.org), string(u.ID), m.clock.Now(string(m.org)).AddDate(0, 0, -91).UnixMilli())
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// attempt is the house as a caller sees it who comes from an address, with a User-Agent that Login History keeps.
type attempt struct{ *house }

type fromAddress struct {
	handler   http.Handler
	ip, agent string
}

// RoundTrip serves the request without a socket.
func (f fromAddress) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RemoteAddr, in.RequestURI, in.Host = f.ip+":40000", r.URL.RequestURI(), r.URL.Host
	in.Header.Set("User-Agent", f.agent)
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, in)
	return w.Result(), nil
}

func (m *matrix) knock(ip, agent string) *attempt {
	h := parentOf(m.t, m.house)
	h.via = fromAddress{m.handler, ip, agent}
	return &attempt{h}
}

// check runs the cells and compares.
func (m *matrix) check(t *testing.T, all []cell) {
	t.Helper()
	rules := matrixRules()
	got, want := make([]outcome, len(all)), make([]outcome, len(all))
	run := ""
	for i, c := range all {
		if c.door == "client" && m.user(c) != run { // an app runs as one user
			run = m.user(c)
			m.must(m.exec(`UPDATE connected_application SET oauth_client_credential_user_id = $2 WHERE org_id = $1`, string(m.org), string(m.find(run).ID)))
			m.login.SetupChanged(m.org)
		}
		network := byte(10)
		if !c.inside {
			network = 11
		}
		ip := fmt.Sprintf("%d.%d.%d.7", network, i/250, i%250)
		a := m.knock(ip, fmt.Sprintf("cell-%05d", i))
		token := ""
		got[i], token = m.run(a, c)
		want[i], _ = expect(rules, c)
		if token != "" {
			if _, err := m.login.Authenticate(t.Context(), token, org.Origin{IP: ip, Host: "127.0.0.1"}); err != nil {
				t.Errorf("%v: the token is dead", c)
			}
		}
		if let := want[i].status == 200 && want[i].at != "page" || want[i].at == "client" && want[i].code == ""; let != (token != "") {
			got[i].text += " and a token: " + token
		}
	}
	rows, successes := m.rows(t)
	wrong := map[string]int{} // by rule: one example of each says enough
	for i, c := range all {
		got[i].rows = rows[fmt.Sprintf("cell-%05d", i)]
		if got[i] == want[i] {
			continue
		}
		_, n := expect(rules, c)
		if wrong[rules[n].name]++; wrong[rules[n].name] == 1 {
			t.Errorf("%v\n got %+v\nwant %+v\n by the rule: %s (%s)", c, got[i], want[i], rules[n].name, rules[n].source)
		}
	}
	for name, n := range wrong {
		t.Errorf("%d cells are wrong by the rule: %s", n, name)
	}
	var sessions int
	if err := m.store.DB().QueryRow(t.Context(), `SELECT COUNT(*) FROM auth_session WHERE org_id = $1`, string(m.org)).Scan(&sessions); err != nil || sessions != successes {
		t.Errorf("%d sessions, and %d logins that succeeded: %v", sessions, successes, err)
	}
}

// rows are the Login History rows by what made them, and the number of those that say Success.
func (m *matrix) rows(t *testing.T) (by map[string]string, successes int) {
	t.Helper()
	found, err := m.store.DB().Query(t.Context(), `SELECT browser, COALESCE(login_sub_type, login_type), status FROM login_history WHERE org_id = $1 ORDER BY id`, string(m.org))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = found.Close() }()
	by = map[string]string{}
	for found.Next() {
		var agent, kind, status string
		if err := found.Scan(&agent, &kind, &status); err != nil {
			t.Fatal(err)
		}
		if status == "Success" {
			successes++
		}
		if by[agent] != "" {
			by[agent] += "; "
		}
		by[agent] += kind + ": " + status
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return by, successes
}

// run knocks at the cell's door.
func (m *matrix) run(a *attempt, c cell) (outcome, string) {
	key, user := m.appKey(c), m.user(c)
	client := []string{"client_id", key, "client_secret", appSecret}
	ask := func(pairs ...string) (outcome, string) { return a.answered(a.token(append(pairs, client...)...)) }
	switch c.door {
	case "jwt":
		signed, err := oauth.SignAssertion(m.house.org.key, "", oauth.Claims{Issuer: key, Subject: user, Audience: m.url, Expires: m.clock.Machine().Add(3 * time.Minute)})
		if err != nil {
			a.t.Fatal(err)
		}
		return a.answered(a.token("grant_type", jwtBearer, "assertion", signed))
	case "password":
		return ask("grant_type", "password", "username", user, "password", userPassword)
	case "client":
		return ask("grant_type", "client_credentials")
	case "refresh":
		return ask("grant_type", "refresh_token", "refresh_token", m.prepared[c])
	case "code":
		return ask("grant_type", "authorization_code", "code", m.prepared[c], "redirect_uri", callback)
	case "device":
		return ask("grant_type", "device", "code", m.prepared[c])
	case "soap":
		return a.soapAnswered(a.soapLogin("50.0", user, userPassword))
	}
	response := "code"
	if c.door == "useragent" {
		response = "token"
	}
	o, v := a.walk(key, user, response)
	if v == nil {
		return o, ""
	}
	if c.door == "useragent" {
		return outcome{at: "client", status: 302}, v.Get("access_token")
	}
	return ask("grant_type", "authorization_code", "code", v.Get("code"), "redirect_uri", callback)
}

// walk goes the way of the browser until the client hears something: an error, or the values that it was given.
func (a *attempt) walk(key, user, response string) (outcome, url.Values) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	b := &browser{h: a.house, jar: jar}
	page := b.signIn(b.get(a.authorize("client_id", key, "scope", matrixScopes, "response_type", response)), user, userPassword)
	if page.status == 200 && page.hidden("tx") != "" && strings.Contains(page.body, `name="decision"`) {
		page = b.allow(page)
	}
	if page.status == 200 {
		o := outcome{at: "page", status: 200}
		for _, words := range []string{"Check your username and password.", "Your password has expired."} {
			if strings.Contains(html.UnescapeString(page.body), words) {
				o.text = words
			}
		}
		return o, nil
	}
	u, err := url.Parse(page.header.Get("Location"))
	if err != nil || !strings.HasPrefix(page.header.Get("Location"), callback) {
		a.t.Errorf("a browser ended at %d %q", page.status, page.header.Get("Location"))
		return outcome{at: "nowhere", status: page.status}, nil
	}
	if code := u.Query().Get("error"); code != "" {
		return outcome{at: "client", status: page.status, code: code, text: u.Query().Get("error_description")}, nil
	}
	if response == "token" {
		v, err := url.ParseQuery(u.Fragment)
		if err != nil {
			a.t.Error(err)
		}
		return outcome{}, v
	}
	return outcome{}, u.Query()
}

func (a *attempt) answered(r answer) (outcome, string) {
	return outcome{at: "token", status: r.status, code: r.get("error"), text: r.get("error_description")}, r.get("access_token")
}

func (a *attempt) soapAnswered(r answer) (outcome, string) {
	o := outcome{at: "soap", status: r.status, code: r.tag("sf:exceptionCode"), text: r.tag("sf:exceptionMessage")}
	if r.tag("passwordExpired") == "true" {
		o.text = "passwordExpired"
	}
	return o, r.tag("sessionId")
}
