package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ org.DeviceStore = (*Store)(nil)

// keepDevices is for how long a request that is over stays, so that its device hears that it is.
const keepDevices = 24 * time.Hour

// AddDevice implements org.DeviceStore.
func (s *Store) AddDevice(ctx context.Context, d org.DeviceRequest) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM oauth_device WHERE id IN (SELECT id FROM oauth_device WHERE expires_ms < $1 ORDER BY expires_ms LIMIT 4)`,
			millis(d.Created.Add(-keepDevices)))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO oauth_device (id, code_hash, user_code_hash, consumer_key, scopes, created_ms, expires_ms, interval_ms, state)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, d.ID, d.CodeHash[:], d.UserCodeHash[:], d.ConsumerKey, strings.Join(d.Scopes, " "),
			millis(d.Created), millis(d.Expires), org.DeviceInterval.Milliseconds(), org.DevicePending)
		return err
	})
	return numberTaken(err)
}

// Device implements org.DeviceStore.
func (s *Store) Device(ctx context.Context, id int64) (org.DeviceRequest, error) {
	return s.device(ctx, `id = $1`, id)
}

// DeviceByUserCode implements org.DeviceStore.
func (s *Store) DeviceByUserCode(ctx context.Context, hash [32]byte) (org.DeviceRequest, error) {
	return s.device(ctx, `user_code_hash = $1`, hash[:])
}

func (s *Store) device(ctx context.Context, where string, arg any) (org.DeviceRequest, error) {
	var d org.DeviceRequest
	var code, user []byte
	var scopes string
	var created, expires int64
	err := s.db.QueryRow(ctx, `SELECT id, code_hash, user_code_hash, consumer_key, scopes, created_ms, expires_ms, state, org_id, user_id, grant_id
 FROM oauth_device WHERE `+where, arg).
		Scan(&d.ID, &code, &user, &d.ConsumerKey, &scopes, &created, &expires, &d.State, &d.Org, &d.User, &d.Grant)
	if err != nil {
		return org.DeviceRequest{}, notFound(err, "device request")
	}
	copy(d.CodeHash[:], code)
	copy(d.UserCodeHash[:], user)
	d.Scopes, d.Created, d.Expires = strings.Fields(scopes), fromMillis(created), fromMillis(expires)
	return d, nil
}

// PollDevice implements org.DeviceStore.
func (s *Store) PollDevice(ctx context.Context, id int64, now time.Time) (soon bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE oauth_device SET polled_ms = $2 WHERE id = $1 AND polled_ms + interval_ms <= $2`, id, millis(now))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if soon = n == 0; !soon {
			return nil
		}
		_, err = tx.Exec(`UPDATE oauth_device SET polled_ms = $2, interval_ms = interval_ms + $3 WHERE id = $1 AND interval_ms < $4`,
			id, millis(now), org.DeviceInterval.Milliseconds(), time.Minute.Milliseconds())
		return err
	})
	if err != nil {
		return false, fmt.Errorf("noting a device's question: %w", err)
	}
	return soon, nil
}

// AnswerDevice implements org.DeviceStore.
func (s *Store) AnswerDevice(ctx context.Context, id int64, approval *org.Grant) (dropped bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		state, g := org.DeviceDenied, org.Grant{}
		if approval != nil {
			state, g = org.DeviceAllowed, *approval
		}
		res, err := tx.Exec(`UPDATE oauth_device SET state = $2, org_id = $3, user_id = $4, grant_id = $5 WHERE id = $1 AND state = $6`,
			id, state, string(g.Org), string(g.User), g.ID, org.DevicePending)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orFault(err, fault.New(fault.Conflict, org.CodeDeviceAnswered, "the request was answered before"))
		}
		if approval == nil {
			return nil
		}
		dropped, err = putGrant(tx, g)
		return err
	})
	return dropped, err
}

// RedeemDevice implements org.DeviceStore.
func (s *Store) RedeemDevice(ctx context.Context, id int64, g org.Grant, ss org.StoredSession, e org.LoginEvent) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE oauth_device SET state = $2 WHERE id = $1 AND state = $3`, id, org.DeviceUsed, org.DeviceAllowed)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orFault(err, fault.New(fault.Conflict, org.CodeAlreadyUsed, "the device code was used"))
		}
		if _, err := putGrant(tx, g); err != nil {
			return err
		}
		return insertSession(tx, ss, e)
	})
	return numberTaken(err)
}
