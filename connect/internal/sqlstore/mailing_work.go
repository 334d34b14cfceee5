package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Open implements mailing.Work.
func (s *Mailings) Open(ctx context.Context) ([]string, error) {
	return textsOf(s.db.Query(ctx, `SELECT DISTINCT pair_id FROM mailing WHERE state IN ('scheduled', 'held', 'queued', 'running')`))
}

// Waiting implements mailing.Work.
func (s *Mailings) Waiting(ctx context.Context, pair string, state mailing.State, due time.Time, limit int) ([]mailing.Mailing, error) {
	return s.list(ctx, mailingQuery+` AND m.state = $2 AND m.due_at <= $3 ORDER BY m.due_at, m.position LIMIT $4`, pair, string(state), ms(due), limit)
}

// Due implements upgrade.Mailings.
func (s *Mailings) Due(ctx context.Context, pair string, from, until time.Time, limit int) ([]mailing.Mailing, error) {
	return s.list(ctx, mailingQuery+` AND m.state = 'scheduled' AND m.due_at >= $2 AND m.due_at < $3 ORDER BY m.due_at, m.position LIMIT $4`, pair, ms(from), ms(until), limit)
}

// Next implements mailing.Work.
func (s *Mailings) Next(ctx context.Context, pair, lane string) (mailing.Mailing, error) {
	return scanMailing(s.db.QueryRow(ctx, mailingQuery+` AND m.state IN ('running', 'queued') AND m.lane = $2
		ORDER BY CASE m.state WHEN 'running' THEN 0 ELSE 1 END, m.due_at, m.position LIMIT 1`, pair, lane))
}

// Begin implements mailing.Work.
func (s *Mailings) Begin(ctx context.Context, m mailing.Mailing) (begun bool, err error) {
	scoped := flag(m.Scoped)
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE mailing SET state = 'running', scoped = $3 WHERE pair_id = $1 AND mailing_id = $2 AND state = 'queued'`, m.Pair, m.ID, scoped)
		if err = swapped(res, err); err != nil && !errors.Is(err, errSwapped) {
			return err
		}
		begun = err == nil
		return nil
	})
	return begun, err
}

// Collect implements mailing.Work.
func (s *Mailings) Collect(ctx context.Context, r *jobs.Run, m mailing.Mailing, recipients []mailing.Recipient, cursor string, done bool) error {
	for {
		part := recipients[:min(len(recipients), collectInsert)]
		recipients = recipients[len(part):]
		last := len(recipients) == 0
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			if err := r.SaveTx(tx, nothing); err != nil { // a run that has lost its job learns it first
				return err
			}
			var position int
			if err := tx.QueryRow(`SELECT COALESCE(MAX(position), 0) FROM mailing_recipient WHERE pair_id = $1 AND mailing_id = $2`, m.Pair, m.ID).Scan(&position); err != nil {
				return err
			}
			for _, one := range part {
				res, err := tx.Exec(`INSERT INTO mailing_recipient (pair_id, mailing_id, position, record_id, address, first_name, last_name, full_name, status, attempts, code, reason)
						VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11) ON CONFLICT DO NOTHING`,
					m.Pair, m.ID, position+1, one.RecordID, one.Address, one.FirstName, one.LastName, one.Name, string(one.Status), one.Code, one.Reason)
				if err != nil {
					return err
				}
				n, err := res.RowsAffected()
				if err != nil {
					return err
				}
				position += int(n)
			}
			if !last {
				return nil
			}
			collected := flag(done)
			_, err := tx.Exec(`UPDATE mailing SET cursor_at = $3, collected = $4 WHERE pair_id = $1 AND mailing_id = $2`, m.Pair, m.ID, cursor, collected)
			return err
		})
		if err != nil || last {
			return err
		}
	}
}

// collectInsert is how many recipients one transaction stores.
const collectInsert = 190

// Intend implements mailing.Work.
func (s *Mailings) Intend(ctx context.Context, r *jobs.Run, m mailing.Mailing, recipients []mailing.Recipient) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := r.SaveTx(tx, nothing); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE mailing_recipient SET status = 'intended', attempts = attempts + 1
			WHERE pair_id = $1 AND mailing_id = $2 AND position BETWEEN $3 AND $4 AND status IN ('planned', 'intended')`,
			m.Pair, m.ID, recipients[0].Position, recipients[len(recipients)-1].Position)
		return err
	})
}

// Settle implements mailing.Work.
func (s *Mailings) Settle(ctx context.Context, r *jobs.Run, m mailing.Mailing, recipients []mailing.Recipient) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := r.SaveTx(tx, nothing); err != nil {
			return err
		}
		for _, one := range recipients {
			if _, err := tx.Exec(`UPDATE mailing_recipient SET status = $4, code = $5, reason = $6, address = $7 WHERE pair_id = $1 AND mailing_id = $2 AND position = $3 AND status = 'intended'`,
				m.Pair, m.ID, one.Position, string(one.Status), one.Code, one.Reason, one.Address); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE mailing SET attempts = 0, reason_code = '', reason = '' WHERE pair_id = $1 AND mailing_id = $2 AND attempts > 0`, m.Pair, m.ID)
		return err
	})
}

// Failing implements mailing.Work.
func (s *Mailings) Failing(ctx context.Context, m mailing.Mailing, attempts int, code, reason string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE mailing SET attempts = $3, reason_code = $4, reason = $5 WHERE pair_id = $1 AND mailing_id = $2 AND state = 'running'`, m.Pair, m.ID, attempts, code, reason)
		return err
	})
}

// noAnswer is why it is in doubt what became of a message.
const noAnswer = "The tenant may have the message; it could not be asked."

// GiveUp implements mailing.Work.
func (s *Mailings) GiveUp(ctx context.Context, m mailing.Mailing) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE mailing_recipient SET status = 'in_doubt', code = $3, reason = $4 WHERE pair_id = $1 AND mailing_id = $2 AND status = 'intended'`,
			m.Pair, m.ID, string(mailing.CodeNoAnswer), noAnswer)
		return err
	})
}
