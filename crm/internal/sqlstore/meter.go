package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ org.MeterStore = (*Store)(nil)

const setUsage = `INSERT INTO api_usage (org_id, allowance, minute, process, calls) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (org_id, allowance, minute, process) DO UPDATE SET calls = excluded.calls`

// Lease implements org.MeterStore. Whoever changes an org's window holds the row in api_meter, so that windows are
// summed and changed one after the other.
func (s *Store) Lease(ctx context.Context, r org.LeaseRequest) (l org.Lease, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		l = org.Lease{}
		granted := false
		if !r.Moved && !r.Recount && r.Want > 0 {
			if granted, err = leaseSame(tx, r, &l); err != nil {
				return err
			}
		}
		if granted {
			return nil
		}
		return leaseAnew(tx, r, &l)
	})
	if err != nil {
		return org.Lease{}, fmt.Errorf("leasing API requests: %w", err)
	}
	return l, nil
}

// leaseSame grants calls of the minute that the running sum is of, where enough are left.
func leaseSame(tx *sqldb.Tx, r org.LeaseRequest, l *org.Lease) (bool, error) {
	err := tx.QueryRow(`UPDATE api_meter SET total = total + $4 WHERE org_id = $1 AND allowance = $2 AND minute = $3 AND total + $4 <= $5 RETURNING total`,
		string(r.Org), string(r.Allowance), r.Minute, r.Want, r.Max-org.LeaseNear).Scan(&l.Total)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l.Granted = r.Want
	_, err = tx.Exec(setUsage, string(r.Org), string(r.Allowance), r.Minute, r.Process, r.Held+r.Want)
	return true, err
}

// leaseAnew sums the window again.
func leaseAnew(tx *sqldb.Tx, r org.LeaseRequest, l *org.Lease) error {
	_, err := tx.Exec(`INSERT INTO api_meter (org_id, allowance, minute, total) VALUES ($1, $2, 0, 0) ON CONFLICT (org_id, allowance) DO NOTHING`,
		string(r.Org), string(r.Allowance))
	if err != nil {
		return err
	}
	var end int64 // locks
	err = tx.QueryRow(`UPDATE api_meter SET total = total WHERE org_id = $1 AND allowance = $2 RETURNING minute`, string(r.Org), string(r.Allowance)).Scan(&end)
	if err != nil {
		return err
	}
	// The calls of a process whose clock is a little ahead are in the window too.
	if end < r.Minute || end > r.Minute+org.MeterSkew {
		end = r.Minute
	}
	if r.SettleMinute != 0 {
		if err := settle(tx, r, r.SettleMinute, r.Settled); err != nil {
			return err
		}
	}
	held := r.Held
	if r.Moved {
		err := tx.QueryRow(`SELECT calls FROM api_usage WHERE org_id = $1 AND allowance = $2 AND minute = $3 AND process = $4`,
			string(r.Org), string(r.Allowance), r.Minute, r.Process).Scan(&l.Had)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		held = l.Had
	} else if err := settle(tx, r, r.Minute, held); err != nil {
		return err
	}
	err = tx.QueryRow(`SELECT CAST(COALESCE(SUM(calls), 0) AS BIGINT) FROM api_usage WHERE org_id = $1 AND allowance = $2 AND minute > $3 AND minute <= $4`,
		string(r.Org), string(r.Allowance), r.Minute-org.WindowMinutes, end).Scan(&l.Total)
	if err != nil {
		return err
	}
	left := max(0, r.Max-l.Total)
	l.Granted = r.Want
	if left < r.Want+org.LeaseNear {
		l.Granted = min(r.Need, left)
	}
	if l.Granted > 0 {
		if _, err := tx.Exec(setUsage, string(r.Org), string(r.Allowance), r.Minute, r.Process, held+l.Granted); err != nil {
			return err
		}
		l.Total += l.Granted
	}
	_, err = tx.Exec(`UPDATE api_meter SET minute = $3, total = $4 WHERE org_id = $1 AND allowance = $2`, string(r.Org), string(r.Allowance), end, l.Total)
	return err
}

func settle(tx *sqldb.Tx, r org.LeaseRequest, minute, calls int64) error {
	_, err := tx.Exec(`UPDATE api_usage SET calls = $5 WHERE org_id = $1 AND allowance = $2 AND minute = $3 AND process = $4`,
		string(r.Org), string(r.Allowance), minute, r.Process, calls)
	return err
}

