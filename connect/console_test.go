package connect_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
)

// console opens an address of Connect as somebody who is signed in nowhere yet.
func (w *world) console(t *testing.T, b *browser.Browser, path, press string, org, tenant linktest.Person) *browser.Page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	page, err := b.Visit(ctx, w.url+path, browser.Errand{
		Logins: map[string]browser.Credentials{w.org.URL: {Username: org.Username, Password: org.Password}, w.tenant.URL: {Username: tenant.Username, Password: tenant.Password}},
		Press:  []string{press},
	})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// press sends the form that has a button, with what was typed into it.
func press(t *testing.T, b *browser.Browser, p *browser.Page, button string, values url.Values) *browser.Page {
	t.Helper()
	for _, f := range p.Forms {
		if at := f.Button(button); at != nil {
			next, err := b.Send(t.Context(), f, values, at)
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
	}
	t.Fatalf("the page has no button %q: %s", button, p.Text)
	return nil
}

const signInOrg, signInTenant = "/console/sign-in/salesforce", "/console/sign-in/engagement"

// TestConsoleSignIn: who somebody is and what he may do comes from the clouds (DESIGN 5.11).
func TestConsoleSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		// The first use, before any cloud can tell: a link that works once and is not used up by looking at it.
		link, err := w.bridge.ConsoleLink(t.Context(), linktest.Pair)
		if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(link, w.url)
		b := browser.New(nil)
		wantPage(t, w.console(t, browser.New(nil), path, "", linktest.Person{}, linktest.Person{}), 200, "Open the console")
		wantPage(t, w.console(t, b, path, "Open the console", linktest.Person{}, linktest.Person{}), 200, "The bridge at a glance", "Not connected", "operator, by the one-time link (Marketing Cloud for AppExchange Admin)")
		wantPage(t, w.console(t, browser.New(nil), path, "Open the console", linktest.Person{}, linktest.Person{}), 400, "This link was used already")

		if got := w.entries(t); !strings.Contains(strings.Join(got, "\n"), "console_link.taken") {
			t.Errorf("the record does not tell who came in by the link: %v", got)
		}

		// Nobody can be told an administrator by an org that is not connected.
		wantPage(t, w.console(t, browser.New(nil), signInOrg, "", ann, linktest.Person{}), 200, "ann@org.example of Salesforce (no role)", "Connect is not connected to the org yet")
		w.connectBoth(t)

		// Quick Find shows no page that the person may not open.
		wantPage(t, w.console(t, browser.New(nil), signInOrg+"?return=%2Fconsole%2Ffind%3Fq%3Daudit", "", ann, linktest.Person{}), 200, "Quick Find", "No page of Connect fits “audit”")

		// Who is not signed in comes back to the page that he asked for.
		unknown := w.console(t, browser.New(nil), "/console", "", linktest.Person{}, linktest.Person{})
		wantPage(t, unknown, 200, "Sign in to Connect", "Sign in with Salesforce", "Sign in with Engagement")
		if got := unknown.URL.Query().Get("return"); got != "/console" {
			t.Errorf("comes back to %q", got)
		}

		// The org's boxes, in its words.
		w.org.Tick(ann.ID, true, true)
		w.org.Tick(bob.ID, true, false)
		annB := browser.New(nil)
		wantPage(t, w.console(t, annB, signInOrg+"?return=%2Fconsole", "", ann, linktest.Person{}), 200, "The bridge at a glance", "Both clouds are connected", "ann@org.example of Salesforce (Marketing Cloud for AppExchange Admin)", "Salesforce system user system@org.example")
		bobB := browser.New(nil)
		wantPage(t, w.console(t, bobB, signInOrg, "", bob, linktest.Person{}), 200, "(Marketing Cloud for AppExchange User)", "lets you map yourself")
		// A return path of somewhere else is none.
		for _, elsewhere := range []string{"https://evil.example/", "//evil.example/", "/\\evil.example", "evil"} {
			if p := w.console(t, annB, signInOrg+"?"+url.Values{"return": {elsewhere}}.Encode(), "", linktest.Person{}, linktest.Person{}); p.URL.String() != w.url+"/console" {
				t.Errorf("%s leads to %s", elsewhere, p.URL)
			}
		}

		// Engagement's administrator; signing in leaves Connect no grant to act for him. The API user's stays.
		w.tenant.GiveRoles(annMC.Username, "Marketing Cloud Administrator")
		wantPage(t, w.console(t, browser.New(nil), signInTenant, "", linktest.Person{}, annMC), 200, "ann.mc of Engagement (Marketing Cloud Administrator)", "From the org into Engagement")
		wantPage(t, w.console(t, browser.New(nil), signInTenant, "", linktest.Person{}, bobMC), 200, "bob.mc of Engagement (no role)", "Roles come from Engagement")
		wantPage(t, w.console(t, browser.New(nil), signInTenant, "", linktest.Person{}, apiUser), 200, "mc-api-user of Engagement")
		if w.tenant.Granted(annMC.Username) || w.tenant.Granted(bobMC.Username) || !w.tenant.Granted(apiUser.Username) {
			t.Error("grants are not as before the sign-in")
		}

		// Signed out is signed out, also for who kept the cookie.
		wantPage(t, press(t, bobB, w.console(t, bobB, "/console", "", linktest.Person{}, linktest.Person{}), "Sign out of Connect", nil), 200, "You are signed out of Connect")
		wantPage(t, w.console(t, bobB, "/console", "", linktest.Person{}, linktest.Person{}), 200, "Sign in to Connect")

		// One button ends both: the tab's the console's session, too, and the console's that of the tab, which asks the org who it is then.
		for _, from := range []string{"/marketing-cloud", "/console"} {
			asked := 0
			b := browser.New(transport(func(r *http.Request) (*http.Response, error) {
				if strings.HasPrefix(r.URL.String(), w.org.URL) {
					asked++
				}
				return http.DefaultTransport.RoundTrip(r)
			}))
			wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
			wantPage(t, w.console(t, b, signInOrg, "", ann, linktest.Person{}), 200, "ann@org.example of Salesforce")
			wantPage(t, press(t, b, w.console(t, b, from, "", linktest.Person{}, linktest.Person{}), "Sign out of Connect", nil), 200, "the Marketing Cloud tab and of the console", "Open Salesforce, to log out there")
			wantPage(t, w.console(t, b, "/console", "", linktest.Person{}, linktest.Person{}), 200, "Sign in to Connect")
			asked = 0
			if w.visit(t, b, w.url+"/marketing-cloud", linktest.Person{}, linktest.Person{}); asked == 0 {
				t.Errorf("signed out on %s, the tab did not ask the org who it is", from)
			}
		}

		// The expiry is domain time.
		w.advance(t, access.SessionLife)
		wantPage(t, w.console(t, annB, "/console", "", linktest.Person{}, linktest.Person{}), 200, "Sign in to Connect")
		w.noSecrets(t)
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestConsoleRoleIsReadAgain: who loses his box loses the console within minutes of machine time; who does nothing, his session.
func TestConsoleRoleIsReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.connectBoth(t)
	w.org.Tick(ann.ID, true, true)
	now := w.restartAt(t)
	b := browser.New(nil)
	wantPage(t, w.console(t, b, signInOrg, "", ann, linktest.Person{}), 200, "(Marketing Cloud for AppExchange Admin)")
	w.org.Tick(ann.ID, true, false)
	now(access.RoleLife - time.Second)
	wantPage(t, w.console(t, b, "/console", "", ann, linktest.Person{}), 200, "(Marketing Cloud for AppExchange Admin)")
	now(access.RoleLife)
	wantPage(t, w.console(t, b, "/console", "", ann, linktest.Person{}), 200, "(Marketing Cloud for AppExchange User)")
	now(access.RoleLife + access.IdleLife)
	wantPage(t, w.console(t, b, "/console", "", linktest.Person{}, linktest.Person{}), 200, "Sign in to Connect")
}

