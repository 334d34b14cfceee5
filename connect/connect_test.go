package connect_test

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

const (
	apiToken = "api-token-canary-8f2d"
	contact  = "003000000000001AAA"
)

var (
	system   = linktest.Person{ID: "005000000000001AAA", Username: "system@org.example", Password: "canary-system-Qx1", Name: "System User"}
	ann      = linktest.Person{ID: "005000000000002AAA", Username: "ann@org.example", Password: "canary-ann-Zk2", Name: "Ann Lee"}
	bob      = linktest.Person{ID: "005000000000003AAA", Username: "bob@org.example", Password: "canary-bob-Wv3", Name: "Bob Ray"}
	apiUser  = linktest.Person{ID: "700001", Username: "mc-api-user", Password: "canary-api-Lm4", Name: "API User"}
	annMC    = linktest.Person{ID: "700002", Username: "ann.mc", Password: "canary-annmc-Ty5", Name: "Ann MC"}
	bobMC    = linktest.Person{ID: "700003", Username: "bob.mc", Password: "canary-bobmc-Pn6", Name: "Bob MC"}
	canaries = []string{system.Password, ann.Password, bob.Password, apiUser.Password, annMC.Password, bobMC.Password, apiToken}
)

// world is an org, a tenant and a bridge between them.
type world struct {
	org    *linktest.Org
	tenant *linktest.Tenant
	bridge *connect.Bridge
	url    string
	dsn    string
	log    *logBuffer
	logger *slog.Logger
	vault  *vault.Vault
	srv    *linktest.Late

	mu     sync.Mutex
	offset time.Duration
}

// logBuffer keeps what was logged, for the search for secrets.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T, kind string) *world {
	t.Helper()
	return newWorldOf(t, kind, []linktest.Person{system, ann, bob}, []linktest.Person{apiUser, annMC, bobMC})
}

