// Package org holds the words and rules of a Sales or Service Cloud org: users, profiles, permission sets, connected
// apps and their policies, sessions and records. It knows no protocol and no SQL; it declares, in small roles, the
// store that it needs. Facts about the real service are cited as "crm-wire N" (the wire reference), decisions as
// "DESIGN N".
package org

import (
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that rules of this package return.
const (
	CodeMalformedID fault.Code = "malformed_id"
	CodeNotFound    fault.Code = "not_found"
	// CodeInvalidSession: an access token that is unknown, expired, revoked, or whose user is no longer active.
	CodeInvalidSession fault.Code = "invalid_session"
	// CodeNotAdminApproved: an admin-approved app, and neither the user's profile nor a permission set of his carries
	// it (DESIGN 5.3).
	CodeNotAdminApproved fault.Code = "not_admin_approved"
	// CodeNotUserApproved: a self-authorize app that the user never approved (DESIGN 5.3).
	CodeNotUserApproved fault.Code = "not_user_approved"
)

// API versions that REST, SOAP and the Metadata API serve. Those before Summer '14 were retired (connect-facts 9).
const (
	FirstAPIVersion = 31
	LastAPIVersion  = 67
)

// Org is one org of this server.
type Org struct {
	ID       ID
	Name     string
	MyDomain string // unique on the server; the NAME of NAME.my.localhost
	Sandbox  bool
	TimeZone string // IANA name; login hours are in it
	Settings Settings
	// Package is the installed version of the managed package, "220"; "" where it is not installed.
	Package string
	// Custom is what the org's administrators added to its schema; nil for nothing.
	Custom *Customization
}

// Settings are org-wide switches. The zero value is a new org's.
type Settings struct {
	// AllowUsernamePasswordFlow: Setup > Identity > OAuth and OpenID Connect Settings (document 004). Off in new orgs.
	AllowUsernamePasswordFlow bool `json:"allow_username_password_flow,omitempty"`
	// AdminsCanLoginAsAnyUser: Security > Login Access Policies (document 004). Off in new orgs.
	AdminsCanLoginAsAnyUser bool `json:"admins_can_login_as_any_user,omitempty"`
	// OnlyMyDomain and OnlyMyDomainAPI: Company Settings > My Domain. Users log in at the org's own name alone, in a
	// browser and by API. Off in new orgs.
	OnlyMyDomain    bool `json:"only_my_domain,omitempty"`
	OnlyMyDomainAPI bool `json:"only_my_domain_api,omitempty"`
	// MyDomain is Org.MyDomain, where it is changed; kept beside the settings. MyDomainSet: an administrator chose it, and
	// people are sent there to log in.
	MyDomain    string `json:"-"`
	MyDomainSet bool   `json:"my_domain_set,omitempty"`
	// PreviousMyDomain is the name before; browsers that call it are sent to the present one unless NoMyDomainRedirect.
	PreviousMyDomain   string `json:"previous_my_domain,omitempty"`
	NoMyDomainRedirect bool   `json:"no_my_domain_redirect,omitempty"`
	// SessionTimeoutMinutes is how long an unused session lives; 0 means the default of 120.
	SessionTimeoutMinutes int `json:"session_timeout_minutes,omitempty"`
	// EndSessionsOnReset: a password that an administrator sets ends the user's sessions and refresh tokens.
	EndSessionsOnReset bool `json:"end_sessions_on_reset,omitempty"`
	// Sessions: Security > Session Settings.
	Sessions SessionSettings `json:"sessions,omitzero"`
	// DailyAPIRequests is how many API requests the org has in 24 hours; 0 means what its edition and licences give.
	DailyAPIRequests int `json:"daily_api_requests,omitempty"`
	// Strict holds every app of the org to RFC 9700, as [Flows] does one.
	Strict bool `json:"strict,omitempty"`
	// Passwords: Security > Password Policies.
	Passwords PasswordPolicies `json:"passwords,omitzero"`
	// TrustedRanges: Security > Network Access. API logins from there need no security token.
	TrustedRanges []IPRange `json:"trusted_ranges,omitempty"`
}

// SessionTimeout is how long an unused session of the org lives.
func (s Settings) SessionTimeout() time.Duration {
	if s.SessionTimeoutMinutes <= 0 {
		return 2 * time.Hour
	}
	return time.Duration(s.SessionTimeoutMinutes) * time.Minute
}

// User is what identity needs to know of a User record.
type User struct {
	Org              ID
	ID               ID
	Username         string // unique on the server, compared without case
	Email            string
	FirstName        string
	LastName         string
	Name             string
	Nickname         string
	Alias            string
	Active           bool
	Profile          ID
	ProfileName      string
	License          string // name of the profile's user licence: "Salesforce"
	UserType         string // "Standard"
	TimeZone         string // IANA name, "America/Los_Angeles"
	Locale           string // "en_US"
	Language         string // "en_US"
	Phone            string
	Street           string
	City             string
	State            string
	PostalCode       string
	Country          string
	CreatedDate      time.Time
	LastModifiedDate time.Time
	// Frozen: an administrator stopped all logins of the user without deactivating him.
	Frozen bool
	// EmailVerified: the user followed the link that was mailed to him.
	EmailVerified bool
	// LoginIPRanges and LoginHours are the profile's; logins from elsewhere or at other times are refused.
	LoginIPRanges []IPRange
	LoginHours    LoginHours
	// Passwords and SessionTimeoutMinutes are the profile's, in place of the org's; nil and 0 where it has none.
	Passwords             *PasswordPolicies
	SessionTimeoutMinutes int
	// Permissions are the system permissions of the profile and of every assigned permission set, together, Access what
	// they allow of objects and fields.
	Permissions Permissions
	Access      *DataAccess
}

// Permissions is a set of system permissions by API name without prefix: "ApiEnabled".
type Permissions map[string]bool

// System permissions that decide something (crm-wire 5.2, 6).
const (
	PermAPIEnabled            = "ApiEnabled"
	PermAPIUserOnly           = "ApiUserOnly" // its holder signs in through the API alone
	PermModifyAllData         = "ModifyAllData"
	PermViewAllData           = "ViewAllData"
	PermViewSetup             = "ViewSetup"
	PermManageUsers           = "ManageUsers"
	PermAssignPermissionSets  = "AssignPermissionSets"
	PermCustomizeApplication  = "CustomizeApplication"
	PermManageConnectedApps   = "ManageRemoteAccess"
	PermResetPasswords        = "ResetPasswords"
	PermApproveUninstalledApp = "CanApproveUninstalledApps"
	PermManageInternalUsers   = "ManageInternalUsers"
	PermModifyMetadata        = "ModifyMetadata"
	PermManageProfiles        = "ManageProfilesPermissionsets"
	PermInstallPackaging      = "InstallPackaging"
	PermUseAnyAPIClient       = "UseAnyApiClient"
	PermPasswordNeverExpires  = "PasswordNeverExpires"
	PermManageIPAddresses     = "ManageIpAddresses"
	PermManagePasswords       = "ManagePasswordPolicies"
	PermManageLoginAccess     = "ManageLoginAccessPolicies"
	PermRunReports            = "RunReports"
	PermCreateReports         = "CreateCustomizeReports"
	PermEditTask              = "EditTask"
	PermBulkHardDelete        = "BulkApiHardDelete"
	PermViewEncryptedData     = "ViewEncryptedData"
)

// ConnectedApp is a connected app with its OAuth settings and policies (crm-wire 5.4).
type ConnectedApp struct {
	Org           ID
	ID            ID
	Name          string // label: "Salesforce Marketing Cloud"
	DeveloperName string // full name in the Metadata API: "Salesforce_Marketing_Cloud"
	Namespace     string // of the managed package that brought it; "" for the org's own
	Description   string
	ContactEmail  string
	ConsumerKey   string
	SecretHash    []byte // SHA-256 of the consumer secret; nil where the app has none
	CallbackURLs  []string
	Scopes        []string // OAuth names, "api" "refresh_token"; the Metadata API's spellings belong to its edge
	Certificate   string   // PEM; "" where none is set

	AdminApproved            bool // Permitted Users: admin approved users are pre-authorized
	SecretOptional           bool
	SecretRequiredForRefresh bool
	PKCERequired             bool
	ClientCredentials        bool
	ClientCredentialsUser    ID
	IPRelaxation             IPRelaxation
	IPRanges                 []IPRange // allow-listed for IPBypass2Factor
	RefreshTokenPolicy       RefreshTokenPolicy
	SessionTimeoutMinutes    int // 0: the org's
	StartURL                 string
	Flows                    Flows

	// Installed says that an administrator installed the app in the org, or made it there. One that is merely used needs
	// users with a permission for that (connect-facts 10.1).
	Installed bool
	// Blocked: no user gets a token, and those already out are dead.
	Blocked bool
	// HighAssurance: a session must be of high assurance, which a password or a key alone does not make.
	HighAssurance HighAssurance
}

// HighAssurance is what an app's session policy does with a session of standard level.
type HighAssurance string

// The three values, spelled as sessionPolicy.policyAction in the Metadata API; the first is no policy.
const (
	AssuranceNone  HighAssurance = ""
	AssuranceBlock HighAssurance = "Block"             // the session is refused
	AssuranceRaise HighAssurance = "RaiseSessionLevel" // the user is asked for a second factor
)

// IPRelaxation is a connected app's IP policy, spelled as in the Metadata API (crm-wire 5.4).
type IPRelaxation string

// The four values, with the labels of Setup.
const (
	IPEnforce             IPRelaxation = "ENFORCE"              // Enforce IP restrictions
	IPBypass              IPRelaxation = "BYPASS"               // Relax IP restrictions
	IPBypass2Factor       IPRelaxation = "BYPASS_2FACTOR"       // Relax IP restrictions for activated devices
	IPEnforceRelaxRefresh IPRelaxation = "ENFORCE_RELAXREFRESH" // Enforce IP restrictions, but relax for refresh tokens
)

// RefreshTokenPolicy is spelled as in the Metadata API (crm-wire 5.4): "infinite", "zero",
// "specific_lifetime:N:HOURS|DAYS|MONTHS" or "specific_inactivity:N:HOURS|DAYS|MONTHS".
type RefreshTokenPolicy string

// The two policies without a period.
const (
	RefreshInfinite RefreshTokenPolicy = "infinite" // valid until revoked
	RefreshZero     RefreshTokenPolicy = "zero"     // immediately expire refresh token
)
