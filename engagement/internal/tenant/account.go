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
