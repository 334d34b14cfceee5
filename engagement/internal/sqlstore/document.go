package sqlstore

import (
	"context"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// PutDocument implements tenant.DocumentStore.
func (s *Store) PutDocument(ctx context.Context, d tenant.Document, files int, bytes int64) (tenant.Document, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var count, size int64
		if err := tx.QueryRow(`SELECT COUNT(*), COALESCE(SUM(size), 0) FROM document WHERE eid = $1 AND name_fold <> $2`, int64(d.Tenant), fold(d.Name)).Scan(&count, &size); err != nil {
			return err
		}
		if count >= int64(files) || size+d.Size > bytes {
			return fault.New(fault.TooLarge, tenant.CodeInvalidDocument, "The tenant keeps at most %d documents with %d bytes together.", files, bytes)
		}
		var created int64
		err := tx.QueryRow(`INSERT INTO document (eid, name_fold, name, media_type, size, content, created_at, modified_at, modified_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (eid, name_fold) DO UPDATE SET name = excluded.name, media_type = excluded.media_type, size = excluded.size, content = excluded.content,
				modified_at = excluded.modified_at, modified_by = excluded.modified_by RETURNING created_at`,
			int64(d.Tenant), fold(d.Name), d.Name, d.MediaType, d.Size, d.Content, millis(d.Created), millis(d.Modified), d.ModifiedBy).Scan(&created)
		d.Created = timeOf(created)
		return err
	})
	return d, err
}

// Document implements tenant.DocumentStore.
func (s *Store) Document(ctx context.Context, eid tenant.EID, name string) (tenant.Document, error) {
	d := tenant.Document{Tenant: eid}
	var created, modified int64
	err := s.db.QueryRow(ctx, `SELECT name, media_type, size, content, created_at, modified_at, modified_by FROM document WHERE eid = $1 AND name_fold = $2`,
		int64(eid), fold(name)).Scan(&d.Name, &d.MediaType, &d.Size, &d.Content, &created, &modified, &d.ModifiedBy)
	d.Created, d.Modified = timeOf(created), timeOf(modified)
	return d, notFound(err, "document")
}

// Documents implements tenant.DocumentStore.
func (s *Store) Documents(ctx context.Context, eid tenant.EID, after string, limit int) ([]tenant.Document, error) {
	rows, err := s.db.Query(ctx, `SELECT name, media_type, size, created_at, modified_at, modified_by FROM document
		WHERE eid = $1 AND name_fold > $2 ORDER BY name_fold LIMIT $3`, int64(eid), fold(after), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []tenant.Document
	for rows.Next() {
		d := tenant.Document{Tenant: eid}
		var created, modified int64
		if err := rows.Scan(&d.Name, &d.MediaType, &d.Size, &created, &modified, &d.ModifiedBy); err != nil {
			return nil, err
		}
		d.Created, d.Modified = timeOf(created), timeOf(modified)
		out = append(out, d)
	}
	return out, rows.Err()
}

// DeleteDocument implements tenant.DocumentStore.
func (s *Store) DeleteDocument(ctx context.Context, eid tenant.EID, name string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return changeOne(tx, "document", `DELETE FROM document WHERE eid = $1 AND name_fold = $2`, int64(eid), fold(name))
	})
}
