package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const watchQuery = `SELECT said, every_s, severity, origin, target_sealed FROM doctor_watch WHERE pair_id = $1`

func scanWatch(row scanner) (doctor.Watch, error) {
	w, said, every := doctor.DefaultWatch(), 0, int64(0)
	var severity, origin string
	var target []byte
	err := row.Scan(&said, &every, &severity, &origin, &target)
	if errors.Is(err, sql.ErrNoRows) {
		return w, nil
	}
	if said == 1 {
		w = doctor.Watch{Every: time.Duration(every) * time.Second, Severity: doctor.Severity(severity), Origin: origin, Sealed: target}
	}
	return w, err
}

// Watch implements doctor.RoundStore.
func (s *Store) Watch(ctx context.Context, pair string) (doctor.Watch, error) {
	return scanWatch(s.db.QueryRow(ctx, watchQuery, pair))
}

// SetWatch implements doctor.RoundStore.
func (s *Store) SetWatch(ctx context.Context, pair string, w doctor.Watch, why audit.Change) error {
	key, err := s.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := turn(tx, pair); err != nil {
			return err
		}
		before, err := scanWatch(tx.QueryRow(watchQuery, pair))
		if err != nil {
			return err
		}
		var target any
		if w.Origin != "" {
			target = w.Sealed
		}
		if _, err := tx.Exec(`INSERT INTO doctor_watch (pair_id, said, every_s, severity, origin, target_sealed, looked_at, seq) VALUES ($1, 1, $2, $3, $4, $5, 0, 0)
			ON CONFLICT (pair_id) DO UPDATE SET said = 1, every_s = excluded.every_s, severity = excluded.severity, origin = excluded.origin, target_sealed = excluded.target_sealed, looked_at = 0`,
			pair, int64(w.Every/time.Second), string(w.Severity), w.Origin, target); err != nil {
			return err
		}
		_, err = note(tx, key, entry(pair, why, before.Facts(), w.Facts()))
		return err
	})
}

// ClaimRounds implements doctor.RoundStore.
func (s *Store) ClaimRounds(ctx context.Context, now time.Time, standard time.Duration) ([]string, error) {
	var pairs []string
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO doctor_watch (pair_id, said, every_s, severity, origin, target_sealed, looked_at, seq)
			SELECT l.pair_id, 0, 0, '', '', NULL, $1, 0 FROM link l WHERE NOT EXISTS (SELECT 1 FROM doctor_watch w WHERE w.pair_id = l.pair_id) ON CONFLICT DO NOTHING`, ms(now)); err != nil {
			return err
		}
		var err error
		pairs, err = textsOf(tx.Query(`UPDATE doctor_watch SET looked_at = $1 WHERE (said = 0 AND looked_at <= $2) OR (said = 1 AND every_s > 0 AND looked_at + 1000 * every_s <= $1) RETURNING pair_id`,
			ms(now), ms(now.Add(-standard))))
		return err
	})
	return pairs, err
}

const roundColumns = `seq, at, state, detail`

// keptRound is a round's JSON text.
type keptRound struct {
	*doctor.Detail
	*doctor.Traces
}

func scanRound(row scanner) (doctor.Round, error) {
	var r doctor.Round
	var when int64
	var detail string
	if err := row.Scan(&r.Seq, &when, &r.State, &detail); err != nil {
		return r, err
	}
	r.At = at(when)
	kept := keptRound{&r.Detail, &r.Traces}
	return r, json.Unmarshal([]byte(detail), &kept)
}

// AddRound implements doctor.RoundStore.
func (s *Store) AddRound(ctx context.Context, pair string, now time.Time, keep int, make func(doctor.Round) (doctor.Round, []doctor.Delivery)) (doctor.Round, error) {
	var kept doctor.Round
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		// Whoever adds a round of the pair waits here for the one before.
		var seq int64
		if err := tx.QueryRow(`INSERT INTO doctor_watch (pair_id, said, every_s, severity, origin, target_sealed, looked_at, seq) VALUES ($1, 0, 0, '', '', NULL, $2, 1)
			ON CONFLICT (pair_id) DO UPDATE SET seq = doctor_watch.seq + 1 RETURNING seq`, pair, ms(now)).Scan(&seq); err != nil {
			return err
		}
		before, err := scanRound(tx.QueryRow(`SELECT `+roundColumns+` FROM doctor_round WHERE pair_id = $1 ORDER BY seq DESC LIMIT 1`, pair))
		if errors.Is(err, sql.ErrNoRows) {
			before, err = doctor.Round{Seq: seq - 1}, nil
		}
		if err != nil {
			return err
		}
		r, told := make(before)
		r.Seq = seq
		detail, err := json.Marshal(keptRound{&r.Detail, &r.Traces})
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO doctor_round (pair_id, seq, at, state, detail) VALUES ($1, $2, $3, $4, $5)`, pair, seq, ms(r.At), string(r.State), string(detail)); err != nil {
			return err
		}
		for _, d := range told {
			if _, err := tx.Exec(`INSERT INTO doctor_delivery (pair_id, seq, channel, target, subject, body, state, tries, next_at, error) VALUES ($1, $2, $3, $4, $5, $6, 'due', 0, $7, '')`,
				pair, seq, d.Channel, d.Target, d.Subject, d.Body, ms(now)); err != nil {
				return err
			}
		}
		kept = r
		_, err = tx.Exec(`DELETE FROM doctor_round WHERE pair_id = $1 AND seq <= $2`, pair, seq-int64(keep))
		return err
	})
	return kept, err
}

