package sqlstore_test

import (
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
)

func TestRecordStore(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, orgtest.RecordStore)
}

func TestEveryObject(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, orgtest.EveryObject)
}

// Every field of the schema can be read, filtered and sorted as it says, so no declaration lacks its column.
func TestEveryFieldIsStored(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "fields")
		for _, object := range org.WholeSchema().Objects {
			for _, f := range object.Fields {
				field := soql.Expr{Ref: soql.Ref{Object: object, Field: f}}
				p := &soql.Plan{Object: object, Limit: -1, Columns: []soql.Column{{Expr: field, Path: []string{f.Name}}}}
				if f.Filterable {
					p.Where = soql.IsNull{Expr: field, Not: true}
				}
				if f.Sortable {
					p.Order = []soql.Order{{Expr: field, Desc: true, NullsLast: true}}
				}
				if err := h.Store.Select(t.Context(), o.ID, p, 0, 10, func(soql.Row) error { return nil }); err != nil {
					t.Errorf("%s.%s: %v", object.Name, f.Name, err)
				}
			}
		}
	})
}