// DailyRequests implements org.MeterStore.
func (s *Store) DailyRequests(ctx context.Context, orgID org.ID) (int64, error) {
	var edition, text string
	var licences int64
	err := s.db.QueryRow(ctx, `SELECT o.organization_type, o.settings,
 (SELECT CAST(COALESCE(SUM(l.total_licenses), 0) AS BIGINT) FROM user_license l WHERE l.org_id = o.id AND l.license_definition_key = 'SFDC')
 FROM organization o WHERE o.id = $1`, string(orgID)).Scan(&edition, &text, &licences)
	if err != nil {
		return 0, notFound(err, "org")
	}
	var settings org.Settings
	if err := json.Unmarshal([]byte(text), &settings); err != nil {
		return 0, fmt.Errorf("settings of org %s: %w", orgID, err)
	}
	if settings.DailyAPIRequests > 0 {
		return int64(settings.DailyAPIRequests), nil
	}
	return org.DailyRequests(edition, licences), nil
}

// AddUsage implements org.MeterStore. Lines of an org that is gone are dropped.
func (s *Store) AddUsage(ctx context.Context, hours []org.UsageHour) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, u := range hours {
			_, err := tx.Exec(`INSERT INTO api_usage_hour (org_id, hour, app_id, user_id, counted, exempt)
 SELECT id, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS BIGINT) FROM organization WHERE id = $1
 ON CONFLICT (org_id, hour, app_id, user_id) DO UPDATE SET counted = api_usage_hour.counted + excluded.counted, exempt = api_usage_hour.exempt + excluded.exempt`,
				string(u.Org), u.Hour, string(u.App), string(u.User), u.Counted, u.Exempt)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping the use of the API: %w", err)
	}
	return nil
}

// Usage implements org.MeterStore.
func (s *Store) Usage(ctx context.Context, orgID org.ID, from int64) ([]org.UsageHour, error) {
	rows, err := s.db.Query(ctx, `SELECT h.hour, h.app_id, h.user_id, h.counted, h.exempt, COALESCE(a.name, ''), COALESCE(u.username, '')
 FROM api_usage_hour h LEFT JOIN connected_application a ON a.org_id = h.org_id AND a.id = h.app_id
 LEFT JOIN user_account u ON u.org_id = h.org_id AND u.id = h.user_id
 WHERE h.org_id = $1 AND h.hour >= $2 ORDER BY h.hour, h.app_id, h.user_id`, string(orgID), from)
	if err != nil {
		return nil, fmt.Errorf("reading the use of the API: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []org.UsageHour
	for rows.Next() {
		u := org.UsageHour{Org: orgID}
		if err := rows.Scan(&u.Hour, &u.App, &u.User, &u.Counted, &u.Exempt, &u.AppName, &u.Username); err != nil {
			return nil, fmt.Errorf("reading the use of the API: %w", err)
		}
		out = append(out, u)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the use of the API: %w", err)
	}
	return out, nil
}

// meterPurges delete what the meter needs no more, a day late, so that an org whose clock is set back by less gets back
// what it had. They take the machine time in milliseconds and the most rows that may go.
var meterPurges = []string{
	`DELETE FROM api_usage WHERE (org_id, allowance, minute, process) IN (SELECT u.org_id, u.allowance, u.minute, u.process
 FROM organization o JOIN api_usage u ON u.org_id = o.id AND u.allowance IN ('api', 'bulk_batch', 'bulk_query', 'bulk_rows')
 AND u.minute < (CAST($1 AS BIGINT) + o.clock_offset_ms) / 60000 - 2880 LIMIT $2)`,
	`DELETE FROM api_usage_hour WHERE (org_id, hour, app_id, user_id) IN (SELECT u.org_id, u.hour, u.app_id, u.user_id
 FROM organization o JOIN api_usage_hour u ON u.org_id = o.id AND u.hour < (CAST($1 AS BIGINT) + o.clock_offset_ms) / 3600000 - 192 LIMIT $2)`,
}

func (s *Store) purgeMeter(ctx context.Context, now time.Time, limit int) (int, error) {
	gone := 0
	for _, text := range meterPurges {
		rows, err := s.delete(ctx, text, millis(now), limit)
		if err != nil {
			return gone, fmt.Errorf("deleting old use of the API: %w", err)
		}
		gone += rows
	}
	return gone, nil
}
