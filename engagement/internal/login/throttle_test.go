package login_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/login"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestGuessersWait: after 30 wrong credentials in a minute a network gets no answer to right ones either, and another
// network notices nothing (security CD-12, LG-04).
func TestGuessersWait(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sqldbtest.DSN(t, "sqlite"), tenanttest.Spec())
	h.make(h.House)
	front := login.Callers(h.handler)
	ask := func(from, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, login.TokenPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		front.ServeHTTP(w, r)
		return w
	}
	right := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q}`, h.Server, tenanttest.ServerSecret)
	for i := range 30 {
		body := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":"guess-%d"}`, h.Server, i)
		if i%3 == 1 {
			body = fmt.Sprintf(`{"grant_type":"authorization_code","client_id":%q,"client_secret":%q,"code":"guess-%d","redirect_uri":%q}`, h.Web, tenanttest.WebSecret, i, tenanttest.RedirectURI)
		}
		if w := ask(fmt.Sprintf("203.0.113.%d:999", i), body); w.Code != 401 && w.Code != 400 {
			t.Fatalf("guess %d: %d %s", i, w.Code, w.Body)
		}
	}
	w := ask("203.0.113.200:1", right)
	if wait, err := strconv.Atoi(w.Header().Get("Retry-After")); w.Code != 429 || !strings.Contains(w.Body.String(), `"errorcode":50200`) || err != nil || wait < 1 || wait > 60 {
		t.Errorf("a guesser's neighbour: %d %s %v", w.Code, w.Body, w.Header())
	}
	for _, from := range []string{"203.0.114.1:1", "[2001:db8::1]:1"} {
		if w := ask(from, right); w.Code != 200 {
			t.Errorf("%s: %d %s", from, w.Code, w.Body)
		}
	}
	// What only the holder of the right key meets is no guess.
	for range 40 {
		if w := ask("198.51.100.1:1", strings.Replace(right, `"grant`, `"scope":"sms_send","grant`, 1)); w.Code != 400 {
			t.Fatalf("a scope: %d %s", w.Code, w.Body)
		}
	}
}

// TestSprayersWait: passwords tried on many names from one network are not even looked at after 30 in a minute, and lock
// nobody.
func TestSprayersWait(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sqldbtest.DSN(t, "sqlite"), tenanttest.Spec())
	h.make(h.House)
	ctx := tenant.WithAddress(t.Context(), netip.MustParseAddr("203.0.113.7"))
	for i := range 30 {
		name := fmt.Sprintf("nobody-%d@example.com", i)
		if i == 7 {
			name = h.Sender
		}
		if _, err := h.signIns.Check(ctx, name, "Spring2026!"); fault.CodeOf(err) != tenant.CodeLoginFailed {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if _, err := h.signIns.Check(ctx, h.Sender, tenanttest.Password); fault.CodeOf(err) != tenant.CodeAddressRate {
		t.Errorf("from the same network: %v", err)
	}
	if _, err := h.signIns.CheckAPI(ctx, h.API, tenanttest.Password); fault.CodeOf(err) != tenant.CodeAddressRate {
		t.Errorf("by SOAP: %v", err)
	}
	if _, err := h.signIns.Check(tenant.WithAddress(t.Context(), netip.MustParseAddr("198.51.100.7")), h.Sender, tenanttest.Password); err != nil {
		t.Errorf("from another network: %v", err)
	}
}

// TestParallelSprayers: passwords tried on many names at once are looked at no more often than one after the other, and
// token requests likewise (security LG-04).
func TestParallelSprayers(t *testing.T) {
	each(t, func(h *house) {
		ctx := tenant.WithAddress(h.Context(), netip.MustParseAddr("203.0.113.7"))
		password := strings.Repeat("x", 5000) // too long to be hashed, so that the test is quick
		var told, refused atomic.Int64
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				_, err := h.signIns.Check(ctx, fmt.Sprintf("nobody-%d@example.com", i), password)
				switch fault.CodeOf(err) {
				case tenant.CodeLoginFailed:
					told.Add(1)
				case tenant.CodeAddressRate:
					refused.Add(1)
				default:
					if fault.KindOf(err) != fault.Unavailable { // a slow machine's answer to who waited
						h.Error(err)
					}
				}
			})
		}
		all.Wait()
		if told.Load() > 30 || told.Load() < 30 && refused.Load() > 0 {
			h.Errorf("%d told, %d refused", told.Load(), refused.Load())
		}
		front := login.Callers(h.handler)
		codes := make([]atomic.Int64, 600)
		for i := range 60 {
			all.Go(func() {
				body := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":"guess-%d"}`, h.Server, i)
				r := httptest.NewRequestWithContext(h.Context(), http.MethodPost, login.TokenPath, strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.RemoteAddr = "198.51.100.1:1"
				w := httptest.NewRecorder()
				front.ServeHTTP(w, r)
				codes[w.Code].Add(1)
			})
		}
		all.Wait()
		if codes[401].Load() != 30 || codes[429].Load() != 30 {
			h.Errorf("token requests: %d told, %d refused", codes[401].Load(), codes[429].Load())
		}
	})
}

