package sqlstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

func named(t *testing.T, h *orgtest.House, o orgtest.Org, last string) int {
	t.Helper()
	n := 0
	err := h.Store.Write(t.Context(), func(tx org.RecordTx) (err error) {
		n, err = tx.Count(org.WholeSchema().Object(org.ObjectContact, nil), o.ID, org.Values{"LastName": last, "IsDeleted": false})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func contact(last string) org.Op {
	return org.Op{Object: "Contact", Values: map[string]any{"LastName": last}}
}

// The good ones of a batch are made and the bad ones told, or none is made.
func TestBatches(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		o := h.MakeOrg(t, "batches")
		first, err := h.Records.Create(ctx, o.Admin, "Contact", map[string]any{"LastName": "First"})
		if err != nil {
			t.Fatal(err)
		}
		standard := profileOf(t, h, o, org.StandardUserProfile)
		refusal := fault.New(fault.Invalid, "nonsense", "nonsense")
		ops := []org.Op{
			contact("New"),
			{Object: "Contact", Values: map[string]any{"FirstName": "Nameless"}},
			{Action: org.ActionUpdate, Object: "Contact", ID: string(first), Values: map[string]any{"LastName": "Changed"}},
			{Action: org.ActionDelete, Object: "Contact", ID: "003000000000001AAA"},
			{Object: "User", Values: newUser("one@batches.example", standard)},
			{Object: "User", Values: newUser("one@batches.example", standard)},
			{Object: "Nothing"},
			{Err: refusal},
		}
		want := []fault.Code{"", org.CodeRequiredFieldMissing, "", org.CodeNotFound, "", org.CodeDuplicateUsername, org.CodeInvalidType, "nonsense"}
		check := func(out []org.Outcome, good fault.Code) {
			t.Helper()
			for i, w := range want {
				if w == "" {
					w = good
				}
				if fault.CodeOf(out[i].Err) != w || (w == "") != (out[i].ID != "") {
					t.Errorf("%d: %+v, want %q", i, out[i], w)
				}
			}
		}
		told := len(h.Changed.Orgs)
		out, err := h.Records.Batch(ctx, o.Admin, ops, true)
		if err != nil {
			t.Fatal(err)
		}
		check(out, org.CodeRolledBack)
		if n := named(t, h, o, "New") + named(t, h, o, "Changed"); n != 0 || len(h.Changed.Orgs) != told {
			t.Errorf("all or none left %d records and told %v", n, h.Changed.Orgs[told:])
		}
		if out, err = h.Records.Batch(ctx, o.Admin, ops, false); err != nil {
			t.Fatal(err)
		}
		check(out, "")
		if !out[0].Created || out[2].Created || out[2].ID != first {
			t.Errorf("%+v", out)
		}
		if n := named(t, h, o, "New") + named(t, h, o, "Changed"); n != 2 || len(h.Changed.Orgs) != told+1 {
			t.Errorf("%d of 2 records, told %v", n, h.Changed.Orgs[told:])
		}
		if out, err = h.Records.Batch(ctx, o.Normal, []org.Op{{Object: "PermissionSet", Values: map[string]any{"Label": "Mine"}}}, false); err != nil ||
			fault.KindOf(out[0].Err) != fault.Denied && fault.KindOf(out[0].Err) != fault.NotFound {
			t.Errorf("without the right: %+v, %v", out, err)
		}
	})
}

// What happens in a transaction is seen in it, and by others after it; an error of the whole takes all away.
func TestRecordsWithinATransaction(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		o := h.MakeOrg(t, "within")
		mine := errors.New("mine")
		run := func(last string, end error) error {
			var bound *org.BoundRecords
			err := h.Store.InTransaction(ctx, func(_ *sqldb.Tx, tx sqlstore.Transaction) error {
				bound = h.Records.Within(tx)
				queries := &soql.Runner{Source: tx, Locators: tx, Schema: bound.Schema, Clock: bound.Clock}
				id, err := bound.Create(ctx, o.Admin, "Contact", map[string]any{"LastName": last})
				if err != nil {
					return err
				}
				if _, err := bound.Create(ctx, o.Admin, "Contact", map[string]any{"FirstName": "Nameless"}); fault.CodeOf(err) != org.CodeRequiredFieldMissing {
					t.Errorf("a refusal inside: %v", err)
				}
				if rec, err := bound.Read(ctx, o.Admin, "Contact", string(id), []string{"LastName"}); err != nil || rec.Values.Text("LastName") != last {
					t.Errorf("read inside: %v, %v", rec, err)
				}
				res, err := queries.Run(ctx, o.Admin, "SELECT Id FROM Contact WHERE LastName = '"+last+"'", false, 0)
				if err != nil || res.Total != 1 {
					t.Errorf("asked inside: %+v, %v", res, err)
				}
				if _, err := bound.Create(ctx, o.Admin, "PermissionSet", map[string]any{"Label": "Set " + last}); err != nil {
					return err
				}
				return end
			})
			if err == nil {
				bound.Tell()
			}
			return err
		}
		told := len(h.Changed.Orgs)
		if err := run("Undone", mine); !errors.Is(err, mine) || named(t, h, o, "Undone") != 0 {
			t.Errorf("undone: %v", err)
		}
		if len(h.Changed.Orgs) != told {
			t.Error("caches were told of what did not happen")
		}
		if err := run("Done", nil); err != nil || named(t, h, o, "Done") != 1 {
			t.Errorf("done: %v", err)
		}
		if len(h.Changed.Orgs) != told+1 {
			t.Errorf("caches were told %d times", len(h.Changed.Orgs)-told)
		}
	})
}

