package connect_test

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client/browser"
)

const (
	standingPath = "/api/v1/connection/standing"
	otherPair    = "pair-of-real-clouds"
	otherToken   = "tsp_other-pair-9k"
)

// real is a connection of which nothing is said yet, beside the world's own.
func (w *world) real(t *testing.T) func(path string, body any, status int, member, text string) map[string]any {
	t.Helper()
	if err := w.bridge.OpenLink(t.Context(), otherPair, otherToken); err != nil {
		t.Fatal(err)
	}
	return func(path string, body any, status int, member, text string) map[string]any {
		t.Helper()
		got, answer := linktest.Call(t, w.url, otherToken, path, "", body)
		if got != status || linktest.Text(answer, member) != text {
			t.Fatalf("%s answered %d %v, want %d with %s %q", path, got, answer, status, member, text)
		}
		return answer
	}
}

// An own link: the customer's app in the org holds Connect's certificate, the customer's package works in Engagement, and what
// neither can do is refused by name.
//
// seed:api S002-12 S002-21
func TestOwnLink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		call := w.real(t)
		call("/api/v1/status", nil, 200, "standing", "unset")
		for _, path := range []string{"/api/v1/users", "/api/v1/business-units", "/api/v1/upgrade/plan"} {
			call(path, nil, 409, "error.code", "standing_not_said")
		}
		call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 409, "error.code", "standing_not_said")
		call("/api/v1/connection/engagement", map[string]any{"api_user": apiUser.Username}, 409, "error.code", "standing_not_said")
		said := func(change map[string]any) map[string]any {
			all := map[string]any{"standing": "own_link", "org_url": w.org.URL + "/", "engagement_auth_url": w.tenant.URL + "/", "consumer_key": "own-key", "by": "olga"}
			for name, value := range change {
				all[name] = value
			}
			return all
		}
		for _, c := range []struct {
			change map[string]any
			field  string
		}{
			{map[string]any{"standing": "embedded"}, "standing"},
			{map[string]any{"org_url": ""}, "org_url"},
			{map[string]any{"org_url": "ftp://org"}, "org_url"},
			{map[string]any{"engagement_auth_url": "mc.example"}, "engagement_auth_url"},
			{map[string]any{"consumer_key": strings.Repeat("k", 501)}, "consumer_key"},
			{map[string]any{"app": "two\nlines"}, "names.connected_app"},
			{map[string]any{"eid": -1}, "eid"},
		} {
			call(standingPath, said(c.change), 400, "error.field", c.field)
		}
		if a := call(standingPath, said(map[string]any{"consumer_key": ""}), 400, "error.code", "invalid_link"); !strings.Contains(linktest.Text(a, "error.message"), "external client app") {
			t.Errorf("without an app: %v", a)
		}
		// Where nobody names the app through which people sign in it is the app, also after the key was given wrongly.
		call(standingPath, said(map[string]any{"consumer_key": "wrong-key"}), 200, "console_client_id", "wrong-key")
		call(standingPath, said(nil), 200, "console_client_id", "own-key")
		call(standingPath, said(map[string]any{"console_client_id": "sign-in-key"}), 200, "console_client_id", "sign-in-key")
		call(standingPath, said(nil), 200, "console_client_id", "sign-in-key")
		call(standingPath, said(map[string]any{"app": "Our App"}), 200, "app", "Our App")
		call(standingPath, said(map[string]any{"console_client_id": "own-key"}), 200, "console_client_id", "own-key")
		a := call(standingPath, said(map[string]any{"app": "Twinspan"}), 200, "app", "Twinspan")
		// The app that the customer registers holds this certificate.
		w.org.ConsumerKey, w.org.Certificate = "own-key", linktest.Text(a, "org_certificate")
		w.tenant.Server, w.tenant.Web, w.tenant.AppUser = linktest.Client{ID: "server-id", Secret: serverKey}, linktest.Client{ID: "web-id", Secret: webKey}, apiUser.Username
		call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 200, "org.connected_app", "Twinspan")
		call("/api/v1/connection/engagement", map[string]any{"api_user": apiUser.Username, "auth": "jwt"}, 409, "error.code", "not_possible_in_this_standing")
		call("/api/v1/connection/engagement/password", map[string]any{"api_user": apiUser.Username, "password": "p"}, 409, "error.code", "not_possible_in_this_standing")
		call("/api/v1/connection/engagement", map[string]any{"api_user": apiUser.Username, "sign_in": true}, 409, "error.field", "sign_in")
		web := map[string]any{"client_id": "server-id", "client_secret": serverKey, "web_client_id": "web-id", "web_client_secret": webKey}
		call(tenantWebApp, web, 200, "engagement.auth", "web_app")
		call("/api/v1/status", nil, 200, "state", "connected")
		if eid := call(standingPath, nil, 200, "standing", "own_link")["eid"]; eid != float64(linktest.EID) {
			t.Errorf("the enterprise is %v, which the first sign-in tells", eid)
		}
		// Said again it is the same, and an entry once; another standing is for one who is disconnected.
		call(standingPath, said(nil), 200, "consumer_key", "own-key")
		call(standingPath, map[string]any{"standing": "beside_the_package"}, 409, "error.code", "standing_fixed")
		call("/api/v1/status", nil, 200, "state", "connected")
		// What would take the working span down, or lead it to another org, is tried before it is kept.
		call(standingPath, said(map[string]any{"consumer_key": "wrong-key"}), 403, "error.field", "consumer_key")
		other := linktest.NewOrg(t, []linktest.Person{system, ann}, system.Username)
		other.Copy(secondOrg)
		other.Now, other.ConsumerKey, other.Certificate = w.now, "other-key", w.org.Certificate
		if a := call(standingPath, said(map[string]any{"org_url": other.URL, "consumer_key": "other-key"}), 409, "error.code", "address_changed"); !strings.Contains(linktest.Text(a, "error.message"), secondOrg) {
			t.Errorf("another org: %v", a)
		}
		call(standingPath, said(map[string]any{"org_url": "http://127.0.0.1:1"}), 502, "error.field", "org_url")
		call("/api/v1/status", nil, 200, "state", "connected")
		_, entries := linktest.Call(t, w.url, otherToken, "/api/v1/audit", "", nil)
		n := 0
		for _, e := range entries["entries"].([]any) {
			if linktest.Text(e.(map[string]any), "action") == "connection.standing" && linktest.Text(e.(map[string]any), "actor") == "API: olga" {
				if n++; reflect.DeepEqual(e.(map[string]any)["before"], e.(map[string]any)["after"]) {
					t.Errorf("an entry says of no change: %v", e)
				}
			}
		}
		if n != 6 { // one for each change
			t.Errorf("%d entries say the standing: %v", n, entries)
		}
		// What comes with the package, or needs grants, is refused with the reason and what to do instead.
		for path, body := range map[string]any{
			"/api/v1/imports": map[string]any{"csv": ""}, "/api/v1/users/map": map[string]any{}, "/api/v1/business-units": nil, "/api/v1/upgrade/plan": nil, "/api/v1/upgrade": map[string]any{},
			"/api/v1/upgrade/tenant-oauth": nil,
		} {
			a := call(path, body, 409, "error.code", "not_possible_in_this_standing")
			if text := linktest.Text(a, "error.message"); !strings.HasPrefix(text, "Not possible under an own link (") || !strings.Contains(text, "Instead: ") {
				t.Errorf("%s: %s", path, text)
			}
		}
		call("/api/v1/sends/triggered", map[string]any{"contact_id": contact, "definition_key": "welcome"}, 200, "status", "accepted")

		// Disconnected it is to be connected as before: no real tenant takes a key, whether or not anybody says so again.
		call("/api/v1/connection/disconnect", map[string]any{"reason": "to begin anew"}, 200, "error.code", "")
		call("/api/v1/status", nil, 200, "engagement.auth", "web_app")
		call("/api/v1/connection/engagement", map[string]any{"api_user": apiUser.Username}, 400, "error.field", "client_id")
		w.noSecrets(t, serverKey, webKey)
	})
}

