package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/org/packages"
)

// KeepPackageApp implements org.AppTx.
func (t recordTx) KeepPackageApp(orgID org.ID) error {
	_, err := t.tx.Exec(`INSERT INTO package_app (org_id, consumer_key, certificate)
 SELECT org_id, consumer_key, COALESCE(certificate, '') FROM connected_application WHERE org_id = $1 AND namespace_prefix = $2
 ON CONFLICT (org_id) DO UPDATE SET consumer_key = excluded.consumer_key, certificate = excluded.certificate`, string(orgID), packages.Namespace)
	if err != nil {
		return fmt.Errorf("keeping the package's app: %w", err)
	}
	return nil
}

// KeptPackageApp implements org.AppTx.
func (t recordTx) KeptPackageApp(orgID org.ID) (consumerKey, certificate string, err error) {
	err = t.tx.QueryRow(`SELECT consumer_key, certificate FROM package_app WHERE org_id = $1`, string(orgID)).Scan(&consumerKey, &certificate)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("reading the package's former app: %w", err)
	}
	return consumerKey, certificate, nil
}
