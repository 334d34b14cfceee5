package connect_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
)

// admin is an administrator in the console, by the one-time link.
type admin struct {
	*world
	t *testing.T
	b *browser.Browser
}

func (w *world) admin(t *testing.T) admin {
	t.Helper()
	link, err := w.bridge.ConsoleLink(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	b := browser.New(nil)
	w.console(t, b, strings.TrimPrefix(link, w.url), "Open the console", linktest.Person{}, linktest.Person{})
	return admin{w, t, b}
}

func (a admin) open(path string) *browser.Page {
	a.t.Helper()
	p, err := a.b.Open(a.t.Context(), a.url+path)
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

func (a admin) press(p *browser.Page, button string, values url.Values) *browser.Page {
	a.t.Helper()
	return press(a.t, a.b, p, button, values)
}

// wants checks that an open page says something.
func (a admin) wants(p *browser.Page, status int, texts ...string) *browser.Page {
	a.t.Helper()
	wantPage(a.t, p, status, texts...)
	return p
}

// mapped maps ann, as she does on the tab.
func (w *world) mapped(t *testing.T) {
	t.Helper()
	w.connectBoth(t)
	wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
}

// TestConsoleMappings: users with their states, found by the begin of their names; mappings cleared with a reason, after a
// question.
func TestConsoleMappings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mapped(t)
		a := w.admin(t)
		const list = "/console/mappings"
		a.wants(a.open(list), 200, "ann@org.example", "ann.mc", "Mapped", "Salesforce user name begins with")
		for _, c := range []struct {
			query string
			found bool
		}{{"?q=ann", true}, {"?q=Ann%40org.example", true}, {"?q=bo", false}, {"?state=mapped", true}, {"?state=stale", false}, {"?state=mapped&q=an", true}, {"?state=cleared&q=an", false}} {
			if got := strings.Contains(a.open(list+c.query).Text, "ann.mc"); got != c.found {
				t.Errorf("%s finds ann: %t", c.query, got)
			}
		}
		a.wants(a.open(list+"?state=happy"), 400, "state is not_integrated")
		a.wants(a.open(list+"/user?name=ann%40org.example"), 200, "Ann Lee", "Permissions are of")
		w.tenant.ChangeRoles(annMC.Username)
		a.wants(a.open(list+"?state=stale"), 200, "ann.mc", "Stale")

		// Every page has Quick Find, which knows older words and forgives spelling.
		for query, want := range map[string]string{
			"ET": "The bridge at a glance", "MC+Connect": "The bridge", "exact+target": "The bridge", "tracking+user": "Mappings", "Salesforce+Conector": "Salesforce Integration",
			"mapings": "Mappings", "api+usge": "API usage",
		} {
			_, found, _ := strings.Cut(a.wants(a.open("/console/find?q="+query), 200, "Pages for").Text, "”: ")
			if !strings.HasPrefix(found, want+" ") && !strings.HasPrefix(found, want+"\n") {
				t.Errorf("%s finds %.80q, want %s", query, found, want)
			}
		}
		a.wants(a.open("/console/find?q=xyzzy"), 200, "No page of Connect fits “xyzzy”")

		// Nobody chosen, no reason: nothing is cleared, and what was chosen stays.
		page := a.open(list)
		a.wants(a.press(page, "Clear the mappings chosen", nil), 200, "Choose at least one user.")
		question := a.wants(a.press(page, "Clear the mappings chosen", url.Values{"chosen": {ann.Username}}), 200, "Clear the mappings of ann@org.example?", "Until then they cannot send")
		again := a.wants(a.press(question, "Clear", nil), 400, "Say why, in one line", "There is a problem")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "stale")
		a.wants(a.press(again, "Clear", url.Values{"reason": {"left the company"}}), 200, "1 mappings were cleared", "ann.mc")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "cleared")
		a.wants(a.open(list+"/user?name=ann%40org.example"), 200, "by console: one-time link: left the company")

		// All that match.
		wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
		all := a.wants(a.press(a.open(list+"?state=mapped"), "Clear all that match", nil), 200, "Clear the mappings of all users of the state “Mapped”?")
		a.wants(a.press(all, "Clear", url.Values{"reason": {"a rehearsal"}}), 200, "1 mappings were cleared")

		// The record has it, and is as it was written.
		audit := a.wants(a.open("/console/audit"), 200, "user.cleared", "console: one-time link", "left the company")
		a.wants(a.press(audit, "Verify the record", nil), 200, "The record is as it was written", "Note the head:")
		a.wants(a.press(audit, "Verify the record", url.Values{"head": {"nonsense"}}), 200, "There is a problem", "Error: A head is a number, a colon")

		// In an outage the mappings stay.
		w.wantCall(t, "/api/v1/outage", "", map[string]any{"mode": "hold", "minutes": 5, "reason": "try"}, 200, "outage.mode", "hold")
		question = a.press(a.open(list), "Clear the mappings chosen", url.Values{"chosen": {ann.Username}})
		if p := a.press(question, "Clear", url.Values{"reason": {"x"}}); p.Status != 503 {
			t.Errorf("clearing in an outage: %d %s", p.Status, p.Text)
		}
	})
}

