package org

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// The Metadata types that hold the org's settings (crm-wire 5.4, 6; connect-facts 7).
const (
	SecuritySettings  = "SecuritySettings"
	OauthOidcSettings = "OauthOidcSettings"
)

// SettingPage is a page of Setup that settings are shown on.
type SettingPage struct {
	Path   string // of the page, below /setup/
	Title  string
	Crumbs []string // where Setup has it
}

// The pages, in the order of Setup's tree.
var (
	PageOauthOidc   = SettingPage{"oauth-and-openid-connect-settings", "OAuth and OpenID Connect Settings", []string{"Setup", "Identity"}}
	PageLoginAccess = SettingPage{"login-access-policies", "Login Access Policies", []string{"Setup", "Security"}}
	PagePasswords   = SettingPage{"password-policies", "Password Policies", []string{"Setup", "Security"}}
	PageSessions    = SettingPage{"session-settings", "Session Settings", []string{"Setup", "Security"}}
	PageNetwork     = SettingPage{"network-access", "Network Access", []string{"Setup", "Security"}}
	PageMyDomain    = SettingPage{"my-domain", "My Domain", []string{"Setup", "Company Settings"}}
)

// SettingDef describes one setting of an org: where the Metadata API has it, where Setup shows it, what it takes.
type SettingDef struct {
	Type  string // SecuritySettings, OauthOidcSettings or MyDomainSettings
	Path  string // of its element: "passwordPolicies.complexity"
	Page  SettingPage
	Label string
	// Inverted: Setup shows the opposite of what the Metadata API holds, as a switch.
	Inverted bool
	Values   []string // that it takes; nil for a number or a name
	Need     Need     // to change it
	get      func(Settings) string
	set      func(*Settings, string) error
}

// Switch reports whether the setting is on or off.
func (d SettingDef) Switch() bool { return len(d.Values) == 2 && d.Values[0] == "false" }

// Name is the setting's own name, the last part of its path.
func (d SettingDef) Name() string { return d.Path[strings.LastIndex(d.Path, ".")+1:] }

// Get is the setting's value in the Metadata API's spelling.
func (d SettingDef) Get(s Settings) string { return d.get(s) }

var (
	onOff       = []string{"false", "true"}
	needSetup   = Need{{PermCustomizeApplication}}
	needAccess  = Need{{PermCustomizeApplication, PermManageLoginAccess}}
	needPolicy  = Need{{PermCustomizeApplication, PermManagePasswords}}
	needNetwork = Need{{PermManageIPAddresses}}
)

// sessionTimeouts are the spellings of sessionTimeout (crm-wire 6), in minutes.
var sessionTimeouts = []sessionTimeoutName{
	{"FifteenMinutes", 15},
	{"ThirtyMinutes", 30},
	{"SixtyMinutes", 60},
	{"NinetyMinutes", 90},
	{"TwoHours", 120},
	{"FourHours", 240},
	{"EightHours", 480},
	{"TwelveHours", 720},
	{"TwentyFourHours", 1440},
}

type sessionTimeoutName struct {
	name    string
	minutes int
}

func timeoutNames() []string {
	out := make([]string, len(sessionTimeouts))
	for i, t := range sessionTimeouts {
		out[i] = t.name
	}
	return out
}