// Beside the package: Connect reads and checks. What needs the key of the vendor's app is refused by name, on pages too.
func TestBesideThePackage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		call := w.real(t)
		call(standingPath, map[string]any{"standing": "beside_the_package", "org_url": w.org.URL, "engagement_auth_url": w.tenant.URL}, 200, "app", "Salesforce Marketing Cloud")
		const refused = "not_possible_in_this_standing"
		for path, body := range map[string]map[string]any{
			"/api/v1/users": nil, "/api/v1/users/" + ann.Username: nil, "/api/v1/users/check": {}, "/api/v1/users/clear": {"users": []string{ann.Username}, "reason": "why"},
			"/api/v1/users/map": {"crm_username": ann.Username}, "/api/v1/imports": {"csv": ""}, "/api/v1/sends/triggered": {"contact_id": contact}, "/api/v1/mailings": {}, "/api/v1/triggers": {},
			"/api/v1/connection/org/password": {"password": "p"}, "/api/v1/connection/engagement/password": {"password": "p"}, "/api/v1/upgrade": {}, "/api/v1/upgrade/plan": nil,
			"/api/v1/upgrade/connect-account": {}, "/api/v1/upgrade/migrations": {}, "/api/v1/outage": {}, "/api/v1/api-user/change/pause": {},
			"/api/v1/connection/org":        nil, // below
			"/api/v1/connection/engagement": nil,
		} {
			switch path {
			case "/api/v1/connection/org":
				call(path, map[string]any{"system_user": system.Username, "sign_in": true}, 409, "error.field", "sign_in")
				if a := call(path, map[string]any{"system_user": system.Username}, 409, "error.code", "no_app_to_read_by"); !strings.Contains(linktest.Text(a, "error.message"), "--consumer-key") {
					t.Errorf("without an app: %v", a)
				}
				continue
			case "/api/v1/connection/engagement":
				call(path, map[string]any{"api_user": apiUser.Username, "auth": "jwt"}, 409, "error.code", refused)
				call(path, map[string]any{"api_user": apiUser.Username, "sign_in": true}, 409, "error.field", "sign_in")
				continue
			}
			var in any
			if body != nil {
				in = body
			}
			a := call(path, in, 409, "error.code", refused)
			if text := linktest.Text(a, "error.message"); !strings.HasPrefix(text, "Not possible beside the package (") || !strings.Contains(text, "Instead") {
				t.Errorf("%s: %s", path, text)
			}
		}
		page := w.visit(t, browser.New(nil), w.url+"/marketing-cloud?pair="+otherPair, ann, annMC)
		wantPage(t, page, 409, "Not possible beside the package", "the Marketing Cloud tab, in the package")

		// Under an app of the customer's it reads the org, and the customer's package Engagement.
		a := call(standingPath, map[string]any{"standing": "beside_the_package", "consumer_key": "reader"}, 200, "consumer_key", "reader")
		w.org.ConsumerKey, w.org.Certificate = "reader", linktest.Text(a, "org_certificate")
		w.org.Install(5, 400)
		call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 200, "org.state", "connected")
		w.tenant.Server, w.tenant.AppUser = linktest.Client{ID: "server-id", Secret: serverKey}, apiUser.Username
		w.tenant.Web = linktest.Client{ID: "web-id", Secret: webKey}
		call(tenantWebApp, map[string]any{"client_id": "server-id", "client_secret": serverKey, "web_client_id": "web-id", "web_client_secret": webKey}, 200, "engagement.state", "connected")
		d := call("/api/v1/doctor", nil, 200, "state", "connected")
		for _, f := range d["findings"].([]any) {
			if strings.Contains(linktest.Text(f.(map[string]any), "seen"), "consumer key") {
				t.Errorf("the reader's key is taken for the app's: %v", f)
			}
		}
		call("/api/v1/users", nil, 409, "error.code", refused)
		// Its looking ends, and it may stand elsewhere, whichever package the org has: that is the vendor's connection's (connect-facts 3.5).
		call("/api/v1/connection/disconnect", map[string]any{"reason": "seen enough"}, 200, "error.code", "")
		call("/api/v1/status", nil, 200, "state", "not_connected")
		call(standingPath, map[string]any{"standing": "own_link", "consumer_key": "own-key"}, 200, "standing", "own_link")
		// The world's own connection is what it was.
		w.wantCall(t, standingPath, "", nil, 200, "standing", "embedded")
		w.wantCall(t, standingPath, "", map[string]any{"standing": "own_link", "org_url": w.org.URL, "engagement_auth_url": w.tenant.URL, "consumer_key": "k"}, 409, "error.code", "standing_fixed")
	})
}

