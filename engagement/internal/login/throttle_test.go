package login_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/login"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/fault"
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
