package sqlstore

import (
	"context"
	"errors"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// noteLogin appends an attempt. Its number is new but once in two million (see [tenant.Serials]); nobody is refused for that.
func noteLogin(tx *sqldb.Tx, e tenant.LoginEvent) error {
	_, err := tx.Exec(`INSERT INTO login_event (eid, id, user_id, address, outcome, happened_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		int64(e.Tenant), e.ID, e.UserID, e.Address, string(e.Outcome), millis(e.At))
	return err
}

// Refused implements tenant.UserStore.
func (s *Store) Refused(ctx context.Context, e tenant.LoginEvent) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := countNobody(tx, e.Username); err != nil {
			return err
		}
		return noteLogin(tx, e)
	})
}

// LoginEvents implements tenant.LoginHistoryStore.
func (s *Store) LoginEvents(ctx context.Context, eid tenant.EID, userID, before int64, limit int) (list []tenant.LoginEvent, err error) {
	var q query
	text := `SELECT e.eid, e.id, e.user_id, u.username, e.address, e.outcome, e.happened_at
		FROM login_event e JOIN account_user u ON u.eid = e.eid AND u.id = e.user_id WHERE e.eid = ` + q.arg(int64(eid))
	if userID != 0 {
		text += ` AND e.user_id = ` + q.arg(userID)
	}
	if before != 0 {
		text += ` AND e.id < ` + q.arg(before)
	}
	rows, err := s.db.Query(ctx, text+` ORDER BY e.id DESC LIMIT `+q.arg(limit), q.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e tenant.LoginEvent
		var at int64
		if err := rows.Scan(&e.Tenant, &e.ID, &e.UserID, &e.Username, &e.Address, &e.Outcome, &at); err != nil {
			return nil, err
		}
		e.At = timeOf(at)
		list = append(list, e)
	}
	return list, rows.Err()
}
