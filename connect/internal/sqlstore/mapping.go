package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const (
	mappingCore    = `pair_id, crm_user_id, crm_username, crm_name, engagement_user_id, engagement_username, engagement_name, engagement_mid, created_at`
	mappingColumns = mappingCore + `, broken_at, handle_hash, made_by`
	// Both halves need a condition on the user's name, $2.
	knownMapped  = `SELECT ` + mappingColumns + `, '' AS clear_id, '' AS actor, '' AS reason, 0 AS cleared_at FROM user_mapping WHERE pair_id = $1 AND `
	knownCleared = ` UNION ALL SELECT ` + mappingCore + `, 0, NULL, '', clear_id, actor, reason, cleared_at FROM mapping_clear WHERE pair_id = $1 AND latest = 1 AND `
)

// foldedQuery finds a user by his name in letters of any case, through the index on what LOWER gives, which is not Go's
// folding on SQLite.
const (
	folded      = `LOWER(crm_username) = LOWER($2)`
	foldedQuery = knownMapped + folded + knownCleared + folded + ` ORDER BY cleared_at LIMIT 1`
)

// pageQuery reads a page of users behind a name, namesakeQuery everybody of a name: in no order, for which SQLite would read
// everybody by id.
const (
	pageQuery     = knownMapped + `crm_username > $2` + knownCleared + `crm_username > $2 ORDER BY crm_username, crm_user_id LIMIT $3`
	namesakeQuery = knownMapped + `crm_username = $2` + knownCleared + `crm_username = $2`
)

// mappingRow is a mapping as its columns are read.
type mappingRow struct {
	mapping.Mapping
	created, broken int64
	handle          []byte
}

func (r *mappingRow) into() []any {
	m := &r.Mapping
	return []any{&m.Pair, &m.CRMUserID, &m.CRMUsername, &m.CRMName, &m.EngagementUserID, &m.EngagementUser, &m.EngagementName, &m.MID, &r.created, &r.broken, &r.handle, &r.Era}
}

func (r *mappingRow) value() mapping.Mapping {
	r.CreatedAt, r.BrokenAt = at(r.created), at(r.broken)
	copy(r.Handle[:], r.handle)
	return r.Mapping
}

// stored is a handle's column: NULL for none.
func stored(h mapping.Handle) []byte {
	if h == (mapping.Handle{}) {
		return nil
	}
	return h[:]
}

func scanMapping(row scanner) (mapping.Mapping, error) {
	var r mappingRow
	err := row.Scan(r.into()...)
	return r.value(), found(err, mapping.CodeNotFound, "mapping")
}

func scanKnown(row scanner) (mapping.Known, error) {
	var k mapping.Known
	var r mappingRow
	var cleared int64
	err := row.Scan(append(r.into(), &k.Clear.ID, &k.Clear.Actor, &k.Clear.Reason, &cleared)...)
	k.Mapping, k.Clear.At = r.value(), at(cleared)
	if cleared != 0 {
		k.Clear.Mapping = k.Mapping
	}
	return k, found(err, mapping.CodeNotFound, "user")
}

// Mapping implements mapping.Store.
func (s *Store) Mapping(ctx context.Context, pair, crmUserID string) (mapping.Mapping, error) {
	return scanMapping(s.db.QueryRow(ctx, `SELECT `+mappingColumns+` FROM user_mapping WHERE pair_id = $1 AND crm_user_id = $2`, pair, crmUserID))
}

// MappingTo implements mapping.Store.
func (s *Store) MappingTo(ctx context.Context, pair, engagementUserID string) (mapping.Mapping, error) {
	return scanMapping(s.db.QueryRow(ctx, `SELECT `+mappingColumns+` FROM user_mapping WHERE pair_id = $1 AND engagement_user_id = $2`, pair, engagementUserID))
}

