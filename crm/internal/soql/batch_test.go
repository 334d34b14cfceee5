package soql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// crowd adds accounts with contacts to an org, by SQL alone: "Account 007" has as many contacts as its number says.
func crowd(t *testing.T, h *orgtest.House, o orgtest.Org, accounts int) {
	t.Helper()
	err := h.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
		for a := range accounts {
			id := org.NewID("001")
			if _, err := tx.Exec(`INSERT INTO account (org_id, id, name, owner_id, created_date, created_by_id, last_modified_date, last_modified_by_id, system_modstamp)
 VALUES ($1, $2, $3, $4, $5, $4, $5, $4, $5)`, string(o.ID), string(id), fmt.Sprintf("Account %03d", a), string(o.Admin.User), orgtest.Start.UnixMilli()); err != nil {
				return err
			}
			for c := range a {
				if _, err := tx.Exec(`INSERT INTO contact (org_id, id, account_id, last_name, name, owner_id, created_date, created_by_id, last_modified_date, last_modified_by_id, system_modstamp)
 VALUES ($1, $2, $3, $4, $4, $5, $6, $5, $6, $5, $6)`, string(o.ID), string(org.NewID("003")), string(id), fmt.Sprintf("Contact %03d of %03d", c, a),
					string(o.Admin.User), orgtest.Start.UnixMilli()); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newRunner(h *orgtest.House) *soql.Runner {
	return &soql.Runner{Source: h.Store, Locators: h.Store, Schema: h.Records.Schema, Clock: h.Clock}
}

// Batches together are the whole answer, each record once, in whatever order; their totals agree.
func TestBatches(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "batches")
		crowd(t, h, o, 40) // 780 contacts
		r := newRunner(h)
		for _, c := range []struct {
			tail  string
			total int
		}{
			{"", 780},
			{" AND LastName > 'Contact'", 780},
			{" AND SystemModstamp > 2000-01-01T00:00:00Z AND AccountId != null", 780},
			{" ORDER BY LastName DESC", 780},
			{" LIMIT 450", 450},
			{" LIMIT 600 OFFSET 300", 480},
			{" ORDER BY LastName OFFSET 390", 390},
			{" LIMIT 200", 200},
		} {
			text := "SELECT LastName FROM Contact WHERE LastName LIKE 'contact%'" + c.tail
			res, err := r.Run(t.Context(), o.Admin, text, false, 200)
			seen := map[string]bool{}
			for batches := 0; ; batches++ {
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				if res.Total != c.total || len(res.Rows) > 200 {
					t.Errorf("%s: total %d, %d rows", text, res.Total, len(res.Rows))
				}
				for _, row := range res.Rows {
					seen[row.Values[0].(string)] = true
				}
				if res.Next == "" {
					break
				}
				if !strings.HasPrefix(res.Next, "01g") || batches > 5 {
					t.Fatalf("%s: next %q", text, res.Next)
				}
				res, err = r.More(t.Context(), o.Admin, res.Next, 200)
			}
			if len(seen) != c.total {
				t.Errorf("%s: %d different records, want %d", text, len(seen), c.total)
			}
		}
		// Every batch at once, for those who do not keep batches.
		n := 0
		err := r.Each(t.Context(), o.Admin, "SELECT LastName, Account.Name FROM Contact WHERE LastName LIKE 'contact%' LIMIT 700", false, func(p *soql.Plan, row soql.Row) error {
			if n++; len(p.Columns) != 2 || !strings.HasPrefix(row.Values[1].(string), "Account ") {
				t.Errorf("%v", row)
			}
			return nil
		})
		if err != nil || n != 700 {
			t.Errorf("Each: %d rows, %v", n, err)
		}
		for _, text := range []string{"SELECT COUNT() FROM Contact", "SELECT COUNT(Id) FROM Contact", "SELECT (SELECT Id FROM Contacts) FROM Account", "SELECT Nope FROM Account"} {
			if err := r.Each(t.Context(), o.Admin, text, false, nil); fault.KindOf(err) != fault.Invalid {
				t.Errorf("Each of %s: %v", text, err)
			}
		}
	})
}

// What a later batch means by TODAY is what the first one meant.
func TestBatchesKeepTheirDay(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "day")
		crowd(t, h, o, 25) // 300 contacts
		r := newRunner(h)
		res, err := r.Run(t.Context(), o.Admin, "SELECT Id FROM Contact WHERE CreatedDate = TODAY AND AccountId != null", false, 200)
		if err != nil || res.Next == "" {
			t.Fatalf("%v %v", res, err)
		}
		h.Clock.Set(string(o.ID), 36*time.Hour)
		if res, err = r.More(t.Context(), o.Admin, res.Next, 200); err != nil || len(res.Rows) != 100 || res.Total != 300 {
			t.Errorf("the day after: %d rows, %v", len(res.Rows), err)
		}
	})
}

