package sqlstore

import (
	"context"
	"errors"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// outageColumns stand at the end of linkColumns.
const outageColumns = `outage_mode, outage_from, outage_until, outage_stays, outage_reason, outage_actor`

// SetOutage implements link.Outages.
func (s *Store) SetOutage(ctx context.Context, pair string, why audit.Change, o link.Outage) (link.Link, error) {
	if _, err := s.Link(ctx, pair); err != nil {
		return link.Link{}, err // and no key is made for it
	}
	key, err := s.auditKey(ctx, pair)
	if err != nil {
		return link.Link{}, err
	}
	var stored link.Link
	err = errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			before, err := scanLink(tx.QueryRow(`SELECT `+linkColumns+` FROM link WHERE pair_id = $1`, pair))
			if stored = before; err != nil || before.Outage == o {
				return err
			}
			res, err := tx.Exec(`UPDATE link SET outage_mode = $2, outage_from = $3, outage_until = $4, outage_stays = $5, outage_reason = $6, outage_actor = $7, revision = revision + 1
				WHERE pair_id = $1 AND revision = $8`, pair, string(o.Mode), ms(o.From), ms(o.Until), flag(o.Stays), o.Reason, o.Actor, before.Revision)
			if err := swapped(res, err); err != nil {
				return err
			}
			stored.Outage, stored.Revision = o, before.Revision+1
			_, err = note(tx, key, entry(pair, why, before.Outage.Facts(), o.Facts()))
			return err
		})
	}
	return stored, err
}
