package trigger_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// TestBulkLoad: more changes than one look reads are read over several, also by another process; what was found goes out
// meanwhile, and the triggers beside it are read too.
func TestBulkLoad(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		const people, page = 40, 5 // a look reads three pages
		system, api := linktest.Person{ID: "005000000000001AAA", Username: "system@org.example"}, linktest.Person{ID: "7", Username: "api"}
		org, tenant := linktest.NewOrg(t, []linktest.Person{system}, system.Username), linktest.NewTenant(t, []linktest.Person{api})
		store := sqlstore.New(db)
		tr := client.NewTransport()
		t.Cleanup(tr.CloseIdleConnections)
		links := link.NewService(store, link.NewKeyring(store, linktest.PutKeys(t, store)), &http.Client{Transport: tr, Timeout: time.Minute}, nil)
		ctx := t.Context()
		var err error
		if org.Certificate, tenant.Certificate, err = links.Certificates(ctx, linktest.Pair); err != nil {
			t.Fatal(err)
		}
		org.ConsumerKey, tenant.ClientID = "key", "package"
		if err := links.Put(ctx, linktest.Pair, vault.HashToken("t"), link.Params{
			Standing: link.Embedded, CRMURL: org.URL, ConsumerKey: "key", ConsoleClientID: "c", AuthURL: tenant.URL, PackageClientID: "package", EID: linktest.EID,
		}); err != nil {
			t.Fatal(err)
		}
		tenant.Grant(api.Username, true)
		if _, err := links.ConnectOrg(ctx, linktest.Pair, system.Username, "test"); err != nil {
			t.Fatal(err)
		}
		if _, err := links.ConnectTenant(ctx, linktest.Pair, api.Username, 0, "test"); err != nil {
			t.Fatal(err)
		}
		person := func(i int) string { return fmt.Sprintf("003%012dAAA", i) }
		for i := range people + 1 {
			org.PutContact(person(i), fmt.Sprintf("p%d@x.example", i), false)
		}
		changed := time.Now().UTC()
		org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			query := r.URL.Query().Get("q")
			_, rest, asked := strings.Cut(query, "SELECT ")
			if !asked || !strings.Contains(rest, "SystemModstamp >=") {
				return false
			}
			after := ""
			if _, rest, found := strings.Cut(query, "Id > '"); found {
				after = rest[:18]
			}
			ids := []string{person(people)}
			if strings.Contains(query, "FROM Contact") {
				ids = nil
				for i := range people {
					ids = append(ids, person(i))
				}
			}
			records := []map[string]any{}
			for _, id := range ids {
				if id > after && len(records) < page {
					stamp := changed.Format("2006-01-02T15:04:05.000+0000")
					records = append(records, map[string]any{"Id": id, "CreatedDate": stamp, "SystemModstamp": stamp})
				}
			}
			linktest.Answer(rw, 200, map[string]any{"totalSize": len(records), "done": true, "records": records})
			return true
		})

		kept := sqlstore.NewTriggers(store)
		now := links.Now(mustLink(t, links))
		for _, v := range []trigger.Trigger{{ID: "bulk", Object: "Contact"}, {ID: "few", Object: "Lead"}} {
			v.Pair, v.Name, v.On, v.DefinitionKey, v.Active, v.Actor, v.CreatedAt, v.ActiveSince, v.Watermark = linktest.Pair, v.ID, trigger.Either, "welcome", true, "t", now, now.Add(-time.Hour), now
			if _, err := kept.AddTrigger(ctx, v, linktest.Why); err != nil {
				t.Fatal(err)
			}
		}
		look := func() (mailed int) { // by a process of its own each time
			t.Helper()
			s := trigger.NewService(kept, kept, links, send.NewService(store, links, nil), nil)
			s.SetPage(page)
			if err := s.Look(ctx); err != nil {
				t.Fatal(err)
			}
			return len(tenant.Messages())
		}
		var mailed []int
		for range 3 {
			mailed = append(mailed, look())
		}
		if want := []int{16, 31, 41}; !slices.Equal(mailed, want) {
			t.Errorf("after each look %v were mailed, want %v", mailed, want)
		}
		read, err := kept.Trigger(ctx, linktest.Pair, "bulk")
		if err != nil || read.Reading != (trigger.Reading{}) || !read.Watermark.After(now) || read.ErrorCode != "" {
			t.Errorf("read to the end: %+v, %v", read, err)
		}
	})
}

func mustLink(t *testing.T, links *link.Service) link.Link {
	t.Helper()
	l, err := links.Link(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
