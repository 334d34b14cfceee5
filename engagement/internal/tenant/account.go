package tenant

import (
	"regexp"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
)

// AccountType is the edition of a tenant, spelled as SOAP's Account.AccountType.
type AccountType string

// The editions that Connect's documents know.
const (
	Enterprise2 AccountType = "ENTERPRISE_2" // business units under one top account
	Core        AccountType = "CORE"
	LockPublish AccountType = "LOCK_PUBLISH"
)

// Tenant is one enterprise account with all its business units.
type Tenant struct {
	EID       EID
	Subdomain string // 28 characters of [a-z0-9-], beginning with "mc"
	Name      string
	Type      AccountType
	Settings  Settings
	Created   time.Time
}

// Settings are the switches of Setup that decide something about signing in (engagement-wire 5). The zero value of a
// field stands for the default that its method gives.
type Settings struct {
	// SessionMinutes: how long a browser session lives without use: 20, 60, 120, 240 or 480. 0 is 20.
	SessionMinutes int `json:"session_minutes,omitempty"`
	// LockoutAfter: wrong passwords in a row that lock a user: 3, 5 or 10. 0 is 5.
	LockoutAfter int `json:"lockout_after,omitempty"`
	// NoSOAPPasswords is "Enable Username and Password for Web Services" switched off.
	NoSOAPPasswords bool `json:"no_soap_passwords,omitempty"`
	// RefreshDays: how long a refresh token lives. 0 is 30.
	RefreshDays int `json:"refresh_days,omitempty"`
	// SecretDays: how long a package's client secret lives from its making; real tenants say 180. 0 is for ever.
	SecretDays int `json:"secret_days,omitempty"`
}

// SessionTimeout is how long a browser session lives without use.
func (s Settings) SessionTimeout() time.Duration {
	if s.SessionMinutes <= 0 {
		return 20 * time.Minute
	}
	return time.Duration(s.SessionMinutes) * time.Minute
}

// Lockout is the number of wrong passwords in a row that locks a user.
func (s Settings) Lockout() int {
	if s.LockoutAfter <= 0 {
		return 5
	}
	return s.LockoutAfter
}

// RefreshLife is how long a refresh token lives (engagement-wire 2.1: 30 days).
func (s Settings) RefreshLife() time.Duration {
	if s.RefreshDays <= 0 {
		return 30 * 24 * time.Hour
	}
	return time.Duration(s.RefreshDays) * 24 * time.Hour
}

// BusinessUnit is one account of the tenant. The top unit's MID is the EID.
type BusinessUnit struct {
	Tenant   EID
	MID      MID
	Parent   MID // 0 for the top unit
	Name     string
	Active   bool
	Created  time.Time
	Modified time.Time
}

var subdomainShape = regexp.MustCompile(`^mc[a-z0-9-]{26}$`)

// ValidSubdomain reports whether s is a tenant's subdomain: 28 characters that begin with "mc" (engagement-wire 1).
func ValidSubdomain(s string) bool { return subdomainShape.MatchString(s) }

// validAccountNumber reports whether n can be an EID or MID: 7 to 9 digits.
func validAccountNumber(n int64) bool { return n >= 1_000_000 && n <= 999_999_999 }

// Clock tells the domain time of each tenant.
type Clock struct{ *clock.Domain }

// Now is the tenant's domain time.
func (c Clock) Now(eid EID) time.Time { return c.Domain.Now(strconv.FormatInt(int64(eid), 10)) }

// SetOffset moves the tenant's domain time to machine time plus offset, in this process alone.
func (c Clock) SetOffset(eid EID, offset time.Duration) {
	c.Set(strconv.FormatInt(int64(eid), 10), offset)
}

// ReplaceOffsets takes the offsets of all tenants, as read from the database.
func (c Clock) ReplaceOffsets(offsets map[EID]time.Duration) {
	keyed := make(map[string]time.Duration, len(offsets))
	for eid, off := range offsets {
		keyed[strconv.FormatInt(int64(eid), 10)] = off
	}
	c.Replace(keyed)
}

// ParseMID reads an account_id as clients send it: a JSON number or a string of digits. It reports false for anything
// that cannot be a MID.
func ParseMID(text string) (MID, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !validAccountNumber(n) || strconv.FormatInt(n, 10) != text {
		return 0, false
	}
	return MID(n), true
}

// OffsetOf is how far the tenant's domain time is ahead of machine time, as this process knows it.
func (c Clock) OffsetOf(eid EID) time.Duration {
	return c.Offset(strconv.FormatInt(int64(eid), 10))
}
