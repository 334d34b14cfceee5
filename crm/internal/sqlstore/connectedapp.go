package sqlstore

import (
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const appColumns = `a.org_id, a.id, a.name, a.developer_name, COALESCE(a.namespace_prefix, ''), COALESCE(a.description, ''), a.contact_email,
 a.consumer_key, a.consumer_secret_hash, a.callback_urls, a.scopes, COALESCE(a.certificate, ''), a.is_admin_approved, a.is_consumer_secret_optional,
 a.is_secret_required_for_refresh_token, a.is_pkce_required, a.is_client_credential_enabled, COALESCE(a.oauth_client_credential_user_id, ''),
 a.ip_relaxation, a.refresh_token_policy, COALESCE(a.session_timeout_minutes, 0), COALESCE(a.start_url, ''),
 a.is_installed, a.is_blocked, a.high_assurance, a.ip_ranges, ` + flowColumns

func scanApp(row interface{ Scan(...any) error }) (org.ConnectedApp, error) {
	var a org.ConnectedApp
	var urls, scopes, ranges string
	dests := []any{
		&a.Org, &a.ID, &a.Name, &a.DeveloperName, &a.Namespace, &a.Description, &a.ContactEmail, &a.ConsumerKey,
		&a.SecretHash, &urls, &scopes, &a.Certificate, &a.AdminApproved, &a.SecretOptional,
		&a.SecretRequiredForRefresh, &a.PKCERequired, &a.ClientCredentials, &a.ClientCredentialsUser,
		&a.IPRelaxation, &a.RefreshTokenPolicy, &a.SessionTimeoutMinutes, &a.StartURL, &a.Installed, &a.Blocked, &a.HighAssurance, &ranges,
	}
	err := row.Scan(append(dests, scanFlows(&a.Flows)...)...)
	a.CallbackURLs, a.Scopes = strings.Fields(urls), strings.Fields(scopes)
	if err == nil && ranges != "[]" {
		err = json.Unmarshal([]byte(ranges), &a.IPRanges)
	}
	return a, err
}

func readApp(q rowQuerier, where string, args ...any) (org.ConnectedApp, error) {
	a, err := scanApp(q.QueryRow(`SELECT `+appColumns+` FROM connected_application a WHERE `+where, args...))
	if err != nil {
		return org.ConnectedApp{}, notFound(err, "connected app")
	}
	return a, nil
}

// appValues are the columns that creating and changing an app both write, in the order of appAssignments.
func appValues(a org.ConnectedApp) ([]any, error) {
	ranges, err := json.Marshal(append([]org.IPRange{}, a.IPRanges...))
	if err != nil {
		return nil, err
	}
	metric, hours := a.RefreshTokenPolicy.Validity()
	period := sql.NullInt64{Int64: int64(hours), Valid: hours >= 0}
	return []any{
		a.Name, orNull(a.Description), a.ContactEmail, a.SecretHash, strings.Join(a.CallbackURLs, "\n"), strings.Join(a.Scopes, " "),
		orNull(a.Certificate), flag(a.AdminApproved), flag(a.SecretOptional), flag(a.SecretRequiredForRefresh), flag(a.PKCERequired),
		flag(a.ClientCredentials), orNull(string(a.ClientCredentialsUser)), string(a.IPRelaxation), string(a.RefreshTokenPolicy), period,
		flag(metric),
		sql.NullInt64{Int64: int64(a.SessionTimeoutMinutes), Valid: a.SessionTimeoutMinutes > 0},
		orNull(a.StartURL), flag(a.Installed), flag(a.Blocked), string(a.HighAssurance), string(ranges),
	}, nil
}

// InsertApp adds a connected app, made by the user at that time.
func InsertApp(tx *sqldb.Tx, a org.ConnectedApp, by org.ID, at time.Time) error {
	values, err := appValues(a)
	if err != nil {
		return err
	}
	args := append([]any{string(a.Org), string(a.ID), a.DeveloperName, orNull(a.Namespace), a.ConsumerKey, string(by), millis(at)}, values...)
	_, err = tx.Exec(`INSERT INTO connected_application (org_id, id, developer_name, namespace_prefix, consumer_key, created_by_id,
 created_date, name, description, contact_email, consumer_secret_hash, callback_urls, scopes, certificate, is_admin_approved,
 is_consumer_secret_optional, is_secret_required_for_refresh_token, is_pkce_required, is_client_credential_enabled,
 oauth_client_credential_user_id, ip_relaxation, refresh_token_policy, refresh_token_validity_period,
 options_refresh_token_validity_metric, session_timeout_minutes, start_url, is_installed, is_blocked, high_assurance, ip_ranges,
 last_modified_by_id, last_modified_date, system_modstamp)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $6, $7, $7)`, args...)
	if err != nil {
		return err
	}
	return writeFlows(tx, a)
}

// UpdateApp writes every setting and policy of an app; its names, namespace and consumer key never change.
func UpdateApp(tx *sqldb.Tx, a org.ConnectedApp, by org.ID, at time.Time) error {
	values, err := appValues(a)
	if err != nil {
		return err
	}
	args := append([]any{string(a.Org), string(a.ID), string(by), millis(at)}, values...)
	res, err := tx.Exec(`UPDATE connected_application SET last_modified_by_id = $3, last_modified_date = $4, system_modstamp = $4,
 name = $5, description = $6, contact_email = $7, consumer_secret_hash = $8, callback_urls = $9, scopes = $10, certificate = $11,
 is_admin_approved = $12, is_consumer_secret_optional = $13, is_secret_required_for_refresh_token = $14, is_pkce_required = $15,
 is_client_credential_enabled = $16, oauth_client_credential_user_id = $17, ip_relaxation = $18, refresh_token_policy = $19,
 refresh_token_validity_period = $20, options_refresh_token_validity_metric = $21, session_timeout_minutes = $22, start_url = $23,
 is_installed = $24, is_blocked = $25, high_assurance = $26, ip_ranges = $27
 WHERE org_id = $1 AND id = $2`, args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return notFound(sql.ErrNoRows, "connected app")
	}
	return writeFlows(tx, a)
}

// orNull stores an empty text as NULL, as the API knows no empty text.
func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// flag stores a boolean as 0 or 1.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