func newWorldOf(t *testing.T, kind string, org, tenant []linktest.Person) *world {
	t.Helper()
	w := &world{dsn: sqldbtest.DSN(t, kind), log: &logBuffer{}}
	w.org = linktest.NewOrg(t, org, system.Username)
	w.tenant = linktest.NewTenant(t, tenant)
	w.tenant.APIUser = apiUser.Username
	w.org.Now, w.tenant.Now = w.now, w.now
	w.org.PutContact(contact, "ann@customer.example", false)
	store, err := sqlstore.Open(t.Context(), sqlstore.Options{DSN: w.dsn, Relaxed: true})
	if err != nil {
		t.Fatal(err)
	}
	w.vault = linktest.PutKeys(t, store)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	w.logger = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.srv = linktest.NewLate(t)
	w.url = w.srv.URL
	w.open(t)
	t.Cleanup(func() {
		if err := w.bridge.Close(); err != nil {
			t.Error(err)
		}
	})
	w.org.Certificate, w.tenant.Certificate, err = w.bridge.Certificates(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	w.org.ConsumerKey, w.tenant.ClientID = "consumer-key", "package-client"
	w.put(t, linktest.Pair, apiToken)
	return w
}

// open opens the bridge and serves it.
func (w *world) open(t *testing.T) {
	t.Helper()
	w.openWith(t, connect.Options{})
}

// openWith is open with options, of which those that say where the bridge is are filled in.
func (w *world) openWith(t *testing.T, o connect.Options) {
	t.Helper()
	o.DSN, o.Relaxed, o.BaseURL, o.Vault, o.Log = w.dsn, true, cmp.Or(o.BaseURL, w.url), w.vault, w.logger
	var err error
	w.bridge, err = connect.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	w.srv.Serve(web.Front(w.bridge.Handler(), w.logger, "connect"))
}

func (w *world) put(t *testing.T, pair string, token vault.Secret) {
	t.Helper()
	err := w.bridge.PutLink(t.Context(), connect.LinkSpec{
		Standing: "embedded",
		PairID:   pair, CRMURL: w.org.URL + "/", ConnectedApp: "Salesforce Marketing Cloud", ConsumerKey: w.org.ConsumerKey,
		ConsoleClientID: "console", EngagementAuthURL: w.tenant.URL + "/", PackageClientID: w.tenant.ClientID, EID: linktest.EID, APIToken: token,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

// advance moves the domain time of all three.
func (w *world) advance(t *testing.T, d time.Duration) {
	t.Helper()
	w.mu.Lock()
	w.offset += d
	offset := w.offset
	w.mu.Unlock()
	if err := w.bridge.SetClock(t.Context(), linktest.Pair, offset); err != nil {
		t.Fatal(err)
	}
}

func (w *world) call(t *testing.T, path, key string, body any) (int, map[string]any) {
	t.Helper()
	return linktest.Call(t, w.url, apiToken, path, key, body)
}

// wantCall makes a call and checks status and one text of the answer.
func (w *world) wantCall(t *testing.T, path, key string, body any, status int, member, text string) map[string]any {
	t.Helper()
	got, answer := w.call(t, path, key, body)
	if got != status || linktest.Text(answer, member) != text {
		t.Fatalf("%s answered %d %v, want %d with %s %q", path, got, answer, status, member, text)
	}
	return answer
}

// visit opens an address as a person would.
func (w *world) visit(t *testing.T, b *browser.Browser, address string, org, tenant linktest.Person) *browser.Page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	page, err := b.Visit(ctx, address, browser.Errand{
		Logins: map[string]browser.Credentials{w.org.URL: {Username: org.Username, Password: org.Password}, w.tenant.URL: {Username: tenant.Username, Password: tenant.Password}},
		Press:  []string{"Connect to Marketing Cloud", "Yes, connect me", "Yes, connect"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func wantPage(t *testing.T, p *browser.Page, status int, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if p.Status != status || !strings.Contains(p.Text, text) {
			t.Fatalf("the page has status %d, want %d with %q: %s", p.Status, status, text, p.Text)
		}
	}
}

// connectBoth raises both spans as an admin and the API user would.
func (w *world) connectBoth(t *testing.T) {
	t.Helper()
	w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username}, 200, "org.org_id", linktest.OrgID)
	answer := w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username, "account_id": linktest.EID}, 200, "engagement.state", "")
	page := w.visit(t, browser.New(nil), linktest.Text(answer, "authorize_url"), linktest.Person{}, apiUser)
	wantPage(t, page, 200, "The org is connected to Engagement", apiUser.Username)
	w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "connected")
}

func each(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, kind))
		})
	}
}

func TestJourney(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "not_connected")
		w.connectBoth(t)

		// The first visit asks for both clouds once, the second for nothing.
		b := browser.New(nil)
		wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.", ann.Username, "Standing: embedded")
		forms := b.Sent()
		wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", linktest.Person{}, linktest.Person{}), 200, "Connected as ann.mc.")
		if b.Sent() != forms || forms != 4 { // two logins, the button, and the yes
			t.Fatalf("%d forms at the first visit, %d at the second", forms, b.Sent()-forms)
		}
		users := w.wantCall(t, "/api/v1/users", "", nil, 200, "next", "")["users"].([]any)
		if len(users) != 1 || users[0].(map[string]any)["engagement_username"] != "ann.mc" {
			t.Fatalf("users: %v", users)
		}

		sent := w.wantCall(t, "/api/v1/sends/triggered", "k-1", map[string]any{"contact_id": contact, "definition_key": "welcome"}, 200, "status", "accepted")
		key := linktest.Text(sent, "message_key")
		w.tenant.SetEvent(key, "EmailSent")
		w.wantCall(t, "/api/v1/sends/"+key, "", nil, 200, "status", "sent")
		m := w.tenant.Messages()
		if len(m) != 1 || m[0].To != "ann@customer.example" || m[0].ContactKey != contact || m[0].Attributes["First Name"] != "Ann" {
			t.Fatalf("messages: %+v", m)
		}
		w.noSecrets(t)
	})
}

