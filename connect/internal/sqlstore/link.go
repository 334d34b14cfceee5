package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const linkColumns = `pair_id, standing, crm_url, connected_app, consumer_key, console_client_id, engagement_auth_url, package_client_id, eid, clock_offset_ms,
	org_state, org_username, org_user_id, org_id, org_connected_at, org_cause_code, org_cause_text,
	engagement_state, engagement_username, engagement_user_id, engagement_mid, engagement_connected_at, engagement_cause_code, engagement_cause_text, package_version, revision,
	org_driver, org_given_at, engagement_driver, engagement_given_at, legacy, upgraded_at,
	engagement_client_id, engagement_user_client_id, engagement_auth, engagement_upgraded_at, names, ` + outageColumns

func scanLink(row scanner) (link.Link, error) {
	var l link.Link
	var offset, orgAt, tenantAt, orgGiven, tenantGiven, upgraded, tenantUpgraded, outageFrom, outageUntil int64
	var version, called string
	err := row.Scan(&l.Pair, &l.Standing, &l.CRMURL, &l.ConnectedApp, &l.ConsumerKey, &l.ConsoleClientID, &l.AuthURL, &l.PackageClientID, &l.EID, &offset,
		&l.Org.State, &l.Org.Username, &l.Org.UserID, &l.Org.OrgID, &orgAt, &l.Org.Cause.Code, &l.Org.Cause.Text,
		&l.Tenant.State, &l.Tenant.Username, &l.Tenant.UserID, &l.Tenant.MID, &tenantAt, &l.Tenant.Cause.Code, &l.Tenant.Cause.Text, &version, &l.Revision,
		&l.Org.Driver, &orgGiven, &l.Tenant.Driver, &tenantGiven, &l.Legacy, &upgraded,
		&l.Tenant.ClientID, &l.Tenant.UserClientID, &l.TenantAuth, &tenantUpgraded, &called,
		&l.Outage.Mode, &outageFrom, &outageUntil, &l.Outage.Stays, &l.Outage.Reason, &l.Outage.Actor)
	l.Outage.From, l.Outage.Until = at(outageFrom), at(outageUntil)
	l.Org.GivenAt, l.Tenant.GivenAt, l.UpgradedAt = at(orgGiven), at(tenantGiven), at(upgraded)
	l.Tenant.UpgradedAt = at(tenantUpgraded)
	l.Package = link.ParsePackage(version)
	l.ClockOffset, l.Org.ConnectedAt, l.Tenant.ConnectedAt = time.Duration(offset)*time.Millisecond, at(orgAt), at(tenantAt)
	if err == nil {
		l.Called, err = link.ParseNames(called)
	}
	return l, found(err, link.CodeNotFound, "connection")
}

// Link implements link.Store.
func (s *Store) Link(ctx context.Context, pair string) (link.Link, error) {
	return scanLink(s.db.QueryRow(ctx, `SELECT `+linkColumns+` FROM link WHERE pair_id = $1`, pair))
}

// FirstLink implements link.Store.
func (s *Store) FirstLink(ctx context.Context) (link.Link, error) {
	return scanLink(s.db.QueryRow(ctx, `SELECT `+linkColumns+` FROM link ORDER BY position LIMIT 1`))
}

