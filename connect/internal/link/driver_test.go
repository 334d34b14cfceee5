package link_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

var (
	system  = linktest.Person{ID: "005000000000001AAA", Username: "system@org.example", Password: "s1"}
	ann     = linktest.Person{ID: "005000000000002AAA", Username: "ann@org.example", Password: "a1"}
	apiUser = linktest.Person{ID: "700001", Username: "mc-api-user", Password: "p1"}
	annMC   = linktest.Person{ID: "700002", Username: "Ann.MC", Password: "p2"}
)

// legacyWorld is a pair that is connected by passwords, with two services on one database, as two processes have them.
type legacyWorld struct {
	org    *linktest.Org
	tenant *linktest.Tenant
	store  *sqlstore.Store
	both   [2]*link.Service
	vault  *vault.Vault
}

func newLegacyWorld(t *testing.T, kind string) *legacyWorld {
	t.Helper()
	return newLegacyWorldAt(t, sqldbtest.DSN(t, kind))
}

func newLegacyWorldAt(t *testing.T, dsn string) *legacyWorld {
	t.Helper()
	w := &legacyWorld{org: linktest.NewOrg(t, []linktest.Person{system, ann}), tenant: linktest.NewTenant(t, []linktest.Person{apiUser, annMC})}
	w.tenant.APIUser, w.tenant.ClientID, w.org.ConsumerKey = apiUser.Username, "package-client", "consumer-key"
	before := time.Until(time.Date(2016, time.May, 2, 8, 0, 0, 0, time.UTC))
	now := func() time.Time { return time.Now().Add(before) }
	w.org.Now, w.tenant.Now = now, now
	var err error
	if w.store, err = sqlstore.Open(t.Context(), sqlstore.Options{DSN: dsn, Relaxed: true}); err != nil {
		t.Fatal(err)
	}
	w.vault = linktest.PutKeys(t, w.store)
	for i := range w.both {
		tr := client.NewTransport()
		t.Cleanup(tr.CloseIdleConnections)
		w.both[i] = link.NewService(w.store, link.NewKeyring(w.store, w.vault), &http.Client{Transport: tr, Timeout: time.Minute}, nil)
		w.both[i].SignInReturn("http://connect.example/callback")
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	err = w.both[0].Put(t.Context(), linktest.Pair, vault.HashToken("token"), link.Params{
		Standing: link.Embedded, CRMURL: w.org.URL, ConnectedApp: "app", ConsumerKey: w.org.ConsumerKey, ConsoleClientID: "console",
		AuthURL: w.tenant.URL, PackageClientID: w.tenant.ClientID, EID: linktest.EID,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.both[0].SetClock(t.Context(), linktest.Pair, before); err != nil {
		t.Fatal(err)
	}
	if _, err := w.both[0].ConnectOrgBy(t.Context(), linktest.Pair, link.OrgRequest{Username: system.Username, Driver: link.Password, Password: vault.Secret(system.Password), Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.both[0].ConnectTenantBy(t.Context(), linktest.Pair, link.TenantRequest{Username: apiUser.Username, Driver: link.Password, Password: vault.Secret(apiUser.Password), Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *legacyWorld) link(t *testing.T) link.Link {
	t.Helper()
	l, err := w.both[0].Link(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Over passwords nobody but the two users of the spans can be signed in: in the org it is refused by name, in the tenant a
// user's own refresh token does it, which works once and has one user at a time, whichever process asks.
func TestPasswordDrivers(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newLegacyWorld(t, kind)
			l := w.link(t)
			nothing := func(*crm.Session) error { return nil }
			if err := w.both[1].CallOrg(t.Context(), l, nothing); err != nil {
				t.Fatal(err)
			}
			if err := w.both[1].CallOrgAs(t.Context(), l, ann.Username, nothing); fault.CodeOf(err) != link.CodeNeedsConnectedApp {
				t.Errorf("another user of the org: %v", err)
			}
			as := func(s *link.Service, mid int64) error {
				return s.CallTenantAs(t.Context(), l, annMC.Username, mid, func(tenant *engagement.Session) error {
					id, err := tenant.UserInfo(t.Context())
					if err == nil && id.Username != annMC.Username {
						t.Errorf("signed in as %s", id.Username)
					}
					return err
				})
			}
			if err := as(w.both[0], 0); !link.NeedsGrant(err) {
				t.Errorf("who never signed in: %v", err)
			}
			w.tenant.Grant(annMC.Username, true)
			if err := w.both[0].KeepUser(t.Context(), l, annMC.Username, vault.Secret(w.tenant.RefreshToken(annMC.Username))); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for n := range 12 { // each with a token of its own: six business units' worth in either process
				wg.Go(func() {
					if err := as(w.both[n%2], int64(n/2)); err != nil {
						t.Errorf("call %d: %v", n, err)
					}
				})
			}
			wg.Wait()
			// Idle ones are renewed; those that are in use are let be.
			const token = "POST /v2/token"
			for _, c := range []struct {
				idle time.Duration
				want int
			}{{0, 0}, {11 * 24 * time.Hour, 1}, {11 * 24 * time.Hour, 0}} {
				if err := w.both[1].SetClock(t.Context(), linktest.Pair, l.ClockOffset+c.idle); err != nil {
					t.Fatal(err)
				}
				before := w.tenant.Calls(token)
				if err := w.both[1].RenewIdle(t.Context(), w.link(t)); err != nil {
					t.Error(err)
				}
				if n := w.tenant.Calls(token) - before; n != c.want {
					t.Errorf("idle for %v: %d renewed", c.idle, n)
				}
			}
			if err := w.both[1].SetClock(t.Context(), linktest.Pair, l.ClockOffset); err != nil {
				t.Fatal(err)
			}
			// Given back, it is gone.
			if err := w.both[0].ForgetUser(t.Context(), l, "ANN.MC"); err != nil {
				t.Fatal(err)
			}
			if err := as(w.both[1], 99); !link.NeedsGrant(err) {
				t.Errorf("forgotten: %v", err)
			}
			// A wrong password is typed once, by whichever process, and then by none.
			w.tenant.SetPassword(apiUser.Username, "another")
			const page = "POST /v2/authorize"
			before := w.tenant.Calls(page)
			for n := range 6 {
				err := w.both[n%2].CallTenant(t.Context(), l, func(tenant *engagement.Session) error { _, err := tenant.UserInfo(t.Context()); return err })
				if code := fault.CodeOf(err); code != link.CodePasswordChanged && code != link.CodeCredentialsRefused {
					t.Errorf("call %d by a password that was changed: %v", n, err)
				}
			}
			if typed := w.tenant.Calls(page) - before; typed != 1 {
				t.Errorf("a wrong password was typed %d times", typed)
			}
		})
	}
}

// A token that cannot be used, of another address or another key, holds up nobody else's: the others are renewed, and it is passed
// until its time comes again. What is wrong with all of them ends the look.
func TestRenewIdlePassesUnusable(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newLegacyWorld(t, kind)
			s, l := w.both[0], w.link(t)
			w.tenant.Grant(annMC.Username, true)
			if err := s.KeepUser(t.Context(), l, annMC.Username, vault.Secret(w.tenant.RefreshToken(annMC.Username))); err != nil {
				t.Fatal(err)
			}
			old := s.Now(l).Add(-time.Hour) // longer idle than his
			elsewhere := l
			elsewhere.AuthURL = "https://before.example"
			moved, err := s.UserToken(elsewhere, "moved.mc", "r")
			if err != nil {
				t.Fatal(err)
			}
			moved.RenewedAt = old
			for _, u := range []link.UserToken{moved, {Pair: l.Pair, Username: "torn.mc", Origin: l.AuthURL, Sealed: []byte("torn"), RenewedAt: old}} {
				if err := w.store.PutUserToken(t.Context(), u); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.SetClock(t.Context(), linktest.Pair, l.ClockOffset+11*24*time.Hour); err != nil {
				t.Fatal(err)
			}
			l = w.link(t)
			const token = "POST /v2/token"
			idle := func(want ...string) {
				t.Helper()
				names, err := w.store.IdleUserTokens(t.Context(), linktest.Pair, s.Now(l).Add(-10*24*time.Hour), 10)
				if err != nil || !slices.Equal(names, want) {
					t.Errorf("%v are idle (%v), want %v", names, err, want)
				}
			}
			// A tenant that does not answer is not asked for each.
			w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return true
			})
			if err := s.RenewIdle(t.Context(), l); fault.KindOf(err) != fault.Unavailable {
				t.Errorf("while the tenant does not answer: %v", err)
			}
			idle(strings.ToLower(annMC.Username))
			w.tenant.Before(nil)
			before := w.tenant.Calls(token)
			if err := s.RenewIdle(t.Context(), l); err != nil {
				t.Errorf("with tokens that cannot be used: %v", err)
			}
			if n := w.tenant.Calls(token) - before; n != 1 {
				t.Errorf("%d renewed, want ann's", n)
			}
			idle()
		})
	}
}
