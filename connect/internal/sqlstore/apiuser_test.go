package sqlstore_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// A change of the API user's credentials is kept whole, and of two who take the same step one does.
func TestAPIUserChange(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		s := sqlstore.New(db)
		linktest.Put(t, s, "a", 1)
		none, err := s.APIUserChange(t.Context(), "a")
		if err != nil || none.UnderWay() || none.Revision != 0 {
			t.Fatalf("none: %+v %v", none, err)
		}
		want := apiuser.Change{
			Pair: "a", Step: apiuser.Pausing, APIUser: "api", Actor: "olga", StartedAt: linktest.At(1),
			Items: []apiuser.Item{{Kind: apiuser.Transactional, MID: 7, Key: "welcome", Name: "Welcome", Paused: true}},
		}
		first, err := s.PutAPIUserChange(t.Context(), want, audit.Change{})
		if err != nil || first.Revision != 1 || !first.UnderWay() {
			t.Fatalf("first: %+v %v", first, err)
		}
		if _, err := s.PutAPIUserChange(t.Context(), want, audit.Change{}); fault.CodeOf(err) != apiuser.CodeChanged {
			t.Errorf("begun twice: %v", err)
		}
		first.Step, first.EndedAt = apiuser.Resumed, linktest.At(2)
		second, err := s.PutAPIUserChange(t.Context(), first, audit.Change{})
		if err != nil || second.UnderWay() {
			t.Fatalf("second: %+v %v", second, err)
		}
		if got, err := s.APIUserChange(t.Context(), "a"); err != nil || cmp.Diff(second, got) != "" {
			t.Errorf("read: %v %s", err, cmp.Diff(second, got))
		}
	})
}
