package upgrade_test

import (
	"testing"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
)

// While an upgrade is live the password that a span signed in with before is kept as the way back, whatever the span signs in with
// meanwhile. When it is over, withdrawn or cancelled, what the span does not use is forgotten; what it uses stays.
func TestUnusedCredentialsAreForgotten(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			kind upgrade.Kind
			span link.Direction
			use  func(*link.Link, link.Driver)
		}{
			{upgrade.ConnectedApp, link.IntoOrg, func(l *link.Link, d link.Driver) { l.Org.Driver = d }},
			{upgrade.TenantOAuth, link.IntoTenant, func(l *link.Link, d link.Driver) { l.Tenant.Driver = d }},
		} {
			for _, end := range []string{"withdrawn", "cancelled"} {
				for _, overtaken := range []bool{false, true} {
					use := func(d link.Driver) func(link.Link) (link.Link, error) {
						return func(l link.Link) (link.Link, error) {
							c.use(&l, d)
							return l, nil
						}
					}
					kept := func(when string, want bool) {
						t.Helper()
						_, err := w.store.Credential(t.Context(), w.link.Pair, c.span)
						if err != nil && fault.CodeOf(err) != link.CodeNotFound {
							t.Fatal(err)
						}
						if (err == nil) != want {
							t.Errorf("%s, %s, overtaken %v: %s the password is kept is %v", c.kind, end, overtaken, when, err == nil)
						}
					}
					_, err := w.store.UpdateLinkWith(t.Context(), link.SealedCredential{Pair: w.link.Pair, Direction: c.span, Name: "system@x.example", Sealed: []byte("sealed")}, linktest.Why, use(link.Password))
					noError(t, err)
					r := upgrade.StartRequest{Kind: c.kind, By: "olga"}
					if end == "withdrawn" {
						_, err = w.service.Book(t.Context(), w.link, r)
					} else {
						_, err = w.service.Start(t.Context(), w.link, r)
					}
					noError(t, err)
					if overtaken {
						_, err = w.store.UpdateLink(t.Context(), w.link.Pair, linktest.Why, use(link.JWT))
						noError(t, err)
					}
					kept("before its end", true)
					_, err = w.service.Cancel(t.Context(), w.link, "olga", "not now")
					noError(t, err)
					w.awaitState(t, upgrade.Cancelled, "")
					kept("after its end", !overtaken)
				}
			}
		}
	})
}
