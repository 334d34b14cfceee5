package sqlstore

import (
	"context"

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
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		before, err := scanLink(tx.QueryRow(`SELECT `+linkColumns+` FROM link WHERE pair_id = $1`, pair))
		if err != nil {
			return err
		}
		stays := flag(o.Stays)
		stored, err = scanLink(tx.QueryRow(`UPDATE link SET outage_mode = $2, outage_from = $3, outage_until = $4, outage_stays = $5, outage_reason = $6, outage_actor = $7, revision = revision + 1
			WHERE pair_id = $1 RETURNING `+linkColumns, pair, string(o.Mode), ms(o.From), ms(o.Until), stays, o.Reason, o.Actor))
		if err != nil {
			return err
		}
		_, err = note(tx, key, entry(pair, why, before.Outage.Facts(), stored.Outage.Facts()))
		return err
	})
	return stored, err
}