// The console does in each standing what the API does there. Under an own link there is no API user to change: to pause would stop what
// sends in the tenant, and nothing could resume it.
func TestOwnLinkConsole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		call := w.real(t)
		link, err := w.bridge.ConsoleLink(t.Context(), otherPair)
		if err != nil {
			t.Fatal(err)
		}
		b := browser.New(nil)
		w.console(t, b, strings.TrimPrefix(link, w.url), "Open the console", linktest.Person{}, linktest.Person{})
		a := admin{w, t, b}
		a.wants(a.open("/console/api-user"), 409, "Nobody has said yet where the org and the tenant are")

		said := call(standingPath, map[string]any{
			"standing": "own_link", "org_url": w.org.URL, "engagement_auth_url": w.tenant.URL, "consumer_key": "own-key", "by": "olga",
		}, 200, "standing", "own_link")
		w.org.ConsumerKey, w.org.Certificate = "own-key", linktest.Text(said, "org_certificate")
		w.tenant.Server, w.tenant.Web, w.tenant.AppUser = linktest.Client{ID: "server-id", Secret: serverKey}, linktest.Client{ID: "web-id", Secret: webKey}, apiUser.Username
		call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 200, "org.state", "connected")
		call(tenantWebApp, map[string]any{"client_id": "server-id", "client_secret": serverKey, "web_client_id": "web-id", "web_client_secret": webKey}, 200, "engagement.state", "connected")

		// What the API says, the console says, to a page and to a form that somebody has open still.
		refusal := func(path string, body any) string {
			t.Helper()
			return linktest.Text(call(path, body, 409, "error.code", "not_possible_in_this_standing"), "error.message")
		}
		signOut := a.open("/console").Forms
		send := func(path string, values url.Values) *browser.Page {
			t.Helper()
			for _, f := range signOut {
				button := f.Button("Sign out of Connect")
				if button == nil {
					continue
				}
				elsewhere := *f
				elsewhere.Action = f.Action.JoinPath("/")
				elsewhere.Action.Path = path
				elsewhere.Fields = slices.Clone(f.Fields)
				for name := range values {
					elsewhere.Fields = append(elsewhere.Fields, &browser.Field{Name: name, Type: "text"})
				}
				p, err := b.Send(t.Context(), &elsewhere, values, button)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			t.Fatal("the console has no form to sign out")
			return nil
		}
		change := refusal("/api/v1/api-user/change/pause", map[string]any{})
		a.wants(a.open("/console/api-user"), 409, "Not possible here", change)
		a.wants(send("/console/api-user/pause", nil), 409, change)
		a.wants(send("/console/api-user/resume", url.Values{"api_user": {apiUser.Username}}), 409, change)
		units := refusal("/api/v1/business-units", nil)
		a.wants(a.open("/console/business-units"), 409, units)
		a.wants(send("/console/business-units", url.Values{"do": {"add"}, "chosen": {"1"}}), 409, units)
		a.wants(a.open("/upgrade"), 409, refusal("/api/v1/upgrade/plan", nil))
		// The imports that there were are shown, with the reason in place of the form.
		imports := refusal("/api/v1/imports", map[string]any{"csv": ""})
		a.wants(send("/console/imports", nil), 409, imports)
		p := a.wants(a.open("/console/imports"), 200, imports)
		for _, f := range p.Forms {
			if f.Method == http.MethodPost && f.Button("Import") != nil {
				t.Error("an import is offered")
			}
		}
		// What is possible is offered as before, and nothing stopped.
		a.wants(a.open("/console/mappings"), 200, "Mappings")
		if p := a.wants(a.open("/console/outage"), 200, "the connection is available"); !strings.Contains(p.Text, "Open an outage now") {
			t.Errorf("no outage is offered: %s", p.Text)
		}
		call("/api/v1/sends/triggered", map[string]any{"contact_id": contact, "definition_key": "welcome"}, 200, "status", "accepted")
	})
}

