package sqlstore

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/crm/internal/org"
)

var _ org.AppStore = (*Store)(nil)

// AppRecords implements org.AppStore.
func (s *Store) AppRecords(ctx context.Context, orgID org.ID) ([]org.AppRecord, error) {
	rows, err := s.db.Query(ctx, `SELECT `+appColumns+`, COALESCE(r.username, ''), a.created_date, a.last_modified_date,
 a.created_by_id, COALESCE(c.name, ''), a.last_modified_by_id, COALESCE(m.name, '')
 FROM connected_application a
 LEFT JOIN user_account r ON r.org_id = a.org_id AND r.id = a.oauth_client_credential_user_id
 LEFT JOIN user_account c ON c.org_id = a.org_id AND c.id = a.created_by_id
 LEFT JOIN user_account m ON m.org_id = a.org_id AND m.id = a.last_modified_by_id
 WHERE a.org_id = $1 ORDER BY LOWER(a.developer_name), a.id`, string(orgID))
	if err != nil {
		return nil, fmt.Errorf("reading connected apps: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []org.AppRecord
	for rows.Next() {
		var a org.AppRecord
		var created, modified int64
		more := []any{&a.RunAs, &created, &modified, &a.CreatedBy, &a.CreatedByName, &a.LastModifiedBy, &a.LastModifiedByName}
		if a.ConnectedApp, err = scanApp(scanMore{rows, more}); err != nil {
			return nil, fmt.Errorf("reading connected apps: %w", err)
		}
		a.Created, a.Modified = fromMillis(created), fromMillis(modified)
		out = append(out, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading connected apps: %w", err)
	}
	return out, s.addParents(ctx, orgID, out)
}

// scanMore scans further columns after those that its caller knows.
type scanMore struct {
	row  interface{ Scan(...any) error }
	more []any
}

func (s scanMore) Scan(dests ...any) error { return s.row.Scan(append(dests, s.more...)...) }

// addParents fills in what carries each app.
func (s *Store) addParents(ctx context.Context, orgID org.ID, apps []org.AppRecord) error {
	byID := map[org.ID]*org.AppRecord{}
	for i := range apps {
		byID[apps[i].ID] = &apps[i]
	}
	rows, err := s.db.Query(ctx, `SELECT e.setup_entity_id, COALESCE(ps.namespace_prefix, ''), ps.name, COALESCE(p.name, '')
 FROM setup_entity_access e JOIN permission_set ps ON ps.org_id = e.org_id AND ps.id = e.parent_id
 LEFT JOIN profile p ON p.org_id = ps.org_id AND p.id = ps.profile_id
 WHERE e.org_id = $1 ORDER BY ps.name_key, e.id`, string(orgID))
	if err != nil {
		return fmt.Errorf("reading who may use apps: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var app org.ID
		var namespace, name, profile string
		if err := rows.Scan(&app, &namespace, &name, &profile); err != nil {
			return fmt.Errorf("reading who may use apps: %w", err)
		}
		a := byID[app]
		switch {
		case a == nil: // made meanwhile
		case profile != "":
			a.Profiles = append(a.Profiles, profile)
		case namespace != "":
			a.PermissionSets = append(a.PermissionSets, namespace+"__"+name)
		default:
			a.PermissionSets = append(a.PermissionSets, name)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading who may use apps: %w", err)
	}
	return nil
}
