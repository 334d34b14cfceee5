package org

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// Codes of refusals about settings and passwords.
const (
	// CodeInvalidNewPassword: a password that the org's policies refuse.
	CodeInvalidNewPassword fault.Code = "invalid_new_password"
	// CodeInvalidOldPassword: the old password that was given to change it is not the user's.
	CodeInvalidOldPassword fault.Code = "invalid_old_password"
	// CodeInvalidSetting: a value that a setting does not take; the message names both.
	CodeInvalidSetting fault.Code = "invalid_setting"
)

// PasswordPolicies are Security > Password Policies, in the spellings of the Metadata type SecuritySettings (crm-wire 6).
// An empty value is the default of a new org; Resolved fills them in.
type PasswordPolicies struct {
	Complexity    string `json:"complexity,omitempty"`     // AlphaNumeric
	Expiration    string `json:"expiration,omitempty"`     // NinetyDays
	History       *int   `json:"history,omitempty"`        // 3; how many earlier passwords are refused, 0 to 24
	MinimumLength int    `json:"minimum_length,omitempty"` // 8; 5 to 50
	// MinimumLifetime: a password must be a day old before its user changes it.
	MinimumLifetime  bool   `json:"minimum_lifetime,omitempty"`
	MaxLoginAttempts string `json:"max_login_attempts,omitempty"` // TenAttempts
	LockoutInterval  string `json:"lockout_interval,omitempty"`   // FifteenMinutes
}

// The values that the policies take, each with what it means.
var (
	complexities = []string{
		"NoRestriction", "AlphaNumeric", "SpecialCharacters", "UpperLowerCaseNumeric", "UpperLowerCaseNumericSpecialCharacters",
		"Any3UpperLowerCaseNumericSpecialCharacters",
	}
	expirations = map[string]int{"Never": 0, "ThirtyDays": 30, "SixtyDays": 60, "NinetyDays": 90, "SixMonths": 180, "OneYear": 365}
	attempts    = map[string]int{"NoLimit": 0, "ThreeAttempts": 3, "FiveAttempts": 5, "TenAttempts": MaxLoginAttempts}
	lockouts    = map[string]time.Duration{
		"FifteenMinutes": LockoutInterval, "ThirtyMinutes": 30 * time.Minute, "SixtyMinutes": time.Hour, "Forever": 0,
	}
)

// Resolved is the policies with every default filled in.
func (p PasswordPolicies) Resolved() PasswordPolicies {
	set := func(v *string, to string) {
		if *v == "" {
			*v = to
		}
	}
	set(&p.Complexity, "AlphaNumeric")
	set(&p.Expiration, "NinetyDays")
	set(&p.MaxLoginAttempts, "TenAttempts")
	set(&p.LockoutInterval, "FifteenMinutes")
	if p.History == nil {
		three := 3
		p.History = &three
	}
	if p.MinimumLength == 0 {
		p.MinimumLength = 8
	}
	return p
}

// PoliciesOf are the password policies that hold for a user: his profile's, else the org's (crm-wire 6).
func PoliciesOf(o Org, u User) PasswordPolicies {
	if u.Passwords != nil {
		return *u.Passwords
	}
	return o.Settings.Passwords
}

// Check refuses policies that hold a value which does not exist.
func (p PasswordPolicies) Check() error {
	p = p.Resolved()
	bad := func(name, value string) error {
		return fault.New(fault.Invalid, CodeInvalidSetting, "'%s' is not a valid value for %s", clip(value), name).In(name)
	}
	if !slices.Contains(complexities, p.Complexity) {
		return bad("complexity", p.Complexity)
	}
	if _, ok := expirations[p.Expiration]; !ok {
		return bad("expiration", p.Expiration)
	}
	if _, ok := attempts[p.MaxLoginAttempts]; !ok {
		return bad("maxLoginAttempts", p.MaxLoginAttempts)
	}
	if _, ok := lockouts[p.LockoutInterval]; !ok {
		return bad("lockoutInterval", p.LockoutInterval)
	}
	if *p.History < 0 || *p.History > 24 {
		return fault.New(fault.Invalid, CodeInvalidSetting, "historyRestriction takes 0 to 24").In("historyRestriction")
	}
	if p.MinimumLength < 5 || p.MinimumLength > 50 {
		return fault.New(fault.Invalid, CodeInvalidSetting, "minimumPasswordLength takes 5 to 50").In("minimumPasswordLength")
	}
	return nil
}

