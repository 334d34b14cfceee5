package contract

import (
	"html"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// stories are the three cases of document 000. The member is mapped, the outsider is not and may not send.
func (s *suite) stories(t *testing.T) {
	t.Run("credentials story", s.credentialsStory)
	t.Run("permission story", s.permissionStory)
	t.Run("denied story", s.deniedStory)
}

// clear ends a user's mapping as the release of the package has it: from 5.493 on by an administrator with a reason, for
// one user or for all in a state; below it by the org's administrator, who deletes the value of the field and saves (document 000).
func (s *suite) clear(t *testing.T, who Person, state, reason string) {
	t.Helper()
	if s.byField {
		admin := s.admin(t)
		id, value := s.field(t, admin, who)
		if value == "" {
			t.Fatalf("the field of %s is empty already", who.Username)
		}
		s.setField(t, admin, id, nil)
		status, found := s.calls.do(t, "POST", "/api/v1/users/check", oauth.NewToken(16), map[string]any{})
		if list, _ := found["cleared"].([]any); status != 200 || len(list) != 1 {
			t.Fatalf("after the field of %s was blanked, a look through all answered %d %v", who.Username, status, found)
		}
		if a := s.calls.want(t, "GET", "/api/v1/users/"+who.Username, nil, 200, "state", "cleared"); a.text("cleared_by") != "org" {
			t.Errorf("on record: %v", a)
		}
		return
	}
	body := map[string]any{"users": []string{who.Username}, "reason": reason}
	if state != "" {
		body = map[string]any{"all": true, "state": state, "reason": reason}
	}
	a := s.calls.want(t, "POST", "/api/v1/users/clear", body, 200, "next", "")
	if list, _ := a["cleared"].([]any); len(list) != 1 {
		t.Fatalf("clearing %s answered %v", who.Username, a)
	}
	s.calls.want(t, "GET", "/api/v1/users/"+who.Username, nil, 200, "state", "cleared")
}

// credentialsStory is the first case of document 000: at the first mapping the API user's credentials are given instead of
// the person's own. They are recognised before anything is stored; asked once, the person says yes; the mapping works, and
// is the wrong one; it is cleared, mapped, and the send arrives.
func (s *suite) credentialsStory(t *testing.T) {
	tab := s.tab()
	user := "/api/v1/users/" + s.Member.Username
	s.clear(t, s.Member, "", "begin again")
	b := browser.New(s.http.Transport)
	page := s.visit(t, b, tab, s.Member, s.APIUser)
	if page.Status != 200 || !strings.Contains(page.Text, "Is this you?") {
		t.Fatalf("the API user was not recognised: %d %s", page.Status, page.Text)
	}
	s.calls.want(t, "GET", user, nil, 200, "state", "cleared")
	page, err := b.Visit(bounded(t), tab, browser.Errand{
		Press:  []string{"Map me to " + s.APIUser.Username + " all the same", "Connect to Marketing Cloud"},
		Logins: map[string]browser.Credentials{s.sites.auth: {Username: s.APIUser.Username, Password: s.APIUser.Password.Reveal()}},
	})
	ok(t, err)
	if !strings.Contains(page.Text, "Connected as "+s.APIUser.Username) {
		t.Fatalf("the answer got %d: %s", page.Status, page.Text)
	}
	forms := b.Sent()
	page = s.visit(t, b, tab, Person{}, Person{})
	if b.Sent() != forms || !strings.Contains(page.Text, "Connected as "+s.APIUser.Username) {
		t.Fatalf("asked again: %s", page.Text)
	}
	a := s.calls.want(t, "GET", user, nil, 200, "notice", "api_user_named")
	if a.text("engagement_username") != s.APIUser.Username {
		t.Errorf("mapped: %v", a)
	}
	s.clear(t, s.Member, "", "the API user's credentials")
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "state", "connected")
	s.map1(t, b)
	if a := s.calls.want(t, "GET", user, nil, 200, "engagement_username", s.TenantMember.Username); a.text("notice") != "" {
		t.Errorf("mapped to himself: %v", a)
	}
	s.sendAs(t)
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "state", "connected")
}

