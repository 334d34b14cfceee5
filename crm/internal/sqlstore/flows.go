package sqlstore

import (
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// flowColumns are the columns of org.Flows, in the order of scanFlows.
const flowColumns = `a.is_refresh_token_rotation_enabled, a.is_introspect_all_tokens, a.is_user_agent_flow_enabled, a.is_device_flow_enabled, a.is_strict`

func scanFlows(f *org.Flows) []any {
	return []any{&f.RotateRefresh, &f.IntrospectAll, &f.UserAgent, &f.Device, &f.Strict}
}

func writeFlows(tx *sqldb.Tx, a org.ConnectedApp) error {
	f := a.Flows
	_, err := tx.Exec(`UPDATE connected_application SET is_refresh_token_rotation_enabled = $3, is_introspect_all_tokens = $4,
 is_user_agent_flow_enabled = $5, is_device_flow_enabled = $6, is_strict = $7 WHERE org_id = $1 AND id = $2`,
		string(a.Org), string(a.ID), flag(f.RotateRefresh), flag(f.IntrospectAll), flag(f.UserAgent), flag(f.Device), flag(f.Strict))
	return err
}
