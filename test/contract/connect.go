package contract

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// connectCalls calls Connect's API as any program would: the suite has no types of it.
type connectCalls struct {
	base  string
	token vault.Secret
	http  *http.Client
}

type answer map[string]any

// text digs a text out by a path of members: "error.code". "" where there is none.
func (a answer) text(path string) string {
	var v any = map[string]any(a)
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}

func (c connectCalls) do(t *testing.T, method, path, key string, body map[string]any) (int, answer) {
	t.Helper()
	text, err := json.Marshal(body)
	ok(t, err)
	req, err := http.NewRequestWithContext(bounded(t), method, c.base+path, bytes.NewReader(text))
	ok(t, err)
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(req)
	ok(t, err)
	defer func() { _ = resp.Body.Close() }() // read below
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	ok(t, err)
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatalf("%s %s answered %d without JSON: %.300s", method, path, resp.StatusCode, raw)
	}
	return resp.StatusCode, a
}

func (c connectCalls) want(t *testing.T, method, path string, body map[string]any, status int, member, text string) answer {
	t.Helper()
	got, a := c.do(t, method, path, oauth.NewToken(16), body)
	if got != status || a.text(member) != text {
		t.Fatalf("%s %s answered %d %v, want %d with %s %q", method, path, got, a, status, member, text)
	}
	return a
}

// orgSpan: from Engagement into the org (documents 001, 002).
func (s *suite) orgSpan(t *testing.T) {
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "state", "not_connected")
	a := s.calls.want(t, "POST", "/api/v1/connection/org", map[string]any{"system_user": s.Outsider.Username}, 403, "error.code", "invalid_app_access")
	if a.text("error.message") != "user is not admin approved to access this app" {
		t.Errorf("refused with %v", a)
	}
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "org.state", "not_connected")
	s.calls.want(t, "POST", "/api/v1/connection/org", map[string]any{"system_user": s.SystemUser.Username}, 200, "org.system_user", s.SystemUser.Username)
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "state", "org_connected")
}

// tenantSpan: from the org into Engagement (documents 001, 002), the wrong user first.
func (s *suite) tenantSpan(t *testing.T) {
	body := map[string]any{"api_user": s.APIUser.Username, "account_id": s.unit()}
	a := s.calls.want(t, "POST", "/api/v1/connection/engagement", body, 200, "engagement.state", "")
	page := s.visit(t, browser.New(s.http.Transport), a.text("authorize_url"), Person{}, s.TenantOther)
	if page.Status != 403 || !strings.Contains(page.Text, s.TenantOther.Username) || !strings.Contains(page.Text, s.APIUser.Username) {
		t.Fatalf("the wrong user got %d: %s", page.Status, page.Text)
	}
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "engagement.state", "not_connected")
	a = s.calls.want(t, "POST", "/api/v1/connection/engagement", body, 200, "engagement.state", "")
	page = s.visit(t, browser.New(s.http.Transport), a.text("authorize_url"), Person{}, s.APIUser)
	if page.Status != 200 || !strings.Contains(page.Text, s.APIUser.Username) {
		t.Fatalf("the API user got %d: %s", page.Status, page.Text)
	}
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "state", "connected")
	a = s.calls.want(t, "POST", "/api/v1/connection/engagement", body, 200, "engagement.api_user", s.APIUser.Username)
	if e, _ := a["engagement"].(map[string]any); e["account_id"] != float64(s.unit()) {
		t.Errorf("connected into business unit %v, want %d", e["account_id"], s.unit())
	}
}

