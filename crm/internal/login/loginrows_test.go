package login_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// A login in a version that has none is in the user's Login History, and costs as much for a name that nobody has.
func TestRetiredVersionsAreInLoginHistory(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		for _, version := range []string{"30.0", "66.0"} {
			before := len(h.history(h.org.user))
			if a := h.soapLogin(version, h.org.user, userPassword+securityToken); a.tag("faultcode") != "UNSUPPORTED_API_VERSION" {
				t.Errorf("%s: %v", version, a)
			}
			if got := h.history(h.org.user); len(got) != before+1 || got[before] != org.StatusVersionRemoved {
				t.Errorf("%s leaves %v", version, got)
			}
		}
		nobody := func() (n int) {
			if err := h.store.DB().QueryRow(t.Context(), `SELECT COUNT(*) FROM login_history WHERE org_id = ''`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := nobody()
		h.soapLogin("30.0", "nobody@nowhere.example", "x")
		if nobody() != before+1 {
			t.Error("a name that nobody has costs less")
		}
		// Nothing is proved by such a call, so it does not fill anybody's history.
		limited := h.limited(org.LoginLimits{FailuresPerMinute: 1})
		kept := len(h.history(h.org.user))
		for range 15 {
			limited.soapLogin("30.0", h.org.user, "x")
		}
		if n := len(h.history(h.org.user)) - kept; n != 10 {
			t.Errorf("15 calls from one network leave %d rows", n)
		}
	})
}

// Logins that are refused because there were too many leave one row for a window, whatever door they come by: of the user whose
// name it is, and where the network's limit refused them, of each name once (LG-07).
func TestThrottledLoginsLeaveOneRow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, whole *house) {
		nobody := func() (n int) {
			t.Helper()
			if err := whole.store.DB().QueryRow(t.Context(), `SELECT COUNT(*) FROM login_history WHERE org_id = '' AND status = $1`, org.StatusRateExceeded).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		rows := func(user string) (n int) {
			t.Helper()
			for _, status := range whole.history(user) {
				if status == org.StatusRateExceeded {
					n++
				}
			}
			return n
		}
		try := func(h *house, user string) {
			t.Helper()
			b := h.browser()
			for _, a := range []answer{
				h.soapLogin("50.0", user, "wrong"), b.signIn(b.get("/login"), user, "wrong"),
				h.token("grant_type", "password", "client_id", h.org.open, "client_secret", appSecret, "username", user, "password", "wrong"),
			} {
				if a.header.Get("Retry-After") == "" {
					t.Fatalf("%s is not throttled: %v", user, a)
				}
			}
		}
		of := whole.limited(org.LoginLimits{UserPerHour: 1})
		of.soapLogin("50.0", whole.org.user, userPassword+securityToken)
		of.soapLogin("50.0", "nobody@nowhere.example", "x")
		for range 2 {
			try(of, whole.org.user)
			try(of, "Nobody@nowhere.example")
		}
		if rows(whole.org.user) != 1 || nobody() != 1 {
			t.Errorf("by name: %d rows, %d of nobody", rows(whole.org.user), nobody())
		}
		whole.advance(time.Hour)
		of.soapLogin("50.0", whole.org.user, userPassword+securityToken)
		try(of, whole.org.user)
		if rows(whole.org.user) != 2 {
			t.Errorf("an hour later: %d rows", rows(whole.org.user))
		}

		net := whole.limited(org.LoginLimits{FailuresPerMinute: 1})
		for range 10 {
			net.browser().get("/secur/setpassword.jsp?code=nonsense")
		}
		for range 2 {
			try(net, whole.org.user)
			try(net, whole.org.admin)
		}
		if rows(whole.org.user) != 3 || rows(whole.org.admin) != 1 {
			t.Errorf("by network: %d and %d rows", rows(whole.org.user), rows(whole.org.admin))
		}
		for i := range 15 { // and not more of them than passwords may be wrong
			net.soapLogin("50.0", fmt.Sprintf("nobody-%d@nowhere.example", i), "x")
		}
		if nobody() != 1+8 {
			t.Errorf("%d rows of nobody", nobody())
		}
	})
}

// An app that was blocked while the consent page was open is refused there, and the user's Login History says so.
func TestRefusedConsentIsInLoginHistory(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		b := h.browser()
		page := b.signIn(b.get(h.authorize()), h.org.user, userPassword)
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Blocked = true })
		if a := b.allow(page); !strings.Contains(a.header.Get("Location"), "OAUTH_APP_BLOCKED") {
			t.Errorf("consent: %v %v", a, a.header)
		}
		if got := h.history(h.org.user); !slices.Contains(got, org.StatusAppBlocked) {
			t.Errorf("history %v", got)
		}
	})
}

// What a client calls itself is cut to what the field holds, before anything is known of it.
func TestClientNamesAreCut(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		login := func(client string) answer {
			return h.soap("/services/Soap/u/50.0", `<CallOptions xmlns="urn:partner.soap.sforce.com"><client>`+escapeXML(client)+`</client></CallOptions>`,
				fmt.Sprintf(`<login xmlns="urn:partner.soap.sforce.com"><username>%s</username><password>wrong</password></login>`, h.org.user))
		}
		for client, want := range map[string]string{
			"simple-salesforce/1": "simple-salesforce/1", strings.Repeat("x", 5000): strings.Repeat("x", 80), "a\tb\u202eü": "a?b??",
		} {
			if a := login(client); a.tag("faultcode") != "INVALID_LOGIN" {
				t.Errorf("%.20q: %v", client, a)
			}
			var got string
			if err := h.store.DB().QueryRow(t.Context(), `SELECT application FROM login_history WHERE user_id = $1 ORDER BY id DESC LIMIT 1`, string(h.userID(h.org.user))).Scan(&got); err != nil || got != want {
				t.Errorf("%.20q is kept as %.100q %v", client, got, err)
			}
		}
		if a := login(strings.Repeat("x", 100_000)); a.status != 413 {
			t.Errorf("a text of 100,000 characters: %d", a.status)
		}
	})
}
