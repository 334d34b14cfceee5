package sqlstore

import (
	"context"
	"errors"

	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const mappingColumns = `pair_id, crm_user_id, crm_username, crm_name, engagement_user_id, engagement_username, engagement_name, engagement_mid, created_at`

func scanMapping(row scanner) (mapping.Mapping, error) {
	var m mapping.Mapping
	var created int64
	err := row.Scan(&m.Pair, &m.CRMUserID, &m.CRMUsername, &m.CRMName, &m.EngagementUserID, &m.EngagementUser, &m.EngagementName, &m.MID, &created)
	m.CreatedAt = at(created)
	return m, found(err, mapping.CodeNotFound, "mapping")
}

// Mapping implements mapping.Store.
func (s *Store) Mapping(ctx context.Context, pair, crmUserID string) (mapping.Mapping, error) {
	return scanMapping(s.db.QueryRow(ctx, `SELECT `+mappingColumns+` FROM user_mapping WHERE pair_id = $1 AND crm_user_id = $2`, pair, crmUserID))
}

// MappingTo implements mapping.Store.
func (s *Store) MappingTo(ctx context.Context, pair, engagementUserID string) (mapping.Mapping, error) {
	return scanMapping(s.db.QueryRow(ctx, `SELECT `+mappingColumns+` FROM user_mapping WHERE pair_id = $1 AND engagement_user_id = $2`, pair, engagementUserID))
}

// Mappings implements mapping.Store.
func (s *Store) Mappings(ctx context.Context, pair, after string, limit int) ([]mapping.Mapping, error) {
	rows, err := s.db.Query(ctx, `SELECT `+mappingColumns+` FROM user_mapping WHERE pair_id = $1 AND crm_username > $2 ORDER BY crm_username, crm_user_id LIMIT $3`, pair, after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []mapping.Mapping
	for rows.Next() {
		m, err := scanMapping(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// PutMapping implements mapping.Store.
func (s *Store) PutMapping(ctx context.Context, m mapping.Mapping) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM user_mapping WHERE pair_id = $1 AND crm_user_id = $2`, m.Pair, m.CRMUserID); err != nil {
			return err
		}
		res, err := tx.Exec(`INSERT INTO user_mapping (`+mappingColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (pair_id, engagement_user_id) DO NOTHING`,
			m.Pair, m.CRMUserID, m.CRMUsername, m.CRMName, m.EngagementUserID, m.EngagementUser, m.EngagementName, m.MID, ms(m.CreatedAt))
		return swapped(res, err)
	})
	if errors.Is(err, errSwapped) {
		return mapping.Taken(m.EngagementUser)
	}
	return err
}

// DeleteMapping implements mapping.Store.
func (s *Store) DeleteMapping(ctx context.Context, pair, crmUserID, engagementUserID string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM user_mapping WHERE pair_id = $1 AND crm_user_id = $2 AND engagement_user_id = $3`, pair, crmUserID, engagementUserID)
		return err
	})
}