// Children beyond a batch are had by their own locator, and nobody gets to others' by changing it.
func TestChildBatches(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "children")
		other := h.MakeOrg(t, "strangers")
		crowd(t, h, o, 62)
		r := newRunner(h)
		// The last accounts get a thousand contacts each.
		err := h.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE contact SET account_id = (SELECT id FROM account WHERE org_id = $1 AND name = 'Account 061') WHERE org_id = $1 AND last_name LIKE 'Contact%'
 AND account_id <> (SELECT id FROM account WHERE org_id = $1 AND name = 'Account 060')`, string(o.ID))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		const text = "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account WHERE Name LIKE 'account%' ORDER BY Name DESC"
		res, err := r.Run(t.Context(), o.Admin, text, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		kids := res.Rows[0].Values[1].(*soql.Children)
		if res.Total != 62 || res.Next != "" || kids.Total != 61*62/2-60 || len(kids.Rows) != 200 || !strings.HasPrefix(kids.Next, "01g") {
			t.Fatalf("%d accounts, %d children of %d, next %q", res.Total, len(kids.Rows), kids.Total, kids.Next)
		}
		if few := res.Rows[1].Values[1].(*soql.Children); few.Total != 60 || few.Next != "" || len(few.Rows) != 60 {
			t.Errorf("Account 060: %d %q", few.Total, few.Next)
		}
		if none := res.Rows[2].Values[1].(*soql.Children); none != nil {
			t.Errorf("Account 059: %v", none)
		}
		names := make([]string, 0, kids.Total)
		add := func(rows []soql.Row) {
			for _, row := range rows {
				names = append(names, row.Values[0].(string))
			}
		}
		add(kids.Rows)
		next := kids.Next
		for next != "" {
			more, err := r.More(t.Context(), o.Admin, next, 500)
			if err != nil || more.Total != kids.Total || more.Plan.Object.Name != "Contact" {
				t.Fatalf("%q: %v", next, err)
			}
			add(more.Rows)
			next = more.Next
		}
		if len(names) != kids.Total || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != kids.Total {
			t.Errorf("%d names of %d", len(names), kids.Total)
		}
		id, _, _ := strings.Cut(kids.Next, "-")
		account := string(res.Rows[0].IDs[0])
		for _, bad := range []string{
			id, id + "-", id + "-0", id + "--1", id + "-01", id + "-200-", id + "-200-x", id + "-200-1", id + "-200-1-", id + "-200-0-" + account, id + "-200-2-" + account,
			id + "-200--1-" + account, id + "-200-1-" + account + "-1", id + "-99999-1-" + account, id + "-99999999999999999999", account + "-200", "", "-",
			string(org.NewID(soql.PrefixLocator)) + "-200",
		} {
			if _, err := r.More(t.Context(), o.Admin, bad, 0); fault.Of(err) == nil || fault.Of(err).Code != soql.CodeInvalidLocator {
				t.Errorf("%q: %v", bad, err)
			}
		}
		for name, s := range map[string]org.Session{"another user's": o.Normal, "another org's": other.Admin} {
			if _, err := r.More(t.Context(), s, kids.Next, 0); fault.Of(err) == nil || fault.Of(err).Code != soql.CodeInvalidLocator {
				t.Errorf("%s: %v", name, err)
			}
		}
		h.Clock.Set(string(o.ID), 49*time.Hour)
		if _, err := r.More(t.Context(), o.Admin, kids.Next, 0); fault.Of(err) == nil || fault.Of(err).Code != soql.CodeInvalidLocator {
			t.Errorf("after 49 hours: %v", err)
		}
	})
}

// Groups come in one batch or not at all.
func TestTooManyGroups(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "groups")
		crowd(t, h, o, 65) // 2080 contacts
		r := newRunner(h)
		_, err := r.Run(t.Context(), o.Admin, "SELECT LastName FROM Contact GROUP BY LastName", false, 0)
		if f := fault.Of(err); f == nil || f.Code != soql.CodeTooManyGroups || !strings.Contains(f.Message, "does not support queryMore()") {
			t.Errorf("%v", err)
		}
		res, err := r.Run(t.Context(), o.Admin, "SELECT LastName FROM Contact GROUP BY LastName LIMIT 2000", false, 200)
		if err != nil || res.Total != 2000 || len(res.Rows) != 2000 || res.Next != "" {
			t.Errorf("2000 groups: %v", err)
		}
	})
}
