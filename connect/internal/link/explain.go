package link

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the causes for which a user of stored credentials no longer signs in.
const (
	// CodeFlowOff: the org does not allow the username-password flow.
	CodeFlowOff fault.Code = "username_password_flow_off"
	// CodePasswordExpired, CodePasswordChanged and CodeTokenReset: what became of the credentials since.
	CodePasswordExpired fault.Code = "password_expired"
	CodePasswordChanged fault.Code = "password_changed"
	CodeTokenReset      fault.Code = "security_token_reset"
	// CodeTokenRequired: the org wants a security token from here, and none was given.
	CodeTokenRequired fault.Code = "security_token_required"
	// CodeLocked: too many wrong passwords.
	CodeLocked fault.Code = "locked_out"
	// CodeInactive: the user is inactive or frozen.
	CodeInactive fault.Code = "user_inactive"
	// CodeIPRefused and CodeHoursRefused: the cloud does not let the user in from Connect's address, or at this hour.
	CodeIPRefused    fault.Code = "ip_refused"
	CodeHoursRefused fault.Code = "login_hours"
	// CodeCredentialsRefused: the cloud refuses the credentials, and nothing tells why.
	CodeCredentialsRefused fault.Code = "credentials_refused"
)

// Holder is a user of the org whose credentials Connect keeps.
type Holder struct {
	Title    string    // begins a sentence: "The integration user"
	Username string    // in the org
	Since    time.Time // domain time when the credentials were given; zero where they never worked
	Now      time.Time // domain time; what is dated later is of before the clock was moved back
	Renew    string    // the command that takes new ones
}

// since reports whether something happened after the credentials were given.
func (h Holder) since(t time.Time) bool { return t.After(h.Since) && !t.After(h.Now) }

// statusCause is what a status of the Login History means (connect-facts 5.4; document 004); false where it says no more
// than that something was wrong.
func (h Holder) statusCause(status string) (Cause, bool) {
	cause := func(code fault.Code, text string) (Cause, bool) { return Cause{string(code), text}, true }
	who := strings.ToLower(h.Title[:1]) + h.Title[1:]
	switch status {
	case "Username-Password Flow Disabled":
		return cause(CodeFlowOff, "The org does not allow the username-password flow: an administrator switches on "+
			"\"Allow OAuth Username-Password Flows\" under Setup > Identity > OAuth and OpenID Connect Settings.")
	case "Password Expired":
		return h.expired(), true
	case "Password Lockout":
		return cause(CodeLocked, h.Title+" is locked out after too many wrong passwords: wait, or have an administrator unlock him.")
	case "User is Inactive":
		return cause(CodeInactive, h.Title+" is not active in the org.")
	case "User Is Frozen":
		return cause(CodeInactive, h.Title+" is frozen in the org.")
	case "Failed: API security token required":
		return cause(CodeTokenRequired, "The org wants the security token of "+who+", which was mailed to him; resetting it mails another.")
	case "Restricted IP":
		return cause(CodeIPRefused, "The org does not let "+who+" in from Connect's address: see Login IP Ranges on his profile.")
	case "Restricted Login Hours":
		return cause(CodeHoursRefused, "The org does not let "+who+" in at this hour: see Login Hours on his profile.")
	}
	return Cause{}, false
}

func (h Holder) expired() Cause {
	return Cause{string(CodePasswordExpired), h.Title + "'s password has expired: give him a new one, and give that with its new security token to `" + h.Renew + "`."}
}

func (h Holder) changed(when string) Cause {
	return Cause{string(CodePasswordChanged), h.Title + "'s password was changed" + when + ", and his security token with it: give both to `" + h.Renew + "`."}
}

// Explain tells why the org refuses a user to whom it says one thing for all: org is a session of somebody who may read
// his Login History, when his password was changed, and the Setup Audit Trail. The zero Cause is that nothing there
// tells.
func (h Holder) Explain(ctx context.Context, org *crm.Session) (Cause, error) {
	users, err := org.Query(ctx, "SELECT Id, LastPasswordChangeDate FROM User WHERE Username = "+crm.Literal(h.Username)+" LIMIT 1")
	if err != nil || len(users) == 0 {
		return Cause{}, err
	}
	// A row of a login by key says nothing of passwords.
	logins, err := org.Query(ctx, "SELECT Status, LoginSubType FROM LoginHistory WHERE UserId = "+crm.Literal(users[0].String("Id"))+" ORDER BY LoginTime DESC LIMIT 20")
	if err != nil {
		return Cause{}, err
	}
	status := ""
	for _, row := range logins {
		if row.String("LoginSubType") != "OauthJwtBearer" {
			status = row.String("Status")
			break
		}
	}
	if known, ok := h.statusCause(status); ok {
		return known, nil
	}
	if status != "Invalid Password" || h.Since.IsZero() {
		return Cause{}, nil
	}
	if changed := users[0].Time("LastPasswordChangeDate"); h.since(changed) {
		return h.changed(" on " + day(changed)), nil
	}
	trail, err := org.Query(ctx, "SELECT Action, Display, CreatedDate FROM SetupAuditTrail ORDER BY CreatedDate DESC LIMIT 200")
	for _, r := range trail {
		if strings.EqualFold(r.String("Action"), "resetsecuritytoken") && strings.Contains(r.String("Display"), h.Username) && h.since(r.Time("CreatedDate")) {
			return Cause{string(CodeTokenReset), h.Title + "'s security token was reset on " + day(r.Time("CreatedDate")) +
				"; the new one was mailed to him: give it with his password to `" + h.Renew + "`."}, nil
		}
	}
	return Cause{}, err
}

func day(t time.Time) string { return t.Format("2 January 2006, 15:04 MST") }