func TestNotApproved(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		answer := w.wantCall(t, "/api/v1/connection/org", "k", map[string]any{"system_user": bob.Username}, 403, "error.code", "invalid_app_access")
		if linktest.Text(answer, "error.message") != "user is not admin approved to access this app" || linktest.Text(answer, "error.cloud") != "org" {
			t.Fatalf("answer: %v", answer)
		}
		w.wantCall(t, "/api/v1/status", "", nil, 200, "org.state", "not_connected")
		// A refusal is not kept under its key: assigned, the same call connects.
		w.org.Approve(bob.Username, true)
		w.wantCall(t, "/api/v1/connection/org", "k", map[string]any{"system_user": bob.Username}, 200, "org.system_user", bob.Username)
		// Withdrawn, the span is what it was found last until somebody asks; a check asks now, both ways.
		w.org.Approve(bob.Username, false)
		w.wantCall(t, "/api/v1/status", "", nil, 200, "org.state", "connected")
		w.wantCall(t, "/api/v1/status/check", "", map[string]any{}, 200, "org.cause.code", "invalid_app_access")
		w.org.Approve(bob.Username, true)
		w.wantCall(t, "/api/v1/status/check", "", map[string]any{}, 200, "org.state", "connected")
		// A token that died, and no new one: that is no org without the package.
		w.org.Approve(bob.Username, false)
		w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			dead := strings.Contains(r.URL.Path, "/tooling/")
			if dead {
				linktest.Answer(rw, http.StatusUnauthorized, []any{map[string]any{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}})
			}
			return dead
		})
		w.wantCall(t, "/api/v1/users/check", "", map[string]any{}, 403, "error.code", "invalid_app_access")
	})
}

// TestMyDomain: where the org has a My Domain, people sign in there, and a sign-in that ends in another org is refused with
// both orgs' names (document 003, Connect Account).
func TestMyDomain(t *testing.T) {
	t.Parallel()
	mallory := linktest.Person{ID: "005000000000009AAA", Username: "mallory@other.example", Password: "canary-mallory-Cc9", Name: "Mallory", Org: "00D000000000009EAA"}
	w := newWorldOf(t, "sqlite", []linktest.Person{system, ann, mallory}, []linktest.Person{apiUser, annMC})
	starts := func() string {
		t.Helper()
		c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := c.Get(w.url + "/marketing-cloud")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		at, _, _ := strings.Cut(res.Header.Get("Location"), "/services/")
		return at
	}
	domain := strings.Replace(w.org.URL, "127.0.0.1", "localhost", 1) // a name that this machine resolves
	w.org.SetMyDomain(domain)
	if got := starts(); got != w.org.URL {
		t.Errorf("before the org is connected people sign in at %s", got)
	}
	w.connectBoth(t)
	if got := starts(); got != domain {
		t.Errorf("people sign in at %s, want %s", got, domain)
	}
	visit := func(who linktest.Person) *browser.Page {
		t.Helper()
		page, err := browser.New(nil).Visit(t.Context(), w.url+"/marketing-cloud", browser.Errand{
			Logins: map[string]browser.Credentials{domain: {Username: who.Username, Password: who.Password}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	wantPage(t, visit(ann), 200, ann.Username)
	wantPage(t, visit(mallory), 403, "You signed in to org 00D000000000009EAA (https://00D000000000009EAA.example); this connection belongs to org "+linktest.OrgID+" ("+domain+").")
	w.noSecrets(t)
}

// TestMyDomainThatIsNone: what an org names is taken only where a browser may be sent there.
func TestMyDomainThatIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.org.SetMyDomain("javascript:alert(1)")
	w.connectBoth(t)
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(w.url + "/marketing-cloud")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if at := res.Header.Get("Location"); !strings.HasPrefix(at, w.org.URL+"/services/") {
		t.Errorf("people are sent to %s", at)
	}
}

// TestWrongAPIUser: the documents' warning comes with the link; whoever else is signed in is named and refused, and Connect
// cannot act for him (documents 001, 003).
//
// seed:api S001-45 S001-46 S001-47
func TestWrongAPIUser(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		answer := w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "engagement.state", "")
		for _, text := range []string{"connects to any active Engagement session", "log out of all active Engagement sessions", "Closing the tab doesn't end an active session"} {
			if !strings.Contains(linktest.Text(answer, "warning"), text) {
				t.Errorf("no warning that says %q: %v", text, answer)
			}
		}
		page := w.visit(t, browser.New(nil), linktest.Text(answer, "authorize_url"), linktest.Person{}, bobMC)
		wantPage(t, page, 403, "Engagement has bob.mc signed in", "mc-api-user was named", "Log out of all active Engagement sessions")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "engagement.state", "not_connected")
		if w.tenant.Granted(bobMC.Username) {
			t.Fatal("the grant of the wrong user stays")
		}
		// The link was used; it does not work again.
		wantPage(t, w.visit(t, browser.New(nil), linktest.Text(answer, "authorize_url"), linktest.Person{}, apiUser), 400, "not known or was used already")
	})
}