// forever is the end of a lock that only an administrator or a new password opens.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// lock is after how many failures a user is locked out, and until when; limit 0 is never.
func (p PasswordPolicies) lock(now time.Time) (limit int, until time.Time) {
	p = p.Resolved()
	if d := lockouts[p.LockoutInterval]; d > 0 {
		return attempts[p.MaxLoginAttempts], now.Add(d)
	}
	return attempts[p.MaxLoginAttempts], forever
}

// expires is when a password that was set at that time expires; zero for never.
func (p PasswordPolicies) expires(set time.Time) time.Time {
	days := expirations[p.Resolved().Expiration]
	if days == 0 {
		return time.Time{}
	}
	return set.AddDate(0, 0, days)
}

// maxPassword bounds a new password, in bytes.
const maxPassword = 256

// CheckPassword refuses a new password that the policies do not allow. The texts are in the style of the real ones
// (crm-wire 3.9).
func (p PasswordPolicies) CheckPassword(u User, password vault.Secret) error {
	p = p.Resolved()
	refuse := func(format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidNewPassword, format, args...)
	}
	text := password.Reveal()
	switch n := len([]rune(text)); {
	case n < p.MinimumLength:
		return refuse("Your password must be at least %d characters long.", p.MinimumLength)
	case len(text) > maxPassword:
		return refuse("Your password must be at most %d characters long.", maxPassword)
	}
	if strings.Contains(Fold(text), Fold(u.Username)) {
		return refuse("Your password cannot equal or contain your user name.")
	}
	var lower, upper, digit, special int
	for _, r := range text {
		switch {
		case unicode.IsDigit(r):
			digit = 1
		case unicode.IsUpper(r):
			upper = 1
		case unicode.IsLetter(r):
			lower = 1
		default:
			special = 1
		}
	}
	letter := lower + upper
	switch p.Complexity {
	case "AlphaNumeric":
		if letter == 0 || digit == 0 {
			return refuse("Your password must have a mix of letters and numbers.")
		}
	case "SpecialCharacters":
		if letter == 0 || digit == 0 || special == 0 {
			return refuse("Your password must have a mix of letters, numbers, and special characters.")
		}
	case "UpperLowerCaseNumeric":
		if lower == 0 || upper == 0 || digit == 0 {
			return refuse("Your password must have a mix of numbers and uppercase and lowercase letters.")
		}
	case "UpperLowerCaseNumericSpecialCharacters":
		if lower+upper+digit+special < 4 {
			return refuse("Your password must have a mix of numbers, uppercase and lowercase letters, and special characters.")
		}
	case "Any3UpperLowerCaseNumericSpecialCharacters":
		if lower+upper+digit+special < 3 {
			return refuse("Your password must have three of the following: numbers, uppercase letters, lowercase letters, special characters.")
		}
	}
	return nil
}

// temporaryPassword makes one that every policy allows.
func (p PasswordPolicies) temporaryPassword() vault.Secret {
	secret := appendSecret(nil)
	return vault.Secret("aA1!" + string(secret[:max(12, p.Resolved().MinimumLength)-4]))
}

// IPRange is a range of addresses, both ends in it.
type IPRange struct {
	Start       string `json:"start"`
	End         string `json:"end"`
	Description string `json:"description,omitempty"`
}

// Check refuses a range that is none: addresses of one family, the first not after the last.
func (r IPRange) Check() error {
	start, err := netip.ParseAddr(r.Start)
	end, err2 := netip.ParseAddr(r.End)
	if err != nil || err2 != nil || start.Unmap().Is4() != end.Unmap().Is4() || end.Unmap().Less(start.Unmap()) {
		return fault.New(fault.Invalid, CodeInvalidSetting, "%s to %s is no range of IP addresses", clip(r.Start), clip(r.End))
	}
	return nil
}