// TestConsoleChangesNothingWithoutItsRole: a form asks for the role anew, also of who looks at pages with the one he had.
func TestConsoleChangesNothingWithoutItsRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.connectBoth(t)
	w.org.Tick(ann.ID, true, true)
	now := w.restartAt(t)
	b := browser.New(nil)
	w.console(t, b, signInOrg, "", ann, linktest.Person{})
	page := w.console(t, b, "/console/tokens", "", ann, linktest.Person{})
	made := func(page *browser.Page, name string) *browser.Page {
		return press(t, b, page, "Create", url.Values{"name": {name}, "role": {"admin"}, "days": {"9"}})
	}
	page = made(page, "mine")
	wantPage(t, page, 200, "Copy the API token “mine” now")
	w.org.Deactivate(ann.ID)
	now(access.ActLife)
	wantPage(t, w.console(t, b, "/console/tokens", "", ann, linktest.Person{}), 200, "API tokens")
	wantPage(t, made(page, "another"), 403, "A role is missing")
	wantPage(t, w.console(t, b, "/console/tokens", "", ann, linktest.Person{}), 403, "A role is missing")
}

// TestConsoleWhoIsShutOut: the org's administrator who is deactivated or frozen there loses the console, too.
func TestConsoleWhoIsShutOut(t *testing.T) {
	t.Parallel()
	for name, shut := range map[string]func(*linktest.Org, string){"deactivated": (*linktest.Org).Deactivate, "frozen": (*linktest.Org).Freeze} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sqlite")
			w.connectBoth(t)
			w.org.Tick(ann.ID, true, true)
			now := w.restartAt(t)
			b := browser.New(nil)
			wantPage(t, w.console(t, b, signInOrg, "", ann, linktest.Person{}), 200, "(Marketing Cloud for AppExchange Admin)")
			shut(w.org, ann.ID)
			now(access.RoleLife)
			if page := w.console(t, b, "/console", "", ann, linktest.Person{}); strings.Contains(page.Text, "AppExchange Admin)") {
				t.Errorf("he is still an administrator:\n%s", page.Text)
			}
		})
	}
}