// TestNothingIsBoundBeforeTheYes: whoever was found is shown, with where he is from; a no leaves nothing behind.
//
// seed:page S001-45 S001-46
func TestNothingIsBoundBeforeTheYes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		look := func(b *browser.Browser, address string, org, tenant linktest.Person) *browser.Page {
			t.Helper()
			page, err := b.Visit(t.Context(), address, browser.Errand{Press: []string{"Connect to Marketing Cloud"}, Logins: map[string]browser.Credentials{
				w.org.URL: {Username: org.Username, Password: org.Password}, w.tenant.URL: {Username: tenant.Username, Password: tenant.Password},
			}})
			if err != nil {
				t.Fatal(err)
			}
			return page
		}
		press := func(b *browser.Browser, p *browser.Page, n int) *browser.Page {
			t.Helper()
			page, err := b.Send(t.Context(), p.Forms[n], nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			return page
		}

		// "Connect Account": the system user says who he is, in the org.
		account := func() string {
			return linktest.Text(w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username, "sign_in": true}, 200, "org.state", "not_connected"), "authorize_url")
		}
		wantPage(t, look(browser.New(nil), account(), ann, linktest.Person{}), 403, "Salesforce has ann@org.example signed in where the system user system@org.example was named")
		b := browser.New(nil)
		found := look(b, account(), system, linktest.Person{})
		wantPage(t, found, 200, "Connect the account?", system.Username, linktest.OrgID, "Nothing is connected yet")
		wantPage(t, press(b, found, 0), 200, "Nothing was connected")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "org.state", "not_connected")
		b = browser.New(nil)
		wantPage(t, press(b, look(b, account(), system, linktest.Person{}), 1), 200, "Engagement is connected to the org")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "org.system_user", system.Username)

		// The API user's session, with enterprise and business unit.
		offer := func() string {
			return linktest.Text(w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username, "account_id": linktest.EID}, 200, "engagement.state", ""), "authorize_url")
		}
		b = browser.New(nil)
		found = look(b, offer(), linktest.Person{}, apiUser)
		wantPage(t, found, 200, "Connect the org to Engagement?", "mc-api-user (API User)", "Enterprise (EID) 7000001", "Business unit (MID) 7000001", "Nothing is connected yet")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "engagement.state", "not_connected")
		wantPage(t, press(b, found, 0), 200, "Nothing was connected")
		if w.tenant.Granted(apiUser.Username) {
			t.Error("the grant of an API user who said no stays")
		}
		b = browser.New(nil)
		wantPage(t, press(b, look(b, offer(), linktest.Person{}, apiUser), 1), 200, "The org is connected to Engagement")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "connected")

		// A visitor, too: a colleague's session in the browser is shown, not taken.
		b = browser.New(nil)
		found = look(b, w.url+"/marketing-cloud", ann, bobMC)
		wantPage(t, found, 200, "Connect as this user?", "Engagement user bob.mc (Bob MC)", "Nothing is stored yet")
		w.wantUsers(t, "")
		press(b, found, 0)
		w.wantUsers(t, "")
		if w.tenant.Granted(bobMC.Username) {
			t.Error("the grant of a sign-in that was not meant stays")
		}
	})
}

