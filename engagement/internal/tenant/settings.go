package tenant

import (
	"net/netip"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeInvalidSettings: a setting that cannot have the value asked for.
const CodeInvalidSettings fault.Code = "invalid_settings"

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
	// SecretDays: how long a package's client secret lives from its making. 0 is 180, as in real tenants.
	SecretDays int `json:"secret_days,omitempty"`
	// PasswordDays is "User passwords expire in"; 0 is never.
	PasswordDays int `json:"password_days,omitempty"`
	// APIPasswordsExpire is "Exclude API Users From Password Expiration" switched off.
	APIPasswordsExpire bool `json:"api_passwords_expire,omitempty"`
	// InactiveDays is "Login expires after inactivity": 30, 60, 90 or 365; 0 is never. Only a sign-in on the page counts as
	// activity: calls of API users do not (connect-facts 1.5).
	InactiveDays int `json:"inactive_days,omitempty"`
	// UIAddresses and APIAddresses are the login IP allowlists, as prefixes ("203.0.113.0/24") or single addresses. An
	// empty one allows all.
	UIAddresses  []string `json:"ui_addresses,omitempty"`
	APIAddresses []string `json:"api_addresses,omitempty"`
	// CallsPerMinute bounds the API calls of a package or user in each minute of machine time; 0 is no bound.
	CallsPerMinute int `json:"calls_per_minute,omitempty"`
	// TokensPerMinute bounds the token requests of a package in the same way; 0 is TokenBudget for server-to-server
	// packages and no bound for others.
	TokensPerMinute int `json:"tokens_per_minute,omitempty"`
	// MyDocuments is "My Documents in Content": reports are kept as files.
	MyDocuments bool `json:"my_documents,omitempty"`
	// AnySender lets mail leave from addresses that nobody has verified (engagement-wire 6). Off: only verified ones.
	AnySender bool `json:"any_sender,omitempty"`
}

const maxAllowlist = 200

// Validate reports a setting with a value that Setup does not offer.
func (s Settings) Validate() error {
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidSettings, format, args...).In(field)
	}
	for _, c := range []struct {
		field   string
		value   int
		choices []int
	}{
		{"session_minutes", s.SessionMinutes, []int{0, 20, 60, 120, 240, 480}},
		{"lockout_after", s.LockoutAfter, []int{0, 3, 5, 10}},
		{"inactive_days", s.InactiveDays, []int{0, 30, 60, 90, 365}},
	} {
		if !slices.Contains(c.choices, c.value) {
			return bad(c.field, "%s is one of %v.", c.field, c.choices)
		}
	}
	for field, value := range map[string]int{
		"refresh_days": s.RefreshDays, "password_days": s.PasswordDays,
		"calls_per_minute": s.CallsPerMinute, "tokens_per_minute": s.TokensPerMinute,
	} {
		if value < 0 || value > 1_000_000 {
			return bad(field, "%s is 0 to 1000000.", field)
		}
	}
	if s.SecretDays < 0 || s.SecretDays > 3650 {
		return bad("secret_days", "secret_days is 0 to 3650.")
	}
	for field, list := range map[string][]string{"ui_addresses": s.UIAddresses, "api_addresses": s.APIAddresses} {
		if len(list) > maxAllowlist {
			return bad(field, "%s has at most %d entries.", field, maxAllowlist)
		}
		for _, text := range list {
			if _, ok := parsePrefix(text); !ok {
				return bad(field, "%q is neither an IP address nor a prefix such as 203.0.113.0/24.", clip(text))
			}
		}
	}
	return nil
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
	return days(s.RefreshDays)
}

// SecretExpires is when a client secret made now ends.
func (s Settings) SecretExpires(now time.Time) time.Time {
	if s.SecretDays <= 0 {
		return now.Add(days(180))
	}
	return now.Add(days(s.SecretDays))
}

// PasswordExpired reports whether the user's password is too old to sign in with.
func (s Settings) PasswordExpired(u User, now time.Time) bool {
	if s.PasswordDays <= 0 || u.IsApp() || u.APIUser && !s.APIPasswordsExpire {
		return false
	}
	return !now.Before(u.PasswordChanged.Add(days(s.PasswordDays)))
}

// LoginExpired reports whether the user has been inactive for so long that API calls in his name are refused until he
// signs in on the page. A package's app user is not asked: nobody could sign in as it.
func (s Settings) LoginExpired(u User, now time.Time) bool {
	if s.InactiveDays <= 0 || u.IsApp() {
		return false
	}
	last := u.LastLogin
	if last.IsZero() {
		last = u.Created
	}
	return !now.Before(last.Add(days(s.InactiveDays)))
}

// AllowsUI and AllowsAPI report whether the login IP allowlists let the address in. The zero address is a call from
// inside the program, which they do not concern.
func (s Settings) AllowsUI(from netip.Addr) bool { return allowed(s.UIAddresses, from) }

// AllowsAPI is described at AllowsUI.
func (s Settings) AllowsAPI(from netip.Addr) bool { return allowed(s.APIAddresses, from) }

func allowed(list []string, from netip.Addr) bool {
	if len(list) == 0 || !from.IsValid() {
		return true
	}
	from = from.Unmap().WithZone("")
	return slices.ContainsFunc(list, func(text string) bool {
		p, ok := parsePrefix(text)
		return ok && p.Contains(from)
	})
}

func parsePrefix(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	if err == nil && p.Addr().Is4In6() { // callers are compared unmapped
		if p.Bits() < 96 {
			return p, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, err == nil
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
