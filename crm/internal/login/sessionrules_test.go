package login_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/oauth"
)

// from is the house as somebody sees it who comes from an address.
func (h *house) from(ip string) *house {
	return &house{t: h.t, login: h.login, handler: h.handler, store: h.store, records: h.records, clock: h.clock, url: h.url, log: h.log, vault: h.vault, org: h.org, via: fromAddress{h.handler, ip, "test"}}
}

// works reports whether a token is taken from an address: by an API, and by SOAP.
func (h *house) works(token, ip string) bool {
	h.t.Helper()
	out := h.from(ip)
	api := out.get("/services/oauth2/userinfo", "Authorization", "Bearer "+token).status == 200
	if soap := out.soapCall(token, "getUserInfo").status == 200; soap != api {
		h.t.Errorf("from %s: userinfo %t, SOAP %t", ip, api, soap)
	}
	return api
}

func (h *house) soapCall(token, operation string) answer {
	h.t.Helper()
	return h.soap("/services/Soap/u/50.0", `<SessionHeader xmlns="urn:partner.soap.sforce.com"><sessionId>`+token+`</sessionId></SessionHeader>`, `<`+operation+` xmlns="urn:partner.soap.sforce.com"/>`)
}

const (
	inside  = "10.0.0.5" // of rangesElsewhere
	outside = "192.0.2.7"
)

// TestIPRulesOnEachRequest: an app that enforces IP restrictions does so on every use of its tokens, and the others where the
// org's setting says so, as far as their policy does not relax it (crm-wire 5.4, 6; connect-facts 2.3).
func TestIPRulesOnEachRequest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		policy := func(p org.IPRelaxation, ranges ...org.IPRange) {
			t.Helper()
			h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.IPRelaxation, a.IPRanges = p, ranges })
		}
		setting := func(on string) { h.setting("SecuritySettings.sessionSettings.enforceIpRangesEveryRequest", on) }
		policy(org.IPBypass)
		in := h.from(inside)
		code := in.exchange(in.code())
		web, refreshed := code.get("access_token"), in.refresh(code.get("refresh_token")).get("access_token")
		jwt := in.token("grant_type", jwtBearer, "assertion", in.assertion(func(c *oauth.Claims) { c.Issuer = h.org.open })).get("access_token")
		soap := in.soapLogin("50.0", h.org.user, userPassword+securityToken).tag("sessionId")
		b := in.browser()
		b.signIn(b.get("/login"), h.org.user, userPassword)
		page := func(ip string) bool {
			t.Helper()
			out := h.from(ip).browser()
			out.jar = b.jar
			return strings.Contains(out.get("/").body, h.org.user)
		}
		if web == "" || refreshed == "" || soap == "" || jwt == "" {
			t.Fatal(code)
		}
		h.rangesElsewhere(true)
		defer h.rangesElsewhere(false)
		for _, c := range []struct {
			name                       string
			every                      string
			policy                     org.IPRelaxation
			ranges                     []org.IPRange
			web, refreshed, jwt, plain bool // work from outside; plain are SOAP and the browser
		}{
			{"off, relaxed", "false", org.IPBypass, nil, true, true, true, true},
			{"off, relaxed for refresh tokens", "false", org.IPEnforceRelaxRefresh, nil, true, true, true, true},
			{"off, enforced", "false", org.IPEnforce, nil, false, false, false, true},
			{"on, relaxed", "true", org.IPBypass, nil, true, true, false, false},
			{"on, enforced", "true", org.IPEnforce, nil, false, false, false, false},
			{"on, relaxed for refresh tokens", "true", org.IPEnforceRelaxRefresh, nil, false, true, false, false},
			{"on, with a secret", "true", org.IPBypass2Factor, nil, true, true, false, false},
			{"on, allow-listed", "true", org.IPBypass2Factor, []org.IPRange{{Start: outside, End: outside}}, true, true, false, false},
			{"on, others allow-listed", "true", org.IPBypass2Factor, []org.IPRange{{Start: "192.0.2.8", End: "192.0.2.9"}}, false, false, false, false},
		} {
			policy(c.policy, c.ranges...)
			setting(c.every)
			for _, token := range []struct {
				name, token string
				want        bool
			}{{"web server", web, c.web}, {"refreshed", refreshed, c.refreshed}, {"JWT bearer", jwt, c.jwt}, {"SOAP", soap, c.plain}} {
				if !h.works(token.token, inside) {
					t.Errorf("%s: %s does not work from inside", c.name, token.name)
				}
				if got := h.works(token.token, outside); got != token.want {
					t.Errorf("%s: %s from outside: %t", c.name, token.name, got)
				}
			}
			if !page(inside) || page(outside) != c.plain {
				t.Errorf("%s: a page from inside %t, from outside %t", c.name, page(inside), page(outside))
			}
		}
		// What is refused from outside is not ended, and another process knows where a session came from.
		if p := h.anotherProcess(); !p.works(web, inside) || p.works(web, outside) {
			t.Error("another process sees it otherwise")
		}
		// An allow-listed address is let in at the token endpoint, too, and no other (connect-facts 2.3).
		policy(org.IPBypass2Factor, org.IPRange{Start: outside, End: outside})
		if a := h.from(outside).refresh(code.get("refresh_token")); a.status != 200 {
			t.Errorf("a refresh from an allow-listed address: %v", a)
		}
		wantError(t, h.from("192.0.2.8").refresh(code.get("refresh_token")), 400, "invalid_grant", "ip restricted or invalid login hours")
	})
}

