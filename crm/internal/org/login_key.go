package org

import "context"

// SigningKey is the server's RSA key for id_tokens, one for all orgs, because the issuer is one (crm-wire 1.9).
type SigningKey struct {
	KeyID  string // kid in /id/keys
	Sealed []byte // PKCS #8, sealed by the vault
}

// SigningKeyStore keeps the key.
type SigningKeyStore interface {
	// SigningKey reads the key; a missing one is a NotFound fault.
	SigningKey(ctx context.Context) (SigningKey, error)
	// AddSigningKey keeps k unless there is a key already, and returns the one that is kept.
	AddSigningKey(ctx context.Context, k SigningKey) (SigningKey, error)
}
