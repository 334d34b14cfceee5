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

// ProveSender notes the proof of a registered sender, once.
func (s *Sending) ProveSender(ctx context.Context, eid tenant.EID, domain string, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		there, err := affected(tx.Exec(`UPDATE verified_sender SET is_sendable = CASE WHEN verified_at = 0 THEN 1 ELSE is_sendable END,
			verified_at = CASE WHEN verified_at = 0 THEN $3 ELSE verified_at END WHERE eid = $1 AND domain_fold = $2`,
			int64(eid), fold(domain), millis(now)))
		if err == nil && !there {
			return fault.New(fault.NotFound, tenant.CodeNoSender, "The address or domain is not registered any more.")
		}
		return err
	})
}

// ChangeSenders changes or removes senders and tells how many there were.
func (s *Sending) ChangeSenders(ctx context.Context, eid tenant.EID, domains []string, sendable, remove bool) (int, error) {
	text := `UPDATE verified_sender SET is_sendable = $2 WHERE eid = $1 AND verified_at > 0 AND domain_fold IN (`
	args := []any{int64(eid), bit(sendable)}
	if remove {
		text, args = `DELETE FROM verified_sender WHERE eid = $1 AND is_default = 0 AND domain_fold IN (`, args[:1]
	}
	q := query{args: args}
	marks := make([]string, len(domains))
	for i, d := range domains {
		marks[i] = q.arg(fold(d))
	}
	var n int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(text+strings.Join(marks, ", ")+`)`, q.args...)
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