// Neighbours implements link.Store.
func (s *Store) Neighbours(ctx context.Context, pair string, eid int64, orgID string) ([]link.Link, error) {
	rows, err := s.db.Query(ctx, `SELECT `+linkColumns+` FROM link WHERE pair_id <> $1 AND (eid = $2 AND eid <> 0 OR org_id = $3 AND org_id <> '') ORDER BY position`, pair, eid, orgID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []link.Link
	for rows.Next() {
		l, err := scanLink(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, rows.Err()
}

// LinkByToken implements link.Store.
func (s *Store) LinkByToken(ctx context.Context, hash []byte) (link.Link, error) {
	return scanLink(s.db.QueryRow(ctx, `SELECT `+linkColumns+` FROM link WHERE api_token_hash = $1`, hash))
}

// errSwapped: the row changed between reading and writing it.
var errSwapped = errors.New("sqlstore: the row changed meanwhile")

// maxSwaps bounds compare-and-swap attempts; each failure means that somebody else succeeded.
const maxSwaps = 20

// PutLink implements link.Store.
func (s *Store) PutLink(ctx context.Context, pair string, tokenHash []byte, why audit.Change, change func(link.Link) link.Link) error {
	err := errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		known, key, sealed, keyErr := s.chainFor(ctx, pair)
		if keyErr != nil {
			return keyErr
		}
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			var taken string
			switch err := tx.QueryRow(`SELECT pair_id FROM link WHERE api_token_hash = $1 AND pair_id <> $2`, tokenHash, pair).Scan(&taken); {
			case err == nil:
				return fault.New(fault.Conflict, link.CodeInvalidLink, "The API token belongs to another pair.").In("api_token")
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
			l, err := scanLink(tx.QueryRow(`SELECT `+linkColumns+` FROM link WHERE pair_id = $1`, pair))
			if err == nil && !known || known && fault.CodeOf(err) == link.CodeNotFound {
				return errSwapped // the key is that of another chain
			}
			if fault.CodeOf(err) == link.CodeNotFound {
				made := change(link.Link{Pair: pair, Org: link.OrgSpan{State: link.SpanDown}, Tenant: link.TenantSpan{State: link.SpanDown}})
				if err := insertLink(tx, made, tokenHash); err != nil {
					return err
				}
				if sealed != nil {
					if _, err := tx.Exec(`INSERT INTO audit_key (pair_id, key_sealed) VALUES ($1, $2)`, pair, sealed); err != nil {
						return err
					}
				}
				_, err = note(tx, key, entry(pair, why, nil, made.Facts()))
				return err
			}
			if err != nil {
				return err
			}
			replaced, err := tx.Exec(`UPDATE link SET api_token_hash = $2 WHERE pair_id = $1 AND api_token_hash <> $2`, pair, tokenHash)
			if err != nil {
				return err
			}
			changed := change(l)
			if changed != l {
				if err := swapLink(tx, l, changed); err != nil {
					return err
				}
			}
			if n, err := replaced.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				token := why
				token.Action = audit.TokenReplaced
				if _, err := note(tx, key, entry(pair, token, tokenFacts{"former"}, tokenFacts{"new"})); err != nil {
					return err
				}
			}
			if changed.Facts() == l.Facts() {
				return nil
			}
			_, err = note(tx, key, entry(pair, why, l.Facts(), changed.Facts()))
			return err
		})
	}
	return err
}

// tokenFacts are what the audit chain keeps of the token of Connect's API: that it is another one.
type tokenFacts struct {
	APIToken string `json:"api_token"`
}

// chainFor gives the key of the pair's chain; for a pair that is not known yet a fresh one, sealed to be stored with it.
func (s *Store) chainFor(ctx context.Context, pair string) (known bool, key, sealed []byte, err error) {
	_, err = s.Link(ctx, pair)
	switch {
	case err == nil:
		key, err = s.auditKey(ctx, pair)
		return true, key, nil, err
	case fault.CodeOf(err) != link.CodeNotFound:
		return false, nil, nil, err
	case s.keys == nil:
		return false, nil, nil, nil
	}
	key, sealed, err = s.keys.Fresh(pair)
	return false, key, sealed, err
}

func insertLink(tx *sqldb.Tx, l link.Link, tokenHash []byte) error {
	res, err := tx.Exec(`INSERT INTO link (pair_id, position, api_token_hash, crm_url, connected_app, consumer_key, console_client_id,
			engagement_auth_url, package_client_id, eid, org_state, engagement_state, standing, revision)
		VALUES ($1, (SELECT COALESCE(MAX(position), 0) + 1 FROM link), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1) ON CONFLICT DO NOTHING`,
		l.Pair, tokenHash, l.CRMURL, l.ConnectedApp, l.ConsumerKey, l.ConsoleClientID, l.AuthURL, l.PackageClientID, l.EID, string(l.Org.State), string(l.Tenant.State),
		string(l.Standing))
	return swapped(res, err)
}

// swapLink stores a link that was read as before, with its revision.
func swapLink(tx *sqldb.Tx, before, l link.Link) error {
	res, err := tx.Exec(`UPDATE link SET crm_url = $2, connected_app = $3, consumer_key = $4, console_client_id = $5,
			engagement_auth_url = $6, package_client_id = $7, eid = $8,
			org_state = $9, org_username = $10, org_user_id = $11, org_id = $12, org_connected_at = $13, org_cause_code = $14, org_cause_text = $15,
			engagement_state = $16, engagement_username = $17, engagement_user_id = $18, engagement_mid = $19,
			engagement_connected_at = $20, engagement_cause_code = $21, engagement_cause_text = $22,
			standing = $24, package_version = $25, org_driver = $26, org_given_at = $27, engagement_driver = $28, engagement_given_at = $29, legacy = $30, upgraded_at = $31,
			engagement_client_id = $32, engagement_user_client_id = $33, engagement_auth = $34, engagement_upgraded_at = $35, names = $36, revision = revision + 1
		WHERE pair_id = $1 AND revision = $23`,
		l.Pair, l.CRMURL, l.ConnectedApp, l.ConsumerKey, l.ConsoleClientID, l.AuthURL, l.PackageClientID, l.EID,
		string(l.Org.State), l.Org.Username, l.Org.UserID, l.Org.OrgID, ms(l.Org.ConnectedAt), l.Org.Cause.Code, l.Org.Cause.Text,
		string(l.Tenant.State), l.Tenant.Username, l.Tenant.UserID, l.Tenant.MID, ms(l.Tenant.ConnectedAt), l.Tenant.Cause.Code, l.Tenant.Cause.Text, l.Revision,
		string(l.Standing), l.Package.String(), string(l.Org.Driver), ms(l.Org.GivenAt), string(l.Tenant.Driver), ms(l.Tenant.GivenAt), string(cmp.Or(l.Legacy, link.RefuseLegacy)), ms(l.UpgradedAt),
		l.Tenant.ClientID, l.Tenant.UserClientID, string(l.TenantAuth), ms(l.Tenant.UpgradedAt), l.Called.Text())
	if err := swapped(res, err); err != nil {
		return err
	}
	return forgetCredentials(tx, before, l)
}

