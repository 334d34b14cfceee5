package sqlstore

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var appendLogin = sqldb.NewAppend("login_history", "org_id", "id", "user_id", "login_time", "login_type", "login_sub_type", "source_ip", "login_url",
	"status", "application", "browser", "platform", "api_type", "api_version")

func loginRow(e org.LoginEvent) []any {
	return []any{
		string(e.Org), string(e.ID), string(e.User), millis(e.Time), e.Type, orNull(e.Subtype), orNull(e.SourceIP), orNull(e.LoginURL),
		e.Status, orNull(e.Application), orNull(e.Browser), orNull(e.Platform), orNull(e.APIType), orNull(e.APIVersion),
	}
}

// AddLoginEvent implements org.LoginHistoryStore.
func (s *Store) AddLoginEvent(ctx context.Context, e org.LoginEvent) error {
	if err := s.db.Append(ctx, appendLogin, loginRow(e)); err != nil {
		return fmt.Errorf("keeping login history: %w", err)
	}
	return nil
}

func insertLogin(tx *sqldb.Tx, e org.LoginEvent) error {
	_, err := tx.Exec(`INSERT INTO login_history (org_id, id, user_id, login_time, login_type, login_sub_type, source_ip, login_url, status, application,
 browser, platform, api_type, api_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`, loginRow(e)...)
	return err
}
