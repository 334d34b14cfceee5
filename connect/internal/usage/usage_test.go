package usage_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestCounted: what counts against the org's limit (documents 001 and 002): no REST and SOAP of the package's app, Bulk always.
func TestCounted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		standing link.Standing
		cloud    link.Direction
		path     string
		api      string
		password bool
		counted  bool
	}{
		{link.Embedded, link.IntoOrg, "/services/data/v64.0/query", usage.REST, false, false},
		{link.BesidePackage, link.IntoOrg, "/services/Soap/u/64.0", usage.SOAP, false, false},
		{link.Embedded, link.IntoOrg, "/services/data/v64.0/jobs/query/750", usage.Bulk, false, true},
		{link.OwnLink, link.IntoOrg, "/services/data/v64.0/sobjects/jobs/1", usage.REST, false, true},
		{link.OwnLink, link.IntoOrg, "/services/oauth2/token", usage.OAuth, false, false},
		{link.OwnLink, link.IntoOrg, "/something", usage.Other, false, false},
		{link.OwnLink, link.IntoTenant, "/messaging/v1/email/messages", usage.REST, false, false},
		{link.OwnLink, link.IntoTenant, "/Service.asmx", usage.SOAP, false, false},
		{link.OwnLink, link.IntoTenant, "/v2/token", usage.OAuth, false, false},
		{link.Embedded, link.IntoOrg, "/services/data/v64.0/query", usage.REST, true, true},
		{link.Embedded, link.IntoOrg, "/services/Soap/u/64.0", usage.SOAP, true, true},
		{link.Embedded, link.IntoOrg, "/services/oauth2/token", usage.OAuth, true, false},
	} {
		api := usage.APIOf(c.cloud, c.path)
		if counted := (usage.Row{Cloud: c.cloud, API: api, Password: c.password}).Counted(c.standing); api != c.api || counted != c.counted {
			t.Errorf("%s %s: %s, counted %v", c.standing, c.path, api, counted)
		}
	}
}

type next func(*http.Request) (*http.Response, error)

func (n next) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

// failing is a store that cannot store.
type failing struct{ usage.Store }

func (failing) AddCalls(context.Context, []usage.Row) error { return errors.New("no") }

// TestMeter: every call is counted once, in its hour, whether it is answered or not and whatever storing does.
func TestMeter(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		store := sqlstore.New(db)
		l := linktest.Put(t, store, "a", 1)
		m := usage.NewMeter()
		now := time.Date(2026, 1, 2, 3, 59, 0, 0, time.UTC)
		call := func(at time.Time, times int) {
			t.Helper()
			tr := m.Transport(l, link.IntoOrg, at, next(func(*http.Request) (*http.Response, error) { return nil, errors.New("no answer") }))
			for range times {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://org.example/services/data/v64.0/query", nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp, err := tr.RoundTrip(req); err == nil {
					_ = resp.Body.Close()
					t.Fatal("the answer is not next's")
				}
			}
		}
		call(now, 3)
		if err := m.Flush(ctx, failing{}); err == nil {
			t.Fatal("a store that fails is not told of")
		}
		call(now, 2)
		call(now.Add(time.Minute), 1)
		for range 2 { // the second time nothing is left
			if err := m.Flush(ctx, store); err != nil {
				t.Fatal(err)
			}
		}
		call(now.Add(time.Minute), 4)
		if err := m.Flush(ctx, store); err != nil {
			t.Fatal(err)
		}
		rows, err := store.Calls(ctx, "a", now.Add(-time.Hour))
		if err != nil || len(rows) != 2 || rows[0].Calls != 5 || rows[1].Calls != 5 || !rows[1].Hour.Equal(now.Add(time.Minute)) || rows[0].Cloud != link.IntoOrg || rows[0].API != usage.REST {
			t.Fatalf("%+v, %v", rows, err)
		}
		// A week later the first ones are forgotten.
		if err := store.AddCalls(ctx, []usage.Row{{Pair: "a", Hour: now.Add(9 * 24 * time.Hour), Cloud: link.IntoTenant, API: usage.SOAP, Calls: 1}}); err != nil {
			t.Fatal(err)
		}
		if rows, err = store.Calls(ctx, "a", now.Add(-time.Hour)); err != nil || len(rows) != 1 {
			t.Fatalf("a week later: %+v, %v", rows, err)
		}
	})
}
