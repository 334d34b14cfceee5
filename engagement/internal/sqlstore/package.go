package sqlstore

import (
	"context"
	"database/sql"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const packageColumns = `client_id, eid, package_id, application_id, name, integration_type, secret_hash, secret_expires_at, scopes, redirect_uris,
	certificate, mid, mids, app_user_id, is_active, created_at, modified_at, staged_hash, staged_expires_at`

// PackageByClientID implements tenant.Directory.
func (s *Store) PackageByClientID(ctx context.Context, clientID string) (tenant.Package, error) {
	return scanPackage(s.db.QueryRow(ctx, `SELECT `+packageColumns+` FROM installed_package WHERE client_id = $1`, clientID))
}

func scanPackage(row scanner) (tenant.Package, error) {
	var p tenant.Package
	var expires, appUser, staged sql.NullInt64
	var certificate sql.NullString
	var scopes, uris, mids string
	var created, modified int64
	if err := row.Scan(&p.ClientID, &p.Tenant, &p.PackageID, &p.ApplicationID, &p.Name, &p.Type, &p.SecretHash, &expires, &scopes, &uris,
		&certificate, &p.MID, &mids, &appUser, &p.Active, &created, &modified, &p.StagedHash, &staged); err != nil {
		return tenant.Package{}, notFound(err, "package")
	}
	p.SecretExpires, p.StagedExpires, p.Certificate, p.AppUser = timeOfNull(expires), timeOfNull(staged), certificate.String, appUser.Int64
	p.Created, p.Modified = timeOf(created), timeOf(modified)
	if err := fromJSON(scopes, &p.Scopes); err != nil {
		return tenant.Package{}, err
	}
	if err := fromJSON(uris, &p.RedirectURIs); err != nil {
		return tenant.Package{}, err
	}
	return p, fromJSON(mids, &p.MIDs)
}

// SetPackageActive enables or disables a package; an unknown one is a NotFound fault.
func (s *Store) SetPackageActive(ctx context.Context, clientID string, active bool) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return changeOne(tx, "package", `UPDATE installed_package SET is_active = $2 WHERE client_id = $1`, clientID, bit(active))
	})
}

func insertPackage(tx *sqldb.Tx, p tenant.Package) error {
	scopes, err := listJSON(p.Scopes)
	if err != nil {
		return err
	}
	uris, err := listJSON(p.RedirectURIs)
	if err != nil {
		return err
	}
	mids, err := listJSON(p.MIDs)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO installed_package (`+packageColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		p.ClientID, int64(p.Tenant), p.PackageID, p.ApplicationID, p.Name, string(p.Type), p.SecretHash, nullMillis(p.SecretExpires), scopes, uris,
		nullText(p.Certificate), int64(p.MID), mids, sql.NullInt64{Int64: p.AppUser, Valid: p.AppUser != 0}, bit(p.Active), millis(p.Created), millis(p.Modified),
		p.StagedHash, nullMillis(p.StagedExpires))
	return err
}
