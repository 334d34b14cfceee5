package sqlstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
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
				bound.Tell(context.WithoutCancel(ctx))
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
