package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

func open(t *testing.T, dsn string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{DSN: dsn, Relaxed: true, More: []sqldb.Migrations{jobs.Migrations}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func maker(s *sqlstore.Store) tenanttest.Maker {
	return func(ctx context.Context, plan tenant.Blueprint) error {
		return sqlstore.Taken(s.DB().Write(ctx, func(tx *sqldb.Tx) error { return s.InsertTenant(tx, plan) }))
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			tenanttest.RunStore(t, func(t *testing.T) (tenanttest.Store, tenanttest.Maker) {
				s := open(t, sqldbtest.DSN(t, kind))
				return s, maker(s)
			})
		})
	}
}

func TestNamesUniqueOnTheServer(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := open(t, sqldbtest.DSN(t, kind))
			first := tenanttest.Spec()
			plan, err := tenant.Plan(t.Context(), first.Spec, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if err := maker(s)(t.Context(), plan); err != nil {
				t.Fatal(err)
			}
			for name, change := range map[string]func(*tenant.Blueprint){
				"user name": func(b *tenant.Blueprint) { b.Users[0].Username = plan.Users[0].Username },
				"client id": func(b *tenant.Blueprint) { b.Packages[0].ClientID = plan.Packages[0].ClientID },
				"MID":       func(b *tenant.Blueprint) { b.Units[1].MID = plan.Units[1].MID },
				"subdomain": func(b *tenant.Blueprint) { b.Tenant.Subdomain = plan.Tenant.Subdomain },
				"EID":       func(b *tenant.Blueprint) { b.Tenant.EID = plan.Tenant.EID },
			} {
				other := plan
				other.Tenant = plan.Tenant
				other.Tenant.EID, other.Tenant.Subdomain = tenant.NewEID(), tenant.NewSubdomain()
				other.Units = append([]tenant.BusinessUnit(nil), plan.Units...)
				for i := range other.Units {
					other.Units[i].MID = tenant.MID(tenant.NewEID())
				}
				other.Users = append([]tenant.User(nil), plan.Users[:1]...)
				other.Users[0].Username, other.Users[0].Tenant = "fresh@"+name[:2]+".example", other.Tenant.EID
				other.Roles, other.Assignments = nil, nil
				other.Packages = append([]tenant.Package(nil), plan.Packages[:1]...)
				other.Packages[0].ClientID, other.Packages[0].Tenant = "fresh-"+name[:2], other.Tenant.EID
				change(&other)
				if err := maker(s)(t.Context(), other); fault.CodeOf(err) != tenant.CodeTaken {
					t.Errorf("%s: got %v, want code taken", name, err)
				}
				if other.Tenant.EID != plan.Tenant.EID {
					if _, err := s.Tenant(t.Context(), other.Tenant.EID); fault.CodeOf(err) != tenant.CodeNotFound {
						t.Errorf("%s: the refused tenant is half there: %v", name, err)
					}
				}
			}
		})
	}
}

// TestSpentAssertionsSurviveRestart: what was spent before a restart is refused after it.
func TestSpentAssertionsSurviveRestart(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dsn := sqldbtest.DSN(t, kind)
			options := sqlstore.Options{DSN: dsn, More: []sqldb.Migrations{jobs.Migrations}}
			s, err := sqlstore.Open(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			serials := tenant.NewSerials(nil)
			spend := func(s *sqlstore.Store) error {
				return s.SpendAssertion(t.Context(), tenant.AccessToken{ID: serials.Next(), Expires: time.Now()}, [32]byte{1})
			}
			if err := spend(s); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := spend(open(t, dsn)); fault.CodeOf(err) != tenant.CodeReplayed {
				t.Fatalf("after a restart: %v", err)
			}
		})
	}
}