// SettingDefs are the settings that have one value each; the trusted ranges are a list and stand beside them.
func SettingDefs() []SettingDef {
	flag := func(get func(Settings) bool, set func(*Settings, bool)) (func(Settings) string, func(*Settings, string) error) {
		return func(s Settings) string { return strconv.FormatBool(get(s)) },
			func(s *Settings, v string) error { set(s, v == "true"); return nil }
	}
	choice := func(field func(*PasswordPolicies) *string) (func(Settings) string, func(*Settings, string) error) {
		return func(s Settings) string { p := s.Passwords.Resolved(); return *field(&p) },
			func(s *Settings, v string) error { *field(&s.Passwords) = v; return nil }
	}
	number := func(name string, get func(PasswordPolicies) int, set func(*PasswordPolicies, int)) (func(Settings) string, func(*Settings, string) error) {
		return func(s Settings) string { return strconv.Itoa(get(s.Passwords.Resolved())) },
			func(s *Settings, v string) error {
				n, err := strconv.Atoi(v)
				if err != nil {
					return fault.New(fault.Invalid, CodeInvalidSetting, "'%s' is not a valid value for %s: it takes a number", clip(v), name).In(name)
				}
				set(&s.Passwords, n)
				return nil
			}
	}
	var defs []SettingDef
	add := func(d SettingDef, get func(Settings) string, set func(*Settings, string) error) {
		d.get, d.set = get, set
		defs = append(defs, d)
	}
	get, set := flag(func(s Settings) bool { return !s.AllowUsernamePasswordFlow }, func(s *Settings, v bool) { s.AllowUsernamePasswordFlow = !v })
	add(SettingDef{
		Type: OauthOidcSettings, Path: "blockOAuthUnPwFlow", Page: PageOauthOidc, Label: "Allow OAuth Username-Password Flows", Inverted: true,
		Values: onOff, Need: needSetup,
	}, get, set)
	get, set = flag(func(s Settings) bool { return s.Strict }, func(s *Settings, v bool) { s.Strict = v })
	add(SettingDef{ // a name of ours
		Type: OauthOidcSettings, Path: "isStrict", Page: PageOauthOidc, Label: "Hold All Connected Apps to RFC 9700", Values: onOff, Need: needSetup,
	}, get, set)
	get, set = flag(func(s Settings) bool { return s.AdminsCanLoginAsAnyUser }, func(s *Settings, v bool) { s.AdminsCanLoginAsAnyUser = v })
	add(SettingDef{
		Type: SecuritySettings, Path: "enableAdminLoginAsAnyUser", Page: PageLoginAccess, Label: "Administrators Can Log in as Any User", Values: onOff, Need: needAccess,
	}, get, set)
	add(SettingDef{Type: MyDomainSettings, Path: "myDomainName", Page: PageMyDomain, Label: "My Domain Name", Need: needSetup},
		func(s Settings) string { return s.MyDomain }, setMyDomain)
	get, set = flag(func(s Settings) bool { return !s.NoMyDomainRedirect }, func(s *Settings, v bool) { s.NoMyDomainRedirect = !v })
	add(SettingDef{ // a name of ours
		Type: MyDomainSettings, Path: "redirectPreviousMyDomain", Page: PageMyDomain, Label: "Redirect your previous My Domain URL to your current My Domain", Values: onOff, Need: needSetup,
	}, get, set)
	get, set = flag(func(s Settings) bool { return s.OnlyMyDomain }, func(s *Settings, v bool) { s.OnlyMyDomain = v })
	add(SettingDef{
		Type: MyDomainSettings, Path: "canOnlyLoginWithMyDomainUrl", Page: PageMyDomain, Label: "Prevent login from https://login.salesforce.com", Values: onOff, Need: needSetup,
	}, get, set)
	get, set = flag(func(s Settings) bool { return s.OnlyMyDomainAPI }, func(s *Settings, v bool) { s.OnlyMyDomainAPI = v })
	add(SettingDef{
		Type: MyDomainSettings, Path: "doesApiLoginRequireOrgDomain", Page: PageMyDomain, Label: "Require API logins to use the My Domain", Values: onOff, Need: needSetup,
	}, get, set)
	for _, p := range []struct {
		name, label string
		values      []string
		field       func(*PasswordPolicies) *string
	}{
		{"complexity", "Password complexity requirement", complexities, func(p *PasswordPolicies) *string { return &p.Complexity }},
		{
			"expiration", "User passwords expire in",
			[]string{"ThirtyDays", "SixtyDays", "NinetyDays", "SixMonths", "OneYear", "Never"},
			func(p *PasswordPolicies) *string { return &p.Expiration },
		},
		{
			"maxLoginAttempts", "Maximum invalid login attempts",
			[]string{"ThreeAttempts", "FiveAttempts", "TenAttempts", "NoLimit"},
			func(p *PasswordPolicies) *string { return &p.MaxLoginAttempts },
		},
		{
			"lockoutInterval", "Lockout effective period",
			[]string{"FifteenMinutes", "ThirtyMinutes", "SixtyMinutes", "Forever"},
			func(p *PasswordPolicies) *string { return &p.LockoutInterval },
		},
	} {
		get, set := choice(p.field)
		add(SettingDef{Type: SecuritySettings, Path: "passwordPolicies." + p.name, Page: PagePasswords, Label: p.label, Values: p.values, Need: needPolicy}, get, set)
	}
	get, set = number("historyRestriction", func(p PasswordPolicies) int { return *p.History }, func(p *PasswordPolicies, n int) { p.History = &n })
	add(SettingDef{Type: SecuritySettings, Path: "passwordPolicies.historyRestriction", Page: PagePasswords, Label: "Enforce password history (passwords remembered)", Need: needPolicy}, get, set)
	get, set = number("minimumPasswordLength", func(p PasswordPolicies) int { return p.MinimumLength }, func(p *PasswordPolicies, n int) { p.MinimumLength = max(n, 1) })
	add(SettingDef{Type: SecuritySettings, Path: "passwordPolicies.minimumPasswordLength", Page: PagePasswords, Label: "Minimum password length", Need: needPolicy}, get, set)
	get, set = flag(func(s Settings) bool { return s.Passwords.MinimumLifetime }, func(s *Settings, v bool) { s.Passwords.MinimumLifetime = v })
	add(SettingDef{
		Type: SecuritySettings, Path: "passwordPolicies.minimumPasswordLifetime", Page: PagePasswords, Label: "Require a minimum 1 day password lifetime", Values: onOff, Need: needPolicy,
	}, get, set)
	add(SettingDef{Type: SecuritySettings, Path: "sessionSettings.sessionTimeout", Page: PageSessions, Label: "Timeout Value", Values: timeoutNames(), Need: needSetup},
		func(s Settings) string {
			minutes := int(s.SessionTimeout() / time.Minute)
			for _, t := range sessionTimeouts {
				if t.minutes == minutes {
					return t.name
				}
			}
			return strconv.Itoa(minutes)
		},
		func(s *Settings, v string) error {
			for _, t := range sessionTimeouts {
				if t.name == v {
					s.SessionTimeoutMinutes = t.minutes
				}
			}
			return nil
		})
	get, set = flag(func(s Settings) bool { return s.EndSessionsOnReset }, func(s *Settings, v bool) { s.EndSessionsOnReset = v })
	add(SettingDef{ // crm-wire 6
		Type: SecuritySettings, Path: "sessionSettings.terminateUserSessionsWhenAdminResetsPassword", Page: PageSessions,
		Label: "Terminate all of a user's sessions when an admin resets that user's password", Values: onOff, Need: needSetup,
	}, get, set)
	for _, d := range sessionSettings {
		get, set := flag(func(s Settings) bool { return *d.field(&s.Sessions) != d.on }, func(s *Settings, v bool) { *d.field(&s.Sessions) = v != d.on })
		add(SettingDef{Type: SecuritySettings, Path: "sessionSettings." + d.name, Page: PageSessions, Label: d.label, Values: onOff, Need: needSetup}, get, set)
	}
	return defs
}

