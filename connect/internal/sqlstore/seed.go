package sqlstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ mapping.Seeds = (*Store)(nil)

// MappedOf implements mapping.Seeds.
func (s *Store) MappedOf(ctx context.Context, pair string, crmUserIDs []string) (int, error) {
	if len(crmUserIDs) == 0 {
		return 0, nil
	}
	args := []any{pair}
	ids := marks(&args, crmUserIDs, func(id string) any { return id })
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM user_mapping WHERE pair_id = $1 AND crm_user_id IN (`+ids+`)`, args...).Scan(&n)
	return n, err
}

// PutSeeded implements mapping.Seeds.
func (s *Store) PutSeeded(ctx context.Context, all []mapping.Mapping, tokens []link.UserToken, why audit.Change) error {
	if len(all) == 0 {
		return nil
	}
	key, err := s.auditKey(ctx, all[0].Pair)
	if err != nil {
		return err
	}
	err = errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error { return putSeeded(tx, key, all, tokens, why) })
	}
	return err
}

// putSeeded stores many in few statements where nobody of them is mapped yet, and else one after the other.
func putSeeded(tx *sqldb.Tx, key []byte, all []mapping.Mapping, tokens []link.UserToken, why audit.Change) error {
	known, err := knownOf(tx, all)
	if err != nil {
		return err
	}
	var noted []audit.Entry
	var fresh [][]any
	for _, m := range all {
		why.Subject = m.CRMUsername
		if !known {
			fresh, noted = append(fresh, mappingRowOf(m)), append(noted, entry(m.Pair, why, nil, m.Facts()))
			continue
		}
		before, err := putMapping(tx, m)
		if err != nil {
			return err
		}
		if !same(before, m) {
			noted = append(noted, entry(m.Pair, why, before.Facts(), m.Facts()))
		}
	}
	if err := tx.Insert(insertMappings.Of(fresh...)); err != nil {
		if sqldb.IsUnique(err) {
			return errSwapped // somebody mapped one of them at this moment
		}
		return err
	}
	if err := putUserTokens(tx, tokens); err != nil {
		return err
	}
	_, err = noteAll(tx, key, noted)
	return err
}

var insertTokens = sqldb.NewAppend("user_token", "pair_id", "username", "token_sealed", "lease_until", "revision", "renewed_at", "sealed_for")

// putUserTokens stores tokens of one pair in place of those that there are of their users.
func putUserTokens(tx *sqldb.Tx, tokens []link.UserToken) error {
	if len(tokens) == 0 {
		return nil
	}
	args, rows := []any{tokens[0].Pair}, make([][]any, len(tokens))
	names := marks(&args, tokens, func(t link.UserToken) any { return t.Username })
	for i, t := range tokens {
		rows[i] = []any{t.Pair, t.Username, t.Sealed, 0, 1, ms(t.RenewedAt), t.Origin}
	}
	if _, err := tx.Exec(`DELETE FROM user_token WHERE pair_id = $1 AND username IN (`+names+`)`, args...); err != nil {
		return err
	}
	return tx.Insert(insertTokens.Of(rows...))
}

// marks adds a value of each item to the arguments and gives their marks, for IN.
func marks[T any](args *[]any, items []T, of func(T) any) string {
	list := make([]string, len(items))
	for i, item := range items {
		*args = append(*args, of(item))
		list[i] = "$" + strconv.Itoa(len(*args))
	}
	return strings.Join(list, ", ")
}

var insertMappings = sqldb.NewAppend("user_mapping", strings.Split(strings.ReplaceAll(mappingInsert, " ", ""), ",")...)

// knownOf reports whether any of the users is mapped, or was: then what is kept of that must change too.
func knownOf(tx *sqldb.Tx, all []mapping.Mapping) (bool, error) {
	if len(all) == 0 {
		return false, nil
	}
	args := []any{all[0].Pair}
	crm := marks(&args, all, func(m mapping.Mapping) any { return m.CRMUserID })
	names := marks(&args, all, func(m mapping.Mapping) any { return m.CRMUsername })
	engagement := marks(&args, all, func(m mapping.Mapping) any { return m.EngagementUserID })
	var n int
	err := tx.QueryRow(`SELECT (SELECT COUNT(*) FROM user_mapping WHERE pair_id = $1 AND crm_user_id IN (`+crm+`))
		+ (SELECT COUNT(*) FROM user_mapping WHERE pair_id = $1 AND engagement_user_id IN (`+engagement+`))
		+ (SELECT COUNT(*) FROM mapping_clear WHERE pair_id = $1 AND latest = 1 AND (crm_user_id IN (`+crm+`) OR crm_username IN (`+names+`)))`, args...).Scan(&n)
	return n > 0, err
}
