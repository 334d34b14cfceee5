package sqlstore

import "context"

// Earlier implements migration.Store.
func (s *Store) Earlier(ctx context.Context, pair string) (int, error) {
	var n int
	return n, s.db.QueryRow(ctx, `SELECT COUNT(*) FROM user_mapping WHERE pair_id = $1 AND made_by = 'password'`, pair).Scan(&n)
}