// TestLockedSessions work from the address, browsers at the host, that they were made from (crm-wire 6).
func TestLockedSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.setting("SecuritySettings.enableAdminLoginAsAnyUser", "true")
		in := h.from(inside)
		bearer, soap := in.bearerToken(), in.soapLogin("50.0", h.org.user, userPassword+securityToken).tag("sessionId")
		b := in.browser()
		b.follow(b.signIn(b.get("/login"), h.org.admin, adminPassword))
		b.post("/servlet/servlet.su", form("suorgadminid", string(h.userID(h.org.user))))
		as := b.cookie("crm-sid")
		if as == b.cookie("crm-admin") || !h.live(as) {
			t.Fatal("nobody is logged in as the user")
		}
		for _, lock := range []string{"false", "true", "false"} {
			h.setting("SecuritySettings.sessionSettings.lockSessionsToIp", lock)
			for name, token := range map[string]string{"OAuth": bearer, "SOAP": soap, "login as": as} {
				if !h.works(token, inside) || h.works(token, outside) != (lock == "false") {
					t.Errorf("locked %s: %s from inside %t, from outside %t", lock, name, h.works(token, inside), h.works(token, outside))
				}
				if _, err := h.login.Authenticate(t.Context(), token, org.Origin{IP: "::ffff:" + inside, Host: "127.0.0.1"}); err != nil {
					t.Errorf("locked %s: %s from the address in its other spelling: %v", lock, name, err)
				}
			}
		}
		h.setting("SecuritySettings.sessionSettings.lockSessionsToIp", "true")
		if p := h.anotherProcess(); !p.works(bearer, inside) || p.works(bearer, outside) {
			t.Error("another process sees it otherwise")
		}
		// A link is opened wherever the person is, which need not be where his program runs.
		link, a := in.singleAccess(bearer)
		other := h.from(outside).browser()
		if a := other.get(link); a.status != 200 || !strings.Contains(a.body, h.org.user) {
			t.Errorf("a frontdoor link from elsewhere: %v, %v", a, link)
		}
		if _, err := h.login.Authenticate(t.Context(), other.cookie("crm-sid"), org.Origin{IP: inside, Host: "127.0.0.1"}); err == nil {
			t.Errorf("the browser's session works where the program's does: %v", a)
		}
		h.setting("SecuritySettings.sessionSettings.lockSessionsToIp", "false")
		// A new org locks browsers to the host.
		at := func(token, host string) bool {
			_, err := h.login.Authenticate(t.Context(), token, org.Origin{IP: outside, Host: host})
			return err == nil
		}
		for _, lock := range []string{"", "false", "true"} {
			if lock != "" {
				h.setting("SecuritySettings.sessionSettings.lockSessionsToDomain", lock)
			}
			if !at(as, "127.0.0.1:1234") || at(as, "acme.my.localhost") != (lock == "false") || !at(bearer, "acme.my.localhost") {
				t.Errorf("locked to the domain %q: at home %t, elsewhere %t, a program %t", lock, at(as, "127.0.0.1:1234"), at(as, "acme.my.localhost"), at(bearer, "acme.my.localhost"))
			}
		}
		if _, err := h.anotherProcess().login.Authenticate(t.Context(), as, org.Origin{IP: inside, Host: "acme.my.localhost"}); err == nil {
			t.Error("another process does not know the host")
		}
	})
}