// TestMappingRules: who may be mapped to whom.
//
// seed:page S000-07 S000-13 S000-14
func TestMappingRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		tab := w.url + "/marketing-cloud"
		// Document 000's mistake: the API user's credentials. They are recognised before anything is stored, and his grant
		// stays, because the connection works with it.
		const asked = "mc-api-user is the Marketing Cloud Connect API user"
		errand := func(press string) browser.Errand {
			return browser.Errand{Press: []string{press, "Connect to Marketing Cloud"}, Logins: map[string]browser.Credentials{
				w.org.URL: {Username: ann.Username, Password: ann.Password}, w.tenant.URL: {Username: apiUser.Username, Password: apiUser.Password},
			}}
		}
		b := browser.New(nil)
		question := w.visit(t, b, tab, ann, apiUser)
		wantPage(t, question, 200, "Is this you?", asked, "Nothing is stored yet")
		w.wantUsers(t, "")
		no := question.Forms[0]
		page, err := b.Send(t.Context(), no, nil, no.Button("Sign in as somebody else"))
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Connect to Marketing Cloud")
		if !w.tenant.Granted(apiUser.Username) {
			t.Fatal("the API user's grant was given back")
		}
		// The answer is of this browser, once.
		for _, other := range []*browser.Browser{b, browser.New(nil)} {
			if page, err = other.Send(t.Context(), question.Forms[1], nil, nil); err != nil || page.Status == 200 {
				t.Fatalf("answered again: %v, %v", page, err)
			}
		}
		w.wantUsers(t, "")
		// Yes stores it, and nobody is asked again. The list says what is unusual.
		b = browser.New(nil)
		if page, err = b.Visit(t.Context(), tab, errand("Map me to mc-api-user all the same")); err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Connected as mc-api-user.")
		if page, err = b.Open(t.Context(), tab); err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Connected as mc-api-user.")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "notice", "api_user_named")
		w.wantCall(t, "/api/v1/users/clear", "", map[string]any{"users": []string{ann.Username}, "reason": "the API user's credentials"}, 200, "next", "")
		if !w.tenant.Granted(apiUser.Username) {
			t.Fatal("clearing took the grant that the connection works with")
		}
		// The system user's own is the API user; a person for him is asked about, and the grant that came of it given back.
		wantPage(t, w.visit(t, browser.New(nil), tab, system, annMC), 200, "Is this you?", "is the Salesforce system user")
		b = browser.New(nil)
		no = w.visit(t, b, tab, system, bobMC).Forms[0]
		if _, err = b.Send(t.Context(), no, nil, nil); err != nil || w.tenant.Granted(bobMC.Username) {
			t.Fatalf("the grant of a sign-in that was not meant stays, %v", err)
		}
		wantPage(t, w.visit(t, browser.New(nil), tab, system, apiUser), 200, "Connected as mc-api-user.")
		wantPage(t, w.visit(t, browser.New(nil), tab, ann, annMC), 200, "Connected as ann.mc.")
		// One CRM user of an org for each Engagement user; the refused one keeps the grant that the other works with.
		wantPage(t, w.visit(t, browser.New(nil), tab, bob, annMC), 409, "The Engagement user ann.mc is mapped to another user of this org")
		if !w.tenant.Granted(annMC.Username) {
			t.Fatal("a mapped user's grant was given back")
		}
		b = browser.New(nil)
		wantPage(t, w.visit(t, b, tab, ann, linktest.Person{}), 200, "Connected as ann.mc.")
		// Ended in Engagement alone, the token stays in Connect: the tab asks, and the right password does not help
		// (document 000, the third case).
		w.tenant.Grant(annMC.Username, false)
		w.tenant.DropTokens()
		if page, err = b.Open(t.Context(), tab); err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Engagement refuses the stored token", "mapped to ann.mc")
		wantPage(t, w.visit(t, b, tab, linktest.Person{}, annMC), 403, "login denied")
		if w.tenant.Granted(annMC.Username) {
			t.Fatal("the grant of a sign-in that was denied stays")
		}
	})
}