// swapped is errSwapped where the statement changed no row.
func swapped(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errSwapped
}

// UpdateLink implements link.Store.
func (s *Store) UpdateLink(ctx context.Context, pair string, why audit.Change, change func(link.Link) (link.Link, error)) (link.Link, error) {
	return s.updateLink(ctx, pair, why, change, nil)
}

// updateLink is UpdateLink that ends its transaction with also, nil for nothing, which has the link stored whether or not it
// changes.
func (s *Store) updateLink(ctx context.Context, pair string, why audit.Change, change func(link.Link) (link.Link, error), also func(*sqldb.Tx) error) (link.Link, error) {
	var stored link.Link
	var key []byte
	if why.Action != "" {
		if _, err := s.Link(ctx, pair); err != nil {
			return link.Link{}, err // and no key is made for it
		}
		var err error
		if key, err = s.auditKey(ctx, pair); err != nil {
			return link.Link{}, err
		}
	}
	err := errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			l, err := scanLink(tx.QueryRow(`SELECT `+linkColumns+` FROM link WHERE pair_id = $1`, pair))
			if err != nil {
				return err
			}
			if stored, err = change(l); err != nil {
				return err
			}
			if stored == l && also == nil {
				return nil
			}
			if err := swapLink(tx, l, stored); err != nil {
				return err
			}
			stored.Revision++
			ended, err := endWork(tx, l, stored, why)
			if err != nil {
				return err
			}
			if also != nil {
				if err := also(tx); err != nil {
					return err
				}
			}
			if why.Action == "" {
				return nil
			}
			_, err = noteAll(tx, key, append(ended, entry(pair, why, l.Facts(), stored.Facts())))
			return err
		})
	}
	if err != nil {
		return link.Link{}, err
	}
	return stored, nil
}

// DeleteLink implements link.Store.
func (s *Store) DeleteLink(ctx context.Context, pair string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM span_key WHERE pair_id = $1`, pair); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM link WHERE pair_id = $1`, pair)
		return err
	})
}

// SetClock implements link.Store.
func (s *Store) SetClock(ctx context.Context, pair string, offset time.Duration) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE link SET clock_offset_ms = $2, revision = revision + 1 WHERE pair_id = $1`, pair, offset.Milliseconds())
		return swapped(res, err)
	})
	if errors.Is(err, errSwapped) {
		return found(sql.ErrNoRows, link.CodeNotFound, "connection")
	}
	return err
}

// ClaimSweep implements link.Store.
func (s *Store) ClaimSweep(ctx context.Context, now, before time.Time) ([]string, error) {
	var pairs []string
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var err error
		pairs, err = textsOf(tx.Query(`UPDATE link SET swept_at = $1 WHERE swept_at < $2 RETURNING pair_id`, ms(now), ms(before)))
		return err
	})
	return pairs, err
}

// Key implements link.Keys.
func (s *Store) Key(ctx context.Context, pair string, d link.Direction) (link.SealedKey, error) {
	return scanKey(s.db.QueryRow(ctx, keyQuery, pair, string(d)))
}

const keyQuery = `SELECT pair_id, direction, private_key_sealed, certificate, created_at FROM span_key WHERE pair_id = $1 AND direction = $2`

func scanKey(row scanner) (link.SealedKey, error) {
	var k link.SealedKey
	var created int64
	err := row.Scan(&k.Pair, &k.Direction, &k.Sealed, &k.Certificate, &created)
	k.CreatedAt = at(created)
	return k, found(err, link.CodeNotFound, "key")
}

// AddKey implements link.Keys.
func (s *Store) AddKey(ctx context.Context, k link.SealedKey) (link.SealedKey, error) {
	var stored link.SealedKey
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO span_key (pair_id, direction, private_key_sealed, certificate, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			k.Pair, string(k.Direction), k.Sealed, k.Certificate, ms(k.CreatedAt))
		if err != nil {
			return err
		}
		stored, err = scanKey(tx.QueryRow(keyQuery, k.Pair, string(k.Direction)))
		return err
	})
	return stored, err
}

// textsOf are the texts of a query of one column.
func textsOf(rows *sql.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var texts []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}
