package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const sessionColumns = `id, hash, eid, user_id, user_agent, created_at, seen_at, ended_at, mid`

func scanSession(row scanner) (tenant.Session, error) {
	var s tenant.Session
	var hash []byte
	var created, seen int64
	var ended sql.NullInt64
	if err := row.Scan(&s.ID, &hash, &s.Tenant, &s.UserID, &s.UserAgent, &created, &seen, &ended, &s.MID); err != nil {
		return tenant.Session{}, err
	}
	copy(s.Hash[:], hash)
	s.Created, s.Seen, s.Ended = timeOf(created), timeOf(seen), timeOfNull(ended)
	return s, nil
}

// AddSession implements tenant.SessionStore.
func (s *Store) AddSession(ctx context.Context, n tenant.Session) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO web_session (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			n.ID, n.Hash[:], int64(n.Tenant), n.UserID, n.UserAgent, millis(n.Created), millis(n.Seen), nullMillis(n.Ended), int64(n.MID))
		return err
	})
}

// SessionByID implements tenant.SessionStore.
func (s *Store) SessionByID(ctx context.Context, id int64) (tenant.Session, error) {
	n, err := scanSession(s.db.QueryRow(ctx, `SELECT `+sessionColumns+` FROM web_session WHERE id = $1`, id))
	return n, notFound(err, "session")
}

// TouchSession implements tenant.SessionStore.
func (s *Store) TouchSession(ctx context.Context, id int64, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE web_session SET seen_at = $2 WHERE id = $1 AND ended_at IS NULL`, id, millis(now))
		return err
	})
}

// EnterUnit implements tenant.SessionStore.
func (s *Store) EnterUnit(ctx context.Context, id int64, mid tenant.MID) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE web_session SET mid = $2 WHERE id = $1`, id, int64(mid))
		return err
	})
}

// EndSession implements tenant.SessionStore.
func (s *Store) EndSession(ctx context.Context, id int64, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`UPDATE web_session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL`, id, millis(now)); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE token_family SET ended_at = $2 WHERE session_id = $1 AND is_offline = 0 AND ended_at IS NULL`, id, millis(now))
		return err
	})
}

// EndSessions implements tenant.SessionStore.
func (s *Store) EndSessions(ctx context.Context, eid tenant.EID, userID int64, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return endAccess(tx, eid, userID, true, false, userID, now) })
}

// LiveSessions implements tenant.SetupStore.
func (s *Store) LiveSessions(ctx context.Context, eid tenant.EID, seen time.Time, before int64, limit int) (list []tenant.UserSession, err error) {
	q := query{args: []any{int64(eid), millis(seen)}}
	text := `SELECT s.id, s.hash, s.eid, s.user_id, s.user_agent, s.created_at, s.seen_at, s.ended_at, s.mid, u.username, u.name
		FROM web_session s JOIN account_user u ON u.eid = s.eid AND u.id = s.user_id WHERE s.eid = $1 AND s.ended_at IS NULL AND s.seen_at > $2`
	if before != 0 {
		text += ` AND s.id < ` + q.arg(before)
	}
	rows, err := s.db.Query(ctx, text+` ORDER BY s.id DESC LIMIT `+q.arg(limit), q.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one tenant.UserSession
		if one.Session, err = scanSession(with(rows, &one.Username, &one.Name)); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// with is a row with more columns than those that its reader knows, which are read besides.
func with(row scanner, more ...any) scanner { return besides{row, more} }

type besides struct {
	scanner
	more []any
}

func (b besides) Scan(to ...any) error { return b.scanner.Scan(append(to, b.more...)...) }

// Sessions implements tenant.SessionStore.
func (s *Store) Sessions(ctx context.Context, eid tenant.EID, userID int64, limit int) ([]tenant.Session, error) {
	rows, err := s.db.Query(ctx, `SELECT `+sessionColumns+` FROM web_session WHERE eid = $1 AND user_id = $2 AND ended_at IS NULL ORDER BY id DESC LIMIT $3`,
		int64(eid), userID, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []tenant.Session
	for rows.Next() {
		n, err := scanSession(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}
