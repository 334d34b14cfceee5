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
)

// permissionStory is the second case of document 000, from symptom to cure: integrated without the right to send, granted
// it afterwards, still refused, cleared, mapped again, and the send arrives.
func (s *suite) permissionStory(t *testing.T) {
	tab := s.ConnectURL + "/marketing-cloud"
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
	s.giveRole(t, s.TenantOther.Username, "SYS_DEF_IMHPUBLISHER")
	s.calls.want(t, "POST", "/api/v1/sends/test", test, 200, "status", "not_sent")
	s.calls.want(t, "GET", "/api/v1/users/"+s.Outsider.Username, nil, 200, "state", "stale")
	wantNames(t, s.usersIn(t, "stale", 1), s.Outsider.Username)

	status, cleared := s.calls.do(t, "POST", "/api/v1/users/clear", "clear-story", map[string]any{"all": true, "state": "stale", "reason": "may send now"})
	if list, _ := cleared["cleared"].([]any); status != 200 || len(list) != 1 {
		t.Fatalf("clearing answered %d %v", status, cleared)
	}
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