// deniedStory is the third case of document 000: a token is stored, the tab asks for user name and password, and the right
// ones are answered "login denied". It comes about where an administrator makes the user an API user and gives him a new
// password: what rested on the old one ends (engagement-wire 5). Cleared, mapped, the send arrives.
func (s *suite) deniedStory(t *testing.T) {
	ctx := bounded(t)
	tab := s.tab()
	user := "/api/v1/users/" + s.Member.Username
	b := s.map1(t, browser.New(s.http.Transport))
	yes := true
	ok(t, s.server(t).UpdateUser(ctx, engagement.UserWrite{Username: s.TenantMember.Username, APIUser: &yes}))
	s.calls.want(t, "GET", user, nil, 200, "state", "mapped")
	s.TenantMember.Password = vault.Secret("Pw2-" + oauth.NewToken(12))
	ok(t, s.server(t).UpdateUser(ctx, engagement.UserWrite{Username: s.TenantMember.Username, Password: s.TenantMember.Password}))

	page, err := b.Open(ctx, tab)
	ok(t, err)
	if !strings.Contains(page.Text, "Engagement refuses the stored token") || !strings.Contains(page.Text, "Connect to Marketing Cloud") {
		t.Fatalf("the tab does not ask: %s", page.Text)
	}
	a := s.calls.want(t, "GET", user, nil, 200, "state", "broken")
	if a.text("cause.message") != "login denied" || a.text("token_store") == "" {
		t.Errorf("broken: %v", a)
	}
	s.calls.want(t, "POST", "/api/v1/sends/test", map[string]any{"as": s.Member.Username, "to": "x@customer.example", "definition_key": s.Definition}, 403, "error.code", "invalid_grant")
	page = s.visit(t, b, tab, Person{}, s.TenantMember)
	if page.Status != 403 || !strings.Contains(page.Text, "login denied") {
		t.Fatalf("the right password got %d: %s", page.Status, page.Text)
	}
	s.clear(t, s.Member, "broken", "login denied")
	s.map1(t, b)
	s.sendAs(t)
}

// mappingByNames: the API user vouches for a user whose Salesforce.com Status is set; nobody else's mapping is made
// without his password.
func (s *suite) mappingByNames(t *testing.T) {
	ask := func(crm, tenant string, more map[string]any, status int, member, text string) {
		t.Helper()
		body := map[string]any{"crm_username": crm, "engagement_username": tenant}
		for k, v := range more {
			body[k] = v
		}
		s.calls.want(t, "POST", "/api/v1/users/map", body, status, member, text)
	}
	s.calls.want(t, "POST", "/api/v1/users/clear", map[string]any{"users": []string{s.Outsider.Username, s.Member.Username}, "reason": "begin again"}, 200, "next", "")
	ask("nobody@nowhere.example", s.TenantOther.Username, nil, 404, "error.code", "crm_user_not_found")
	ask(s.Outsider.Username, "nobody", nil, 404, "error.code", "engagement_user_not_found")
	ask(s.Member.Username, s.TenantMember.Username, nil, 409, "error.code", "not_integrated")
	ask(s.Member.Username, s.TenantOther.Username, nil, 409, "error.code", "not_integrated")
	ask("", s.TenantOther.Username, nil, 400, "error.field", "crm_username")
	ask(s.Outsider.Username, s.TenantOther.Username, map[string]any{"account_id": 1}, 403, "error.code", "invalid_request")
	s.calls.want(t, "GET", "/api/v1/users/"+s.Outsider.Username, nil, 200, "state", "cleared")
	ask(strings.ToUpper(s.Outsider.Username), s.TenantOther.Username, map[string]any{"account_id": s.EID}, 200, "state", "mapped")
	a := s.calls.want(t, "GET", "/api/v1/users/"+s.Outsider.Username, nil, 200, "granted_by", s.APIUser.Username)
	ask(s.Outsider.Username, s.TenantOther.Username, nil, 200, "mapped_at", a.text("mapped_at")) // left as it is
	// He is asked for nothing at his first visit.
	b := browser.New(s.http.Transport)
	page := s.visit(t, b, s.tab(), s.Outsider, Person{})
	if !strings.Contains(page.Text, "Connected as "+s.TenantOther.Username) {
		t.Fatalf("the visit got %d: %s", page.Status, page.Text)
	}
	// The usual mistake by this way: an administrator integrated the API user. It has to be meant.
	name := s.Member.Username
	integrate := engagement.UserWrite{Username: s.APIUser.Username, SalesforceUsername: &name}
	if err := s.server(t).UpdateUser(bounded(t), integrate); err != nil { // a package may have too little for it
		ok(t, s.tenantAdmin(t).UpdateUser(bounded(t), integrate))
	}
	ask(s.Member.Username, s.APIUser.Username, nil, 409, "error.code", "api_user_named")
	ask(s.Member.Username, s.APIUser.Username, map[string]any{"meant": true}, 200, "notice", "api_user_named")
	s.calls.want(t, "POST", "/api/v1/users/clear", map[string]any{"users": []string{s.Member.Username}, "reason": "not meant after all"}, 200, "next", "")
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "state", "connected")
}

