package sqlstore_test

import (
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// BenchmarkReadContact is what an authenticated read of a record costs below HTTP.
func BenchmarkReadContact(b *testing.B) {
	for _, kind := range sqldbtest.Kinds {
		b.Run(kind, func(b *testing.B) {
			h := orgtest.NewHouse(b, sqldbtest.Open(b, sqldbtest.DSN(b, kind), []sqldb.Migrations{sqlstore.Migrations()}))
			o := h.MakeOrg(b, "bench")
			id, err := h.Records.Create(b.Context(), o.Admin, "Contact", map[string]any{"LastName": "Bench", "Email": "bench@x.example"})
			if err != nil {
				b.Fatal(err)
			}
			for _, fields := range [][]string{nil, {"Id", "Email", "Name"}} {
				name := "three fields"
				if fields == nil {
					name = "all fields"
				}
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, err := h.Records.Read(b.Context(), o.Admin, org.ObjectContact, string(id), fields); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
