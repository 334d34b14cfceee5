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
	args, places := []any{pair}, make([]string, len(crmUserIDs))
	for i, id := range crmUserIDs {
		args, places[i] = append(args, id), "$"+strconv.Itoa(i+2)
	}
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM user_mapping WHERE pair_id = $1 AND crm_user_id IN (`+strings.Join(places, ", ")+`)`, args...).Scan(&n)
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

func putSeeded(tx *sqldb.Tx, key []byte, all []mapping.Mapping, tokens []link.UserToken, why audit.Change) error {
	var noted []audit.Entry
	for _, m := range all {
		before, err := putMapping(tx, m)
		if err != nil {
			return err
		}
		if same(before, m) {
			continue
		}
		why.Subject = m.CRMUsername
		noted = append(noted, entry(m.Pair, why, before.Facts(), m.Facts()))
	}
	for _, t := range tokens {
		if err := putUserToken(tx, t); err != nil {
			return err
		}
	}
	_, err := noteAll(tx, key, noted)
	return err
}
