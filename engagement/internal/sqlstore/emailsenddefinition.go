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

// EmailSendDefinition reads an email send definition.
func (s *Sending) EmailSendDefinition(ctx context.Context, eid tenant.EID, mid tenant.MID, ref tenant.SetupRef) (tenant.EmailSendDefinition, error) {
	by, value := setupBy(ref)
	var d tenant.EmailSendDefinition
	var audience string
	var created, modified int64
	err := s.db.QueryRow(ctx, `SELECT eid, mid, id, customer_key, name, description, classification, profile_key, email_id, subject, track_links, is_deduplicated, audience, created_at, modified_at
		FROM email_send_definition WHERE eid = $1 AND mid = $2 AND `+by+` = $3`, int64(eid), int64(mid), value).
		Scan(&d.Tenant, &d.MID, &d.ID, &d.Key, &d.Name, &d.Description, &d.Classification, &d.ProfileKey, &d.EmailID, &d.Subject, &d.TrackLinks, &d.Deduplicate, &audience, &created, &modified)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fault.New(fault.NotFound, tenant.CodeNoEmailSend, "There is no such email send definition.")
	}
	if err != nil {
		return d, err
	}
	d.Created, d.Modified = timeOf(created), timeOf(modified)
	return d, fromJSON(audience, &d.Audience)
}

func emailSendExists(err error) error {
	if sqldb.IsUnique(err) {
		return fault.Wrap(err, fault.Conflict, tenant.CodeEmailSendExists, "An email send definition with this customer key exists already.").In("CustomerKey")
	}
	return err
}

// CreateEmailSendDefinition stores a new email send definition.
func (s *Sending) CreateEmailSendDefinition(ctx context.Context, d tenant.EmailSendDefinition) error {
	audience, err := toJSON(d.Audience)
	if err != nil {
		return err
	}
	return emailSendExists(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := room(tx, "email_send_definition", d.Tenant, maxSendSetup, tenant.CodeInvalidEmailSend, "email send definitions"); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO email_send_definition (eid, mid, id, customer_key, key_fold, name, description, classification, profile_key, email_id, subject, track_links, is_deduplicated, audience, created_at, modified_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
			int64(d.Tenant), int64(d.MID), d.ID, d.Key, fold(d.Key), d.Name, d.Description, d.Classification, d.ProfileKey, d.EmailID, d.Subject,
			bit(d.TrackLinks), bit(d.Deduplicate), audience, millis(d.Created), millis(d.Modified))
		return err
	}))
}

// UpdateEmailSendDefinition stores an email send definition over the one with its ID.
func (s *Sending) UpdateEmailSendDefinition(ctx context.Context, d tenant.EmailSendDefinition, unmodifiedSince time.Time) error {
	audience, err := toJSON(d.Audience)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`UPDATE email_send_definition SET name = $3, description = $4, classification = $5, profile_key = $6, email_id = $7, subject = $8,
				track_links = $9, is_deduplicated = $10, audience = $11, modified_at = $12 WHERE eid = $1 AND id = $2 AND modified_at = $13`,
			int64(d.Tenant), d.ID, d.Name, d.Description, d.Classification, d.ProfileKey, d.EmailID, d.Subject, bit(d.TrackLinks), bit(d.Deduplicate),
			audience, millis(d.Modified), millis(unmodifiedSince)))
		if err == nil && !done {
			return changedMeanwhile("email send definition")
		}
		return err
	})
}

// DeleteEmailSendDefinition takes an email send definition away.
func (s *Sending) DeleteEmailSendDefinition(ctx context.Context, d tenant.EmailSendDefinition) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM email_send_definition WHERE eid = $1 AND id = $2`, int64(d.Tenant), d.ID)
		return err
	})
}

// PutRequestResults keeps the results of a request.
func (s *Sending) PutRequestResults(ctx context.Context, eid tenant.EID, mid tenant.MID, request, conversation string, list []tenant.RequestResult, now, forget time.Time) error {
	ids := make([]int64, len(list))
	for i := range ids {
		ids[i] = s.serials.Next()
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM request_result WHERE eid = $1 AND id IN (SELECT id FROM request_result WHERE eid = $1 AND created_at < $2 ORDER BY created_at LIMIT 200)`,
			int64(eid), millis(forget)); err != nil {
			return err
		}
		for i, r := range list {
			if _, err := tx.Exec(`INSERT INTO request_result (eid, id, mid, request_id, conversation_id, ordinal, object_type, status_code, status_message, error_code, created_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
				int64(eid), ids[i], int64(mid), request, conversation, r.Ordinal, r.ObjectType, r.StatusCode, r.StatusMessage, r.ErrorCode, millis(now)); err != nil {
				return err
			}
		}
		return nil
	})
}
