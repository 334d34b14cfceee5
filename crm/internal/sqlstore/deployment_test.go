package sqlstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/vault"
)

// deployments is a house's deployments, with one org.
type deployments struct {
	*orgtest.House
	*org.Deployments
	org orgtest.Org
}

func eachDeployments(t *testing.T, test func(*testing.T, deployments)) {
	t.Helper()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		queue := jobs.New(h.Store.DB(), jobs.Options{}) // never started: the test does the work
		v, err := vault.Open(filepath.Join(t.TempDir(), "key"))
		if err != nil {
			t.Fatal(err)
		}
		test(t, deployments{h, &org.Deployments{
			Store: sqlstore.NewDeployments(h.Store, queue, v), Users: h.Store, Clock: h.Clock, Changes: h.Changed,
		}, h.MakeOrg(t, "deploy")})
	})
}

func (d deployments) begin(t *testing.T, o org.DeployOptions) org.Deployment {
	t.Helper()
	dep, err := d.Begin(t.Context(), d.org.Admin, []byte("zip"), 65, o)
	if err != nil {
		t.Fatal(err)
	}
	return dep
}

func (d deployments) find(t *testing.T, dep org.Deployment) org.Deployment {
	t.Helper()
	found, err := d.Deployments.Find(t.Context(), d.org.Admin, string(dep.ID))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// contact is an item that makes a contact: twice done, twice seen.
func (d deployments) contact(name string) org.DeployItem {
	o := org.StandardSchema().Object("Contact", nil)
	return org.DeployItem{DeployMessage: org.DeployMessage{Type: "Contact", Name: name, File: name}, Work: func(tx org.SetupTx) (org.Saved, error) {
		id := org.NewID(org.PrefixContact)
		err := d.Records.CreateIn(tx, d.org.Admin, o.Name, id, map[string]any{"LastName": name})
		return org.Saved{ID: id, Created: true, Changed: true}, err
	}}
}

func (d deployments) contacts(t *testing.T, name string) int {
	t.Helper()
	found, err := d.House.Store.FindRecords(t.Context(), org.StandardSchema().Object("Contact", nil), d.org.ID, org.Values{"LastName": name}, 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func refusing(name string) org.DeployItem {
	return org.DeployItem{DeployMessage: org.DeployMessage{Type: "Contact", Name: name, File: name}, Work: func(org.SetupTx) (org.Saved, error) {
		return org.Saved{}, fault.New(fault.Invalid, org.CodeInvalidValue, "no")
	}}
}

func plan(items ...org.DeployItem) func(org.Session, org.Deployment, []byte) []org.DeployItem {
	return func(org.Session, org.Deployment, []byte) []org.DeployItem { return items }
}

func TestDeploymentsEnd(t *testing.T) {
	t.Parallel()
	eachDeployments(t, func(t *testing.T, d deployments) {
		for i, c := range []struct {
			options org.DeployOptions
			items   func(name string) []org.DeployItem
			status  org.DeployStatus
			kept    int
		}{
			{org.DeployOptions{}, func(n string) []org.DeployItem { return []org.DeployItem{d.contact(n)} }, org.DeploySucceeded, 1},
			{org.DeployOptions{CheckOnly: true}, func(n string) []org.DeployItem { return []org.DeployItem{d.contact(n)} }, org.DeploySucceeded, 0},
			{org.DeployOptions{}, func(n string) []org.DeployItem { return []org.DeployItem{d.contact(n), refusing("x")} }, org.DeployPartial, 1},
			{org.DeployOptions{RollbackOnError: true}, func(n string) []org.DeployItem { return []org.DeployItem{d.contact(n), refusing("x")} }, org.DeployFailed, 0},
			{org.DeployOptions{}, func(string) []org.DeployItem { return []org.DeployItem{refusing("x")} }, org.DeployFailed, 0},
			{org.DeployOptions{}, func(string) []org.DeployItem { return nil }, org.DeploySucceeded, 0},
		} {
			dep := d.begin(t, c.options)
			if got := d.find(t, dep); got.Status != org.DeployPending || got.Username != "Ada Admin" || got.API != 65 {
				t.Fatalf("case %d waits: %+v", i, got)
			}
			name := fmt.Sprint("case", i)
			for range 2 { // the second finds that it has ended
				if err := d.Perform(t.Context(), dep.Org, dep.ID, plan(c.items(name)...)); err != nil {
					t.Fatal(err)
				}
			}
			got := d.find(t, dep)
			if got.Status != c.status || d.contacts(t, name) != c.kept || got.Completed.IsZero() || len(got.Messages) != len(c.items("")) {
				t.Errorf("case %d: %+v, kept %d", i, got, d.contacts(t, name))
			}
			if zip, err := d.Deployments.Store.DeploymentZip(t.Context(), dep.Org, dep.ID); err != nil || zip != nil {
				t.Errorf("case %d: the zip stayed: %v", i, err)
			}
		}
	})
}

// A worker that is killed, before its transaction or without knowing what became of it, leaves a deployment that another
// one takes up; its effects are there once.
func TestADeploymentIsMadeOnce(t *testing.T) {
	t.Parallel()
	eachDeployments(t, func(t *testing.T, d deployments) {
		dep := d.begin(t, org.DeployOptions{RollbackOnError: true})
		killed := errors.New("killed")
		func() {
			defer func() { _ = recover() }()
			_ = d.Perform(t.Context(), dep.Org, dep.ID, func(org.Session, org.Deployment, []byte) []org.DeployItem { panic(killed) })
		}()
		if got := d.find(t, dep); got.Status != org.DeployInProgress {
			t.Fatalf("after the kill it is %s", got.Status)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := d.Perform(t.Context(), dep.Org, dep.ID, plan(d.contact("once"))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := d.find(t, dep); got.Status != org.DeploySucceeded || d.contacts(t, "once") != 1 {
			t.Errorf("%s, and %d contacts", got.Status, d.contacts(t, "once"))
		}
	})
}

func TestDeploymentsAreCancelled(t *testing.T) {
	t.Parallel()
	eachDeployments(t, func(t *testing.T, d deployments) {
		waiting := d.begin(t, org.DeployOptions{})
		if got, err := d.Cancel(t.Context(), d.org.Admin, string(waiting.ID)); err != nil || got.Status != org.DeployCanceled {
			t.Fatalf("one that waits: %s, %v", got.Status, err)
		}
		running := d.begin(t, org.DeployOptions{})
		err := d.Perform(t.Context(), running.Org, running.ID, func(org.Session, org.Deployment, []byte) []org.DeployItem {
			if got, err := d.Cancel(t.Context(), d.org.Admin, string(running.ID)); err != nil || got.Status != org.DeployCanceling {
				t.Errorf("one that runs: %s, %v", got.Status, err)
			}
			return []org.DeployItem{d.contact("cancelled")}
		})
		if got := d.find(t, running); err != nil || got.Status != org.DeployCanceled || d.contacts(t, "cancelled") != 0 {
			t.Errorf("it ended %s with %d contacts: %v", got.Status, d.contacts(t, "cancelled"), err)
		}
		if _, err := d.Cancel(t.Context(), d.org.Admin, string(running.ID)); fault.CodeOf(err) != org.CodeDeploymentDone {
			t.Errorf("one that has ended: %v", err)
		}
		lost := d.begin(t, org.DeployOptions{})
		if err := d.Abandon(t.Context(), lost.Org, lost.ID); err != nil {
			t.Fatal(err)
		}
		if got := d.find(t, lost); got.Status != org.DeployFailed || len(got.Messages) != 1 || got.Messages[0].Problem == "" {
			t.Errorf("one that nobody can work on: %+v", got)
		}
	})
}

// Whoever may no longer do anything deploys nothing, and others neither see nor cancel a deployment.
func TestDeploymentsAskAgain(t *testing.T) {
	t.Parallel()
	eachDeployments(t, func(t *testing.T, d deployments) {
		dep := d.begin(t, org.DeployOptions{})
		other := d.MakeOrg(t, "other")
		if _, err := d.Deployments.Find(t.Context(), other.Admin, string(dep.ID)); fault.KindOf(err) != fault.NotFound {
			t.Errorf("another org's admin: %v", err)
		}
		if _, err := d.Cancel(t.Context(), d.org.Normal, string(dep.ID)); fault.KindOf(err) != fault.Denied {
			t.Errorf("a standard user: %v", err)
		}
		users := org.StandardSchema().Object("User", nil)
		err := d.House.Store.Write(t.Context(), func(tx org.RecordTx) error {
			_, err := tx.Update(users, d.org.ID, org.Values{"Id": string(d.org.Admin.User)}, org.Values{"IsActive": false})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Perform(t.Context(), dep.Org, dep.ID, plan(d.contact("late"))); err != nil {
			t.Fatal(err)
		}
		if got := d.find(t, dep); got.Status != org.DeployFailed || d.contacts(t, "late") != 0 {
			t.Errorf("a user who was deactivated meanwhile: %s", got.Status)
		}
	})
}

func TestDeploymentsAreBoundedAndGo(t *testing.T) {
	t.Parallel()
	eachDeployments(t, func(t *testing.T, d deployments) {
		first := d.begin(t, org.DeployOptions{})
		var err error
		n := 1
		for ; err == nil && n < 100; n++ {
			_, err = d.Begin(t.Context(), d.org.Admin, []byte("zip"), 65, org.DeployOptions{})
		}
		if fault.CodeOf(err) != org.CodeTooManyDeployments || n < 10 {
			t.Errorf("after %d: %v", n, err)
		}
		if err := d.Perform(t.Context(), first.Org, first.ID, plan()); err != nil {
			t.Fatal(err)
		}
		d.begin(t, org.DeployOptions{})
		if _, err := d.House.Store.Purge(t.Context(), orgtest.Start.Add(29*24*time.Hour), 100); err != nil {
			t.Fatal(err)
		}
		d.find(t, first)
		if _, err := d.House.Store.Purge(t.Context(), orgtest.Start.Add(31*24*time.Hour), 100); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Deployments.Find(t.Context(), d.org.Admin, string(first.ID)); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an old one: %v", err)
		}
	})
}

// A job may do with objects and fields what its user may, and knows what the org's administrators added.
func TestJobsHaveTheirUsersAccess(t *testing.T) {
	t.Parallel()
	eachDeployments(t, func(t *testing.T, d deployments) {
		z := &org.Customizer{Store: d.House.Store, Clock: d.House.Clock, Changes: d.Changed}
		object := &org.CustomObject{Name: "Secret__c", Label: "Secret"}
		if refused, err := z.Apply(t.Context(), d.org.Admin, []org.CustomChange{{Action: org.ActionCreate, Object: object}}, true); err != nil || refused[0] != nil {
			t.Fatal(refused, err)
		}
		for user, sees := range map[org.ID]bool{d.org.Admin.User: true, d.org.Normal.User: false} {
			s, err := org.JobSession(t.Context(), d.House.Store, org.Session{Org: d.org.ID, User: user})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Seen().Object("Secret__c", s.Permissions) != nil; got != sees {
				t.Errorf("a job of %s sees the object: %t, want %t", user, got, sees)
			}
		}
	})
}

// A zip may hold an app's secret, and a copy of the database must not.
func TestZipsAreSealed(t *testing.T) {
	t.Parallel()
	eachDeployments(t, func(t *testing.T, d deployments) {
		const secret = "<consumerSecret>of an app</consumerSecret>"
		dep, err := d.Begin(t.Context(), d.org.Admin, []byte(secret), 65, org.DeployOptions{})
		if err != nil {
			t.Fatal(err)
		}
		stored := func() (zip []byte) {
			if err := d.House.Store.DB().QueryRow(t.Context(), `SELECT zip FROM deployment WHERE id = $1`, string(dep.ID)).Scan(&zip); err != nil {
				t.Fatal(err)
			}
			return zip
		}
		if zip := stored(); len(zip) == 0 || bytes.Contains(zip, []byte("consumerSecret")) {
			t.Errorf("the database holds %q", zip)
		}
		if zip, err := d.Deployments.Store.DeploymentZip(t.Context(), d.org.ID, dep.ID); err != nil || string(zip) != secret {
			t.Errorf("the zip is %q %v", zip, err)
		}
		read := ""
		if err := d.Perform(t.Context(), d.org.ID, dep.ID, func(_ org.Session, _ org.Deployment, zip []byte) []org.DeployItem {
			read = string(zip)
			return nil
		}); err != nil || read != secret || stored() != nil {
			t.Errorf("performing it: %q %v, and what is left: %q", read, err, stored())
		}
		// Sealed for another, it opens nothing.
		other := d.begin(t, org.DeployOptions{})
		if err := d.House.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE deployment SET id = 'moved' WHERE id = $1`, string(other.ID))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if zip, err := d.Deployments.Store.DeploymentZip(t.Context(), d.org.ID, "moved"); err == nil {
			t.Errorf("a zip of another deployment opens: %q", zip)
		}
	})
}
