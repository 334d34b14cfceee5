package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// maxSendSetup bounds the sender profiles, and the send classifications, of a tenant.
const maxSendSetup = 1000

// setupBy is the condition on one sender profile or classification.
func setupBy(ref tenant.SetupRef) (column, value string) {
	if ref.ID != "" {
		return "id", fold(ref.ID)
	}
	return "key_fold", fold(ref.Key)
}

func noSetup(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, tenant.CodeNoSendSetup, "There is no such %s.", what)
	}
	return err
}

func setupExists(err error, what string) error {
	if sqldb.IsUnique(err) {
		return fault.Wrap(err, fault.Conflict, tenant.CodeSendSetupExists, "A %s with this customer key exists already.", what).In("CustomerKey")
	}
	return err
}

// Profile reads a sender profile.
func (s *Sending) Profile(ctx context.Context, eid tenant.EID, mid tenant.MID, ref tenant.SetupRef) (tenant.SenderProfile, error) {
	by, value := setupBy(ref)
	var v tenant.SenderProfile
	var created, modified int64
	err := s.db.QueryRow(ctx, `SELECT eid, mid, id, customer_key, name, description, from_name, from_address, created_at, modified_at
		FROM sender_profile WHERE eid = $1 AND mid = $2 AND `+by+` = $3`, int64(eid), int64(mid), value).
		Scan(&v.Tenant, &v.MID, &v.ID, &v.Key, &v.Name, &v.Description, &v.FromName, &v.FromAddress, &created, &modified)
	v.Created, v.Modified = timeOf(created), timeOf(modified)
	return v, noSetup(err, "sender profile")
}

// CreateProfile stores a new sender profile.
func (s *Sending) CreateProfile(ctx context.Context, v tenant.SenderProfile) error {
	return setupExists(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := room(tx, "sender_profile", v.Tenant, maxSendSetup, tenant.CodeInvalidSendSetup, "sender profiles"); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO sender_profile (eid, mid, id, customer_key, key_fold, name, description, from_name, from_address, created_at, modified_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			int64(v.Tenant), int64(v.MID), v.ID, v.Key, fold(v.Key), v.Name, v.Description, v.FromName, v.FromAddress, millis(v.Created), millis(v.Modified))
		return err
	}), "sender profile")
}

// UpdateProfile stores a sender profile over the one with its ID.
func (s *Sending) UpdateProfile(ctx context.Context, v tenant.SenderProfile, unmodifiedSince time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`UPDATE sender_profile SET name = $3, description = $4, from_name = $5, from_address = $6, modified_at = $7
			WHERE eid = $1 AND id = $2 AND modified_at = $8`,
			int64(v.Tenant), v.ID, v.Name, v.Description, v.FromName, v.FromAddress, millis(v.Modified), millis(unmodifiedSince)))
		if err == nil && !done {
			return changedMeanwhile("sender profile")
		}
		return err
	})
}

// DeleteProfile takes away a sender profile that no classification uses.
func (s *Sending) DeleteProfile(ctx context.Context, v tenant.SenderProfile) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`DELETE FROM sender_profile WHERE eid = $1 AND id = $2 AND NOT EXISTS
			(SELECT 1 FROM send_classification c WHERE c.eid = sender_profile.eid AND c.mid = sender_profile.mid AND lower(c.profile_key) = lower(sender_profile.customer_key))`,
			int64(v.Tenant), v.ID))
		if err == nil && !done {
			return fault.New(fault.Conflict, tenant.CodeSendSetupUsed, "A send classification uses the sender profile.")
		}
		return err
	})
}

// Classification reads a send classification.
func (s *Sending) Classification(ctx context.Context, eid tenant.EID, mid tenant.MID, ref tenant.SetupRef) (tenant.SendClassification, error) {
	by, value := setupBy(ref)
	var c tenant.SendClassification
	var created, modified int64
	err := s.db.QueryRow(ctx, `SELECT eid, mid, id, customer_key, name, description, kind, profile_key, created_at, modified_at
		FROM send_classification WHERE eid = $1 AND mid = $2 AND `+by+` = $3`, int64(eid), int64(mid), value).
		Scan(&c.Tenant, &c.MID, &c.ID, &c.Key, &c.Name, &c.Description, &c.Kind, &c.ProfileKey, &created, &modified)
	c.Created, c.Modified = timeOf(created), timeOf(modified)
	return c, noSetup(err, "send classification")
}

// CreateClassification stores a new send classification.
func (s *Sending) CreateClassification(ctx context.Context, c tenant.SendClassification) error {
	return setupExists(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := room(tx, "send_classification", c.Tenant, maxSendSetup, tenant.CodeInvalidSendSetup, "send classifications"); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO send_classification (eid, mid, id, customer_key, key_fold, name, description, kind, profile_key, created_at, modified_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			int64(c.Tenant), int64(c.MID), c.ID, c.Key, fold(c.Key), c.Name, c.Description, c.Kind, c.ProfileKey, millis(c.Created), millis(c.Modified))
		return err
	}), "send classification")
}

// UpdateClassification stores a send classification over the one with its ID.
func (s *Sending) UpdateClassification(ctx context.Context, c tenant.SendClassification, unmodifiedSince time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`UPDATE send_classification SET name = $3, description = $4, kind = $5, profile_key = $6, modified_at = $7
			WHERE eid = $1 AND id = $2 AND modified_at = $8`,
			int64(c.Tenant), c.ID, c.Name, c.Description, c.Kind, c.ProfileKey, millis(c.Modified), millis(unmodifiedSince)))
		if err == nil && !done {
			return changedMeanwhile("send classification")
		}
		return err
	})
}

// DeleteClassification takes away a send classification that no definition uses.
func (s *Sending) DeleteClassification(ctx context.Context, c tenant.SendClassification) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`DELETE FROM send_classification WHERE eid = $1 AND id = $2 AND NOT EXISTS
			(SELECT 1 FROM send_definition d WHERE d.eid = send_classification.eid AND d.mid = send_classification.mid AND d.status <> 'Deleted'
			 AND lower(d.classification) = lower(send_classification.customer_key))`, int64(c.Tenant), c.ID))
		if err == nil && !done {
			return fault.New(fault.Conflict, tenant.CodeSendSetupUsed, "A triggered send definition uses the send classification.")
		}
		return err
	})
}

// classificationExists refuses a definition whose send classification is not there.
func classificationExists(tx *sqldb.Tx, d tenant.Definition) error {
	if d.Classification == tenant.ClassificationTransactional || d.Classification == tenant.ClassificationCommercial {
		return nil
	}
	var one int
	err := tx.QueryRow(`SELECT 1 FROM send_classification WHERE eid = $1 AND mid = $2 AND key_fold = $3`, int64(d.Tenant), int64(d.MID), fold(d.Classification)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.Invalid, tenant.CodeInvalidDefinition, "There is no send classification %q.", clip(d.Classification)).In("classification")
	}
	return err
}
