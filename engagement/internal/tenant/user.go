package tenant

import (
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Limits of a user's fields, in bytes.
const (
	MaxUsername = 254
	MaxPassword = 256
	MinPassword = 8
)

// Codes of the faults about users.
const (
	CodeInvalidUser fault.Code = "invalid_user"
	// CodeWeakPassword: a new password that the rules refuse.
	CodeWeakPassword fault.Code = "weak_password"
	// CodeMustChangePassword: the password is right and temporary; nothing but changing it is possible.
	CodeMustChangePassword fault.Code = "must_change_password"
)

// User is an AccountUser: a person, an API user, or the app user of a server-to-server package.
type User struct {
	Tenant          EID
	ID              int64 // AccountUserID: 8 digits
	CustomerKey     string
	Username        string // unique on the server without regard to case
	Name            string
	Email           string // "" for an app user
	PasswordHash    string // argon2id in PHC form; "" where no password opens the user
	PasswordChanged time.Time
	Active          bool // ActiveFlag
	APIUser         bool
	// MustChange: the password is temporary (MustChangePassword).
	MustChange   bool
	FailedLogins int       // wrong passwords since the last right one
	Locked       time.Time // zero where the user is not locked; an admin unlocks
	LastLogin    time.Time
	DefaultMID   MID
	// SalesforceUsername is the CRM user that Salesforce.com Status names; "" where the user is not integrated.
	SalesforceUsername string
	Locale             string // "en-US"
	TimeZone           string // IANA name
	// NotificationEmail is where notices go; "" is nowhere.
	NotificationEmail string
	// Permissions are the numbers of his UserPermissions that are no roles, in order.
	Permissions []int
	// ModifiedBy is the user who changed this one last; 0 where that was the program.
	ModifiedBy int64
	MIDs       []MID // business units that the user may work in
	Created    time.Time
	Modified   time.Time
}

// May reports whether the user may have anything issued now: active and not locked.
func (u User) May() bool { return u.Active && u.Locked.IsZero() }

// MayUse reports whether the user may work in the business unit.
func (u User) MayUse(mid MID) bool {
	for _, m := range u.MIDs {
		if m == mid {
			return true
		}
	}
	return false
}

// IsApp reports whether this is a package's app user, whom no password opens and who signs in nowhere.
func (u User) IsApp() bool { return u.PasswordHash == "" }

// FoldUsername is the form in which user names are compared and counted: blanks around it gone, ASCII letters small.
// Names hold ASCII alone (see [ValidUsername]), so look-alikes of other scripts never meet a real one.
func FoldUsername(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > MaxUsername {
		return ""
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			return ""
		}
	}
	return strings.ToLower(s)
}

// ValidUsername reports whether s can name a user: 3 to 254 visible ASCII characters without quotes, brackets,
// slashes and blanks.
func ValidUsername(s string) bool {
	if len(s) < 3 || len(s) > MaxUsername {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"'<>/\?#%&;,`, c) >= 0 {
			return false
		}
	}
	return true
}

// CheckNewPassword refuses passwords that are too short, too long, the old one, or the user's name.
func CheckNewPassword(username, old, fresh string) error {
	weak := func(text string, args ...any) error {
		return fault.New(fault.Invalid, CodeWeakPassword, text, args...).In("new_password")
	}
	switch {
	case len(fresh) < MinPassword:
		return weak("The new password needs at least %d characters.", MinPassword)
	case len(fresh) > MaxPassword:
		return weak("The new password may have at most %d characters.", MaxPassword)
	case fresh == old:
		return weak("The new password must differ from the old one.")
	case FoldUsername(fresh) != "" && FoldUsername(fresh) == FoldUsername(username):
		return weak("The new password must not be the user name.")
	}
	return nil
}