// Rounds implements doctor.RoundStore.
func (s *Store) Rounds(ctx context.Context, pair string, before int64, limit int) ([]doctor.Round, error) {
	rows, err := s.db.Query(ctx, `SELECT `+roundColumns+` FROM doctor_round WHERE pair_id = $1 AND ($2 = 0 OR seq < $2) ORDER BY seq DESC LIMIT $3`, pair, before, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []doctor.Round
	for rows.Next() {
		r, err := scanRound(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// LastRounds implements doctor.RoundStore.
func (s *Store) LastRounds(ctx context.Context, limit int) (map[string]doctor.Round, error) {
	rows, err := s.db.Query(ctx, `SELECT r.pair_id, r.seq, r.at, r.state, r.detail FROM doctor_round r JOIN doctor_watch w ON w.pair_id = r.pair_id AND w.seq = r.seq ORDER BY r.pair_id LIMIT $1`, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	all := map[string]doctor.Round{}
	for rows.Next() {
		var pair string
		r, err := scanRound(scanning(func(dest ...any) error { return rows.Scan(append([]any{&pair}, dest...)...) }))
		if err != nil {
			return nil, err
		}
		all[pair] = r
	}
	return all, rows.Err()
}

// scanning is a scanner that a function is.
type scanning func(dest ...any) error

// Scan implements scanner.
func (f scanning) Scan(dest ...any) error { return f(dest...) }

// Undelivered implements doctor.RoundStore.
func (s *Store) Undelivered(ctx context.Context) (map[string]int64, error) {
	rows, err := s.db.Query(ctx, `SELECT state, COUNT(*) FROM doctor_delivery WHERE state <> 'done' GROUP BY state`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	all := map[string]int64{"due": 0, "failed": 0}
	for rows.Next() {
		var state string
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		all[state] = n
	}
	return all, rows.Err()
}

// ClaimDeliveries implements doctor.RoundStore.
func (s *Store) ClaimDeliveries(ctx context.Context, now, until time.Time, limit int) ([]doctor.Delivery, error) {
	var all []doctor.Delivery
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		all = nil // it may run twice
		rows, err := tx.Query(`SELECT pair_id, seq, channel, target, subject, body, tries FROM doctor_delivery WHERE state = 'due' AND next_at <= $1 ORDER BY next_at, pair_id, seq, channel, target LIMIT $2`, ms(now), limit)
		if err != nil {
			return err
		}
		var due []doctor.Delivery
		for rows.Next() {
			var d doctor.Delivery
			if err := rows.Scan(&d.Pair, &d.Seq, &d.Channel, &d.Target, &d.Subject, &d.Body, &d.Tries); err != nil {
				return errors.Join(err, rows.Close())
			}
			due = append(due, d)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for _, d := range due { // of two processes one has it
			res, err := tx.Exec(`UPDATE doctor_delivery SET tries = tries + 1, next_at = $5 WHERE pair_id = $1 AND seq = $2 AND channel = $3 AND target = $4 AND state = 'due' AND next_at <= $6`,
				d.Pair, d.Seq, d.Channel, d.Target, ms(until), ms(now))
			if err = swapped(res, err); errors.Is(err, errSwapped) {
				continue
			}
			if err != nil {
				return err
			}
			d.Tries++
			all = append(all, d)
		}
		return nil
	})
	return all, err
}

// SettleDelivery implements doctor.RoundStore.
func (s *Store) SettleDelivery(ctx context.Context, d doctor.Delivery, next time.Time, why string) error {
	state := "due"
	switch {
	case next.IsZero() && why == "":
		state = "done"
	case next.IsZero():
		state = "failed"
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE doctor_delivery SET state = $5, next_at = $6, error = $7 WHERE pair_id = $1 AND seq = $2 AND channel = $3 AND target = $4 AND state = 'due' AND tries = $8`,
			d.Pair, d.Seq, d.Channel, d.Target, state, ms(next), why, d.Tries)
		return err
	})
}
