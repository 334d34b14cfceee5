package link_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// TestRefusalOfTheFormerUser: work that still holds the connection as it was says nothing of who was connected since.
func TestRefusalOfTheFormerUser(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		former, present := linktest.Person{ID: "7", Username: "former"}, linktest.Person{ID: "8", Username: "present"}
		org, tenant := linktest.NewOrg(t, nil), linktest.NewTenant(t, []linktest.Person{former, present})
		store := sqlstore.New(db)
		tr := client.NewTransport()
		t.Cleanup(tr.CloseIdleConnections)
		links := link.NewService(store, link.NewKeyring(store, linktest.PutKeys(t, store)), &http.Client{Transport: tr, Timeout: time.Minute}, nil)
		ctx := t.Context()
		var err error
		if _, tenant.Certificate, err = links.Certificates(ctx, linktest.Pair); err != nil {
			t.Fatal(err)
		}
		tenant.ClientID = "package"
		if err := links.Put(ctx, linktest.Pair, vault.HashToken("t"), link.Params{
			Standing: link.Embedded, CRMURL: org.URL, ConsumerKey: "key", ConsoleClientID: "c", AuthURL: tenant.URL, PackageClientID: "package", EID: linktest.EID,
		}); err != nil {
			t.Fatal(err)
		}
		var held link.Link
		for _, user := range []linktest.Person{former, present} {
			tenant.Grant(user.Username, true)
			l, err := links.ConnectTenant(ctx, linktest.Pair, user.Username, 0, "test")
			if err != nil {
				t.Fatal(err)
			}
			if held.Pair == "" {
				held = l
			}
		}
		tenant.Grant(former.Username, false)
		call := func(l link.Link) (link.Link, error) {
			err := links.CallTenant(ctx, l, func(*engagement.Session) error { return nil })
			now, readErr := links.Link(ctx, linktest.Pair)
			if readErr != nil {
				t.Fatal(readErr)
			}
			return now, err
		}
		now, err := call(held)
		if !link.NeedsGrant(err) || now.Tenant.State != link.SpanUp || now.Tenant.Username != present.Username {
			t.Errorf("after the former one was refused: %+v, %v", now.Tenant, err)
		}
		tenant.Grant(present.Username, false)
		if now, err = call(now); !link.NeedsGrant(err) || now.Tenant.State != link.SpanBroken {
			t.Errorf("after the present one was: %+v, %v", now.Tenant, err)
		}
	})
}