// TestBrowserBinding: a trip to a cloud ends in the browser that began it, once, within ten minutes.
func TestBrowserBinding(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		jump := func(t *testing.T, client *http.Client, address string) *http.Response {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close() // the headers are enough
			return resp
		}
		stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		begun := jump(t, stay, w.url+"/marketing-cloud")
		location, err := begun.Location()
		if err != nil || begun.StatusCode != http.StatusSeeOther {
			t.Fatalf("the tab sends to %v, %v", location, err)
		}
		q := location.Query()
		for name, want := range map[string]string{"response_type": "code", "client_id": "console", "redirect_uri": w.url + "/oauth/crm/callback", "scope": "openid id", "code_challenge_method": "S256"} {
			if q.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, q.Get(name), want)
			}
		}
		if len(q.Get("state")) < 40 || len(q.Get("nonce")) < 40 || q.Get("code_challenge") == "" {
			t.Errorf("state, nonce or challenge is short: %v", q)
		}
		ck := begun.Cookies()[0]
		if !ck.HttpOnly || ck.SameSite != http.SameSiteLaxMode || ck.Path != "/" {
			t.Errorf("cookie: %v", ck)
		}
		callback := w.url + "/oauth/crm/callback?code=x&state=" + q.Get("state")
		if resp := jump(t, stay, callback); resp.StatusCode != http.StatusForbidden { // no cookie: another browser
			t.Fatalf("another browser ended the sign-in with %d", resp.StatusCode)
		}
		b := browser.New(nil)
		page, err := b.Open(t.Context(), callback)
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 403, "begun in another browser")
		w.advance(t, 11*time.Minute)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, callback, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(ck)
		resp, err := stay.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // the status is enough
		if resp.StatusCode != http.StatusBadRequest {
			t.Fatalf("a sign-in of eleven minutes ended with %d", resp.StatusCode)
		}
		for _, query := range []string{"", "?state=unknown&code=x", "?error=access_denied&error_description=end-user+denied&state=unknown", "?state=a&state=b"} {
			if resp := jump(t, stay, w.url+"/oauth/engagement/callback"+query); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("callback %q answered %d", query, resp.StatusCode)
			}
		}
	})
}

// TestCloudSaysNo: what the cloud sends the browser back with is shown, as text.
func TestCloudSaysNo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := browser.New(nil)
		w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/services/oauth2/authorize" {
				return false
			}
			q := r.URL.Query()
			http.Redirect(rw, r, q.Get("redirect_uri")+"?error=OAUTH_APP_ACCESS_DENIED&error_description=%3Cb%3Euser+is+not+admin+approved&state="+q.Get("state"), http.StatusFound)
			return true
		})
		page, err := b.Open(t.Context(), w.url+"/marketing-cloud")
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 403, "OAUTH_APP_ACCESS_DENIED", "<b>user is not admin approved")
	})
}

// The mistake of which documents 001 and 003 warn can be rehearsed with built-in clouds: whoever has a session is bound,
// unasked, and the status says who. A named API user is then refused until he is connected himself.
func TestBindingWhoeverIsSignedIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username}, 200, "org.org_id", linktest.OrgID)
		w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"whoever": true, "api_user": apiUser.Username}, 400, "error.code", "rehearsal_only")
		b := browser.New(nil)
		// Bob has a session in this browser, from mapping himself.
		w.tenant.Grant(apiUser.Username, true)
		w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "engagement.api_user", apiUser.Username)
		wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", bob, bobMC), 200, "Connected as bob.mc.")
		answer := w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"whoever": true}, 200, "engagement.state", "")
		wantPage(t, w.visit(t, b, linktest.Text(answer, "authorize_url"), linktest.Person{}, bobMC), 200, bobMC.Username)
		w.wantCall(t, "/api/v1/status", "", nil, 200, "engagement.api_user", bobMC.Username)
		w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "engagement.api_user", apiUser.Username)
		w.wantCall(t, "/api/v1/status", "", nil, 200, "engagement.api_user", apiUser.Username)
	})
}
