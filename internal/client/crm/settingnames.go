package crm

import "strings"

// SettingNames are what Setup calls a setting, and what it takes, for people: the Metadata API tells neither.
type SettingNames struct {
	Label string
	// Opposite: the page has a switch that is on while the value is "false".
	Opposite bool
	// Takes are the values; nil for what Kind says.
	Takes []string
	Kind  string // "a number", "a name", "ranges of addresses"; "" where Takes has the values
}

// Names are those of the setting; all empty for one that is not known here, as a real org has many.
func (s Setting) Names() SettingNames { return settingNames[s.Type+"."+s.Path] }

var (
	settingSwitch = []string{"false", "true"}
	aNumber       = "a number"
)

// settingNames by type and path: the labels of Setup's pages and the enumerations of the Metadata API (crm-wire 6). The two names
// that are our org's own are isStrict and redirectPreviousMyDomain.
var settingNames = map[string]SettingNames{
	"MyDomainSettings.myDomainName":                 {Label: "My Domain Name", Kind: "a name"},
	"MyDomainSettings.redirectPreviousMyDomain":     {Label: "Redirect your previous My Domain URL to your current My Domain", Takes: settingSwitch},
	"MyDomainSettings.canOnlyLoginWithMyDomainUrl":  {Label: "Prevent login from https://login.salesforce.com", Takes: settingSwitch},
	"MyDomainSettings.doesApiLoginRequireOrgDomain": {Label: "Require API logins to use the My Domain", Takes: settingSwitch},

	"OauthOidcSettings.blockOAuthUnPwFlow": {Label: "Allow OAuth Username-Password Flows", Opposite: true, Takes: settingSwitch},
	"OauthOidcSettings.isStrict":           {Label: "Hold All Connected Apps to RFC 9700", Takes: settingSwitch},

	"SecuritySettings.enableAdminLoginAsAnyUser": {Label: "Administrators Can Log in as Any User", Takes: settingSwitch},
	"SecuritySettings.networkAccess":             {Label: "Trusted IP Ranges", Kind: "ranges of addresses"},

	"SecuritySettings.passwordPolicies.complexity":              {Label: "Password complexity requirement", Takes: strings.Fields("NoRestriction AlphaNumeric SpecialCharacters UpperLowerCaseNumeric UpperLowerCaseNumericSpecialCharacters Any3UpperLowerCaseNumericSpecialCharacters")},
	"SecuritySettings.passwordPolicies.expiration":              {Label: "User passwords expire in", Takes: strings.Fields("ThirtyDays SixtyDays NinetyDays SixMonths OneYear Never")},
	"SecuritySettings.passwordPolicies.maxLoginAttempts":        {Label: "Maximum invalid login attempts", Takes: strings.Fields("ThreeAttempts FiveAttempts TenAttempts NoLimit")},
	"SecuritySettings.passwordPolicies.lockoutInterval":         {Label: "Lockout effective period", Takes: strings.Fields("FifteenMinutes ThirtyMinutes SixtyMinutes Forever")},
	"SecuritySettings.passwordPolicies.historyRestriction":      {Label: "Enforce password history (passwords remembered)", Kind: aNumber},
	"SecuritySettings.passwordPolicies.minimumPasswordLength":   {Label: "Minimum password length", Kind: aNumber},
	"SecuritySettings.passwordPolicies.minimumPasswordLifetime": {Label: "Require a minimum 1 day password lifetime", Takes: settingSwitch},

	"SecuritySettings.sessionSettings.sessionTimeout":                               {Label: "Timeout Value", Takes: strings.Fields("FifteenMinutes ThirtyMinutes SixtyMinutes NinetyMinutes TwoHours FourHours EightHours TwelveHours TwentyFourHours")},
	"SecuritySettings.sessionSettings.terminateUserSessionsWhenAdminResetsPassword": {Label: "Terminate all of a user's sessions when an admin resets that user's password", Takes: settingSwitch},
	"SecuritySettings.sessionSettings.enforceIpRangesEveryRequest":                  {Label: "Enforce login IP ranges on every request", Takes: settingSwitch},
	"SecuritySettings.sessionSettings.lockSessionsToIp":                             {Label: "Lock sessions to the IP address from which they originated", Takes: settingSwitch},
	"SecuritySettings.sessionSettings.lockSessionsToDomain":                         {Label: "Lock sessions to the domain in which they were first used", Takes: settingSwitch},
	"SecuritySettings.sessionSettings.forceRelogin":                                 {Label: "Force relogin after Login-As-User", Takes: settingSwitch},
	"SecuritySettings.sessionSettings.forceLogoutOnSessionTimeout":                  {Label: "Force logout on session timeout", Takes: settingSwitch},
}

// Accepts is what the setting takes, in words; "" where it is not known.
func (n SettingNames) Accepts() string {
	if n.Takes != nil {
		return strings.Join(n.Takes, ", ")
	}
	return n.Kind
}
