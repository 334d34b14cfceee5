package control_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/control"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

func TestCreateOrgOnce(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		spec := orgtest.Spec("once")
		var wg sync.WaitGroup
		control := h.Control
		control.Changes = silent{}
		for range 4 {
			wg.Go(func() {
				if err := control.CreateOrg(ctx, spec); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		o, err := h.Store.OrgByID(ctx, org.ID(spec.ID))
		if err != nil || o.Name != "Org once" || o.MyDomain != "once" {
			t.Fatalf("%+v, %v", o, err)
		}
		spec.Name = "Other"
		if err := control.CreateOrg(ctx, spec); err != nil {
			t.Error(err)
		}
		if o, err := h.Store.OrgByID(ctx, org.ID(spec.ID)); err != nil || o.Name != "Org once" {
			t.Errorf("an org that exists was changed: %+v, %v", o, err)
		}
	})
}

type silent struct{}

func (silent) SetupChanged(org.ID) {}

func TestBadSpecs(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		taken := orgtest.Spec("taken")
		if err := h.Control.CreateOrg(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
		for name, spoil := range map[string]func(*org.Spec){
			"no id":                  func(s *org.Spec) { s.ID = "nope" },
			"id of a user":           func(s *org.Spec) { s.ID = string(org.NewID(org.PrefixUser)) },
			"no users":               func(s *org.Spec) { s.Users = nil },
			"no administrator first": func(s *org.Spec) { s.Users[0].Profile = org.StandardUserProfile },
			"more users than seats": func(s *org.Spec) {
				for i := range 6 {
					s.Users = append(s.Users, org.UserSpec{Username: fmt.Sprintf("integration%d@seats.example", i), Profile: org.IntegrationProfile})
				}
			},
			"unknown profile":           func(s *org.Spec) { s.Users[1].Profile = "Boss" },
			"one user twice":            func(s *org.Spec) { s.Users[1].Username = strings.ToUpper(s.Users[0].Username) },
			"user of another org":       func(s *org.Spec) { s.Users[1].Username = taken.Users[1].Username },
			"bad user name":             func(s *org.Spec) { s.Users[1].Username = "nobody" },
			"unknown field":             func(s *org.Spec) { s.Users[1].Custom = map[string]any{"nope__c": true} },
			"unknown permission":        func(s *org.Spec) { s.PermissionSets[0].Permissions = []string{"Fly"} },
			"unknown assignee":          func(s *org.Spec) { s.PermissionSets[0].Assignees = []string{"x@y.example"} },
			"unknown app":               func(s *org.Spec) { s.PermissionSets[0].Apps = []string{"Nope"} },
			"app twice":                 func(s *org.Spec) { s.ConnectedApps = append(s.ConnectedApps, s.ConnectedApps[0]) },
			"consumer key of another":   func(s *org.Spec) { s.ConnectedApps[0].ConsumerKey = taken.ConnectedApps[0].ConsumerKey },
			"bad policy":                func(s *org.Spec) { s.ConnectedApps[0].RefreshTokenPolicy = "never" },
			"bad IP policy":             func(s *org.Spec) { s.ConnectedApps[0].IPRelaxation = "RELAX" },
			"a script as callback":      func(s *org.Spec) { s.ConnectedApps[0].CallbackURLs = []string{"javascript:alert(1)"} },
			"no certificate":            func(s *org.Spec) { s.ConnectedApps[0].Certificate = "-----BEGIN" },
			"unknown client user":       func(s *org.Spec) { s.ConnectedApps[0].ClientCredentialsUser = "x@y.example" },
			"nameless app":              func(s *org.Spec) { s.ConnectedApps[0].Name = "!!" },
			"My Domain of another":      func(s *org.Spec) { s.MyDomain = taken.MyDomain },
			"contact without last name": func(s *org.Spec) { s.Contacts[0].LastName = "" },
		} {
			spec := orgtest.Spec("bad")
			spoil(&spec)
			err := h.Control.CreateOrg(t.Context(), spec)
			if k := fault.KindOf(err); err == nil || k != fault.Invalid && k != fault.Conflict {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Nothing is left of the orgs that were refused.
		if err := h.Control.CreateOrg(t.Context(), orgtest.Spec("bad")); err != nil {
			t.Errorf("after the refusals: %v", err)
		}
	})
}

// A clock that one process moves is moved for another within a second, and for one that starts later.
func TestClocksAreShared(t *testing.T) {
	t.Parallel()
	dsn := sqldbtest.DSN(t, "postgres")
	house := func() *orgtest.House {
		h := orgtest.NewHouse(t, sqldbtest.Open(t, dsn, []sqldb.Migrations{sqlstore.Migrations()}))
		h.Control.Changes = silent{}
		return h
	}
	a, b := house(), house()
	o := a.MakeOrg(t, "clock")
	for _, h := range []*orgtest.House{a, b} {
		start(t, h.Control)
	}
	if err := a.Control.SetClock(t.Context(), o.ID, 336*time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := a.Clock.Now(string(o.ID)); !got.Equal(orgtest.Start.Add(336 * time.Hour)) {
		t.Errorf("own time %v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for b.Clock.Offset(string(o.ID)) != 336*time.Hour {
		select {
		case <-ctx.Done():
			t.Fatal("the other process never heard of it")
		case <-tick.C:
		}
	}
	later := house()
	start(t, later.Control)
	if got := later.Clock.Offset(string(o.ID)); got != 336*time.Hour {
		t.Errorf("a later process: %v", got)
	}
	if err := a.Control.SetClock(t.Context(), org.NewID(org.PrefixOrganization), time.Hour); fault.KindOf(err) != fault.NotFound {
		t.Errorf("the clock of no org: %v", err)
	}
}

func start(t *testing.T, c *control.Control) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		c.Stop() // once more changes nothing
	})
}
