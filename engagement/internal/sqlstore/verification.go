package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// AddSender keeps a sender without proof, unless it is there.
func (s *Sending) AddSender(ctx context.Context, v tenant.VerifiedSender) (tenant.VerifiedSender, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO verified_sender (eid, domain_fold, mid, kind, domain, from_name, is_default, is_sendable, created_at, verified_at)
			VALUES ($1, $2, $3, $4, $5, '', 0, 0, $6, 0) ON CONFLICT (eid, domain_fold) DO NOTHING`,
			int64(v.Tenant), fold(v.Domain), int64(v.MID), string(v.Kind), v.Domain, millis(v.Created)); err != nil {
			return err
		}
		found, err := readSenders(tx.Query(`SELECT `+senderColumns+` FROM verified_sender WHERE eid = $1 AND domain_fold = $2`, int64(v.Tenant), fold(v.Domain)))
		if err == nil && len(found) == 1 {
			v = found[0]
		}
		return err
	})
	return v, err
}

// keepMails is how long it is remembered that an address was mailed.
const keepMails = 24 * time.Hour

// ReserveMail notes that an address is mailed a link.
func (s *Sending) ReserveMail(ctx context.Context, eid tenant.EID, address, proof string, now, until, since time.Time, limit int) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM verification_mail WHERE eid = $1 AND (mailed_at < $2 OR mailed_at > $3)`,
			int64(eid), millis(now.Add(-keepMails)), millis(now)); err != nil { // those in the future are of a clock that was set back
			return err
		}
		var all int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM verification_mail WHERE eid = $1 AND mailed_at > $2`, int64(eid), millis(since)).Scan(&all); err != nil {
			return err
		}
		if all >= limit {
			return fault.New(fault.Limited, tenant.CodeMailedLately, "%d addresses were mailed a link within the last hour. Try again later.", all)
		}
		free, err := affected(tx.Exec(`INSERT INTO verification_mail (eid, address_fold, mailed_at) VALUES ($1, $2, $3)
			ON CONFLICT (eid, address_fold) DO UPDATE SET mailed_at = excluded.mailed_at WHERE verification_mail.mailed_at <= $4`,
			int64(eid), fold(address), millis(now), millis(since)))
		if err != nil {
			return err
		}
		if !free {
			return fault.New(fault.Limited, tenant.CodeMailedLately, "The address was mailed a link within the last hour. Try again later.")
		}
		_, err = tx.Exec(`UPDATE verified_sender SET proof = $3, proof_until = $4 WHERE eid = $1 AND domain_fold = $2 AND verified_at = 0`,
			int64(eid), fold(address), proof, millis(until))
		return err
	})
}

// ReturnMail takes back that an address was mailed.
func (s *Sending) ReturnMail(ctx context.Context, eid tenant.EID, address string, at time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM verification_mail WHERE eid = $1 AND address_fold = $2 AND mailed_at = $3`, int64(eid), fold(address), millis(at))
		return err
	})
}

// ProveSender notes the proof of a registered sender, once.
func (s *Sending) ProveSender(ctx context.Context, eid tenant.EID, domain, proof string, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		there, err := affected(tx.Exec(`UPDATE verified_sender SET is_sendable = CASE WHEN verified_at = 0 THEN 1 ELSE is_sendable END,
			verified_at = CASE WHEN verified_at = 0 THEN CAST($3 AS BIGINT) ELSE verified_at END
			WHERE eid = $1 AND domain_fold = $2 AND ($4 = '' OR proof = $4 AND (verified_at > 0 OR proof_until > $3))`,
			int64(eid), fold(domain), millis(now), proof))
		if err == nil && !there {
			return fault.New(fault.NotFound, tenant.CodeNoSender, "The address or domain is not registered any more, or the link is not the last one that was mailed, or too old.")
		}
		return err
	})
}

// ChangeSenders changes or removes senders and tells how many there were.
func (s *Sending) ChangeSenders(ctx context.Context, eid tenant.EID, units []tenant.MID, domains []string, sendable, remove bool) (int, error) {
	text := `UPDATE verified_sender SET is_sendable = $2 WHERE eid = $1 AND verified_at > 0 AND is_default <= $2 AND domain_fold IN (`
	args := []any{int64(eid), bit(sendable)}
	if remove {
		text, args = `DELETE FROM verified_sender WHERE eid = $1 AND is_default = 0 AND domain_fold IN (`, args[:1]
	}
	q := query{args: args}
	marks := make([]string, len(domains))
	for i, d := range domains {
		marks[i] = q.arg(fold(d))
	}
	text += strings.Join(marks, ", ") + `)`
	if len(units) > 0 {
		marks = marks[:0]
		for _, mid := range units {
			marks = append(marks, q.arg(int64(mid)))
		}
		text += ` AND mid IN (` + strings.Join(marks, ", ") + `)`
	}
	var n int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(text, q.args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return int(n), err
}

// CountPending tells how many senders wait for their proof.
func (s *Sending) CountPending(ctx context.Context, eid tenant.EID) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM verified_sender WHERE eid = $1 AND verified_at = 0`, int64(eid)).Scan(&n)
	return n, err
}
