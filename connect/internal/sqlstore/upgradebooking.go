package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// PutBooking implements upgrade.Bookings.
func (s *Upgrades) PutBooking(ctx context.Context, b upgrade.Schedule) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return putBooking(tx, b) })
}

// putBooking stores a schedule in place of the one that its upgrade has.
func putBooking(tx *sqldb.Tx, b upgrade.Schedule) error {
	engagement, err := json.Marshal(b.EngagementAdmins)
	if err != nil {
		return err
	}
	crm, err := json.Marshal(b.CRMAdmins)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO upgrade_booking (pair_id, upgrade_id, after_sends, booked_at, engagement_admins, crm_admins, told) VALUES ($1, $2, $3, $4, $5, $6, 0)
		ON CONFLICT (pair_id, upgrade_id) DO UPDATE SET after_sends = excluded.after_sends, booked_at = excluded.booked_at, engagement_admins = excluded.engagement_admins,
			crm_admins = excluded.crm_admins`, b.Pair, b.ID, flag(b.AfterSends), ms(b.BookedAt), string(engagement), string(crm))
	return err
}

// Booking implements upgrade.Bookings.
func (s *Upgrades) Booking(ctx context.Context, u upgrade.Upgrade) (upgrade.Schedule, error) {
	b := upgrade.Schedule{Upgrade: u}
	var bookedAt int64
	var engagement, crm string
	err := s.db.QueryRow(ctx, `SELECT after_sends, booked_at, engagement_admins, crm_admins FROM upgrade_booking WHERE pair_id = $1 AND upgrade_id = $2`, u.Pair, u.ID).
		Scan(&b.AfterSends, &bookedAt, &engagement, &crm)
	if err := found(err, upgrade.CodeNotBooked, "booking"); err != nil {
		return b, err
	}
	b.BookedAt = at(bookedAt)
	if err := json.Unmarshal([]byte(engagement), &b.EngagementAdmins); err != nil {
		return b, err
	}
	return b, json.Unmarshal([]byte(crm), &b.CRMAdmins)
}

// openBookings bounds how many schedules are looked at in one turn.
const openBookings = 1000

// Unbooked implements upgrade.Bookings.
func (s *Upgrades) Unbooked(ctx context.Context) ([]upgrade.Upgrade, error) {
	keys, err := s.upgradeKeys(ctx, `SELECT pair_id, upgrade_id FROM upgrade WHERE live = 1 AND state <> 'booked' AND NOT EXISTS
		(SELECT 1 FROM upgrade_booking b WHERE b.pair_id = upgrade.pair_id AND b.upgrade_id = upgrade.upgrade_id) ORDER BY pair_id, upgrade_id LIMIT $1`)
	if err != nil {
		return nil, err
	}
	all := make([]upgrade.Upgrade, 0, len(keys))
	for _, k := range keys {
		u, err := s.Upgrade(ctx, k[0], k[1])
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

// upgradeKeys reads pairs and ids of upgrades by a query that takes their greatest number.
func (s *Upgrades) upgradeKeys(ctx context.Context, query string) ([][2]string, error) {
	rows, err := s.db.Query(ctx, query, openBookings)
	if err != nil {
		return nil, err
	}
	var keys [][2]string
	for rows.Next() {
		var k [2]string
		if err := rows.Scan(&k[0], &k[1]); err != nil {
			_ = rows.Close() // the error that matters is the one above
			return nil, err
		}
		keys = append(keys, k)
	}
	_ = rows.Close() // Err tells what went wrong
	return keys, rows.Err()
}

// OpenBookings implements upgrade.Bookings.
func (s *Upgrades) OpenBookings(ctx context.Context) ([]upgrade.Schedule, error) {
	keys, err := s.upgradeKeys(ctx, `SELECT pair_id, upgrade_id FROM upgrade_booking WHERE told = 0 ORDER BY pair_id, upgrade_id LIMIT $1`)
	if err != nil {
		return nil, err
	}
	all := make([]upgrade.Schedule, 0, len(keys))
	for _, k := range keys {
		u, err := s.Upgrade(ctx, k[0], k[1])
		if err != nil {
			return nil, err
		}
		b, err := s.Booking(ctx, u)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// AddLetters implements upgrade.Bookings.
func (s *Upgrades) AddLetters(ctx context.Context, b upgrade.Schedule, letters []upgrade.Letter, last bool) error {
	var known int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM upgrade_mail WHERE pair_id = $1 AND upgrade_id = $2`, b.Pair, b.ID).Scan(&known)
	if err != nil || !last && known >= len(letters) && s.haveLetters(ctx, letters) { // most looks find nothing new, and write nothing
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		// A booking is changed together with its upgrade, and is not read together with it.
		res, err := tx.Exec(`UPDATE upgrade SET revision = revision WHERE pair_id = $1 AND upgrade_id = $2 AND revision = $3`, b.Pair, b.ID, b.Revision)
		if err := swapped(res, err); err != nil {
			return changedMeanwhile(err)
		}
		for _, l := range letters {
			if _, err := tx.Exec(`INSERT INTO upgrade_mail (pair_id, upgrade_id, event, recipient, made_at, subject, text, mailed, lease_until) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0)
				ON CONFLICT DO NOTHING`, l.Pair, l.Upgrade, l.Event, l.Recipient, ms(l.MadeAt), l.Subject, l.Text); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`UPDATE upgrade_booking SET told = $3 WHERE pair_id = $1 AND upgrade_id = $2`, b.Pair, b.ID, flag(last))
		return err
	})
}

