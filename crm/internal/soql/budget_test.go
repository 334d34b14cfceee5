package soql_test

import (
	"context"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// A batch ends where its rows have too many bytes, whatever it is read by, and the locator goes on from there.
func TestBatchesOfLongRows(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "long")
		crowd(t, h, o, 31) // 465 contacts
		err := h.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE contact SET description = $2 WHERE org_id = $1`, string(o.ID), strings.Repeat(`"x`, 500)) // 3500 bytes of JSON at most
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		const room = 300_000
		const perBatch = room / 3500
		whole := newRunner(h)
		limited := func() *soql.Runner { // as a request inside another, with so much left for it
			r := *whole
			r.Budget = soql.NewBudget(room)
			return &r
		}
		for _, tail := range []string{"", " ORDER BY LastName DESC", " ORDER BY LastName LIMIT 460 OFFSET 5"} {
			seen, batches := map[string]bool{}, 0
			res, err := limited().Run(t.Context(), o.Admin, "SELECT LastName, Description FROM Contact WHERE LastName LIKE 'contact%'"+tail, false, 0)
			for ; ; batches++ {
				if err != nil {
					t.Fatal(err)
				}
				if n := len(res.Rows); n == 0 || n > perBatch || res.Next != "" && n < perBatch-5 || res.Total != 465 && res.Total != 460 {
					t.Fatalf("%q: %d rows of %d", tail, n, res.Total)
				}
				for _, row := range res.Rows {
					seen[row.Values[0].(string)] = true
				}
				if res.Next == "" {
					break
				}
				res, err = limited().More(t.Context(), o.Admin, res.Next, 0)
			}
			if len(seen) != res.Total || batches < 5 {
				t.Errorf("%q: %d different ones in %d batches", tail, len(seen), batches)
			}
		}

		// Children count too: accounts come later, and so does the rest of one's children. Accounts without any are no obstacle.
		for _, order := range []string{"", " ORDER BY Name", " ORDER BY Name DESC"} {
			accounts, names := map[string]bool{}, map[string]bool{}
			add := func(rows []soql.Row) {
				for _, row := range rows {
					names[row.Values[0].(string)] = true
				}
			}
			res, err := limited().Run(t.Context(), o.Admin, "SELECT Name, (SELECT LastName, Description FROM Contacts) FROM Account WHERE Name LIKE 'account%'"+order, false, 0)
			for {
				if err != nil {
					t.Fatal(err)
				}
				got := 0
				for _, row := range res.Rows {
					accounts[row.Values[0].(string)] = true
					kids, _ := row.Values[1].(*soql.Children)
					if kids == nil {
						continue
					}
					got += len(kids.Rows)
					add(kids.Rows)
					for next := kids.Next; next != ""; {
						more, err := limited().More(t.Context(), o.Admin, next, 0)
						if err != nil {
							t.Fatal(err)
						}
						add(more.Rows)
						next = more.Next
					}
				}
				if res.Total != 31 || got > perBatch {
					t.Fatalf("%q: %d accounts, %d contacts at once", order, res.Total, got)
				}
				if res.Next == "" {
					break
				}
				res, err = limited().More(t.Context(), o.Admin, res.Next, 0)
			}
			if len(accounts) != 31 || len(names) != 465 {
				t.Errorf("%q: %d accounts, %d contacts", order, len(accounts), len(names))
			}
		}

		// Answers that share a budget get what is left of it, and one row in any case.
		shared := limited()
		for _, want := range []int{perBatch, 1, 1} {
			res, err := shared.Run(t.Context(), o.Admin, "SELECT LastName, Description FROM Contact WHERE LastName LIKE 'contact%'", false, 0)
			if err != nil || len(res.Rows) > want || len(res.Rows) < want-5 || res.Next == "" {
				t.Errorf("%d rows, want %d, next %q, %v", len(res.Rows), want, res.Next, err)
			}
		}
	})
}

// counting is a source of so many contacts with a long description, which notes how many it was asked for.
type counting struct {
	soql.Source
	asked, rows int
	text        string
}

func (c *counting) Select(_ context.Context, _ org.ID, _ *soql.Plan, _, limit int, each func(soql.Row) error) error {
	c.asked = limit
	for range min(limit, c.rows) {
		if err := each(soql.Row{IDs: []org.ID{"003000000000001AAA"}, Values: []any{"003000000000001AAA", c.text}}); err != nil {
			return err
		}
	}
	return nil
}

func (c *counting) CountRows(context.Context, org.ID, *soql.Plan) (int, error) { return c.rows, nil }

func (c *counting) AddLocator(context.Context, soql.Locator) error { return nil }

func (c *counting) Locator(context.Context, org.ID, org.ID) (soql.Locator, error) {
	return soql.Locator{}, nil
}

// A batch has at most MaxBytes, 200 rows where two custom long text areas are selected, and fewer yet of many of the
// longest.
func TestBatchesAreBound(t *testing.T) {
	t.Parallel()
	account := &org.Object{Name: "Account", KeyPrefix: "001", Fields: []*org.Field{{Name: "Id", Type: org.TypeID, Length: 18, Filterable: true, Sortable: true}}}
	var long []string
	for _, name := range strings.Fields("A__c B__c C__c D__c E__c F__c") {
		account.Fields = append(account.Fields, &org.Field{Name: name, Type: org.TypeTextArea, Length: 131_072, Custom: true, Nillable: true})
		long = append(long, name)
	}
	schema, source := org.NewSchema(account), &counting{}
	r := &soql.Runner{Source: source, Locators: source, Schema: func(org.Session) *org.Schema { return schema }, Clock: clock.NewDomain(nil)}
	for fields, want := range map[string]int{"Id": 2001, "Id, A__c": 512, "Id, A__c, B__c": 201, strings.Join(long, ", "): 86} {
		if _, err := r.Run(t.Context(), org.Session{}, "SELECT "+fields+" FROM Account", false, 0); err != nil || source.asked != want {
			t.Errorf("%s: asked for %d, want %d, %v", fields, source.asked, want, err)
		}
	}
	source.rows, source.text = 500, strings.Repeat("x", 100_000)
	res, err := r.Run(t.Context(), org.Session{}, "SELECT Id, A__c FROM Account", false, 0)
	if err != nil || len(res.Rows) != soql.MaxBytes/100_200 || res.Total != 500 || !strings.HasSuffix(res.Next, "-83-003000000000001AAA") {
		t.Errorf("%d rows of %d, next %q, %v", len(res.Rows), res.Total, res.Next, err)
	}
	if _, err := r.Run(t.Context(), org.Session{}, "SELECT MAX(A__c), MIN(A__c) FROM Account GROUP BY A__c", false, 0); fault.KindOf(err) != fault.Invalid {
		t.Errorf("long groups: %v", err)
	}
}