// TestWrongOnesInARow: a right password of an API user, who never signs in, ends his row of wrong ones.
func TestWrongOnesInARow(t *testing.T) {
	each(t, func(h *house) {
		ctx := h.Context()
		failed := func() int {
			h.Helper()
			u, err := h.store.UserByUsername(ctx, tenant.FoldUsername(h.API))
			if err != nil {
				h.Fatal(err)
			}
			return u.FailedLogins
		}
		for i := range 2 {
			if _, err := h.signIns.CheckAPI(ctx, h.API, "wrong"); fault.CodeOf(err) != tenant.CodeLoginFailed || failed() != i+1 {
				h.Fatalf("%v, %d wrong ones", err, failed())
			}
		}
		u, err := h.signIns.CheckAPI(ctx, h.API, tenanttest.Password)
		if err != nil || failed() != 0 || u.LastLogin != (time.Time{}) {
			h.Errorf("%v, %d wrong ones after a right one, last login %s", err, failed(), u.LastLogin)
		}
	})
}

// TestNobodyCostsAWriteToo: a name that nobody has, and a user who may not sign in, cost a write as a wrong password does.
func TestNobodyCostsAWriteToo(t *testing.T) {
	each(t, func(h *house) {
		ctx := h.Context()
		written := func() (n int64) {
			h.Helper()
			if err := h.store.DB().QueryRow(ctx, `SELECT COALESCE(SUM(failed_logins), 0) FROM login_nobody`).Scan(&n); err != nil {
				h.Fatal(err)
			}
			return n
		}
		h.sql(`UPDATE account_user SET is_active = 0 WHERE eid = $1 AND username = $2`, int64(h.EID), h.Sender)
		for i, try := range []struct{ name, password string }{
			{"nobody@example.com", "x"}, {"nobody@example.com", "x"}, {"mütter@example.com", "x"}, {h.Sender, "x"}, {h.Sender, tenanttest.Password},
		} {
			if _, err := h.signIns.Check(ctx, try.name, try.password); fault.CodeOf(err) != tenant.CodeLoginFailed || written() != int64(i+1) {
				h.Errorf("%s: %v, %d writes", try.name, err, written())
			}
		}
	})
}

// TestOthersBudget: whoever has a package's client id and not its secret uses up nothing of its rate, and where a package
// has no secret a network uses up its own.
func TestOthersBudget(t *testing.T) {
	each(t, func(h *house) {
		h.sign(h.Connect, h.Sender)
		h.sql(`UPDATE tenant SET settings = $2 WHERE eid = $1`, int64(h.EID), `{"tokens_per_minute":1}`)
		old := h.assert(h.Sender, func(c *oauth.Claims) { c.Expires = h.clock.Now(h.EID).Add(-time.Hour) }) // that somebody found
		for name, q := range map[string]struct{ wrong, replayed, right m }{
			"secret":    {h.server(m{"client_secret": "guess"}), nil, h.server(nil)},
			"signature": {m{"grant_type": oauth.GrantJWTBearer, "assertion": h.assert(h.Sender, nil)["assertion"].(string) + "x"}, old, h.assert(h.Sender, nil)},
		} {
			for i := range 4 {
				if i%2 == 1 && q.replayed != nil {
					q.wrong, q.replayed = q.replayed, q.wrong
				}
				if a := h.token(q.wrong); a.status != 401 && a.status != 400 {
					h.Fatalf("%s: a guess: %d %s", name, a.status, a.text)
				}
			}
			h.granted(h.token(q.right))
			if a := h.token(q.right); a.status != 429 {
				h.Errorf("%s: beyond it: %d %s", name, a.status, a.text)
			}
		}
	})
}

// TestTokenBudget is CL-16 of the security reference: without any setting a server-to-server package has 4,000 tokens in 20
// minutes, and people's packages are not counted. A setting of the tenant stands in its place.
func TestTokenBudget(t *testing.T) {
	each(t, func(h *house) {
		ask := func() answer {
			return h.token(m{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": tenanttest.ServerSecret})
		}
		h.granted(ask())
		for range tenant.TokenBudget - 2 {
			if !h.budget.Take(h.Server, tenant.TokenBudget) {
				h.Fatal("out of budget too early")
			}
		}
		h.granted(ask())
		a := ask()
		if a.status != 429 || a.header.Get("Retry-After") != "5" || !strings.Contains(a.text, `"errorcode":50100`) || a.str("message") != "Rate limit exceeded" {
			h.Errorf("beyond it: %d %v %s", a.status, a.header, a.text)
		}
		h.sign(h.Web, h.Sender)
		h.sql(`UPDATE tenant SET settings = $2 WHERE eid = $1`, int64(h.EID), `{"tokens_per_minute":1000000}`)
		h.granted(ask())
	})
}