// Queries of a transaction have little time together, for others wait for its end; past it nothing of it stays.
func TestQueriesOfATransactionHaveLittleTime(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx, o := t.Context(), h.MakeOrg(t, "little")
		err := h.Store.InTransaction(ctx, func(_ *sqldb.Tx, tx sqlstore.Transaction) error {
			bound := h.Records.Within(tx)
			queries := &soql.Runner{Source: tx, Locators: tx, Schema: bound.Schema, Clock: bound.Clock}
			if _, err := bound.Create(ctx, o.Admin, "Contact", map[string]any{"LastName": "Late"}); err != nil {
				return err
			}
			for range 2 {
				if _, err := queries.Run(ctx, o.Admin, "SELECT Id FROM Contact", false, 0); err != nil {
					return err
				}
			}
			tx.Spend()
			for _, query := range []string{"SELECT Id FROM Contact", "SELECT COUNT() FROM Contact", "SELECT Id, (SELECT Id FROM Contacts) FROM Account"} {
				if _, err := queries.Run(ctx, o.Admin, query, false, 0); fault.CodeOf(err) != soql.CodeTimeout {
					t.Errorf("%s: %v", query, err)
				}
			}
			return nil
		})
		if err == nil || named(t, h, o, "Late") != 0 {
			t.Errorf("%d records stay, %v", named(t, h, o, "Late"), err)
		}
		if _, err := h.Records.Create(ctx, o.Admin, "Contact", map[string]any{"LastName": "Next"}); err != nil {
			t.Errorf("the next writer: %v", err)
		}
	})
}