// sessionSettings are the switches of crm-wire 6; on are those that a new org has on, whose field says that they are off.
var sessionSettings = []struct {
	name, label string
	on          bool
	field       func(*SessionSettings) *bool
}{
	{"enforceIpRangesEveryRequest", "Enforce login IP ranges on every request", false, func(s *SessionSettings) *bool { return &s.FenceRequests }},
	{"lockSessionsToIp", "Lock sessions to the IP address from which they originated", false, func(s *SessionSettings) *bool { return &s.LockToIP }},
	{"lockSessionsToDomain", "Lock sessions to the domain in which they were first used", true, func(s *SessionSettings) *bool { return &s.AnyDomain }},
	{"forceRelogin", "Force relogin after Login-As-User", true, func(s *SessionSettings) *bool { return &s.KeepAdmin }},
	{"forceLogoutOnSessionTimeout", "Force logout on session timeout", true, func(s *SessionSettings) *bool { return &s.LeavePages }},
}

// SettingsChange is what somebody changes of an org's settings.
type SettingsChange struct {
	// Values by "Type.path": "SecuritySettings.passwordPolicies.complexity".
	Values map[string]string
	// TrustedRanges replace the whole list; nil leaves it.
	TrustedRanges *[]IPRange
}

// SettingsStore keeps an org's settings.
type SettingsStore interface {
	// ChangeSettings runs fn on the settings, which nobody else changes meanwhile, and keeps what fn made of them.
	ChangeSettings(ctx context.Context, org, by ID, at time.Time, fn func(RecordTx, *Settings) error) error
	// MovedMyDomain finds the org whose My Domain had the name before the present one, where no org has it now. A name that
	// nobody had is a NotFound fault.
	MovedMyDomain(ctx context.Context, name string) (ID, error)
}

