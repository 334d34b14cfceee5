package login_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/mail"
)

// soapPassword calls changeOwnPassword.
func (h *house) soapPassword(token, old string) answer {
	h.t.Helper()
	return h.soap("/services/Soap/u/50.0", sessionHeader(token),
		`<changeOwnPassword xmlns="urn:partner.soap.sforce.com"><oldPassword>`+escapeXML(old)+`</oldPassword><newPassword>another-pass-1</newPassword></changeOwnPassword>`)
}

func (b *browser) changePassword(old string) answer {
	b.h.t.Helper()
	return b.post("/_ui/system/security/ChangePassword", form("old_password", old, "new_password", "another-pass-1", "confirm_password", "another-pass-1"))
}

// TestPasswordPagesAreThrottled: pages and calls about passwords refuse too many tries as logins do, with the time to wait
// (LG-02, LG-04, LG-09).
func TestPasswordPagesAreThrottled(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, whole *house) {
		token := whole.soapLogin("50.0", whole.org.user, userPassword+securityToken).tag("sessionId")
		const dead = "/secur/setpassword.jsp?code=nonsense"
		for name, try := range map[string]func(h *house, b *browser) answer{
			"forgot, of anybody": func(h *house, b *browser) answer {
				return b.post("/secur/forgotpassword.jsp", form("username", "a@b.example"))
			},
			"a dead link": func(h *house, b *browser) answer { return b.get(dead) },
			"a dead link's form": func(h *house, b *browser) answer {
				return b.post("/secur/setpassword.jsp", form("code", "nonsense", "new_password", "another-pass-1", "confirm_password", "another-pass-1"))
			},
			"SOAP": func(h *house, b *browser) answer { return h.soapPassword(token, "wrong") },
		} {
			h := whole.limited(org.LoginLimits{FailuresPerMinute: 1, MailsPerHour: 1000})
			b := h.browser()
			for i := range 10 { // ten times as many from loopback
				if a := try(h, b); a.header.Get("Retry-After") != "" {
					t.Fatalf("%s: refused at once, %d: %v", name, i, a)
				}
			}
			a := try(h, b)
			want := http.StatusTooManyRequests
			if name == "SOAP" {
				want = http.StatusInternalServerError
			}
			if a.status != want || a.header.Get("Retry-After") == "" {
				t.Errorf("%s: %d, Retry-After %q", name, a.status, a.header.Get("Retry-After"))
			}
			if name == "SOAP" && a.tag("sf:exceptionCode") != "REQUEST_LIMIT_EXCEEDED" {
				t.Errorf("SOAP: %v", a)
			}
			// What is about links and passwords shares its bucket with logins.
			if a := h.soapLogin("50.0", h.org.admin, adminPassword+securityToken); a.tag("sf:exceptionCode") != "REQUEST_LIMIT_EXCEEDED" {
				t.Errorf("%s: a login from there: %v", name, a)
			}
			whole.advance(time.Minute)
			if a := try(h, b); a.header.Get("Retry-After") != "" {
				t.Errorf("%s: a minute later: %v", name, a)
			}
			whole.advance(20 * time.Minute) // over any lockout
		}
		// One user's mailbox is not flooded, and it shows nothing of who is a user.
		h := whole.limited(org.LoginLimits{MailsPerHour: 2})
		var bodies []string
		for _, user := range []string{h.org.user, "nobody@nowhere.example"} {
			for i := range 3 {
				a := h.browser().post("/secur/forgotpassword.jsp", form("username", user))
				if want := map[bool]int{true: 429, false: 200}[i == 2]; a.status != want || (a.header.Get("Retry-After") != "") != (i == 2) {
					t.Errorf("%s, %d: %v", user, i, a)
				}
				bodies = append(bodies, a.body)
			}
		}
		if !slices.Equal(bodies[:3], bodies[3:]) {
			t.Error("the pages tell who is a user")
		}
	})
}

// TestParallelGuesses: guesses that come at once, of as many names, are answered no more often than those that come one
// after the other (LG-04).
func TestParallelGuesses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, whole *house) {
		h := whole.limited(org.LoginLimits{FailuresPerMinute: 1}) // ten from loopback
		password := strings.Repeat("x", 2000)                     // too long to be hashed, so that the test is quick
		var told, refused atomic.Int64
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				user := fmt.Sprintf("nobody-%d@nowhere.example", i)
				if i == 0 {
					user = h.org.user
				}
				switch a := h.token("grant_type", "password", "client_id", h.org.open, "client_secret", appSecret, "username", user, "password", password); {
				case a.status == 400 && a.get("error") == "invalid_grant":
					told.Add(1)
				case a.status == 429 && a.header.Get("Retry-After") == "60":
					refused.Add(1)
				case a.status != http.StatusServiceUnavailable: // a slow machine's answer to who waited
					t.Errorf("%v", a)
				}
			})
		}
		all.Wait()
		if told.Load() > 10 || told.Load() < 10 && refused.Load() > 0 {
			t.Errorf("%d told, %d refused", told.Load(), refused.Load())
		}
		// Who is right is not refused for coming together with others.
		whole.advance(time.Minute)
		for range 15 {
			all.Go(func() {
				if a := h.soapLogin("50.0", h.org.admin, adminPassword+securityToken); a.tag("sf:exceptionCode") == "REQUEST_LIMIT_EXCEEDED" {
					t.Errorf("the right password: %v", a)
				}
			})
		}
		all.Wait()
	})
}

