package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// JobBin is the kind of job that deletes what hangs on a deleted record, where that is too much for one transaction; its
// payload is a BinPayload.
const JobBin = "crm.bin"

// BinPayload names the deleted record.
type BinPayload struct {
	Org org.ID `json:"org"`
	ID  org.ID `json:"id"`
}

// binAttempts is no bound: the records are gone in the end, whatever the database does meanwhile.
const binAttempts = 1 << 20

// Spend implements org.RecordTx.
func (t recordTx) Spend(records int) bool {
	if *t.room < records {
		return false
	}
	*t.room -= records
	return true
}

// DeferBin implements org.RecordTx.
func (t recordTx) DeferBin(p org.PendingBin) error {
	if t.queue == nil {
		return errors.New("sqlstore: a record with many children, and no queue to delete them by")
	}
	if _, err := t.tx.Exec(`INSERT INTO bin_pending (org_id, id, object, user_id, hard) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (org_id, id) DO UPDATE SET hard = excluded.hard`, string(p.Org), string(p.ID), p.Object, string(p.User), flag(p.Hard)); err != nil {
		return fmt.Errorf("keeping what is to be deleted: %w", err)
	}
	payload, err := json.Marshal(BinPayload{p.Org, p.ID})
	if err != nil {
		return err
	}
	_, err = t.queue.Enqueue(t.tx, jobs.Job{Kind: JobBin, UniqueKey: JobBin + "/" + string(p.ID), Payload: payload, MaxAttempts: binAttempts})
	if errors.Is(err, jobs.ErrDuplicate) {
		return nil // it is at it
	}
	return err
}

// EndBin implements org.RecordTx.
func (t recordTx) EndBin(orgID, id org.ID) error {
	_, err := t.tx.Exec(`DELETE FROM bin_pending WHERE org_id = $1 AND id = $2`, string(orgID), string(id))
	if err != nil {
		return fmt.Errorf("forgetting what was to be deleted: %w", err)
	}
	return nil
}

// FollowBins is the queue's handler of JobBin: step after step, each in a transaction of its own, until the children of the
// record are gone too. records may be those of any org.
func (s *Store) FollowBins(records *org.Records) jobs.Handler {
	return func(ctx context.Context, run *jobs.Run) error {
		var p BinPayload
		if err := json.Unmarshal(run.Payload, &p); err != nil {
			return jobs.Permanent(err)
		}
		for {
			o, err := s.OrgByID(ctx, p.Org)
			if fault.KindOf(err) == fault.NotFound {
				return nil // and all its records with it
			}
			if err != nil {
				return err
			}
			done, err := s.followBin(ctx, run, records, o, p.ID)
			if err != nil || done {
				return err
			}
		}
	}
}

func (s *Store) followBin(ctx context.Context, run *jobs.Run, records *org.Records, o org.Org, id org.ID) (done bool, err error) {
	err = s.WriteTx(ctx, func(tx *sqldb.Tx, r org.RecordTx) error {
		p := org.PendingBin{Org: o.ID, ID: id}
		err := tx.QueryRow(`SELECT object, user_id, hard FROM bin_pending WHERE org_id = $1 AND id = $2`, string(o.ID), string(id)).Scan(&p.Object, &p.User, &p.Hard)
		if errors.Is(err, sql.ErrNoRows) {
			done = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading what is to be deleted: %w", err)
		}
		if done, err = records.FollowBin(r, o, p); err != nil {
			return err
		}
		return run.SaveTx(tx, []byte("null"))
	})
	return done, err
}

// binned is the condition that a record under an alias hangs on one that was deleted and whose children are still to
// follow; "" for objects whose records are not deleted with others. Mostly there are none, which the first half finds out
// once for a statement.
func binned(o *org.Object, alias string) string {
	var parents []string
	for _, f := range o.Fields {
		switch {
		case !f.Cascade || !o.SoftDelete:
		case f.Place == org.PlaceColumn:
			parents = append(parents, "b.id = "+alias+"."+f.Column)
		case f.Place == org.PlaceFlex: // its values need not be joined
			parents = append(parents, "b.id = (SELECT v."+f.Column+" FROM custom_value v WHERE v.org_id = "+alias+".org_id AND v.id = "+alias+".id)")
		}
	}
	if len(parents) == 0 {
		return ""
	}
	return "EXISTS (SELECT 1 FROM bin_pending) AND EXISTS (SELECT 1 FROM bin_pending b WHERE b.org_id = " + alias + ".org_id AND (" + strings.Join(parents, " OR ") + "))"
}
