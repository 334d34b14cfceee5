// Package migration is "Migrate Existing Users" of document 003: after the connection into the org was upgraded from the
// system user's password to Connected App authentication, users who were mapped before are reconnected without a
// password. A user is reconnected when the org takes an assertion for him, and the tenant takes his Engagement user.
package migration

import (
	"context"
)

// Store keeps what is migrated.
type Store interface {
	// Earlier counts the mappings of a pair that were made under a password and not remade since.
	Earlier(ctx context.Context, pair string) (int, error)
}