// AnyMapping implements mapping.Store.
func (s *Store) AnyMapping(ctx context.Context, pair string) (bool, error) {
	var any int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM user_mapping WHERE pair_id = $1 LIMIT 1) AS one`, pair).Scan(&any)
	return any > 0, err
}

// Known implements mapping.Store.
func (s *Store) Known(ctx context.Context, pair, after string, limit int) ([]mapping.Known, error) {
	all, err := s.knownRows(ctx, pageQuery, pair, after, limit)
	if err != nil || len(all) < limit || len(all) == 0 {
		return all, err
	}
	last := all[len(all)-1].Mapping.CRMUsername
	namesakes, err := s.knownRows(ctx, namesakeQuery, pair, last)
	slices.SortFunc(namesakes, func(a, b mapping.Known) int { return cmp.Compare(a.Mapping.CRMUserID, b.Mapping.CRMUserID) })
	all = slices.DeleteFunc(all, func(k mapping.Known) bool { return k.Mapping.CRMUsername == last })
	return append(all, namesakes...), err
}

func (s *Store) knownRows(ctx context.Context, query string, args ...any) ([]mapping.Known, error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []mapping.Known
	for rows.Next() {
		k, err := scanKnown(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, rows.Err()
}

// KnownUser implements mapping.Store.
func (s *Store) KnownUser(ctx context.Context, pair, crmUsername string) (mapping.Known, error) {
	k, err := scanKnown(s.db.QueryRow(ctx, knownMapped+`crm_username = $2`+knownCleared+`crm_username = $2 ORDER BY cleared_at LIMIT 1`, pair, crmUsername))
	if fault.CodeOf(err) != mapping.CodeNotFound {
		return k, err
	}
	return scanKnown(s.db.QueryRow(ctx, foldedQuery, pair, crmUsername))
}

// PutMapping implements mapping.Store.
func (s *Store) PutMapping(ctx context.Context, m mapping.Mapping, why audit.Change) (stored, former mapping.Mapping, err error) {
	m.Era = cmp.Or(m.Era, link.JWT)
	key, err := s.auditKey(ctx, m.Pair)
	if err != nil {
		return stored, former, err
	}
	err = errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			before, err := putMapping(tx, m)
			if err != nil {
				return err
			}
			if stored, former = m, before; same(before, m) {
				stored = before
				return nil
			}
			_, err = note(tx, key, entry(m.Pair, why, before.Facts(), m.Facts()))
			return err
		})
	}
	if errors.Is(err, errSwapped) {
		err = mapping.Taken(m.EngagementUser)
	}
	return stored, former, err
}

// same reports whether a user is mapped like this already.
func same(before, m mapping.Mapping) bool {
	return before.EngagementUserID == m.EngagementUserID && before.MID == m.MID && before.Era == cmp.Or(m.Era, link.JWT) && before.BrokenAt.IsZero()
}

// putMapping stores a mapping in the caller's transaction, and gives the one that was there. One that is the same stays.
// Where the mapping is refused as taken nothing is changed and the transaction may go on; errSwapped, where somebody else
// mapped one of the two at the same moment, must end it, and it is made again.
func putMapping(tx *sqldb.Tx, m mapping.Mapping) (before mapping.Mapping, err error) {
	var taken int
	err = tx.QueryRow(`SELECT COUNT(*) FROM user_mapping WHERE pair_id = $1 AND engagement_user_id = $2 AND crm_user_id <> $3`, m.Pair, m.EngagementUserID, m.CRMUserID).Scan(&taken)
	if err != nil {
		return before, err
	}
	if taken > 0 {
		return before, mapping.Taken(m.EngagementUser)
	}
	before, err = scanMapping(tx.QueryRow(`SELECT `+mappingColumns+` FROM user_mapping WHERE pair_id = $1 AND crm_user_id = $2`, m.Pair, m.CRMUserID))
	switch {
	case fault.CodeOf(err) == mapping.CodeNotFound:
		before = mapping.Mapping{}
	case err != nil || same(before, m):
		return before, err
	}
	if before.CRMUserID != "" { // that one, and none that came meanwhile
		res, err := tx.Exec(`DELETE FROM user_mapping WHERE pair_id = $1 AND crm_user_id = $2 AND engagement_user_id = $3 AND created_at = $4`,
			m.Pair, m.CRMUserID, before.EngagementUserID, ms(before.CreatedAt))
		if err := swapped(res, err); err != nil {
			return before, err
		}
	}
	if _, err := tx.Exec(`UPDATE mapping_clear SET latest = 0 WHERE pair_id = $1 AND latest = 1 AND (crm_username = $2 OR crm_user_id = $3)`, m.Pair, m.CRMUsername, m.CRMUserID); err != nil {
		return before, err
	}
	res, err := tx.Exec(`INSERT INTO user_mapping (`+mappingInsert+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`, mappingRowOf(m)...)
	return before, swapped(res, err)
}

// mappingInsert are the columns of a new mapping, and mappingRowOf its values.
const mappingInsert = mappingCore + `, handle_hash, made_by`

func mappingRowOf(m mapping.Mapping) []any {
	return []any{
		m.Pair, m.CRMUserID, m.CRMUsername, m.CRMName, m.EngagementUserID, m.EngagementUser, m.EngagementName, m.MID, ms(m.CreatedAt), stored(m.Handle), string(cmp.Or(m.Era, link.JWT)),
	}
}

