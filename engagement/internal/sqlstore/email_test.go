package sqlstore_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// Lists of emails come from an index and touch no body, and what they say of the content stays true.
func TestHeadsOfEmails(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		p := sendertest.Principal(sendertest.Top)
		made, err := k.Emails.Create(t.Context(), p, tenant.Email{CustomerKey: "K", Name: "N", Subject: "s", HTML: "<p>ä</p>"})
		if err != nil {
			t.Fatal(err)
		}
		head := func() tenant.EmailHead {
			t.Helper()
			heads, err := k.Store.EmailHeads(t.Context(), sendertest.EID, sendertest.Top, made.ID-1, 1)
			if err != nil || len(heads) != 1 {
				t.Fatal(heads, err)
			}
			return heads[0]
		}
		if got := head(); got != made.Head() || got.HTMLBytes != 9 || got.TextBytes != 0 {
			t.Errorf("%+v, want %+v", got, made.Head())
		}
		changed, err := k.Emails.Update(t.Context(), p, tenant.EmailRef{ID: made.ID}, func(e *tenant.Email) { e.HTML, e.Text = "", "text" })
		if err != nil || head() != changed.Head() {
			t.Errorf("%+v, %+v, %v", head(), changed.Head(), err)
		}
		if list, err := k.Store.EmailsByID(t.Context(), sendertest.EID, sendertest.Child, []int64{made.ID}); err != nil || len(list) != 0 {
			t.Errorf("another unit reads %v, %v", list, err)
		}
		if k.DB.Postgres() {
			return // keeps long values beside the row, which needs no index to leave them alone
		}
		plan := sqldbtest.Plan(t, k.DB, `SELECT eid, mid, id, object_id, customer_key, name, html_bytes, text_bytes, created_at, modified_at
			FROM email WHERE eid = 1 AND mid = 1 AND id > 1 ORDER BY id LIMIT 1`)
		if !strings.Contains(plan, "COVERING INDEX email_head") {
			t.Error(plan)
		}
	})
}