// TestInvitationsBelongToTheTransaction: what a new user, or the owner of a new address, is mailed is queued in the transaction that
// makes the record: a crash loses both or neither, and what was undone mails nobody.
func TestInvitationsBelongToTheTransaction(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx, o := t.Context(), h.MakeOrg(t, "invited")
		h.Store.UseQueue(jobs.New(h.Store.DB(), jobs.Options{})) // never started
		normal, err := h.Store.UserByID(ctx, o.ID, o.Normal.User)
		if err != nil {
			t.Fatal(err)
		}
		var invited []string
		h.Records.Invite = func(tx org.RecordTx, _ org.Session, object string, row org.Values) error {
			invited = append(invited, object)
			return tx.Post(org.Letter{ID: row.Text("Id"), Sealed: []byte("sealed"), Until: time.Now().Add(time.Hour)})
		}
		queued := func() (n int) {
			t.Helper()
			if err := h.Store.DB().QueryRow(ctx, `SELECT COUNT(*) FROM job WHERE kind = $1`, sqlstore.JobLetter).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		user := func(name string) map[string]any {
			return map[string]any{
				"Username": name + "@invited.example", "LastName": name, "Email": name + "@mail.example", "Alias": name, "TimeZoneSidKey": "America/Los_Angeles",
				"LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "ProfileId": string(normal.Profile),
			}
		}
		mine := errors.New("the process ends here")
		err = h.Store.InTransaction(ctx, func(raw *sqldb.Tx, tx sqlstore.Transaction) error {
			if _, err := h.Records.Within(tx).Create(ctx, o.Admin, "User", user("lost")); err != nil {
				return err
			}
			var n int
			if err := raw.QueryRow(`SELECT COUNT(*) FROM job WHERE kind = $1`, sqlstore.JobLetter).Scan(&n); err != nil || n != 1 {
				t.Errorf("%d letters are queued in the transaction, %v", n, err)
			}
			return mine
		})
		if !errors.Is(err, mine) || queued() != 0 {
			t.Errorf("undone: %d letters, %v", queued(), err)
		}
		trial := o.Admin
		trial.DryRun = true
		if _, err := h.Records.Create(ctx, trial, "User", user("dry")); !errors.Is(err, org.ErrDryRun) || queued() != 0 {
			t.Errorf("a dry run: %d letters, %v", queued(), err)
		}
		if _, err := h.Records.Create(ctx, o.Admin, "User", user("made")); err != nil || queued() != 1 {
			t.Errorf("a user: %d letters, %v", queued(), err)
		}
		out, err := h.Records.Batch(ctx, o.Admin, []org.Op{{Object: "User", Values: user("good")}, {Object: "User", Values: user("made")}}, true)
		if err != nil || out[1].Err == nil || queued() != 1 {
			t.Errorf("all or none: %+v, %d letters, %v", out, queued(), err)
		}
		if _, err := h.Records.Create(ctx, o.Admin, "OrgWideEmailAddress", map[string]any{"Address": "no-reply@invited.example", "DisplayName": "Invited"}); err != nil || queued() != 2 {
			t.Errorf("an address: %d letters, %v", queued(), err)
		}
		if last := invited[len(invited)-1]; last != "OrgWideEmailAddress" {
			t.Errorf("the last was %s", last)
		}
		if _, err := h.Records.Create(ctx, o.Admin, "Contact", map[string]any{"LastName": "Nobody's"}); err != nil || queued() != 2 {
			t.Errorf("a contact: %d letters, %v", queued(), err)
		}
	})
}

// counting counts what is counted.
type counting struct {
	org.RecordTx
	counts *int
}

func (c counting) Count(o *org.Object, id org.ID, match org.Values) (int, error) {
	*c.counts++
	return c.RecordTx.Count(o, id, match)
}

// TestManyUsersOfANewOrg: making an org counts the seats of its licences once, in its plan, and not for each of its users.
func TestManyUsersOfANewOrg(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "many")
		normal, err := h.Store.UserByID(t.Context(), o.ID, o.Normal.User)
		if err != nil {
			t.Fatal(err)
		}
		counts := 0
		err = h.Store.Write(t.Context(), func(tx org.RecordTx) error {
			for i := range 3 {
				name := fmt.Sprintf("many%d", i)
				err := h.Records.CreateIn(counting{tx, &counts}, o.Admin, org.ObjectUser, org.NewID(org.PrefixUser), map[string]any{
					"Username": name + "@many.example", "LastName": name, "Email": name + "@mail.example", "Alias": name, "TimeZoneSidKey": "America/Los_Angeles",
					"LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "ProfileId": string(normal.Profile),
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || counts != 0 {
			t.Errorf("%d counts, %v", counts, err)
		}
	})
}