// haveLetters reports whether all letters are stored; false too where nobody can tell.
func (s *Upgrades) haveLetters(ctx context.Context, letters []upgrade.Letter) bool {
	for _, l := range letters {
		var n int
		err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM upgrade_mail WHERE pair_id = $1 AND upgrade_id = $2 AND event = $3 AND recipient = $4`, l.Pair, l.Upgrade, l.Event, l.Recipient).Scan(&n)
		if err != nil || n == 0 {
			return false
		}
	}
	return true
}

// TakeLetters implements upgrade.Bookings.
func (s *Upgrades) TakeLetters(ctx context.Context, now, until time.Time, limit int) ([]upgrade.Letter, error) {
	var waiting int
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM upgrade_mail WHERE mailed = 0 AND lease_until <= $1`, ms(now)).Scan(&waiting); err != nil || waiting == 0 {
		return nil, err
	}
	var letters []upgrade.Letter
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		letters = nil
		rows, err := tx.Query(`UPDATE upgrade_mail SET lease_until = $2 WHERE mailed = 0 AND lease_until <= $1 AND (pair_id, upgrade_id, event, recipient) IN (
				SELECT pair_id, upgrade_id, event, recipient FROM upgrade_mail WHERE mailed = 0 AND lease_until <= $1 ORDER BY made_at, event, recipient LIMIT $3)
			RETURNING pair_id, upgrade_id, event, recipient, made_at, subject, text`, ms(now), ms(until), limit)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // Err below tells what went wrong
		for rows.Next() {
			var l upgrade.Letter
			var made int64
			if err := rows.Scan(&l.Pair, &l.Upgrade, &l.Event, &l.Recipient, &made, &l.Subject, &l.Text); err != nil {
				return err
			}
			l.MadeAt = at(made)
			letters = append(letters, l)
		}
		return rows.Err()
	})
	slices.SortFunc(letters, func(a, b upgrade.Letter) int {
		return cmp.Or(a.MadeAt.Compare(b.MadeAt), cmp.Compare(a.Recipient, b.Recipient))
	})
	return letters, err
}

// SentLetter implements upgrade.Bookings.
func (s *Upgrades) SentLetter(ctx context.Context, l upgrade.Letter) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE upgrade_mail SET mailed = 1 WHERE pair_id = $1 AND upgrade_id = $2 AND event = $3 AND recipient = $4`, l.Pair, l.Upgrade, l.Event, l.Recipient)
		return err
	})
}

// RetryLetter implements upgrade.Bookings.
func (s *Upgrades) RetryLetter(ctx context.Context, l upgrade.Letter, at time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE upgrade_mail SET lease_until = $5 WHERE pair_id = $1 AND upgrade_id = $2 AND event = $3 AND recipient = $4 AND mailed = 0`,
			l.Pair, l.Upgrade, l.Event, l.Recipient, ms(at))
		return err
	})
}

// Busy implements upgrade.Bookings. A message of a send counts for the hour at which its send was due.
func (s *Upgrades) Busy(ctx context.Context, pair string, from, to time.Time) ([24]upgrade.Hour, error) {
	var hours [24]upgrade.Hour
	for _, q := range []struct {
		sql string
		add func(h *upgrade.Hour, n int64)
	}{
		{
			`SELECT (created_at / 3600000) % 24, COUNT(*) FROM send WHERE pair_id = $1 AND created_at >= $2 AND created_at < $3 GROUP BY 1`,
			func(h *upgrade.Hour, n int64) { h.Sends += n },
		},
		{
			`SELECT (m.due_at / 3600000) % 24, COUNT(*) FROM mailing m JOIN mailing_recipient r ON r.pair_id = m.pair_id AND r.mailing_id = m.mailing_id
				WHERE m.pair_id = $1 AND m.due_at >= $2 AND m.due_at < $3 GROUP BY 1`,
			func(h *upgrade.Hour, n int64) { h.Sends += n },
		},
		{
			`SELECT (hour / 3600000) % 24, SUM(calls) FROM call_usage WHERE pair_id = $1 AND hour >= $2 AND hour < $3 GROUP BY 1`,
			func(h *upgrade.Hour, n int64) { h.Calls += n },
		},
	} {
		rows, err := s.db.Query(ctx, q.sql, pair, ms(from), ms(to))
		if err != nil {
			return hours, err
		}
		for rows.Next() {
			var hour, n int64
			if err := rows.Scan(&hour, &n); err != nil {
				_ = rows.Close() // the error that matters is the one above
				return hours, err
			}
			if hour >= 0 && hour < 24 {
				q.add(&hours[hour], n)
			}
		}
		_ = rows.Close() // Err tells what went wrong
		if err := rows.Err(); err != nil {
			return hours, err
		}
	}
	return hours, nil
}