// maxRanges bounds a list of ranges.
const maxRanges = 100

// CheckRanges refuses a list with a range that is none, or that is too long.
func CheckRanges(ranges []IPRange) error {
	if len(ranges) > maxRanges {
		return fault.New(fault.Invalid, CodeInvalidSetting, "at most %d ranges of IP addresses", maxRanges)
	}
	for _, r := range ranges {
		if err := r.Check(); err != nil {
			return err
		}
	}
	return nil
}

// inRanges reports whether the address lies in one of the ranges. What is no address lies in none.
func inRanges(ranges []IPRange, ip string) bool {
	if len(ranges) == 0 {
		return false
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, r := range ranges {
		start, err := netip.ParseAddr(r.Start)
		end, err2 := netip.ParseAddr(r.End)
		if err != nil || err2 != nil {
			continue
		}
		start, end = start.Unmap(), end.Unmap()
		if start.Is4() == addr.Is4() && !addr.Less(start) && !end.Less(addr) {
			return true
		}
	}
	return false
}

// Trusted reports whether the address lies in the org's trusted ranges (Security > Network Access): API logins from
// there need no security token (crm-wire 6).
func (s Settings) Trusted(ip string) bool { return inRanges(s.TrustedRanges, ip) }

// LoginHours are the hours of each day of the week in which users of a profile may log in, in the org's time zone, by
// the day's English name in small letters. A day that is absent allows all day; nil allows always.
type LoginHours map[string]DayHours

// DayHours are minutes after midnight: from Start to End, End not in it. Both equal: nobody, all day.
type DayHours struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Days are the names of the days, Sunday first, as Go and the Metadata API count them.
var Days = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// Check refuses hours that are none.
func (h LoginHours) Check() error {
	for day, d := range h {
		if !slices.Contains(Days, day) || d.Start < 0 || d.End > 24*60 || d.Start > d.End {
			return fault.New(fault.Invalid, CodeInvalidSetting, "login hours: %s from %d to %d is no time of day", clip(day), d.Start, d.End)
		}
	}
	return nil
}

// String tells the hours of each day that has any, "monday 08:00-18:00, saturday never"; "any" where no day has.
func (h LoginHours) String() string {
	var parts []string
	for _, day := range Days {
		d, ok := h[day]
		switch {
		case !ok:
		case d.Start == d.End:
			parts = append(parts, day+" never")
		default:
			parts = append(parts, fmt.Sprintf("%s %02d:%02d-%02d:%02d", day, d.Start/60, d.Start%60, d.End/60, d.End%60))
		}
	}
	if len(parts) == 0 {
		return "any"
	}
	return strings.Join(parts, ", ")
}

// allow reports whether a login at the time is within the hours.
func (h LoginHours) allow(at time.Time) bool {
	d, ok := h[Days[at.Weekday()]]
	minute := at.Hour()*60 + at.Minute()
	return !ok || minute >= d.Start && minute < d.End
}

// end is when the hours that the time lies in are over, in the zone of the time; zero where that is a week ahead or never.
// A time that lies in none is its own end.
func (h LoginHours) end(at time.Time) time.Time {
	if !h.allow(at) {
		return at
	}
	year, month, day := at.Date()
	for i := range len(Days) {
		midnight := time.Date(year, month, day+i, 0, 0, 0, 0, at.Location())
		d, ok := h[Days[midnight.Weekday()]]
		switch {
		case i > 0 && ok && (d.Start > 0 || d.Start == d.End):
			return midnight
		case ok && d.End < 24*60:
			return time.Date(year, month, day+i, 0, d.End, 0, 0, at.Location())
		}
	}
	return time.Time{}
}

// zones keeps the time zones that were needed: reading one is reading a file. There are as many as the world has.
var zones sync.Map // name -> *time.Location

// zone is the org's; one that this program's data lack is UTC.
func (o Org) zone() *time.Location {
	if z, ok := zones.Load(o.TimeZone); ok {
		return z.(*time.Location)
	}
	z, err := time.LoadLocation(o.TimeZone)
	if err != nil {
		return time.UTC
	}
	zones.Store(o.TimeZone, z)
	return z
}
