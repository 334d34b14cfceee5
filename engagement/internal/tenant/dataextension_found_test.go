package tenant_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

// longRows is a data extension of 3,000 rows of 16 KB each.
type longRows struct {
	tenant.DataExtensionStore
	values map[int64]string
}

func (s longRows) Extension(context.Context, tenant.EID, tenant.MID, tenant.ExtensionRef) (tenant.DataExtension, error) {
	return tenant.DataExtension{ID: "x", Key: "x", Rows: 3000, Fields: []tenant.DataField{{Slot: 1, Name: "T", Type: tenant.FieldText, MaxLength: 20000}}}, nil
}

func (s longRows) Rows(_ context.Context, _ tenant.DataExtension, after string, skip, limit int) ([]tenant.DataRow, error) {
	from := 0
	if after != "" {
		_, _ = fmt.Sscanf(after, "%d", &from) // ours
		from++
	}
	var list []tenant.DataRow
	for i := from + skip; i < min(from+skip+limit, 3000); i++ {
		list = append(list, tenant.DataRow{Key: fmt.Sprintf("%04d", i), Values: s.values})
	}
	return list, nil
}

func (s longRows) RowsByKey(_ context.Context, _ tenant.DataExtension, keys []string) ([]tenant.DataRow, error) {
	var list []tenant.DataRow
	for _, key := range keys {
		list = append(list, tenant.DataRow{Key: key, Values: s.values})
	}
	return list, nil
}

// A numbered page that were cut short would lose rows between it and the next, so it is whole or refused. A page that
// tells where to go on may end before.
func TestNumberedPagesAreWhole(t *testing.T) {
	t.Parallel()
	data := &tenant.DataExtensions{Store: longRows{values: map[int64]string{1: strings.Repeat("x", 16000)}}}
	p := tenant.Principal{Scopes: []string{tenant.ScopeDataExtensionsRead}, Permissions: []string{tenant.PermDataExtensionsRead}}
	for name, filter := range map[string]*tenant.Filter{"all": nil, "by filter": {Property: "T", Operator: tenant.OpIsNotNull}} {
		ask := tenant.RowQuery{Filter: filter, Limit: 1000, Skip: 1000, Count: true}
		page, err := data.Rows(t.Context(), p, tenant.ExtensionRef{Key: "x"}, ask)
		if err != nil || len(page.Rows) != 1000 || page.Rows[0].Key != "1000" || page.Total != 3000 || !page.More {
			t.Errorf("%s: %d of %d rows, %v", name, len(page.Rows), page.Total, err)
		}
		ask.Limit, ask.Skip = 2500, 0
		if page, err := data.Rows(t.Context(), p, tenant.ExtensionRef{Key: "x"}, ask); fault.CodeOf(err) != tenant.CodeInvalidRetrieve {
			t.Errorf("%s: 40 MB: %d rows, %v", name, len(page.Rows), err)
		}
		ask.Count = false
		if page, err := data.Rows(t.Context(), p, tenant.ExtensionRef{Key: "x"}, ask); err != nil || !page.More || len(page.Rows) >= 1000 {
			t.Errorf("%s: %d rows, %v", name, len(page.Rows), err)
		}
	}
}
