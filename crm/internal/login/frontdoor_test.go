package login_test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestFrontdoorLinksOpenOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		link := func(token, target string) string {
			t.Helper()
			a := h.get("/services/oauth2/singleaccess?redirect_uri="+url.QueryEscape(target), "Authorization", "Bearer "+token)
			u, err := url.Parse(a.get("frontdoor_uri"))
			if a.status != 200 || err != nil || !strings.HasPrefix(u.String(), h.url+"/secur/frontdoor.jsp?otp=") {
				t.Fatalf("singleaccess: %v", a)
			}
			return u.RequestURI()
		}
		token := h.bearerToken()
		path := link(token, h.url+"/")
		b := h.browser()
		if a := b.get(path); !strings.Contains(a.body, "Uwe User") {
			t.Errorf("opened: %v", a)
		}
		if a := h.browser().get(path); a.status != 403 {
			t.Errorf("opened again: %d", a.status)
		}
		path = link(token, "/")
		if won := race(10, func() bool { return h.get(path).status == 303 }); won != 1 {
			t.Errorf("one link was opened %d times", won)
		}
		path = link(token, "https://evil.example/")
		if to := h.get(path).header.Get("Location"); to != "/" {
			t.Errorf("leads to %q", to)
		}
		path = link(token, "/")
		h.setClock(time.Minute)
		if a := h.get(path); a.status != 403 {
			t.Errorf("after a minute: %d", a.status)
		}
		h.setClock(0)
		otp, _ := url.ParseQuery(path[strings.IndexByte(path, '?')+1:])
		wantError(t, h.exchange(otp.Get("otp")), 400, "invalid_grant", "invalid authorization code")
		if a := h.get("/secur/frontdoor.jsp?otp=" + url.QueryEscape(h.code())); a.status != 403 {
			t.Errorf("a client's code opens the front door: %d", a.status)
		}
		if a := h.get("/secur/frontdoor.jsp?sid=" + url.QueryEscape(token)); a.status != 403 {
			t.Errorf("a session id in a link: %d", a.status)
		}
		narrow := h.exchange(h.code("scope", "openid api")).get("access_token")
		if a := h.get("/services/oauth2/singleaccess", "Authorization", "Bearer "+narrow); a.status != 403 {
			t.Errorf("without scope web: %v", a)
		}
		if a := h.get("/services/oauth2/singleaccess"); a.status != 403 || a.body != "Missing_OAuth_Token" {
			t.Errorf("without a token: %v", a)
		}
		// A user who may use the API alone gets no browser session, by this door either.
		path = link(token, "/")
		s := h.adminSession()
		only, err := h.records.Create(t.Context(), s, "PermissionSet", map[string]any{"Label": "API only", "PermissionsApiUserOnly": true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.records.Create(t.Context(), s, "PermissionSetAssignment", map[string]any{"PermissionSetId": string(only), "AssigneeId": string(h.userID(h.org.user))})
		if err != nil {
			t.Fatal(err)
		}
		if a := h.get(path); a.status != 403 || h.lastStatus(h.org.user) != "No Salesforce.com Access" {
			t.Errorf("an API-only user: %d, history %s", a.status, h.lastStatus(h.org.user))
		}
	})
}
