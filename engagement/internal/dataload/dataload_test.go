package dataload_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestLoadRunsOnce: whoever runs a load, and how often, each row is written once; a second insert of it would be refused
// and show among the failures.
func TestLoadRunsOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := sendertest.New(t, sqldbtest.Open(t, sqldbtest.DSN(t, kind), sendertest.Migrations()), sendertest.Options{Idle: true})
			p := sendertest.Principal(sendertest.Top)
			ref := tenant.ExtensionRef{Key: "Rows"}
			if _, err := k.Data.Create(t.Context(), p, tenant.DataExtension{Key: "Rows", Name: "Rows", Fields: []tenant.DataField{{Name: "N", Type: tenant.FieldNumber, PrimaryKey: true}}}); err != nil {
				t.Fatal(err)
			}
			rows := make([]tenant.RowInput, 1000)
			for i := range rows {
				n := fmt.Sprint(i)
				rows[i] = tenant.RowInput{"N": &n}
			}
			id, err := k.Data.Load(t.Context(), p, ref, tenant.RowInsert, rows)
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					if err := k.Data.RunLoad(t.Context(), sendertest.EID, sendertest.Top, id); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			l, err := k.Data.LoadState(t.Context(), p, id)
			if err != nil || l.Done != 1000 || len(l.Failures) != 0 || l.Completed.IsZero() {
				t.Errorf("%d done, failures %v, %v", l.Done, l.Failures, err)
			}
			if d, err := k.Data.Get(t.Context(), p, ref); err != nil || d.Rows != 1000 {
				t.Errorf("%d rows, %v", d.Rows, err)
			}
		})
	}
}

// TestLoadOfWhatIsGone ends, and says of every row why.
func TestLoadOfWhatIsGone(t *testing.T) {
	t.Parallel()
	k := sendertest.New(t, sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), sendertest.Migrations()), sendertest.Options{Idle: true})
	p := sendertest.Principal(sendertest.Top)
	ref := tenant.ExtensionRef{Key: "Rows"}
	if _, err := k.Data.Create(t.Context(), p, tenant.DataExtension{Key: "Rows", Name: "Rows", Fields: []tenant.DataField{{Name: "N", Type: tenant.FieldNumber}}}); err != nil {
		t.Fatal(err)
	}
	id, err := k.Data.Load(t.Context(), p, ref, tenant.RowInsert, []tenant.RowInput{{}, {}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Data.Delete(t.Context(), p, ref); err != nil {
		t.Fatal(err)
	}
	if err := k.Data.RunLoad(t.Context(), sendertest.EID, sendertest.Top, id); err != nil {
		t.Fatal(err)
	}
	if l, err := k.Data.LoadState(t.Context(), p, id); err != nil || len(l.Failures) != 2 || l.Completed.IsZero() {
		t.Errorf("%+v, %v", l, err)
	}
}
