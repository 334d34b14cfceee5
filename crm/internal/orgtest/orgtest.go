// Package orgtest builds orgs for tests, and holds the suite that every store of the org must pass, on every database.
package orgtest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/control"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// House is a store with the services that tests need and no HTTP.
type House struct {
	Store   *sqlstore.Store
	Clock   *clock.Domain
	Records *org.Records
	Control *control.Control
	Changed *Changes
}

// Changes counts what caches are told.
type Changes struct{ Orgs []org.ID }

// SetupChanged implements org.Changes.
func (c *Changes) SetupChanged(id org.ID) { c.Orgs = append(c.Orgs, id) }

// Each runs test on each kind of database with a house of its own.
func Each(t *testing.T, test func(*testing.T, *House)) {
	t.Helper()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}, func(t *testing.T, db *sqldb.DB) { test(t, NewHouse(t, db)) })
}

// NewHouse returns a house on a database that has the tables. Its machine time stands still at [Start].
func NewHouse(t testing.TB, db *sqldb.DB) *House {
	h := &House{Store: sqlstore.New(db), Clock: clock.NewDomain(func() time.Time { return Start }), Changed: &Changes{}}
	h.Records = &org.Records{Store: h.Store, Clock: h.Clock, Changes: h.Changed}
	h.Control = &control.Control{
		Store: h.Store, Records: h.Records, Clock: h.Clock, Changes: h.Changed,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	return h
}

// Start is the machine time of a House.
var Start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// Org is an org that a test made, with what it needs to know of it.
type Org struct {
	ID            org.ID
	Admin, Normal org.Session
	App           org.ID
	Spec          org.Spec
}

// Spec describes the usual org of a test: an administrator, a standard user, the connected app "Salesforce Marketing
// Cloud", a permission set of a package, two contacts. name makes user names and keys unique.
func Spec(name string) org.Spec {
	return org.Spec{
		ID: string(org.NewID(org.PrefixOrganization)), Name: "Org " + name, MyDomain: name,
		Users: []org.UserSpec{
			{Username: "admin@" + name + ".example", FirstName: "Ada", LastName: "Admin", Profile: org.AdministratorProfile},
			{
				Username: "user@" + name + ".example", FirstName: "Uwe", LastName: "Normal", Profile: org.StandardUserProfile,
				MarketingUser: true, Custom: map[string]any{"et4ae5__ExactTargetForAppExchangeUser__c": true},
			},
		},
		ConnectedApps: []org.ConnectedAppSpec{{
			Name: "Salesforce Marketing Cloud", Namespace: "et4ae5", ConsumerKey: "3MVG9." + name, Secret: "app secret of " + vault.Secret(name),
			CallbackURLs: []string{"https://connect.example/cb", "http://localhost:1717/OauthRedirect"}, Scopes: []string{"api", "refresh_token"},
		}},
		PermissionSets: []org.PermissionSetSpec{{Label: "Marketing Cloud Connector", Namespace: "et4ae5", Permissions: []string{"ViewSetup"}}},
		Contacts: []org.ContactSpec{
			{FirstName: "Carla", LastName: "Kunde", Email: "carla@kunde.example", Phone: "+49 30 1234"},
			{LastName: "O'Brien", Email: "obrien@kunde.example"},
		},
	}
}

// MakeOrg makes the org of [Spec].
func (h *House) MakeOrg(t testing.TB, name string) Org {
	t.Helper()
	spec := Spec(name)
	if err := h.Control.CreateOrg(t.Context(), spec); err != nil {
		t.Fatalf("making org %s: %v", name, err)
	}
	o := Org{ID: org.ID(spec.ID), Spec: spec}
	for i, s := range []*org.Session{&o.Admin, &o.Normal} {
		*s = h.SessionOf(t, spec.Users[i].Username)
	}
	app, err := h.Store.AppByConsumerKey(t.Context(), spec.ConnectedApps[0].ConsumerKey)
	if err != nil {
		t.Fatal(err)
	}
	o.App = app.ID
	return o
}

// SessionOf is what a login of the user would give: all scopes, and his permissions as of now.
func (h *House) SessionOf(t testing.TB, username string) org.Session {
	t.Helper()
	u, err := h.Store.UserByUsername(t.Context(), username)
	if err != nil {
		t.Fatalf("user %s: %v", username, err)
	}
	o, err := h.Store.OrgByID(t.Context(), u.Org)
	if err != nil {
		t.Fatal(err)
	}
	return org.SessionFor(u, o)
}