// TestLoginHistorySaysWhere: the My Domain that was called, even another org's, and the browser and its machine (crm-wire 5.2).
func TestLoginHistorySaysWhere(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		out := h.from(inside)
		out.via = fromAddress{h.handler, inside, "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
		for _, host := range []string{"elsewhere.my.localhost", strings.TrimPrefix(h.url, "http://")} {
			out.url = "http://" + host
			out.soapLogin("50.0", h.org.user, userPassword+securityToken)
			var at, browser, platform string
			err := h.store.DB().QueryRow(t.Context(), `SELECT login_url, browser, platform FROM login_history ORDER BY login_time DESC, id DESC LIMIT 1`).Scan(&at, &browser, &platform)
			if err != nil || at != host || browser != "Firefox 128" || platform != "Linux" {
				t.Errorf("at %s: %v, %s with %s on %s", host, err, at, browser, platform)
			}
			h.advance(time.Second)
		}
		if a := h.soap("/services/Soap/T/60.0", "", `<describeGlobal xmlns="urn:tooling.soap.sforce.com"/>`); a.status != 500 || !strings.Contains(a.body, "FUNCTIONALITY_NOT_ENABLED") || !strings.Contains(a.body, "/tooling") {
			t.Errorf("the Tooling API by SOAP: %v", a)
		}
	})
}

// TestRelogin: whoever leaves a login as another user logs in anew, or is himself again where the org does not mind (crm-wire 6).
func TestRelogin(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		b := h.loginAs(h.org.user)
		own := b.cookie("crm-admin")
		foreign := h.request(http.MethodPost, "/secur/logout.jsp", "", formContent)
		foreign.Header.Set("Sec-Fetch-Site", "cross-site")
		if a := b.do(foreign); a.status != 403 || !h.live(own) || b.cookie("crm-admin") != own {
			t.Errorf("another site's form: %v, own session %t", a, h.live(own))
		}
		if a := b.post("/secur/logout.jsp", nil); a.hidden("tx") == "" || h.live(own) || b.cookie("crm-sid") != "" || b.cookie("crm-admin") != "" {
			t.Errorf("leaving: %v, own session %t", a, h.live(own))
		}
		h.setting("SecuritySettings.sessionSettings.forceRelogin", "false")
		b = h.loginAs(h.org.user)
		own = b.cookie("crm-admin")
		if a := b.do(h.request(http.MethodPost, "/secur/logout.jsp", "", formContent)); a.header.Get("Location") != "/setup/users" || b.cookie("crm-sid") != own || !h.live(own) {
			t.Errorf("leaving without: %v, own session %t", a, h.live(own))
		}
	})
}

// TestPagesGiveWay: what is on a page goes when its session times out, and no window keeps a session alive by that (crm-wire 6,
// forceLogoutOnSessionTimeout).
func TestPagesGiveWay(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		b := h.browser()
		b.signIn(b.get("/login"), h.org.user, userPassword)
		next := func(path string) (after string, to string) {
			t.Helper()
			after, to, _ = strings.Cut(b.get(path).header.Get("Refresh"), "; url=")
			return after, to
		}
		after, to := next("/_ui/system/security/ChangePassword?x=1")
		if after != "7200" || to != "/secur/sessiontimeout.jsp?startURL=%2F_ui%2Fsystem%2Fsecurity%2FChangePassword%3Fx%3D1" {
			t.Fatalf("a page leaves after %q for %q", after, to)
		}
		h.advance(time.Hour)
		if after, _ := next("/"); after != "7200" {
			t.Errorf("a page in use leaves after %q", after)
		}
		h.advance(time.Hour)
		if a := b.get(to); !strings.Contains(a.body, "another window") || !strings.HasPrefix(a.header.Get("Refresh"), "3600; ") {
			t.Errorf("while the session goes on: %v %v", a, a.header)
		}
		h.advance(time.Hour)
		if a := b.get(to); a.hidden("tx") == "" || !strings.Contains(a.body, "timed out") || a.header.Get("Refresh") != "" {
			t.Errorf("when it is over: %v", a)
		}
		a := b.signIn(b.get(to), h.org.user, userPassword)
		if !strings.Contains(a.body, "Change My Password") {
			t.Errorf("a new login leads to %v", a)
		}
		h.setting("SecuritySettings.sessionSettings.forceLogoutOnSessionTimeout", "false")
		if after, _ := next("/"); after != "" {
			t.Errorf("without the setting a page leaves after %q", after)
		}
		if a := b.get("/secur/sessiontimeout.jsp?startURL=https://evil.example/"); strings.Contains(a.body, "evil") {
			t.Errorf("it leads away: %v", a)
		}
	})
}
