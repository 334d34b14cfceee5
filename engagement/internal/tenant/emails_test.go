package tenant_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

// shelf holds emails of which it counts whose content is read.
type shelf struct {
	tenant.EmailStore
	heads []tenant.EmailHead
	read  []int64
}

func (s *shelf) EmailHeads(_ context.Context, _ tenant.EID, _ tenant.MID, after int64, limit int) ([]tenant.EmailHead, error) {
	from := slices.IndexFunc(s.heads, func(e tenant.EmailHead) bool { return e.ID > after })
	if from < 0 {
		return nil, nil
	}
	return s.heads[from:min(from+limit, len(s.heads))], nil
}

func (s *shelf) EmailsByID(_ context.Context, _ tenant.EID, _ tenant.MID, ids []int64) ([]tenant.Email, error) {
	s.read = append(s.read, ids...)
	return make([]tenant.Email, len(ids)), nil
}

// However many emails match, the content of those alone is read that are on the page, and of none where none is wanted.
func TestFindingEmailsReadsTheContentOfThePage(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	for i := range 1200 {
		s.heads = append(s.heads, tenant.EmailHead{ID: int64(i + 1), HTMLBytes: 1 << 20})
	}
	emails := &tenant.Emails{Store: s}
	p := tenant.Principal{Scopes: []string{tenant.ScopeEmailRead}, Permissions: []string{tenant.PermEmailRead}}
	even := func(e tenant.EmailHead) bool { return e.ID%2 == 0 }
	for _, c := range []struct {
		content bool
		want    string
	}{{false, "[]"}, {true, "[6 8 10]"}} {
		page, err := emails.Find(t.Context(), p, tenant.EmailQuery{Match: even, Skip: 2, Limit: 3, Content: c.content})
		if err != nil || page.Count != 600 || len(page.Heads) != 3 || page.Heads[0].ID != 6 || fmt.Sprint(s.read) != c.want {
			t.Errorf("%d match, %v on the page, content of %v read, %v", page.Count, page.Heads, s.read, err)
		}
	}
	s.read = nil
	if _, err := emails.Find(t.Context(), p, tenant.EmailQuery{Match: even, Limit: 33, Content: true}); fault.KindOf(err) != fault.TooLarge || len(s.read) > 0 {
		t.Errorf("33 MB on a page: %v, content of %v read", err, s.read)
	}
	if _, err := emails.Find(t.Context(), p, tenant.EmailQuery{Match: even, Limit: 33}); err != nil {
		t.Error(err)
	}
}
