package login_test

import (
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// replicas are two auth hosts on one PostgreSQL database.
func replicas(t *testing.T) (a, b *house) {
	t.Helper()
	t.Parallel()
	dsn, spec := sqldbtest.DSN(t, "postgres"), tenanttest.Spec()
	a = newHouse(t, dsn, spec)
	a.make(spec)
	return a, newHouse(t, dsn, spec)
}

// soon waits until the condition holds, for what caches allow and a busy machine takes.
func (h *house) soon(what string, holds func() bool) {
	h.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			h.Fatalf("%s: not within a minute", what)
		}
	}
}

func TestReplicasAgreeOnAssertions(t *testing.T) {
	a, b := replicas(t)
	a.sign(a.Connect, a.Sender)
	b.soon("the grant is known", func() bool { return b.token(b.assert(b.Sender, nil)).status == 200 })
	for range 10 {
		jti := oauth.NewToken(16)
		got := make(chan int, 10)
		var all sync.WaitGroup
		for i := range cap(got) {
			h := []*house{a, b}[i%2]
			q := h.assert(h.Sender, func(c *oauth.Claims) { c.ID = jti })
			all.Go(func() { got <- h.token(q).status })
		}
		all.Wait()
		close(got)
		won := 0
		for status := range got {
			if status == 200 {
				won++
			} else if status != 400 {
				t.Errorf("status %d", status)
			}
		}
		if won != 1 {
			t.Fatalf("%d of 10 spent one assertion", won)
		}
	}
}

func TestReplicasAgreeOnCodesAndRefreshTokens(t *testing.T) {
	a, b := replicas(t)
	f := a.flow(a.Public)
	browser := a.browser()
	browser.signIn(f, a.Sender, tenanttest.Password)
	for range 5 {
		f := a.flow(a.Public)
		code := browser.back(f, browser.get(f.path())).Get("code")
		one := a.token(a.exchange(f, code))
		a.granted(one)
		refresh := func(h *house) answer {
			return h.token(m{"grant_type": "refresh_token", "client_id": h.Public, "refresh_token": one.str("refresh_token")})
		}
		answers := make([]answer, 8)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = refresh([]*house{a, b}[i%2]) })
		}
		all.Wait()
		for _, got := range answers {
			a.granted(got)
			if got.str("refresh_token") != answers[0].str("refresh_token") {
				t.Fatal("two successors of one refresh token")
			}
		}
		b.refused(b.token(b.exchange(f, code)), 400, "invalid_grant")
		a.soon("the family ends", func() bool { return !a.alive(one.str("access_token")) })
	}
}

func TestReplicasFollow(t *testing.T) {
	a, b := replicas(t)
	api := a.sign(a.Connect, a.API).str("access_token")
	a.sign(a.Connect, a.Sender)
	token := a.granted(a.token(a.assert(a.Sender, nil)))
	if !b.alive(token) {
		t.Fatal("a token of one is unknown to the other")
	}
	if got := a.call("DELETE", "/v2/grants/"+url.PathEscape(a.Sender), api, ""); got.status != 204 {
		t.Fatalf("clearing: %d %s", got.status, got.text)
	}
	b.soon("the cleared grant", func() bool { return !b.alive(token) })
	b.soon("no more tokens", func() bool { return b.token(b.assert(b.Sender, nil)).status == 400 })
	a.activate(a.Connect, false)
	b.soon("the disabled package", func() bool { return !b.alive(api) })
}
