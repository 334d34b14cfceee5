package sqlstore_test

import (
	"fmt"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Of many open messages those are found that have no job, more than one transaction takes; no other, and none twice.
func TestForsakenMessagesAmongMany(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		const all, forsaken = 260, 130
		for i := range all {
			k.Send(fmt.Sprint("k", i), fmt.Sprint("c", i), "c@example.com", nil)
		}
		if err := k.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE job SET state = 'failed', finished_at = 1 WHERE id IN (SELECT id FROM job WHERE kind = $1 ORDER BY id LIMIT $2)`, sqlstore.JobDeliver, forsaken)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{forsaken, 0} {
			if n, err := k.Store.Revive(t.Context()); n != want || err != nil {
				t.Errorf("found %d, %v; want %d", n, err, want)
			}
		}
		var live int
		if err := k.DB.QueryRow(t.Context(), `SELECT COUNT(DISTINCT payload) FROM job WHERE state = 'queued' AND kind = $1`, sqlstore.JobDeliver).Scan(&live); err != nil || live != all {
			t.Errorf("%d messages have a job, %v", live, err)
		}
	})
}
