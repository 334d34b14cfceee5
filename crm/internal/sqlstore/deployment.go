package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// JobDeploy is the kind of the queue's jobs that make deployments; their payload is a [DeployPayload].
const JobDeploy = "deploy"

// DeployPayload names a deployment.
type DeployPayload struct {
	Org org.ID `json:"org"`
	ID  org.ID `json:"id"`
}

// Sealer encrypts what lies in the database; *vault.Vault is one. What is sealed with aad opens only with the same aad.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Deployments keeps deployments and queues the work on them. Zips are sealed, because they may hold apps' secrets.
type Deployments struct {
	store *Store
	queue *jobs.Queue
	seal  Sealer
}

var _ org.DeployStore = Deployments{}

// NewDeployments returns a store of deployments on a database that has jobs.Migrations too.
func NewDeployments(s *Store, q *jobs.Queue, seal Sealer) Deployments { return Deployments{s, q, seal} }

// zipAAD binds a sealed zip to its deployment.
func zipAAD(id org.ID) []byte { return []byte("deployment:zip:" + string(id)) }

// AddDeployment implements org.DeployStore.
func (d Deployments) AddDeployment(ctx context.Context, dep org.Deployment, zip []byte, limit int) error {
	options, err := json.Marshal(dep.Options)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(DeployPayload{dep.Org, dep.ID})
	if err != nil {
		return err
	}
	sealed, err := d.seal.Seal(zip, zipAAD(dep.ID))
	if err != nil {
		return fmt.Errorf("sealing a deployment: %w", err)
	}
	err = d.store.db.Write(ctx, func(tx *sqldb.Tx) error {
		var waiting int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM deployment WHERE org_id = $1 AND zip IS NOT NULL`, string(dep.Org)).Scan(&waiting); err != nil {
			return err
		}
		if waiting >= limit { // two at the same moment may both pass: the bound is against a flood
			return fault.New(fault.Limited, org.CodeTooManyDeployments, "This org has %d deployments that have not ended; wait for them.", waiting)
		}
		if _, err := tx.Exec(`INSERT INTO deployment (org_id, id, user_id, app_id, delegate_id, api, options, status, created_ms, modified_ms, messages, zip, zip_sealed)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, '[]', $10, 1)`, string(dep.Org), string(dep.ID), string(dep.User), string(dep.App), string(dep.Delegate), dep.API, string(options),
			string(dep.Status), millis(dep.Created), sealed); err != nil {
			return err
		}
		_, err := d.queue.Enqueue(tx, jobs.Job{Kind: JobDeploy, Payload: payload})
		return err
	})
	if err != nil {
		return fmt.Errorf("adding a deployment: %w", err)
	}
	return nil
}

// Deployment implements org.DeployStore.
func (d Deployments) Deployment(ctx context.Context, orgID, id org.ID) (org.Deployment, error) {
	return readDeployment(pool{ctx, d.store.db}, orgID, id, "")
}

func readDeployment(q rowQuerier, orgID, id org.ID, suffix string) (org.Deployment, error) {
	dep := org.Deployment{Org: orgID, ID: id}
	var options, messages string
	var created, modified int64
	var started, completed sql.NullInt64
	err := q.QueryRow(`SELECT user_id, COALESCE((SELECT u.name FROM user_account u WHERE u.org_id = d.org_id AND u.id = d.user_id), ''), app_id, delegate_id, api, options,
 status, created_ms, started_ms, completed_ms, modified_ms, messages FROM deployment d WHERE org_id = $1 AND id = $2`+suffix, string(orgID), string(id)).Scan(
		&dep.User, &dep.Username, &dep.App, &dep.Delegate, &dep.API, &options, &dep.Status, &created, &started, &completed, &modified, &messages)
	if err != nil {
		return org.Deployment{}, notFound(err, "deployment")
	}
	dep.Created, dep.Modified = fromMillis(created), fromMillis(modified)
	if started.Valid {
		dep.Started = fromMillis(started.Int64)
	}
	if completed.Valid {
		dep.Completed = fromMillis(completed.Int64)
	}
	if err := json.Unmarshal([]byte(options), &dep.Options); err != nil {
		return org.Deployment{}, fmt.Errorf("options of deployment %s: %w", id, err)
	}
	if err := json.Unmarshal([]byte(messages), &dep.Messages); err != nil {
		return org.Deployment{}, fmt.Errorf("messages of deployment %s: %w", id, err)
	}
	return dep, nil
}

// DeploymentZip implements org.DeployStore.
func (d Deployments) DeploymentZip(ctx context.Context, orgID, id org.ID) ([]byte, error) {
	var zip []byte
	var sealed bool
	err := d.store.db.QueryRow(ctx, `SELECT zip, zip_sealed FROM deployment WHERE org_id = $1 AND id = $2`, string(orgID), string(id)).Scan(&zip, &sealed)
	if err != nil {
		return nil, notFound(err, "deployment")
	}
	if zip == nil || !sealed {
		return zip, nil
	}
	if zip, err = d.seal.Open(zip, zipAAD(id)); err != nil {
		return nil, fmt.Errorf("opening deployment %s: %w", id, err)
	}
	return zip, nil
}

// ChangeDeployment implements org.DeployStore.
func (d Deployments) ChangeDeployment(ctx context.Context, orgID, id org.ID, fn func(org.SetupTx, *org.Deployment) error) error {
	return d.store.writeSetup(ctx, func(t setupTx) error {
		dep, err := readDeployment(t.tx, orgID, id, t.forUpdate())
		if err != nil {
			return err
		}
		if err := fn(t, &dep); err != nil {
			return err
		}
		messages, err := json.Marshal(append([]org.DeployMessage{}, dep.Messages...))
		if err != nil {
			return err
		}
		_, err = t.tx.Exec(`UPDATE deployment SET status = $3, started_ms = $4, completed_ms = $5, modified_ms = $6, messages = $7,
 zip = CASE WHEN $8 = 1 THEN NULL ELSE zip END WHERE org_id = $1 AND id = $2`,
			string(orgID), string(id), string(dep.Status), orNoTime(dep.Started), orNoTime(dep.Completed), millis(dep.Modified), string(messages), flag(dep.Status.Done()))
		return err
	})
}

// orNoTime stores the zero time as NULL.
func orNoTime(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// keepDeployments is how long a deployment that has ended can be asked for, in the org's own time.
const keepDeployments = 30 * 24 * time.Hour

// purgeDeployments deletes at most limit deployments that ended long ago.
func (s *Store) purgeDeployments(ctx context.Context, now time.Time, limit int) (int, error) {
	gone := 0
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`DELETE FROM deployment WHERE (org_id, id) IN (SELECT d.org_id, d.id FROM deployment d JOIN organization o ON o.id = d.org_id
 WHERE d.zip IS NULL AND d.completed_ms < CAST($1 AS BIGINT) + o.clock_offset_ms ORDER BY d.completed_ms LIMIT $2)`, millis(now.Add(-keepDeployments)), limit)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		gone = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("deleting old deployments: %w", err)
	}
	return gone, nil
}