// mayPublish is the external key of the role Marketing Cloud Content Editor/Publisher, with the right to send.
const mayPublish = "SYS_DEF_IMHPUBLISHER"

// permissionStory is the second case of document 000, from symptom to cure: integrated without the right to send, granted
// it afterwards, still refused, cleared, mapped again, and the send arrives.
func (s *suite) permissionStory(t *testing.T) {
	tab := s.tab()
	address := "story@customer.example"
	test := map[string]any{"as": s.Outsider.Username, "to": address, "definition_key": s.Definition}
	s.calls.want(t, "POST", "/api/v1/sends/test", test, 409, "error.code", "not_mapped")

	page := s.visit(t, browser.New(s.http.Transport), tab, s.Outsider, s.TenantOther)
	if page.Status != 200 || !strings.Contains(page.Text, "Connected as "+s.TenantOther.Username) {
		t.Fatalf("the visit got %d: %s", page.Status, page.Text)
	}
	refused := s.calls.want(t, "POST", "/api/v1/sends/test", test, 200, "status", "not_sent")
	if refused.text("reason.message") == "" {
		t.Errorf("refused without the tenant's reason: %v", refused)
	}
	s.giveRole(t, s.TenantOther.Username, mayPublish)
	s.calls.want(t, "POST", "/api/v1/sends/test", test, 200, "status", "not_sent")
	s.calls.want(t, "GET", "/api/v1/users/"+s.Outsider.Username, nil, 200, "state", "stale")
	wantNames(t, s.usersIn(t, "stale", 1), s.Outsider.Username)

	s.clear(t, s.Outsider, "stale", "may send now")
	s.calls.want(t, "POST", "/api/v1/sends/test", test, 409, "error.code", "not_mapped")
	page = s.visit(t, browser.New(s.http.Transport), tab, s.Outsider, s.TenantOther)
	if page.Status != 200 || !strings.Contains(page.Text, "Connected as "+s.TenantOther.Username) {
		t.Fatalf("the visit after clearing got %d: %s", page.Status, page.Text)
	}
	s.calls.want(t, "GET", "/api/v1/users/"+s.Outsider.Username, nil, 200, "state", "mapped")
	sent := s.calls.want(t, "POST", "/api/v1/sends/test", test, 200, "status", "accepted")
	if sent.text("recipient") != address {
		t.Errorf("sent: %v", sent)
	}
	s.awaitSent(t, sent.text("message_key"))
}

// awaitSent waits until a send has left the tenant.
func (s *suite) awaitSent(t *testing.T, key string) {
	t.Helper()
	until := time.NewTimer(time.Minute)
	defer until.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_, a := s.calls.do(t, "GET", "/api/v1/sends/"+key, "", nil)
		if a.text("status") == "sent" {
			return
		}
		select {
		case <-tick.C:
		case <-until.C:
			t.Fatalf("after a minute the send is %v", a)
		}
	}
}

// giveRole gives a user of the tenant a role, as an administrator's script does (engagement-wire 3).
func (s *suite) giveRole(t *testing.T, username, role string) {
	t.Helper()
	ctx := bounded(t)
	token, err := s.tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: s.ServerPackage, Secret: s.ServerSecret, MID: s.EID})
	ok(t, err)
	envelope := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Header><fueloauth xmlns="http://exacttarget.com">` +
		html.EscapeString(token.AccessToken.Reveal()) + `</fueloauth></Header><Body><UpdateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="AccountUser"><UserID>` +
		html.EscapeString(username) + `</UserID><Roles><Role><CustomerKey>` + role + `</CustomerKey></Role></Roles></Objects></UpdateRequest></Body></Envelope>`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, token.SOAPURL+"/Service.asmx", strings.NewReader(envelope))
	ok(t, err)
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", "Update")
	resp, err := s.http.Do(req)
	ok(t, err)
	defer func() { _ = resp.Body.Close() }() // read below
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	ok(t, err)
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "<OverallStatus>OK</OverallStatus>") {
		t.Fatalf("giving the role answered %d: %.1000s", resp.StatusCode, body)
	}
}
