package sqlstore

import (
	"context"
	"database/sql"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const packageColumns = `client_id, eid, package_id, application_id, name, integration_type, secret_hash, secret_expires_at, scopes, redirect_uris,
	certificate, mid, mids, app_user_id, is_active, created_at, modified_at, staged_hash, staged_expires_at, tokens_since, login_endpoint`

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
		&certificate, &p.MID, &mids, &appUser, &p.Active, &created, &modified, &p.StagedHash, &staged, &p.TokensSince, &p.LoginEndpoint); err != nil {
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

// ChangePackage implements tenant.SetupStore.
func (s *Store) ChangePackage(ctx context.Context, old, fresh tenant.Package, end tenant.PackageEnd) (tenant.PackageEnded, error) {
	was, err := packageLists(old)
	if err != nil {
		return tenant.PackageEnded{}, err
	}
	lists, err := packageLists(fresh)
	if err != nil {
		return tenant.PackageEnded{}, err
	}
	var ended tenant.PackageEnded
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := change(tx, `UPDATE installed_package SET name = $2, is_active = $3, scopes = $4, redirect_uris = $5, mids = $6, tokens_since = $7, modified_at = $8, login_endpoint = $14
			WHERE client_id = $1 AND name = $9 AND is_active = $10 AND scopes = $11 AND redirect_uris = $12 AND mids = $13 AND login_endpoint = $15`,
			old.ClientID, fresh.Name, bit(fresh.Active), lists.scopes, lists.uris, lists.mids, fresh.TokensSince, millis(fresh.Modified),
			old.Name, bit(old.Active), was.scopes, was.uris, was.mids, fresh.LoginEndpoint, old.LoginEndpoint)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Conflict, tenant.CodeChangedMeanwhile, "The package was changed by somebody else at this moment.")
		}
		ended, err = endPackage(tx, fresh, end)
		return err
	})
	return ended, err
}

// RemovePackage implements tenant.SetupStore.
func (s *Store) RemovePackage(ctx context.Context, p tenant.Package, end tenant.PackageEnd) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := changeOne(tx, "package", `DELETE FROM installed_package WHERE client_id = $1 AND eid = $2`, p.ClientID, int64(p.Tenant)); err != nil {
			return err
		}
		if p.AppUser != 0 {
			// What it made and sent names it, so it stays, and nobody is it any more.
			if _, err := tx.Exec(`UPDATE account_user SET is_active = 0, modified_at = $3 WHERE eid = $1 AND id = $2`, int64(p.Tenant), p.AppUser, millis(end.At)); err != nil {
				return err
			}
		}
		_, err := endPackage(tx, p, end)
		return err
	})
}

// endPackage ends what was issued to a package, and counts it.
func endPackage(tx *sqldb.Tx, p tenant.Package, end tenant.PackageEnd) (tenant.PackageEnded, error) {
	if end.All {
		families, err := change(tx, `UPDATE token_family SET ended_at = $2 WHERE client_id = $1 AND ended_at IS NULL`, p.ClientID, millis(end.At))
		if err != nil {
			return tenant.PackageEnded{}, err
		}
		grants, err := change(tx, `UPDATE package_grant SET cleared_at = $2, cleared_by = $3 WHERE client_id = $1 AND cleared_at IS NULL`, p.ClientID, millis(end.At), end.By)
		return tenant.PackageEnded{SignIns: int(families), Grants: int(grants)}, err
	}
	var ended tenant.PackageEnded
	for _, scope := range end.Scopes {
		// Scopes are one text joined by blanks. A scope's name has no blank and no quote, and holds what LIKE would read.
		n, err := change(tx, `UPDATE token_family SET ended_at = $2 WHERE client_id = $1 AND ended_at IS NULL
			AND REPLACE(' ' || scopes || ' ', $3, '') <> ' ' || scopes || ' '`, p.ClientID, millis(end.At), " "+scope+" ")
		if err != nil {
			return tenant.PackageEnded{}, err
		}
		ended.SignIns += int(n)
	}
	return ended, nil
}

type packageTexts struct{ scopes, uris, mids string }

// packageLists are a package's lists as their columns have them.
func packageLists(p tenant.Package) (t packageTexts, err error) {
	if t.scopes, err = listJSON(p.Scopes); err != nil {
		return t, err
	}
	if t.uris, err = listJSON(p.RedirectURIs); err != nil {
		return t, err
	}
	t.mids, err = listJSON(p.MIDs)
	return t, err
}

func insertPackage(tx *sqldb.Tx, p tenant.Package) error {
	lists, err := packageLists(p)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO installed_package (`+packageColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
		p.ClientID, int64(p.Tenant), p.PackageID, p.ApplicationID, p.Name, string(p.Type), p.SecretHash, nullMillis(p.SecretExpires), lists.scopes, lists.uris,
		nullText(p.Certificate), int64(p.MID), lists.mids, sql.NullInt64{Int64: p.AppUser, Valid: p.AppUser != 0}, bit(p.Active), millis(p.Created), millis(p.Modified),
		p.StagedHash, nullMillis(p.StagedExpires), p.TokensSince, p.LoginEndpoint)
	return err
}
