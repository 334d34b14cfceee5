package mapping_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestClearUnits: one request clears a hundred mappings at most and says where to go on; those in other business units stay.
// The connection is a copy, so that neither cloud is asked.
func TestClearUnits(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		s := sqlstore.New(db)
		v := linktest.PutKeys(t, s)
		linktest.Put(t, s, linktest.Pair, 1)
		l, err := s.UpdateLink(ctx, linktest.Pair, audit.Change{}, func(l link.Link) (link.Link, error) {
			l.CRMURL = "http://127.0.0.1:1" // nobody listens
			l.Org.Username, l.Org.Cause = "system@org.example", link.Cause{Code: string(link.CodeCopied), Text: "copied"}
			return l, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		const n = 130
		for i := range n {
			m := mapping.Mapping{
				Pair: l.Pair, CRMUserID: fmt.Sprintf("005%03d", i), CRMUsername: fmt.Sprintf("u%03d@org.example", i), EngagementUserID: fmt.Sprint(i), EngagementUser: fmt.Sprintf("u%03d.mc", i),
				MID: int64(7 + i%13/12), CreatedAt: linktest.At(0),
			}
			if _, _, err := s.PutMapping(ctx, m, linktest.Why); err != nil {
				t.Fatal(err)
			}
		}
		service := mapping.NewService(s, link.NewService(s, link.NewKeyring(s, v), http.DefaultClient, nil), audit.NewKeyring(s, v))
		first, err := service.ClearUnits(ctx, l, []int64{7}, "", "olga")
		if err != nil || len(first.Cleared) != 100 || len(first.Failed) != 0 || first.Next != first.Cleared[99].Mapping.CRMUsername {
			t.Fatalf("first: %d cleared, %+v, next %q, %v", len(first.Cleared), first.Failed, first.Next, err)
		}
		second, err := service.ClearUnits(ctx, l, []int64{7}, first.Next, "olga")
		if err != nil || len(second.Cleared) != 20 || second.Next != "" {
			t.Fatalf("second: %d cleared, next %q, %v", len(second.Cleared), second.Next, err)
		}
		left := 0
		known, err := s.Known(ctx, l.Pair, "", 200)
		for _, k := range known {
			if k.Clear.At.IsZero() {
				left++
				if k.Mapping.MID != 8 {
					t.Errorf("left: %+v", k.Mapping)
				}
			}
		}
		if err != nil || left != 10 {
			t.Errorf("%d are left, %v", left, err)
		}
	})
}
