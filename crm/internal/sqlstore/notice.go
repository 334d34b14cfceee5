package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ org.NoticeStore = (*Store)(nil)

// Notices implements org.NoticeStore.
func (s *Store) Notices(ctx context.Context, orgID org.ID) ([]org.UsageNotice, error) {
	rows, err := s.db.Query(ctx, `SELECT n.user_id, n.threshold, n.interval_hours, n.created_ms, n.armed, n.sent_ms, COALESCE(u.username, '')
 FROM usage_notice n LEFT JOIN user_account u ON u.org_id = n.org_id AND u.id = n.user_id WHERE n.org_id = $1 ORDER BY n.threshold, 7`, string(orgID))
	if err != nil {
		return nil, fmt.Errorf("reading usage notices: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []org.UsageNotice
	for rows.Next() {
		n := org.UsageNotice{Org: orgID}
		var hours, created, armed, sent int64
		if err := rows.Scan(&n.User, &n.Threshold, &hours, &created, &armed, &sent, &n.Username); err != nil {
			return nil, fmt.Errorf("reading usage notices: %w", err)
		}
		n.Interval, n.Created, n.Armed, n.Sent = time.Duration(hours)*time.Hour, fromMillis(created), armed == 1, timeOrZero(sent)
		out = append(out, n)
	}
	return out, rows.Err()
}

// PutNotice implements org.NoticeStore.
func (s *Store) PutNotice(ctx context.Context, n org.UsageNotice, most int, note func(org.RecordTx) error) error {
	return s.WriteTx(ctx, func(raw *sqldb.Tx, tx org.RecordTx) error {
		_, err := raw.Exec(`INSERT INTO usage_notice (org_id, user_id, threshold, interval_hours, created_ms, armed, sent_ms) VALUES ($1, $2, $3, $4, $5, 1, 0)
 ON CONFLICT (org_id, user_id, threshold) DO UPDATE SET interval_hours = excluded.interval_hours, created_ms = excluded.created_ms, armed = 1, sent_ms = 0`,
			string(n.Org), string(n.User), n.Threshold, int64(n.Interval/time.Hour), millis(n.Created))
		if err != nil {
			return fmt.Errorf("keeping a usage notice: %w", err)
		}
		var count int
		if err := raw.QueryRow(`SELECT COUNT(*) FROM usage_notice WHERE org_id = $1`, string(n.Org)).Scan(&count); err != nil {
			return fmt.Errorf("keeping a usage notice: %w", err)
		}
		if count > most {
			return fault.New(fault.Invalid, org.CodeCustomLimit, "an org has at most %d API usage notifications", most)
		}
		return note(tx)
	})
}

// DeleteNotice implements org.NoticeStore.
func (s *Store) DeleteNotice(ctx context.Context, orgID, user org.ID, threshold int64, note func(org.RecordTx) error) (found bool, err error) {
	err = s.WriteTx(ctx, func(raw *sqldb.Tx, tx org.RecordTx) error {
		res, err := raw.Exec(`DELETE FROM usage_notice WHERE org_id = $1 AND user_id = $2 AND threshold = $3`, string(orgID), string(user), threshold)
		if err != nil {
			return fmt.Errorf("deleting a usage notice: %w", err)
		}
		n, err := res.RowsAffected()
		if found = n > 0; err != nil || !found {
			return err
		}
		return note(tx)
	})
	return found, err
}

// ArmNotice implements org.NoticeStore.
func (s *Store) ArmNotice(ctx context.Context, n org.UsageNotice) error {
	return s.change(ctx, "arming a usage notice", `UPDATE usage_notice SET armed = 1 WHERE org_id = $1 AND user_id = $2 AND threshold = $3`,
		string(n.Org), string(n.User), n.Threshold)
}

// SendNotice implements org.NoticeStore.
func (s *Store) SendNotice(ctx context.Context, n org.UsageNotice, at time.Time, l org.Letter) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE usage_notice SET armed = 0, sent_ms = $4 WHERE org_id = $1 AND user_id = $2 AND threshold = $3 AND armed = 1 AND sent_ms = $5`,
			string(n.Org), string(n.User), n.Threshold, millis(at), millisOrZero(n.Sent))
		if err != nil {
			return err
		}
		if rows, err := res.RowsAffected(); err != nil || rows == 0 || l.ID == "" {
			return err
		}
		return s.recordTx(tx).Post(l)
	})
	if err != nil {
		return fmt.Errorf("sending a usage notice: %w", err)
	}
	return nil
}