// A connection that was opened keeps what was said of it when the program starts again, and takes a new token.
func TestOpenAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		call := w.real(t)
		call(standingPath, map[string]any{"standing": "beside_the_package", "org_url": w.org.URL, "engagement_auth_url": w.tenant.URL}, 200, "standing", "beside_the_package")
		call = w.real(t)
		call(standingPath, nil, 200, "standing", "beside_the_package")
		if err := w.bridge.OpenLink(t.Context(), otherPair, "another-token"); err != nil {
			t.Fatal(err)
		}
		call(standingPath, nil, 401, "error.code", "unauthorized")
		if err := w.bridge.OpenLink(t.Context(), otherPair, ""); err == nil {
			t.Error("a connection without a token")
		}
	})
}

// Under an own link the User field and the business units are the vendor's, where the org has its package too: Connect writes
// nothing there, blanks nothing, and decides nothing by them.
func TestOwnLinkBesideAnOldPackage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.stored(t, func(store *sqlstore.Store) error { return store.DeleteLink(t.Context(), linktest.Pair) }) // the tab is of the first connection
		w.openWith(t, connect.Options{SweepEvery: -1})
		call := w.real(t)
		a := call(standingPath, map[string]any{
			"standing": "own_link", "org_url": w.org.URL, "engagement_auth_url": w.tenant.URL, "consumer_key": "own-key", "console_client_id": "console", "by": "olga",
		}, 200, "app", "Twinspan")
		w.org.ConsumerKey, w.org.Certificate = "own-key", linktest.Text(a, "org_certificate")
		w.tenant.Server, w.tenant.Web, w.tenant.AppUser = linktest.Client{ID: "server-id", Secret: serverKey}, linktest.Client{ID: "web-id", Secret: webKey}, apiUser.Username
		w.org.Install(5, 400)
		w.org.EnableUnits(linktest.EID + 9) // the vendor's, in which nobody here works
		call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 200, "org.package_version", "5.400")
		call(tenantWebApp, map[string]any{"client_id": "server-id", "client_secret": serverKey, "web_client_id": "web-id", "web_client_secret": webKey}, 200, "engagement.auth", "web_app")
		const vendors = "the-vendors-own-token"
		w.org.SetField(ann.ID, vendors)
		stays := func(when string) {
			t.Helper()
			if value := w.org.Field(ann.ID); value != vendors {
				t.Errorf("%s the field holds %q", when, value)
			}
		}
		wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
		stays("mapped")
		checked := call("/api/v1/users/check", map[string]any{}, 200, "next", "")
		if checked["looked"] != float64(0) || checked["given"] != float64(0) {
			t.Errorf("checked: %v", checked)
		}
		stays("looked through")

		// A release before this one has left a handle there, and the vendor's package took the field back: that clears nothing.
		w.stored(t, func(store *sqlstore.Store) error {
			m, err := store.Mapping(t.Context(), otherPair, ann.ID)
			if err != nil {
				return err
			}
			return store.SetHandle(t.Context(), m, mapping.Handle{1})
		})
		w.openWith(t, connect.Options{SweepEvery: -1})
		call("/api/v1/users/"+ann.Username, nil, 200, "state", "mapped")
		call("/api/v1/users/check", map[string]any{}, 200, "next", "")
		stays("with a handle")
		call("/api/v1/users/clear", map[string]any{"users": []string{ann.Username}, "reason": "why not"}, 200, "next", "")
		stays("cleared")
	})
}

