package org

import (
	"context"
	"time"
)

// Values of LoginHistory.Status (crm-wire 5.2, connect-facts 2).
const (
	StatusSuccess           = "Success"
	StatusInvalidPassword   = "Invalid Password"
	StatusPasswordLockout   = "Password Lockout"
	StatusUserInactive      = "User is Inactive"
	StatusNotApproved       = "Failed: Not approved for access"
	StatusNeedSecurityToken = "Failed: API security token required"
	StatusPasswordFlowOff   = "Username-Password Flow Disabled"
	StatusNoAccess          = "No Salesforce.com Access"
	StatusRestrictedIP      = "Restricted IP"
	StatusNoAPIAccess       = "Failed: API access disabled for this user"
	StatusUserFrozen        = "User Is Frozen"
	StatusPasswordExpired   = "Password Expired"
	StatusRestrictedHours   = "Restricted Login Hours"
	StatusVersionRemoved    = "Failed: API Version Removed"
	// StatusRateExceeded stands for all logins that were refused in a window because there were too many (LG-07 of the
	// security reference); the words are those of the API's error LOGIN_RATE_EXCEEDED.
	StatusRateExceeded = "Login Rate Exceeded"
	// StatusRefreshExpired has the words of the wire; what the real row says is not public.
	StatusRefreshExpired = "Failed: Expired access/refresh token"
	// Refused assertions, in the words that the Object Reference has in the login events of EventLogFile (LOGIN_STATUS).
	StatusSignature        = "Failed: Signature Invalid"
	StatusAudience         = "Failed: Audience Invalid"
	StatusAssertionExpired = "Failed: Assertion Expired"
	StatusTimestamp        = "Failed: Invalid Timestamp"
	StatusReplayed         = "Failed: Replay Detected"
)

// Values of LoginHistory.LoginType and LoginSubType.
const (
	LoginTypeApplication = "Application"
	LoginTypeSOAP        = "Other Apex API"
	LoginTypeOAuth       = "Remote Access 2.0"

	SubtypeSubstitute        = "SubstituteUser"
	SubtypeWebServer         = "OauthWebServer"
	SubtypeRefreshToken      = "OauthRefreshToken"
	SubtypePassword          = "OauthUsernamePassword"
	SubtypeJWTBearer         = "OauthJwtBearer"
	SubtypeClientCredentials = "OauthClientCredential"
	SubtypeUserAgent         = "OauthUserAgent"
	SubtypeDevice            = "OauthDevice"
)

// LoginEvent is one row of Login History: a login that happened or was refused.
type LoginEvent struct {
	ID          ID // prefix 0Ya; ids of later events sort after those of earlier ones
	Org         ID
	User        ID
	Time        time.Time
	Type        string // LoginTypeApplication …
	Subtype     string // SubtypeJWTBearer …; "" where there is none
	SourceIP    string
	LoginURL    string // host that was called, without scheme
	Status      string // StatusSuccess …
	Application string // label of the connected app, or what the client calls itself
	Browser     string
	Platform    string
	APIType     string // "SOAP Partner", "SOAP Enterprise"; "" elsewhere
	APIVersion  string // "50.0"; "" where the call has none
}

// LoginHistoryStore keeps login history; AddSession keeps the rows of logins that succeed.
type LoginHistoryStore interface {
	// AddLoginEvent appends one row.
	AddLoginEvent(ctx context.Context, e LoginEvent) error
}