// mapping: one sign-in, then none (documents 000, 002).
func (s *suite) mapping(t *testing.T) {
	tab := s.tab()
	page := s.visit(t, browser.New(s.http.Transport), tab, s.Member, s.APIUser)
	if page.Status != 200 || !strings.Contains(page.Text, "Is this you?") {
		t.Fatalf("the API user was not recognised: %d %s", page.Status, page.Text)
	}
	s.calls.want(t, "GET", "/api/v1/users/"+s.Member.Username, nil, 200, "state", "not_integrated")
	b := browser.New(s.http.Transport)
	page = s.visit(t, b, tab, s.Member, s.TenantMember)
	if page.Status != 200 || !strings.Contains(page.Text, "Connected as "+s.TenantMember.Username) {
		t.Fatalf("the first visit got %d: %s", page.Status, page.Text)
	}
	forms := b.Sent()
	page = s.visit(t, b, tab, Person{}, Person{})
	if page.Status != 200 || b.Sent() != forms || !strings.Contains(page.Text, "Connected as "+s.TenantMember.Username) {
		t.Fatalf("the second visit got %d after %d forms: %s", page.Status, b.Sent()-forms, page.Text)
	}
	s.calls.want(t, "GET", "/api/v1/users/"+s.Member.Username, nil, 200, "state", "mapped")
	s.calls.want(t, "GET", "/api/v1/users/"+strings.ToUpper(s.Member.Username), nil, 200, "state", "mapped")
	s.calls.want(t, "GET", "/api/v1/users/"+s.SystemUser.Username, nil, 200, "state", "not_integrated")
	s.calls.want(t, "GET", "/api/v1/users/"+s.Outsider.Username, nil, 200, "engagement_username", s.TenantOther.Username)
	s.calls.want(t, "GET", "/api/v1/users/nobody@nowhere.example", nil, 404, "error.code", "not_found")
	wantNames(t, s.usersIn(t, "integrated", 1), s.Outsider.Username)
	wantNames(t, s.usersIn(t, "not_integrated", 1), s.OrgAdmin.Username, s.SystemUser.Username)
	wantNames(t, s.usersIn(t, "mapped", 100), s.Member.Username)
	_, a := s.calls.do(t, "GET", "/api/v1/users", "", nil)
	users, _ := a["users"].([]any)
	if len(users) != 1 {
		t.Fatalf("users: %v", a)
	}
	user, _ := users[0].(map[string]any)
	if user["crm_username"] != s.Member.Username || user["engagement_username"] != s.TenantMember.Username {
		t.Fatalf("mapped: %v", user)
	}
}

// send: a triggered send to a contact of the org arrives, once.
func (s *suite) send(t *testing.T) {
	ctx := bounded(t)
	admin := s.admin(t)
	id, err := admin.CreateRecord(ctx, "Contact", map[string]any{"FirstName": "Ann", "LastName": "Contract", "Email": "ann.contract@customer.example"})
	ok(t, err)
	body := map[string]any{"contact_id": id, "definition_key": s.Definition}
	key := oauth.NewToken(16)
	status, first := s.calls.do(t, "POST", "/api/v1/sends/triggered", key, body)
	if status != 200 || first.text("recipient") != "ann.contract@customer.example" {
		t.Fatalf("the send answered %d %v", status, first)
	}
	if _, again := s.calls.do(t, "POST", "/api/v1/sends/triggered", key, body); again.text("message_key") != first.text("message_key") {
		t.Fatalf("the same key is another send: %v", again)
	}
	s.awaitSent(t, first.text("message_key"))
	ok(t, admin.UpdateRecord(ctx, "Contact", id, map[string]any{"HasOptedOutOfEmail": true}))
	s.calls.want(t, "POST", "/api/v1/sends/triggered", body, 422, "error.code", "opted_out")
	ok(t, admin.UpdateRecord(ctx, "Contact", id, map[string]any{"HasOptedOutOfEmail": false, "Email": nil}))
	s.calls.want(t, "POST", "/api/v1/sends/triggered", body, 422, "error.code", "no_email")
	ok(t, admin.DeleteRecord(ctx, "Contact", id))
	s.calls.want(t, "POST", "/api/v1/sends/triggered", body, 404, "error.code", "contact_not_found")
}

// usersIn are the org's user names in a state, page by page.
func (s *suite) usersIn(t *testing.T, state string, limit int) []string {
	t.Helper()
	var names []string
	after := ""
	for range 100 {
		q := url.Values{"state": {state}, "limit": {strconv.Itoa(limit)}, "after": {after}}
		_, a := s.calls.do(t, "GET", "/api/v1/users?"+q.Encode(), "", nil)
		users, isList := a["users"].([]any)
		if !isList {
			t.Fatalf("users in %s: %v", state, a)
		}
		for _, u := range users {
			names = append(names, answer(u.(map[string]any)).text("crm_username"))
		}
		if after = a.text("next"); after == "" {
			break
		}
	}
	return names
}

// wantNames checks that all names are among those found, and none twice.
func wantNames(t *testing.T, found []string, names ...string) {
	t.Helper()
	for _, name := range names {
		n := 0
		for _, f := range found {
			if f == name {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("%s is %d times in %v", name, n, found)
		}
	}
}
