package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
)

// TallyOutage implements upgrade.Tallies.
func (s *Upgrades) TallyOutage(ctx context.Context, pair string, from, to time.Time) (sends, mailings upgrade.Tally, err error) {
	err = s.tally(ctx, &sends, `SELECT status, COUNT(*) FROM send WHERE pair_id = $1 AND created_at >= $2 AND created_at < $3 GROUP BY status`, pair, from, to)
	if err == nil {
		err = s.tally(ctx, &mailings, `SELECT state, COUNT(*) FROM mailing WHERE pair_id = $1 AND (created_at >= $2 AND created_at < $3 OR due_at >= $2 AND due_at < $3) GROUP BY state`, pair, from, to)
	}
	return sends, mailings, err
}

func (s *Upgrades) tally(ctx context.Context, t *upgrade.Tally, query, pair string, from, to time.Time) error {
	rows, err := s.db.Query(ctx, query, pair, ms(from), ms(to))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return err
		}
		switch state {
		case string(send.Accepted), string(send.Sent), string(mailing.Completed):
			t.Sent += n
		case string(send.Refused), string(send.NotSent), string(mailing.Failed), string(mailing.Cancelled):
			t.Failed += n
		case string(send.InDoubt):
			t.InDoubt += n
		default:
			t.Held += n
		}
	}
	return rows.Err()
}
