package sqlstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// multiply gives an account so many contacts, each a member of the campaign.
func multiply(t *testing.T, h *orgtest.House, o orgtest.Org, account, campaign org.ID, contacts int) {
	t.Helper()
	at := orgtest.Start.UnixMilli()
	err := h.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
		for i := range contacts {
			id := org.NewID("003")
			if _, err := tx.Exec(`INSERT INTO contact (org_id, id, account_id, last_name, name, owner_id, created_date, created_by_id, last_modified_date, last_modified_by_id, system_modstamp)
 VALUES ($1, $2, $3, $4, $4, $5, $6, $5, $6, $5, $6)`, string(o.ID), string(id), string(account), fmt.Sprintf("Child %03d", i), string(o.Admin.User), at); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO campaign_member (org_id, id, campaign_id, contact_id, status, created_date, created_by_id, last_modified_date, last_modified_by_id, system_modstamp)
 VALUES ($1, $2, $3, $4, 'Sent', $5, $6, $5, $6, $5)`, string(o.ID), string(org.NewID("00v")), string(campaign), string(id), at, string(o.Admin.User)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// left counts the contacts, notes and cases in the tables that hang on an account and are not deleted.
func (d *desk) left(account org.ID) string {
	d.Helper()
	var contacts, notes, cases int
	err := d.house.Store.DB().QueryRow(d.Context(), `SELECT (SELECT COUNT(*) FROM contact WHERE org_id = $1 AND account_id = $2 AND is_deleted = 0),
 (SELECT COUNT(*) FROM custom_record r JOIN custom_index x ON x.org_id = r.org_id AND x.record_id = r.id WHERE r.org_id = $1 AND x.value = $2 AND r.is_deleted = 0),
 (SELECT COUNT(*) FROM case_record WHERE org_id = $1 AND account_id = $2)`, string(d.org.ID), string(account)).Scan(&contacts, &notes, &cases)
	if err != nil {
		d.Fatal(err)
	}
	return fmt.Sprint(contacts, notes, cases)
}

// A record on which very many hang is deleted at once, and they are not seen from then on; what is to be done for each of
// them is done by a job, in steps, whatever happens to the process that is at it.
func TestDeletingWhatManyHangOn(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		d := desk{t, h, h.MakeOrg(t, "many")}
		ctx := t.Context()
		d.custom(
			org.CustomChange{Object: &org.CustomObject{Name: "Note__c", Label: "Note", Plural: "Notes"}},
			field("Note__c", "About__c", org.CustomLookup, func(f *org.CustomField) {
				f.ReferenceTo, f.RelationshipName, f.DeleteConstraint = "Account", "Notes", "Cascade"
			}),
		)
		o := d.org
		create := func(object string, values map[string]any) org.ID {
			t.Helper()
			id, err := h.Records.Create(ctx, o.Admin, object, values)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		account, campaign := create("Account", map[string]any{"Name": "Crowd"}), create("Campaign", map[string]any{"Name": "All", "IsActive": true})
		other := create("Account", map[string]any{"Name": "Other"})
		note := create("Note__c", map[string]any{"Name": "n", "About__c": string(account)})
		create("Case", map[string]any{"Subject": "stays", "AccountId": string(account)})
		multiply(t, h, o, account, campaign, 150)
		multiply(t, h, o, other, campaign, 3)
		child := org.ID(d.query("SELECT Id FROM Contact WHERE Name = 'Child 149' AND AccountId = '" + string(account) + "'"))

		var now atomic.Int64
		now.Store(orgtest.Start.UnixMilli())
		changes := make(chan jobs.Change, 100)
		queue := jobs.New(h.Store.DB(), jobs.Options{Machine: func() time.Time { return time.UnixMilli(now.Load()) }, Poll: 10 * time.Millisecond, OnChange: func(c jobs.Change) { changes <- c }})
		h.Store.UseQueue(queue)
		if err := h.Records.Delete(ctx, o.Admin, "Account", string(account)); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string]string{
			"SELECT COUNT() FROM Account WHERE Name = 'Crowd'":                         "0",
			"SELECT COUNT() FROM Contact WHERE Name LIKE 'Child%'":                     "3",
			"SELECT COUNT() FROM Note__c":                                              "0",
			"SELECT Name, (SELECT Id FROM Contacts) FROM Account WHERE Name = 'Crowd'": "",
			"SELECT COUNT() FROM Account WHERE Id IN (SELECT AccountId FROM Contact)":  "1",
		} {
			if got := d.query(query); got != want {
				t.Errorf("meanwhile, %s: %q, want %q", query, got, want)
			}
		}
		if _, err := h.Records.Read(ctx, o.Admin, "Contact", string(child), nil); fault.CodeOf(err) != org.CodeEntityDeleted {
			t.Errorf("reading a child meanwhile: %v", err)
		}
		if _, err := h.Records.Read(ctx, o.Admin, "Note__c", string(note), nil); fault.CodeOf(err) != org.CodeEntityDeleted {
			t.Errorf("reading a custom child meanwhile: %v", err)
		}
		if err := h.Records.Update(ctx, o.Admin, "Contact", string(child), map[string]any{"Title": "x"}); fault.CodeOf(err) != org.CodeEntityDeleted {
			t.Errorf("changing a child meanwhile: %v", err)
		}
		if _, err := h.Records.Create(ctx, o.Admin, "Task", map[string]any{"Subject": "Call", "WhoId": string(child)}); fault.CodeOf(err) != org.CodeInvalidReference {
			t.Errorf("referring to a child meanwhile: %v", err)
		}
		if left := d.left(account); left != "150 1 1" {
			t.Errorf("contacts, notes and cases that are to follow: %s", left)
		}

		// The first worker stops after each step.
		queue.Handle(sqlstore.JobBin, func(ctx context.Context, run *jobs.Run) error {
			var p sqlstore.BinPayload
			if err := json.Unmarshal(run.Payload, &p); err != nil {
				return err
			}
			found, err := h.Store.OrgByID(ctx, p.Org)
			if err != nil {
				return err
			}
			if done, err := h.Store.FollowBin(ctx, run, h.Records, found, p.ID); err != nil || done {
				return err
			}
			return errors.New("the process ends here")
		})
		queue.Start(context.WithoutCancel(ctx))
		attempts := 0
		for c := range changes {
			if c.State == jobs.Done {
				break
			}
			if c.State == jobs.Queued && c.Attempt > 0 {
				attempts++
				now.Add(time.Hour.Milliseconds())
			}
		}
		if err := queue.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if left := d.left(account); left != "0 0 0" || attempts == 0 {
			t.Errorf("%s are left after %d broken attempts", left, attempts)
		}
		for query, want := range map[string]string{
			"SELECT COUNT() FROM CampaignMember":                                                 "3",
			"SELECT COUNT() FROM Contact WHERE Name LIKE 'Child%'":                               "3",
			"SELECT COUNT() FROM Contact WHERE Name LIKE 'Child%' AND IsDeleted = true ALL ROWS": "150",
			"SELECT COUNT() FROM CampaignMember WHERE IsDeleted = true ALL ROWS":                 "150",
			"SELECT AccountId FROM Case WHERE Subject = 'stays'":                                 "<nil>",
		} {
			if got := d.query(query); got != want {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}

		// All of what one request deletes has the room of one transaction.
		var ops []org.Op
		for i := range 3 {
			id := create("Account", map[string]any{"Name": fmt.Sprint("Small ", i)})
			multiply(t, h, o, id, campaign, 60)
			ops = append(ops, org.Op{Action: org.ActionDelete, Object: "Account", ID: string(id)})
		}
		out, err := h.Records.Batch(ctx, o.Admin, ops, false)
		if err != nil || out[0].Err != nil || out[1].Err != nil || out[2].Err != nil {
			t.Fatalf("%+v %v", out, err)
		}
		if at, first := d.left(org.ID(ops[0].ID)), d.left(org.ID(ops[2].ID)); at != "0 0 0" || first != "60 0 0" {
			t.Errorf("of several: %s, %s", at, first)
		}

		// What could not be refused any more later is refused now.
		d.custom(field("Note__c", "Of__c", org.CustomLookup, func(f *org.CustomField) {
			f.ReferenceTo, f.RelationshipName, f.DeleteConstraint = "Contact", "NotesOf", "Restrict"
		}))
		o = d.org
		multiply(t, h, o, other, campaign, 250)
		if err := h.Records.Delete(ctx, o.Admin, "Account", string(other)); fault.CodeOf(err) != org.CodeInUse || !strings.Contains(err.Error(), "more than 200 records") {
			t.Errorf("%v", err)
		}
		if got := d.query("SELECT COUNT() FROM Contact WHERE AccountId = '" + string(other) + "'"); got != "253" {
			t.Errorf("%s contacts after a refusal", got)
		}
	})
}