// OrgSettings reads and changes an org's settings.
type OrgSettings struct {
	Known   *Known
	Store   SettingsStore
	Clock   *clock.Domain
	Changes Changes
}

// Read reads the settings of the session's org.
func (o *OrgSettings) Read(ctx context.Context, s Session) (Settings, error) {
	if !s.Permissions.Any(PermViewSetup, PermCustomizeApplication) {
		return Settings{}, insufficientAccess("")
	}
	found, err := o.Known.OrgByID(ctx, s.Org)
	return found.Settings, err
}

// Change changes settings, all of it or nothing, and notes each in the Setup Audit Trail.
func (o *OrgSettings) Change(ctx context.Context, s Session, c SettingsChange) error {
	change, err := c.checked(s)
	if err != nil {
		return err
	}
	at := o.Clock.Now(string(s.Org))
	err = o.Store.ChangeSettings(ctx, s.Org, s.User, at, func(tx RecordTx, now *Settings) error { return change(tx, at, now) })
	if err != nil {
		return err
	}
	o.Changes.SetupChanged(s.Org)
	return nil
}

// SaveIn is Change as one of the works of a transaction, whose owner tells the caches.
func (o *OrgSettings) SaveIn(tx SetupTx, s Session, c SettingsChange) (Saved, error) {
	change, err := c.checked(s)
	if err != nil {
		return Saved{}, err
	}
	at := o.Clock.Now(string(s.Org))
	var changed bool
	err = tx.ChangeSettings(s.Org, s.User, at, func(now *Settings) error {
		was, err := json.Marshal(now)
		if err != nil {
			return err
		}
		if err := change(tx, at, now); err != nil {
			return err
		}
		is, err := json.Marshal(now)
		changed = !bytes.Equal(was, is)
		return err
	})
	return Saved{ID: s.Org, Changed: changed}, err
}

// checked refuses what the session's user may not change or no setting takes, and gives the change that is left to do.
func (c SettingsChange) checked(s Session) (func(tx RecordTx, at time.Time, now *Settings) error, error) {
	defs := SettingDefs()
	changes := map[int]string{}
	for path, v := range c.Values {
		i := slices.IndexFunc(defs, func(d SettingDef) bool { return d.Type+"."+d.Path == path })
		if i < 0 {
			return nil, fault.New(fault.Invalid, CodeInvalidSetting, "there is no setting %s here", clip(path))
		}
		d := defs[i]
		if !d.Need.MetBy(s.Permissions) {
			return nil, insufficientAccess("")
		}
		if d.Values != nil && !slices.Contains(d.Values, v) {
			return nil, fault.New(fault.Invalid, CodeInvalidSetting, "'%s' is not a valid value for %s: it takes %s", clip(v), d.Name(), strings.Join(d.Values, ", ")).In(d.Path)
		}
		changes[i] = v
	}
	if c.TrustedRanges != nil {
		if !needNetwork.MetBy(s.Permissions) {
			return nil, insufficientAccess("")
		}
		if err := CheckRanges(*c.TrustedRanges); err != nil {
			return nil, err
		}
	}
	return func(tx RecordTx, at time.Time, now *Settings) error {
		was := *now
		for i, d := range defs {
			v, ok := changes[i]
			if !ok || v == d.get(was) {
				continue
			}
			if err := d.set(now, v); err != nil {
				return err
			}
			display := fmt.Sprintf("Changed %s (%s) from %s to %s", d.Label, d.Path, d.get(was), d.get(*now))
			if err := Audit(tx, s, at, "changed"+d.Name(), d.Page.Title, display); err != nil {
				return err
			}
		}
		if c.TrustedRanges != nil && !slices.Equal(*c.TrustedRanges, now.TrustedRanges) {
			now.TrustedRanges = *c.TrustedRanges
			if err := Audit(tx, s, at, "changedipranges", PageNetwork.Title, "Changed Trusted IP Ranges to "+rangesText(now.TrustedRanges)); err != nil {
				return err
			}
		}
		return now.Passwords.Check()
	}, nil
}

func rangesText(ranges []IPRange) string {
	if len(ranges) == 0 {
		return "none"
	}
	parts := make([]string, len(ranges))
	for i, r := range ranges {
		parts[i] = r.Start + "-" + r.End
	}
	return strings.Join(parts, ", ")
}