// restartAt opens the bridge anew with a machine time that stands still; the function it returns moves that to so long after.
func (w *world) restartAt(t *testing.T) func(time.Duration) {
	t.Helper()
	start := time.Now()
	var later atomic.Int64
	if err := w.bridge.Close(); err != nil {
		t.Fatal(err)
	}
	w.openWith(t, connect.Options{Machine: func() time.Time { return start.Add(time.Duration(later.Load())) }})
	return func(d time.Duration) { later.Store(int64(d)) }
}

// TestConsoleForms: no other site's page, and no other session, makes a form of the console.
func TestConsoleForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	link, err := w.bridge.ConsoleLink(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar}
	post := func(path, site, token string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(url.Values{"form_token": {token}, "token": {link[strings.Index(link, "=")+1:]}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", site)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if got := post("/console/first", "cross-site", ""); got != 403 {
		t.Errorf("the one-time link from another site: %d", got)
	}
	if got := post("/console/first", "same-origin", ""); got != 200 {
		t.Fatalf("the one-time link: %d", got)
	}
	at, _ := url.Parse(w.url)
	token := ""
	for _, ck := range jar.Cookies(at) {
		if ck.Name == access.CookieName(false) {
			token = access.FormToken(ck.Value)
		}
	}
	for name, c := range map[string]struct {
		site, token string
		want        int
	}{"another site": {"cross-site", token, 403}, "another session": {"same-origin", access.FormToken("x"), 403}, "no token": {"same-origin", "", 403}} {
		if got := post("/console/sign-out", c.site, c.token); got != c.want {
			t.Errorf("%s: %d", name, got)
		}
	}

	// The API takes the session in place of a token; what changes something carries the session's.
	call := func(method, path, token string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Form-Token", token)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for _, c := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/api/v1/status", "", 200},
		{"POST", "/api/v1/status/check", "", 403},
		{"POST", "/api/v1/status/check", access.FormToken("x"), 403},
		{"POST", "/api/v1/status/check", token, 200},
	} {
		if got := call(c.method, c.path, c.token); got != c.want {
			t.Errorf("%s %s with %q: %d", c.method, c.path, c.token, got)
		}
	}
	if got := post("/console/sign-out", "same-origin", token); got != 200 {
		t.Errorf("signing out: %d", got)
	}
	if got := call("GET", "/api/v1/status", ""); got != 401 {
		t.Errorf("the API after signing out: %d", got)
	}
}