// TestWrongOldPasswordsLockOut: a password is guessed no better by changing it than by logging in.
func TestWrongOldPasswordsLockOut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		b.signIn(b.get("/login"), h.org.user, userPassword)
		token := h.soapLogin("50.0", h.org.user, userPassword+securityToken).tag("sessionId")
		for i := range org.MaxLoginAttempts {
			if i%2 == 0 {
				if a := b.changePassword("wrong"); !strings.Contains(a.body, "Your old password is invalid.") {
					t.Fatalf("the page: %v", a)
				}
			} else if a := h.soapPassword(token, "wrong"); a.tag("sf:exceptionCode") != "INVALID_OLD_PASSWORD" {
				t.Fatalf("SOAP: %v", a)
			}
		}
		if a := h.soapPassword(token, userPassword); a.tag("sf:exceptionCode") != "INVALID_OLD_PASSWORD" {
			t.Errorf("the right one during the lockout: %v", a)
		}
		h.soapLogin("50.0", h.org.user, userPassword+securityToken)
		if got := h.lastStatus(h.org.user); got != org.StatusPasswordLockout {
			t.Errorf("a login then: %s", got)
		}
		h.advance(org.LockoutInterval)
		if a := h.soapPassword(token, userPassword); a.status != 200 {
			t.Errorf("after the lockout: %v", a)
		}
	})
}

// postbox takes mails and forgets them.
type postbox struct{}

func (postbox) Send(context.Context, mail.Message) error { return nil }

// TestNobodyCostsAWriteToo: a login of a name that nobody has costs the hash and the writes that a wrong password costs, and
// a forgotten password of nobody's the write. What is written is soon gone.
func TestNobodyCostsAWriteToo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		rows := func(orgID org.ID) (n int) {
			t.Helper()
			if err := h.store.DB().QueryRow(t.Context(), `SELECT COUNT(*) FROM login_history WHERE org_id = $1`, string(orgID)).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for name, try := range map[string]func(user string){
			"SOAP": func(user string) { h.soapLogin("50.0", user, "wrong") },
			"password": func(user string) {
				h.token("grant_type", "password", "client_id", h.org.open, "client_secret", appSecret, "username", user, "password", "wrong")
			},
			"page": func(user string) {
				b := h.browser()
				b.signIn(b.get("/login"), user, "wrong")
			},
		} {
			nobody, org := rows(""), rows(h.org.id)
			try("nobody@nowhere.example")
			if n := rows("") - nobody; n != 2 || rows(h.org.id) != org {
				t.Errorf("%s: a name that nobody has costs %d rows, a wrong password counts and leaves a row", name, n)
			}
			try(h.org.user)
			if rows("")-nobody != 2 || rows(h.org.id) != org+1 {
				t.Errorf("%s: a wrong password leaves other rows", name)
			}
		}
		// So it is where nobody is ever locked out and no failures are counted.
		if _, err := h.exec(`UPDATE organization SET settings = $2 WHERE id = $1`, string(h.org.id), `{"passwords":{"max_login_attempts":"NoLimit"}}`); err != nil {
			t.Fatal(err)
		}
		h.login.SetupChanged(h.org.id)
		nobody := rows("")
		h.soapLogin("50.0", "nobody@nowhere.example", "wrong")
		asNobody, org := rows("")-nobody, rows(h.org.id)
		h.soapLogin("50.0", h.org.user, "wrong")
		if n := rows("") - nobody - asNobody + rows(h.org.id) - org; asNobody != 2 || n != 2 {
			t.Errorf("without a limit of attempts a name that nobody has costs %d rows, a user's %d", asNobody, n)
		}
		m := h.with(func(o *loginOptions) { o.Mail = postbox{} })
		before := rows("")
		if a := m.browser().post("/secur/forgotpassword.jsp", form("username", "nobody@nowhere.example")); a.status != 200 || rows("") != before+1 {
			t.Errorf("a forgotten password of nobody's: %d rows, %v", rows("")-before, a)
		}
		kept := rows(h.org.id)
		for at, more := (sqlstore.HistoryPlace{}), true; more; more = at != (sqlstore.HistoryPlace{}) {
			var err error
			if at, _, err = h.store.PurgeHistory(t.Context(), at, 5); err != nil {
				t.Fatal(err)
			}
		}
		if rows("") != 0 || rows(h.org.id) != kept {
			t.Errorf("swept: %d rows of nobody, %d of %d of the org", rows(""), rows(h.org.id), kept)
		}
	})
}
