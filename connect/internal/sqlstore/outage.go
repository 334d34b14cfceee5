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
		err = s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			stored, err = setOutage(tx, key, pair, why, o)
			return err
		})
	}
	return stored, err
}

// setOutage puts an outage in the place of the one there is, in the caller's transaction; errSwapped where somebody changed the
// connection meanwhile. Where it is there already nothing happens.
func setOutage(tx *sqldb.Tx, key []byte, pair string, why audit.Change, o link.Outage) (link.Link, error) {
	stored, err := scanLink(tx.QueryRow(`SELECT `+linkColumns+` FROM link WHERE pair_id = $1`, pair))
	if err != nil || stored.Outage == o {
		return stored, err
	}
	res, err := tx.Exec(`UPDATE link SET outage_mode = $2, outage_from = $3, outage_until = $4, outage_stays = $5, outage_reason = $6, outage_actor = $7, revision = revision + 1
		WHERE pair_id = $1 AND revision = $8`, pair, string(o.Mode), ms(o.From), ms(o.Until), flag(o.Stays), o.Reason, o.Actor, stored.Revision)
	if err := swapped(res, err); err != nil {
		return stored, err
	}
	before := stored.Outage
	stored.Outage, stored.Revision = o, stored.Revision+1
	_, err = note(tx, key, entry(pair, why, before.Facts(), o.Facts()))
	return stored, err
}