// TestAPITokens: a token is shown once, reaches what its role reaches, and ends by expiry or revocation; the record says who
// made it, and who used it for what.
func TestAPITokens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		create := func(name, role, user string) (id, value string) {
			t.Helper()
			body := map[string]any{"name": name, "role": role, "days": 30, "by": "olga"}
			if user != "" {
				body["user"] = user
			}
			a := w.wantCall(t, "/api/v1/tokens", "", body, 200, "token.role", role)
			return linktest.Text(a, "token.id"), linktest.Text(a, "value")
		}
		as := func(token, path string, body any, status int, code string) {
			t.Helper()
			got, a := linktest.Call(t, w.url, token, path, "", body)
			if got != status || linktest.Text(a, "error.code") != code {
				t.Errorf("%s answered %d %v, want %d %s", path, got, a, status, code)
			}
		}
		w.wantCall(t, "/api/v1/tokens", "", map[string]any{"name": "x", "role": "owner"}, 400, "error.field", "role")
		w.wantCall(t, "/api/v1/tokens", "", map[string]any{"name": "x", "role": "user"}, 400, "error.field", "user")
		w.wantCall(t, "/api/v1/tokens", "", map[string]any{"name": "x", "role": "reader", "days": 1000}, 400, "error.field", "days")
		w.wantCall(t, "/api/v1/tokens", "", map[string]any{"name": " x", "role": "reader"}, 400, "error.field", "name")

		readerID, reader := create("nightly", "reader", "")
		w.wantCall(t, "/api/v1/tokens", "", map[string]any{"name": "nightly", "role": "admin"}, 409, "error.code", "token_name_taken")
		_, own := create("ann's", "user", ann.Username)
		_, steps := create("tenant", "engagement", "")
		_, admin := create("second admin", "admin", "")

		as(reader, "/api/v1/status", nil, 200, "")
		as(reader, "/api/v1/audit", nil, 200, "")
		as(reader, "/api/v1/status/check", map[string]any{}, 403, "role_required")
		as(reader, "/api/v1/tokens", map[string]any{"name": "y", "role": "admin"}, 403, "role_required")
		as(own, "/api/v1/status", nil, 403, "role_required")
		as(own, "/api/v1/users/"+bob.Username, nil, 403, "role_required")
		as(own, "/api/v1/users/"+strings.ToUpper(ann.Username), nil, 200, "")
		as(steps, "/api/v1/status/check", map[string]any{}, 200, "")
		as(steps, "/api/v1/users", nil, 403, "role_required")
		// The Engagement admin begins an upgrade, migrates its users, tests, cancels and reads what became of it; the rest is not his.
		for path, code := range map[string]string{
			"": "nothing_to_upgrade", "/cancel": "upgrade_not_found", "/schedule/withdraw": "not_booked", "/connect-account": "upgrade_not_found", "/migrations": "nobody_to_migrate",
			"/migrations/retry": "not_found", "/migrations/x/prove": "not_found", "/migrations/x/cancel": "not_found", "/tenant-oauth/users": "role_required",
		} {
			if _, a := linktest.Call(t, w.url, steps, "/api/v1/upgrade"+path, "", map[string]any{}); linktest.Text(a, "error.code") != code {
				t.Errorf("%s: %v, want %s", path, a, code)
			}
		}
		for path, status := range map[string]int{"/report": 200, "/migrations": 200, "/migrations/x": 404, "/migrations/x/users": 404, "/migrations/x/report?report=success": 404} {
			if got, a := linktest.Call(t, w.url, steps, "/api/v1/upgrade"+path, "", nil); got != status {
				t.Errorf("%s answered %d %v, want %d", path, got, a, status)
			}
		}
		as(admin, "/api/v1/console-link", map[string]any{}, 200, "")
		as(admin+"x", "/api/v1/status", nil, 401, "unauthorized")

		// What an administrator's token does stands on record under its name.
		as(admin, "/api/v1/tokens/"+readerID+"/revoke", map[string]any{"by": "olga"}, 200, "")
		as(reader, "/api/v1/status", nil, 401, "token_expired")
		_, audit := w.call(t, "/api/v1/audit?limit=1000", "", nil)
		actors := map[string]string{}
		for _, e := range audit["entries"].([]any) {
			entry := e.(map[string]any)
			actors[entry["action"].(string)+" "+linktest.Text(entry, "subject")] = entry["actor"].(string)
		}
		if actors["api_token.created nightly"] != "API: olga" || actors["api_token.revoked nightly"] != "API token second admin: olga" {
			t.Errorf("the record says %v", actors)
		}
		w.advance(t, 30*24*time.Hour)
		as(admin, "/api/v1/status", nil, 401, "token_expired")
		_, list := w.call(t, "/api/v1/tokens", "", nil)
		if n := len(list["tokens"].([]any)); n != 4 {
			t.Errorf("%d tokens", n)
		}
		w.noSecrets(t, reader, own, steps, admin)
	})
}
