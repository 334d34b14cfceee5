package sqlstore

import (
	"context"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// Holders implements tenant.Directory: three queries, however many users.
func (s *Store) Holders(ctx context.Context, eid tenant.EID, ids []int64) (map[int64]tenant.Holder, error) {
	held := make(map[int64]tenant.Holder, len(ids))
	if len(ids) == 0 {
		return held, nil
	}
	q := query{args: []any{int64(eid)}}
	among := marks(&q, ids)
	rows, err := s.db.Query(ctx, `SELECT `+userColumns+` FROM account_user WHERE eid = $1 AND id IN (`+among+`)`, q.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, err
		}
		held[u.ID] = tenant.Holder{User: u}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if err := s.unitsOf(ctx, held, among, q.args); err != nil {
		return nil, err
	}
	given, err := s.assignments(ctx, eid, `user_id IN (0, `+among+`)`, q.args[1:]...)
	if err != nil {
		return nil, err
	}
	var everybody []tenant.Assignment // those of user 0 come first
	for _, a := range given {
		if a.UserID == 0 {
			everybody = append(everybody, a)
			continue
		}
		if h, there := held[a.UserID]; there {
			h.Given = append(h.Given, a)
			held[a.UserID] = h
		}
	}
	for id, h := range held {
		h.Given = append(h.Given, everybody...)
		held[id] = h
	}
	return held, nil
}

// unitsOf adds to each user the units that he may work in.
func (s *Store) unitsOf(ctx context.Context, held map[int64]tenant.Holder, among string, args []any) error {
	rows, err := s.db.Query(ctx, `SELECT user_id, mid FROM account_user_business_unit WHERE eid = $1 AND user_id IN (`+among+`) ORDER BY user_id, mid`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var mid tenant.MID
		if err := rows.Scan(&id, &mid); err != nil {
			return err
		}
		if h, there := held[id]; there {
			h.MIDs = append(h.MIDs, mid)
			held[id] = h
		}
	}
	return rows.Err()
}
