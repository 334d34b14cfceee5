package sqlstore

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/api"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
)

// DataKeys opens the keys under which everything sealed in this database lies.
func (s *Store) DataKeys(ctx context.Context, v *vault.Vault, machine clock.Machine) (*datakeys.Keyring, error) {
	return datakeys.Open(ctx, s.db, v, machine, sealed()...)
}

// sealed are the columns whose values are sealed, each with what binds a value to its row: as the package that seals it
// says.
func sealed() []datakeys.Place {
	return []datakeys.Place{
		{
			Table: "span_key", Column: "private_key_sealed", Key: []string{"pair_id", "direction"},
			AAD: func(r []any) []byte { return link.KeyAAD(text(r[0]), link.Direction(text(r[1]))) },
		},
		{
			Table: "audit_key", Column: "key_sealed", Key: []string{"pair_id"},
			AAD: func(r []any) []byte { return audit.KeyAAD(text(r[0])) },
		},
		{
			Table: "integration_user", Column: "secrets_sealed", Key: []string{"pair_id"},
			More: []string{"t.username", "t.client_id", "t.sealed_for"},
			AAD: func(r []any) []byte {
				return integration.AAD(integration.Account{Pair: text(r[0]), Username: text(r[1]), ClientID: text(r[2]), Origin: text(r[3])})
			},
		},
		{
			Table: "span_credential", Column: "secrets_sealed", Key: []string{"pair_id", "direction"},
			More: []string{"t.name", "t.sealed_for"},
			AAD: func(r []any) []byte {
				return link.CredentialAAD(link.SealedCredential{Pair: text(r[0]), Direction: link.Direction(text(r[1])), Name: text(r[2]), Origin: text(r[3])})
			},
		},
		{
			Table: "user_token", Column: "token_sealed", Key: []string{"pair_id", "username"},
			More: []string{"t.sealed_for"},
			AAD: func(r []any) []byte {
				return link.UserTokenAAD(link.UserToken{Pair: text(r[0]), Username: text(r[1]), Origin: text(r[2])})
			},
		},
		{
			Table: "shared_token", Column: "token_sealed", Key: []string{"pair_id", "direction"}, More: []string{"t.token_key"},
			AAD: func(r []any) []byte {
				return link.SharedTokenAAD(link.SharedToken{Pair: text(r[0]), Direction: link.Direction(text(r[1])), Key: bytesOf(r[2])})
			},
		},
		{
			Table: "doctor_watch", Column: "target_sealed", Key: []string{"pair_id"}, More: []string{"t.origin"},
			AAD: func(r []any) []byte { return doctor.WatchAAD(text(r[0]), text(r[1])) },
		},
		{
			Table: "signin_flow", Column: "secrets_sealed", Key: []string{"flow_hash"},
			AAD: func(r []any) []byte { return signin.FlowAAD(bytesOf(r[0])) },
		},
		{
			Table: "console_session", Column: "eyes_sealed", Key: []string{"token_hash"},
			AAD: func(r []any) []byte { return access.EyesAAD(bytesOf(r[0])) },
		},
		{
			Table: "idempotent_call", Column: "answer_sealed", Key: []string{"pair_id", "key_hash"},
			AAD: func(r []any) []byte { return api.CallAAD(api.Call{Pair: text(r[0]), Key: bytesOf(r[1])}) },
		},
	}
}

// text and bytesOf are a column's value as the drivers give it.
func text(v any) string {
	s, _ := v.(string)
	return s
}

func bytesOf(v any) []byte {
	b, _ := v.([]byte)
	return b
}