// TestConsoleImport: a list of users is uploaded, worked on and told of, also as a file.
func TestConsoleImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.connectBoth(t)
	w.tenant.Integrate(bobMC.Username, bob.Username)
	link, err := w.bridge.ConsoleLink(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar}
	do := func(req *http.Request) (int, string, string) {
		t.Helper()
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text), res.Request.URL.Path
	}
	request := func(method, path, contentType string, body io.Reader) *http.Request {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		return req
	}
	_, token, _ := strings.Cut(link, "?token=")
	if status, text, _ := do(request("POST", "/console/first", "application/x-www-form-urlencoded", strings.NewReader(url.Values{"token": {token}}.Encode()))); status != 200 {
		t.Fatal(text)
	}
	at, _ := url.Parse(w.url)
	for _, ck := range jar.Cookies(at) {
		if ck.Name == access.CookieName(false) {
			token = access.FormToken(ck.Value)
		}
	}
	upload := func(token, csv string) (int, string, string) {
		t.Helper()
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		_ = m.WriteField("form_token", token) // a buffer takes everything
		_ = m.WriteField("form_key", "of one rendering")
		f, err := m.CreateFormFile("file", "users.csv")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(f, csv)
		_ = m.Close()
		return do(request("POST", "/console/imports", m.FormDataContentType(), &body))
	}
	const good = "crm_username,engagement_username\nbob@org.example,bob.mc\nnobody@org.example,=cmd()\n"
	for name, c := range map[string]struct {
		token, csv string
		status     int
		want       string
	}{
		"another session": {access.FormToken("x"), good, 403, "of another session"},
		"no file":         {token, "", 400, "Choose a file that is not empty."},
		"no list":         {token, "a,b\n", 400, "Error: "},
	} {
		if status, text, _ := upload(c.token, c.csv); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	status, text, path := upload(token, good)
	if status != 200 || !strings.HasPrefix(path, "/console/imports/") {
		t.Fatal(status, text)
	}
	if status, text, _ := upload(token, good); status != 409 || !strings.Contains(text, "This form was sent before") {
		t.Errorf("sent again: %d %s", status, text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !strings.Contains(text, "2 of 2 users (100 %)") {
		if ctx.Err() != nil {
			t.Fatal(text)
		}
		_, text, _ = do(request("GET", path, "", nil))
	}
	status, text, _ = do(request("GET", path+"/result.csv", "", nil))
	if status != 200 || !strings.HasPrefix(text, "line,crm_username,engagement_username,account_id,status,code,reason\n1,bob@org.example,bob.mc,,done,") || !strings.Contains(text, ",'=cmd(),,failed,") {
		t.Errorf("%d %s", status, text)
	}
}

// TestConsoleSettings: what things are called in the org is a setting; what was typed stays where it is refused. API tokens
// are made and revoked on a page.
func TestConsoleSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.connectBoth(t)
	a := w.admin(t)
	page := a.wants(a.open("/console/settings"), 200, "Authentication Tenant-specific OAuth", "Admin box label in the org", "Marketing Cloud for AppExchange Admin")
	bad := a.wants(a.press(page, "Save", url.Values{"names.namespace": {"not one"}}), 400, "a namespace of at most 15 letters")
	if got := field(t, bad, "names.namespace"); got != "not one" {
		t.Errorf("typed was %q", got)
	}
	a.wants(a.press(page, "Save", url.Values{"names.admin_box_label": {"Chief of Marketing"}, "legacy": {"warn"}}), 200, "The settings are saved", "(Chief of Marketing)")
	w.wantCall(t, "/api/v1/connection/settings", "", nil, 200, "names.admin_box_label", "Chief of Marketing")
	w.wantCall(t, "/api/v1/connection/settings", "", nil, 200, "legacy", "warn")

	tokens := a.open("/console/tokens")
	bad = a.wants(a.press(tokens, "Create", url.Values{"name": {"nightly"}, "days": {"9999"}}), 400, "A token works for 1 to 366 days.")
	if got := field(t, bad, "name"); got != "nightly" {
		t.Errorf("typed was %q", got)
	}
	made := a.wants(a.press(bad, "Create", url.Values{"days": {"7"}}), 200, "Copy the API token “nightly” now")
	_, value, _ := strings.Cut(made.Text, "tsa_")
	value, _, _ = strings.Cut("tsa_"+value, " ")
	if status, _ := linktest.Call(t, w.url, value, "/api/v1/status", "", nil); status != 200 {
		t.Errorf("the token %q is answered %d", value, status)
	}
	if strings.Contains(a.open("/console/tokens").Text, value) {
		t.Error("the value is shown again")
	}
	a.wants(a.press(made, "Revoke nightly", nil), 200, "there is none")
	if status, _ := linktest.Call(t, w.url, value, "/api/v1/status", "", nil); status != 401 {
		t.Errorf("the revoked token is answered %d", status)
	}

	// The bridge, asked now; the calls of it are counted.
	a.wants(a.press(a.open("/console"), "Ask both clouds now", nil), 200, "Both clouds let Connect in", "Next expiry", "Certificate in the connected app, into the org")
	a.wants(a.open("/console/usage"), 200, "By hour, the newest first", "Into the org, exempt")

	// Who may not is told which role is missing.
	w.org.Tick(bob.ID, true, false)
	b := browser.New(nil)
	for _, path := range []string{"/console/mappings", "/console/audit", "/console/tokens", "/console/settings"} {
		p := w.console(t, b, path, "", bob, linktest.Person{})
		if p.URL.Path == "/console/sign-in" {
			p = w.console(t, b, signInOrg+"?"+p.URL.RawQuery, "", bob, linktest.Person{})
		}
		wantPage(t, p, 403, "This needs the role Chief of Marketing", "you have Marketing Cloud for AppExchange User", "bob@org.example of Salesforce")
	}
}

// field is what stands in a field of a page.
func field(t *testing.T, p *browser.Page, name string) string {
	t.Helper()
	for _, f := range p.Forms {
		if at := f.Field(name); at != nil {
			return at.Value
		}
	}
	t.Fatalf("the page has no field %q", name)
	return ""
}
