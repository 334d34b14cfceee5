package org

import (
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that logins end in. Each edge has its own words for them.
const (
	// CodeBadCredentials: user name, password and security token do not fit, or the user is locked out; nobody is told
	// which.
	CodeBadCredentials fault.Code = "bad_credentials"
	// CodeUserInactive: the credentials are right and the user is not active.
	CodeUserInactive fault.Code = "user_inactive"
	// CodeExpiredGrant: a refresh token that is unknown, revoked, or over its policy's time.
	CodeExpiredGrant fault.Code = "expired_grant"
	// CodeGrantRevoked: the grant was revoked while it was being used.
	CodeGrantRevoked fault.Code = "grant_revoked"
	// CodeAlreadyUsed: an authorization code that was used before.
	CodeAlreadyUsed fault.Code = "code_already_used"
	// CodeNumberTaken: a number that another process drew too.
	CodeNumberTaken fault.Code = "number_taken"
	// CodeInvalidScope: a scope that the app does not have.
	CodeInvalidScope fault.Code = "invalid_scope"
	// CodeIPRestricted: the app or the user's profile does not allow this address or this hour.
	CodeIPRestricted fault.Code = "ip_restricted"
)

// LoginStore is everything that logins keep, in its roles.
type LoginStore interface {
	SessionStore
	CredentialStore
	AccountStore
	SettingsStore
	LoginHistoryStore
	LastLoginStore
	GrantStore
	CodeStore
	DeviceStore
	AssertionStore
	SigningKeyStore
}