// TestTabKeepsToTheStanding: whoever comes to the Marketing Cloud tab, with a session that is left of another standing, without one, or by a button of a page
// that he has open still, is asked and told the same; nothing is bound, and the org is asked nothing.
func TestTabKeepsToTheStanding(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		form := func(p *browser.Page, path string) *browser.Form {
			t.Helper()
			for _, f := range p.Forms {
				if f.Button("Sign out of Connect") != nil {
					elsewhere := *f
					elsewhere.Action = f.Action.JoinPath("/")
					elsewhere.Action.Path = path
					return &elsewhere
				}
			}
			t.Fatalf("no form to sign out: %s", p.Text)
			return nil
		}
		// refused is what each way to the tab answers.
		refused := func(b *browser.Browser, known *browser.Page, query string, status int, texts ...string) {
			t.Helper()
			before := w.org.Calls("GET /services/oauth2/authorize")
			for _, b := range []*browser.Browser{b, browser.New(nil)} {
				page, err := b.Open(t.Context(), w.url+"/marketing-cloud"+query)
				if err != nil {
					t.Fatal(err)
				}
				wantPage(t, page, status, texts...)
			}
			for _, path := range []string{"/marketing-cloud/other-user", "/marketing-cloud/connect"} {
				page, err := b.Send(t.Context(), form(known, path), nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				wantPage(t, page, status, texts...)
			}
			if after := w.org.Calls("GET /services/oauth2/authorize"); after != before {
				t.Errorf("the org was asked %d times", after-before)
			}
		}
		open := func(b *browser.Browser, query string) *browser.Page {
			t.Helper()
			page := w.visit(t, b, w.url+"/marketing-cloud"+query, ann, annMC)
			wantPage(t, page, 200, "Connected as ann.mc.")
			return page
		}

		w.connectBoth(t)
		b := browser.New(nil)
		known := open(b, "")
		w.wantCall(t, "/api/v1/outage", "", map[string]any{"mode": "hold", "minutes": 60, "reason": "upgrade"}, 200, "error", "")
		refused(b, known, "", 503, "unavailable")
		w.wantCall(t, "/api/v1/outage/end", "", map[string]any{}, 200, "outage", "")
		open(b, "")

		call := w.real(t)
		said := call(standingPath, map[string]any{"standing": "own_link", "org_url": w.org.URL, "engagement_auth_url": w.tenant.URL, "consumer_key": "own-key", "eid": linktest.EID}, 200, "standing", "own_link")
		w.org.ConsumerKey, w.org.Certificate = "own-key", linktest.Text(said, "org_certificate")
		w.tenant.Server, w.tenant.Web, w.tenant.AppUser = linktest.Client{ID: "server-id", Secret: serverKey}, linktest.Client{ID: "web-id", Secret: webKey}, apiUser.Username
		call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 200, "org.state", "connected")
		call(tenantWebApp, map[string]any{"client_id": "server-id", "client_secret": serverKey, "web_client_id": "web-id", "web_client_secret": webKey}, 200, "engagement.state", "connected")
		b = browser.New(nil)
		known = open(b, "?pair="+otherPair)

		call("/api/v1/connection/disconnect", map[string]any{"reason": "the package does it"}, 200, "error.code", "")
		call(standingPath, map[string]any{"standing": "beside_the_package"}, 200, "standing", "beside_the_package")
		refused(b, known, "?pair="+otherPair, 409, "Not possible beside the package", "the Marketing Cloud tab, in the package")
		call("/api/v1/status", nil, 200, "state", "not_connected")
	})
}
