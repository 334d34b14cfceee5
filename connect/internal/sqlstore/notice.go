package sqlstore

import (
	"context"
	"slices"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/notice"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Recipients implements notice.Store.
func (s *Store) Recipients(ctx context.Context, pair string) ([]string, error) {
	return textsOf(s.db.Query(ctx, recipientsQuery, pair))
}

const recipientsQuery = `SELECT address FROM notice_recipient WHERE pair_id = $1 ORDER BY address`

// SetRecipients implements notice.Store.
func (s *Store) SetRecipients(ctx context.Context, pair string, addresses []string, why audit.Change) error {
	key, err := s.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	type facts struct {
		Recipients []string `json:"recipients"`
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := turn(tx, pair); err != nil {
			return err
		}
		before, err := textsOf(tx.Query(recipientsQuery, pair))
		if err != nil || slices.Equal(before, slices.Compact(slices.Sorted(slices.Values(addresses)))) {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM notice_recipient WHERE pair_id = $1`, pair); err != nil {
			return err
		}
		for _, a := range addresses {
			if _, err := tx.Exec(`INSERT INTO notice_recipient (pair_id, address) VALUES ($1, $2) ON CONFLICT DO NOTHING`, pair, a); err != nil {
				return err
			}
		}
		_, err = note(tx, key, entry(pair, why, facts{before}, facts{addresses}))
		return err
	})
}

// Mails implements notice.Store.
func (s *Store) Mails(ctx context.Context, pair string) ([]notice.Mail, error) {
	rows, err := s.db.Query(ctx, `SELECT subject, cause_code, recipient, seen_at, mailed FROM notice_mail WHERE pair_id = $1 ORDER BY subject, cause_code, recipient`, pair)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []notice.Mail
	for rows.Next() {
		var m notice.Mail
		var seen, mailed int64
		if err := rows.Scan(&m.Subject, &m.CauseCode, &m.Recipient, &seen, &mailed); err != nil {
			return nil, err
		}
		m.SeenAt, m.Mailed = at(seen), mailed == 1
		all = append(all, m)
	}
	return all, rows.Err()
}

// PutMail implements notice.Store.
func (s *Store) PutMail(ctx context.Context, pair string, m notice.Mail) error {
	mailed := 0
	if m.Mailed {
		mailed = 1
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO notice_mail (pair_id, subject, cause_code, recipient, seen_at, mailed) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (pair_id, subject, cause_code, recipient) DO UPDATE SET mailed = excluded.mailed`, pair, m.Subject, m.CauseCode, m.Recipient, ms(m.SeenAt), mailed)
		return err
	})
}

// ForgetMail implements notice.Store.
func (s *Store) ForgetMail(ctx context.Context, pair string, m notice.Mail) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM notice_mail WHERE pair_id = $1 AND subject = $2 AND cause_code = $3 AND recipient = $4`, pair, m.Subject, m.CauseCode, m.Recipient)
		return err
	})
}
