package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// fixFacts are what the audit chain keeps of a fix.
type fixFacts struct {
	Mends []doctor.Mending `json:"mends"`
}

// AddFix implements doctor.Fixes.
func (s *Store) AddFix(ctx context.Context, pair string, f doctor.Fix, why audit.Change, keep int) error {
	key, err := s.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	mends, err := json.Marshal(f.Mends)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := turn(tx, pair); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM doctor_fix WHERE pair_id = $1 AND fix_id NOT IN (SELECT fix_id FROM doctor_fix WHERE pair_id = $1 ORDER BY begun_at DESC, fix_id LIMIT $2)`, pair, keep-1); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO doctor_fix (pair_id, fix_id, actor, begun_at, ended_at, mends) VALUES ($1, $2, $3, $4, 0, $5)`, pair, f.ID, f.Actor, ms(f.Begun), string(mends)); err != nil {
			return err
		}
		_, err := note(tx, key, entry(pair, why, nil, fixFacts{f.Mends}))
		return err
	})
}

// Fix implements doctor.Fixes.
func (s *Store) Fix(ctx context.Context, pair, id string) (doctor.Fix, error) {
	f := doctor.Fix{ID: id}
	var begun, ended int64
	var mends string
	err := s.db.QueryRow(ctx, `SELECT actor, begun_at, ended_at, mends FROM doctor_fix WHERE pair_id = $1 AND fix_id = $2`, pair, id).Scan(&f.Actor, &begun, &ended, &mends)
	if err != nil {
		return doctor.Fix{}, found(err, doctor.CodeNoFix, "fix")
	}
	if f.Begun = at(begun); ended != 0 {
		f.Ended = at(ended)
	}
	return f, json.Unmarshal([]byte(mends), &f.Mends)
}

// EndFix implements doctor.Fixes.
func (s *Store) EndFix(ctx context.Context, pair string, f doctor.Fix, why audit.Change) error {
	key, err := s.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	mends, err := json.Marshal(f.Mends)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE doctor_fix SET ended_at = $3, mends = $4 WHERE pair_id = $1 AND fix_id = $2 AND ended_at = 0`, pair, f.ID, ms(f.Ended.Round(time.Millisecond)), string(mends))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				err = fault.New(fault.Conflict, doctor.CodeFixEnded, "That fix has come to its end.")
			}
			return err
		}
		_, err = note(tx, key, entry(pair, why, nil, fixFacts{f.Mends}))
		return err
	})
}