// RenameUser implements mapping.Store.
func (s *Store) RenameUser(ctx context.Context, m mapping.Mapping) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE user_mapping SET crm_username = $3, crm_name = $4 WHERE pair_id = $1 AND crm_user_id = $2`, m.Pair, m.CRMUserID, m.CRMUsername, m.CRMName)
		return err
	})
}

// MarkMapping implements mapping.Store.
func (s *Store) MarkMapping(ctx context.Context, m mapping.Mapping, brokenAt time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE user_mapping SET broken_at = $4 WHERE pair_id = $1 AND crm_user_id = $2 AND engagement_user_id = $3`, m.Pair, m.CRMUserID, m.EngagementUserID, ms(brokenAt))
		return err
	})
}

// SetHandle implements mapping.Store.
func (s *Store) SetHandle(ctx context.Context, m mapping.Mapping, h mapping.Handle) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE user_mapping SET handle_hash = $4 WHERE pair_id = $1 AND crm_user_id = $2 AND created_at = $3`, m.Pair, m.CRMUserID, ms(m.CreatedAt), stored(h))
		return err
	})
}

// ClearMapping implements mapping.Store.
func (s *Store) ClearMapping(ctx context.Context, c mapping.Clear) (cleared bool, err error) {
	m := c.Mapping
	key, err := s.auditKey(ctx, m.Pair)
	if err != nil {
		return false, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`DELETE FROM user_mapping WHERE pair_id = $1 AND crm_user_id = $2 AND engagement_user_id = $3 AND created_at = $4`, m.Pair, m.CRMUserID, m.EngagementUserID, ms(m.CreatedAt))
		if err = swapped(res, err); err != nil {
			cleared = false
			if errors.Is(err, errSwapped) {
				return nil
			}
			return err
		}
		cleared = true
		if _, err := tx.Exec(`UPDATE mapping_clear SET latest = 0 WHERE pair_id = $1 AND latest = 1 AND (crm_username = $2 OR crm_user_id = $3)`, m.Pair, m.CRMUsername, m.CRMUserID); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO mapping_clear (`+mappingCore+`, clear_id, latest, actor, reason, cleared_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12, $13)`,
			m.Pair, m.CRMUserID, m.CRMUsername, m.CRMName, m.EngagementUserID, m.EngagementUser, m.EngagementName, m.MID, ms(m.CreatedAt), c.ID, c.Actor, c.Reason, ms(c.At))
		if err != nil {
			return err
		}
		why := audit.Change{At: c.At, Actor: c.Actor, Action: audit.UserCleared, Subject: m.CRMUsername, Reason: c.Reason}
		_, err = note(tx, key, entry(m.Pair, why, m.Facts(), nil))
		return err
	})
	return cleared, err
}

// GrantNeeded implements mapping.GrantHolders.
func (s *Store) GrantNeeded(ctx context.Context, packageClientID string, eid int64, engagementUserID, username string) (bool, error) {
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM link l WHERE l.package_client_id = $1 AND l.eid = $2
			AND (lower(l.engagement_username) = lower($4) OR $3 <> '' AND l.engagement_user_id = $3 OR EXISTS (SELECT 1 FROM user_mapping m
				WHERE m.pair_id = l.pair_id AND (lower(m.engagement_username) = lower($4) OR m.engagement_user_id = $3)))`,
		packageClientID, eid, engagementUserID, username).Scan(&n)
	return n > 0, err
}

// UnknownOf implements mapping.GrantHolders.
func (s *Store) UnknownOf(ctx context.Context, packageClientID string, eid int64, usernames []string) ([]string, error) {
	if len(usernames) == 0 {
		return nil, nil
	}
	args := []any{packageClientID, eid}
	among := marks(&args, usernames, func(name string) any { return strings.ToLower(name) })
	rows, err := s.db.Query(ctx, `SELECT lower(l.engagement_username) FROM link l WHERE l.package_client_id = $1 AND l.eid = $2 AND lower(l.engagement_username) IN (`+among+`)
		UNION SELECT lower(m.engagement_username) FROM link l JOIN user_mapping m ON m.pair_id = l.pair_id
		WHERE l.package_client_id = $1 AND l.eid = $2 AND lower(m.engagement_username) IN (`+among+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	known := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		known[name] = true
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(usernames), func(name string) bool { return known[strings.ToLower(name)] }), nil
}

// CountMappings implements upgrade.Counts.
func (s *Store) CountMappings(ctx context.Context, pair string) (int, error) {
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM user_mapping WHERE pair_id = $1`, pair).Scan(&n)
	return n, err
}
