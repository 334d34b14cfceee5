package sqlstore

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// SetLastLogins implements org.LastLoginStore.
func (s *Store) SetLastLogins(ctx context.Context, logins []org.LastLogin) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, l := range logins {
			_, err := tx.Exec(`UPDATE user_account SET last_login_date = $3 WHERE org_id = $1 AND id = $2`, string(l.Org), string(l.User), millis(l.At))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping last logins: %w", err)
	}
	return nil
}
