package connect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// stored looks into the database, where the bridge is closed: SQLite lets one process in.
func (w *world) stored(t *testing.T, look func(*sqlstore.Store) error) {
	t.Helper()
	if err := w.bridge.Close(); err != nil {
		t.Fatal(err)
	}
	store, err := sqlstore.Open(t.Context(), sqlstore.Options{DSN: w.dsn, Relaxed: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := look(store); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// wantTokens checks of whom a refresh token is kept.
func (w *world) wantTokens(t *testing.T, when string, want ...string) {
	t.Helper()
	w.stored(t, func(store *sqlstore.Store) error {
		found, err := store.IdleUserTokens(t.Context(), linktest.Pair, w.now().Add(time.Hour), 100)
		slices.Sort(found)
		if !slices.Equal(found, want) {
			t.Errorf("%s: tokens of %v are kept, want %v", when, found, want)
		}
		return err
	})
	w.openWith(t, connect.Options{SweepEvery: -1})
}

// question signs a visitor in to both clouds and leaves him at the question whether that was meant.
func (w *world) question(t *testing.T, b *browser.Browser, org, tenant linktest.Person) *browser.Page {
	t.Helper()
	page, err := b.Visit(t.Context(), w.url+"/marketing-cloud", browser.Errand{
		Logins: map[string]browser.Credentials{w.org.URL: {Username: org.Username, Password: org.Password}, w.tenant.URL: {Username: tenant.Username, Password: tenant.Password}},
		Press:  []string{"Connect to Marketing Cloud"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// Where Connect acts for users by refresh tokens of their own sign-ins it keeps none before their yes, and none of people with
// whom nothing works.
func TestQuestionLeftOpen(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		for driver, connected := range map[string]func(*testing.T, *world){
			"web_app": func(t *testing.T, w *world) {
				w.wantCall(t, "/api/v1/connection/settings", "", map[string]any{"engagement_auth": "web_app"}, 200, "engagement_auth", "web_app")
				w.wantCall(t, tenantWebApp, "", map[string]any{
					"client_id": "server-id", "client_secret": serverKey, "web_client_id": "web-id", "web_client_secret": webKey, "account_id": linktest.EID,
				}, 200, "engagement.auth", "web_app")
			},
			"password": func(t *testing.T, w *world) {
				w.org.Install(219, 0)
				w.connectTenant(t, 200, "engagement.auth", "password")
			},
		} {
			t.Run(kind+"/"+driver, func(t *testing.T) {
				t.Parallel()
				w := newWorldOf(t, kind, []linktest.Person{system, ann, bob}, []linktest.Person{apiUser, annMC, bobMC, appUser})
				w.tenant.Server, w.tenant.Web, w.tenant.AppUser = linktest.Client{ID: "server-id", Secret: serverKey}, linktest.Client{ID: "web-id", Secret: webKey}, appUser.Username
				w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username}, 200, "org.auth", "jwt")
				connected(t, w)

				other := browser.New(nil)
				early := w.question(t, other, bob, annMC)
				b := browser.New(nil)
				page := w.question(t, b, ann, annMC)
				wantPage(t, page, 200, "Connect as this user?", "Nothing is stored yet")
				w.wantTokens(t, "before the yes")
				page, err := b.Send(t.Context(), page.Forms[1], nil, page.Forms[1].Button("Yes, connect me"))
				if err != nil {
					t.Fatal(err)
				}
				wantPage(t, page, 200, "Connected as ann.mc.")
				w.wantTokens(t, "after the yes", "ann.mc")

				// A no to a question of before takes nothing away from who is mapped meanwhile.
				if _, err = other.Send(t.Context(), early.Forms[0], nil, early.Forms[0].Button("Sign in as somebody else")); err != nil {
					t.Fatal(err)
				}
				w.advance(t, time.Hour)
				w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")

				// Who is mapped already stays so, whoever's visit he signs in at: his sign-in may have ended the former token.
				wantPage(t, w.question(t, browser.New(nil), bob, annMC), 409, "mapped")
				w.advance(t, time.Hour)
				w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")
				w.wantTokens(t, "refused", "ann.mc")

				// A no leaves nothing, in Engagement neither.
				b = browser.New(nil)
				page = w.question(t, b, bob, bobMC)
				if _, err = b.Send(t.Context(), page.Forms[0], nil, page.Forms[0].Button("Sign in as somebody else")); err != nil {
					t.Fatal(err)
				}
				if driver == "password" && w.tenant.Granted(bobMC.Username) {
					t.Error("the grant outlived the no")
				}
				w.wantTokens(t, "after the no", "ann.mc")

				// What an unanswered question, a crash or an older release has left is swept, and nobody else's.
				wantPage(t, w.question(t, browser.New(nil), bob, bobMC), 200, "Connect as this user?")
				w.stored(t, func(store *sqlstore.Store) error {
					return store.PutUserToken(t.Context(), link.UserToken{Pair: linktest.Pair, Username: "carl.mc", Sealed: []byte("t"), RenewedAt: w.now()})
				})
				w.openWith(t, connect.Options{SweepEvery: -1})
				w.advance(t, 15*time.Minute)
				if err := w.bridge.Close(); err != nil {
					t.Fatal(err)
				}
				w.openWith(t, connect.Options{SweepEvery: 30 * time.Millisecond})
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for n := 0; n < 500 && !strings.Contains(w.log.String(), "carl.mc"); n++ {
					<-tick.C
				}
				w.wantTokens(t, "swept", "ann.mc")
				w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")
				w.noSecrets(t, serverKey, webKey)
			})
		}
	}
}
