package login_test

import (
	"slices"
	"strings"
)

// The table of logins: what each of some thousands of combinations of policy, assignment, grant, address and user comes to
// at the door it knocks at. The expectation is made from the rules below, which are written from the references and ask
// the server nothing; matrix_sample_test.go holds the rules themselves to cells that were worked out by hand.

// cell is one combination.
type cell struct {
	door      string // one of doors
	permitted string // of the app: "self", "admin", and both of them "blocked"
	who       string // "none": the user is given the app by nothing; "set", "profile": by those; "consent": he approved it himself
	refresh   string // Refresh Token Policy; for the refresh door also the age of the token: "lifetime/old"
	relax     string // IP Relaxation as the Metadata API spells it
	inside    bool   // the request comes from the login IP ranges of the user's profile
	state     string // of the user: "active", "inactive", "frozen", "locked", "expired" (his password)
}

func (c cell) String() string {
	place := "outside"
	if c.inside {
		place = "inside"
	}
	return strings.Join([]string{c.door, c.permitted, c.who, c.refresh, c.relax, place, c.state}, ", ")
}

// outcome is what the caller sees, and the Login History rows that the attempt leaves, oldest first.
type outcome struct {
	at     string // "token", "soap": the endpoint's answer; "page": shown to the person; "client": told on the redirect URI
	status int
	code   string // error, or exceptionCode; "" for none
	text   string // error_description, exceptionMessage, or words of the page
	rows   string // "LoginSubType, or LoginType where it has none: Status", joined by "; "
}

// Rows that several rules name. The spellings of the subtypes are not public (crm-wire 5.2, marked as inferred).
var rowOf = map[string]string{
	"jwt": "OauthJwtBearer", "password": "OauthUsernamePassword", "client": "OauthClientCredential", "refresh": "OauthRefreshToken",
	"code": "OauthWebServer", "web": "OauthWebServer", "useragent": "OauthUserAgent", "device": "OauthDevice", "soap": "Other Apex API",
}

const signedIn = "Application: Success; "

func row(c cell, status string) string { return rowOf[c.door] + ": " + status }

// Predicates.

// byPassword: the user shows his password at this door.
func byPassword(c cell) bool {
	return slices.Contains([]string{"password", "soap", "web", "useragent"}, c.door)
}

// byBrowser: the way leads over the sign-in page.
func byBrowser(c cell) bool { return c.door == "web" || c.door == "useragent" }

func blocked(c cell) bool { return strings.HasSuffix(c.permitted, "blocked") }

// unassigned: admin approved users are pre-authorized, and the user is none. What he approved himself is no matter.
func unassigned(c cell) bool {
	return strings.HasPrefix(c.permitted, "admin") && c.who != "set" && c.who != "profile"
}

// relaxed: the app's policy lets the request pass from outside.
func relaxed(c cell) bool {
	switch {
	case c.door == "jwt" || c.door == "soap":
		return false
	case c.relax == "BYPASS":
		return true
	case c.relax == "BYPASS_2FACTOR": // the apps of the table show a secret
		return c.door == "web" || c.door == "code" || c.door == "refresh"
	case c.relax == "ENFORCE_RELAXREFRESH":
		return c.door == "refresh"
	}
	return false
}

func fenced(c cell) bool { return !c.inside && !relaxed(c) }

// credentialsRefused is the one answer to everything that keeps a user name and password from working.
func credentialsRefused(c cell, status string) outcome {
	switch c.door {
	case "soap":
		return outcome{"soap", 500, "INVALID_LOGIN", "Invalid username, password, security token; or user locked out.", row(c, status)}
	case "password":
		return outcome{"token", 400, "invalid_grant", "authentication failure", row(c, status)}
	}
	return outcome{"page", 200, "", "Check your username and password.", "Application: " + status}
}

// appRefused is a policy's refusal, at the token endpoint or on the redirect URI.
func appRefused(c cell, token, authorize [2]string, status string) outcome {
	if byBrowser(c) {
		return outcome{"client", 302, authorize[0], authorize[1], signedIn + row(c, status)}
	}
	return outcome{"token", 400, token[0], token[1], row(c, status)}
}

// rule is one sentence of a reference: whoever it is the first to hold for gets its outcome.
type rule struct {
	name   string
	source string
	holds  func(cell) bool
	gives  func(cell) outcome
}

func matrixRules() []rule {
	return []rule{
		{
			"during a lockout even the right password is wrong", "crm-wire 6 Lockout; security PW-02",
			func(c cell) bool { return byPassword(c) && c.state == "locked" },
			func(c cell) outcome { return credentialsRefused(c, "Password Lockout") },
		},
		{
			"a frozen user's password works nowhere and reads like a wrong one", "security PW-02; crm-wire 5.2 Status; divergences, Sign-in",
			func(c cell) bool { return byPassword(c) && c.state == "frozen" },
			func(c cell) outcome { return credentialsRefused(c, "User Is Frozen") },
		},
		{
			"an inactive user hears INVALID_LOGIN by SOAP, and on the page what everybody hears", "crm-wire 6 Freeze; security PW-07",
			func(c cell) bool { return (c.door == "soap" || byBrowser(c)) && c.state == "inactive" },
			func(c cell) outcome { return credentialsRefused(c, "User is Inactive") },
		},
		{
			"login IP ranges deny a SOAP login, which no app relaxes", "crm-wire 6 Profile.loginIpRanges; security PW-07",
			func(c cell) bool { return c.door == "soap" && fenced(c) },
			func(c cell) outcome {
				return outcome{"soap", 500, "LOGIN_DURING_RESTRICTED_DOMAIN", "User has attempted to login from a restricted domain", row(c, "Restricted IP")}
			},
		},
		{
			"login IP ranges deny the sign-in page, unless the app that it is shown for relaxes them", "crm-wire 5.4 ipRelaxation, 6; connect-facts 2.3",
			func(c cell) bool { return byBrowser(c) && fenced(c) },
			func(c cell) outcome { return credentialsRefused(c, "Restricted IP") },
		},
		{
			"an expired password by SOAP still logs in, to change it", "crm-wire 2.3; security PW-06",
			func(c cell) bool { return c.door == "soap" && c.state == "expired" },
			func(c cell) outcome { return outcome{"soap", 200, "", "passwordExpired", row(c, "Success")} },
		},
		{
			"an expired password on the page leads to another page, and nobody has logged in yet", "crm-wire 6 passwordPolicies expiration",
			func(c cell) bool { return byBrowser(c) && c.state == "expired" },
			func(cell) outcome { return outcome{"page", 200, "", "Your password has expired.", ""} },
		},
		{
			"an expired password in the username-password flow, where nothing could change it", "divergences, Sign-in; crm-wire 1.6 authentication failure",
			func(c cell) bool { return c.door == "password" && c.state == "expired" },
			func(c cell) outcome { return credentialsRefused(c, "Password Expired") },
		},
		{
			"a SOAP login knows no app and so no policy of one", "crm-wire 2.3",
			func(c cell) bool { return c.door == "soap" },
			func(c cell) outcome { return outcome{"soap", 200, "", "", row(c, "Success")} },
		},
		{
			"the refresh token policy is asked when the token is used: zero never, N from issue, N from the last use", "crm-wire 1.13, 1.6; connect-facts 2.4; security RF-07, RF-08",
			func(c cell) bool {
				return c.door == "refresh" && slices.Contains([]string{"zero", "lifetime/old", "inactivity/idle"}, c.refresh)
			},
			func(c cell) outcome {
				return outcome{"token", 400, "invalid_grant", "expired access/refresh token", row(c, "Failed: Expired access/refresh token")}
			},
		},
		{
			"a blocked app is blocked for everybody", "crm-wire 1.2 OAUTH_APP_BLOCKED; connect-facts 2.5; divergences, Sign-in",
			blocked,
			func(c cell) outcome {
				return appRefused(c, [2]string{"invalid_app_access", "this app is blocked by admin"}, [2]string{"OAUTH_APP_BLOCKED", "this app is blocked by admin"},
					"Failed: Connected app blocked")
			},
		},
		{
			"admin approved users are pre-authorized, all others refused", "DESIGN 5.3; crm-wire 1.2, 1.6; connect-facts 2.2",
			unassigned,
			func(c cell) outcome {
				const text = "user is not admin approved to access this app"
				return appRefused(c, [2]string{"invalid_app_access", text}, [2]string{"OAUTH_APP_ACCESS_DENIED", text}, "Failed: Not approved for access")
			},
		},
		{
			"a self-authorize app acts for an absent user only if he approved it; deactivation ends approvals", "DESIGN 5.3; crm-wire 1.5; security JW-25, JW-31; divergences, Sign-in",
			func(c cell) bool {
				return c.door == "jwt" && c.permitted == "self" && (c.who != "consent" || c.state == "inactive")
			},
			func(c cell) outcome {
				return outcome{"token", 400, "invalid_grant", "user hasn't approved this consumer", row(c, "Failed: Not approved for access")}
			},
		},
		{
			"an inactive user gets no token, and is told so where the app is his to use", "crm-wire 1.6 inactive_user; security JW-25, CD-14, RF-12, CL-09, PW-07",
			func(c cell) bool { return c.state == "inactive" },
			func(c cell) outcome {
				return outcome{"token", 400, "inactive_user", "user is inactive", row(c, "User is Inactive")}
			},
		},
		{
			"a frozen user gets no token", "crm-wire 6 Freeze; security CD-14, RF-12, CL-09; divergences, Sign-in",
			func(c cell) bool { return c.state == "frozen" },
			func(c cell) outcome {
				return outcome{"token", 400, "inactive_user", "user is inactive", row(c, "User Is Frozen")}
			},
		},
		{
			"login IP ranges deny a token from outside, as far as IP Relaxation does not relax them; JWT bearer never does", "crm-wire 5.4, 6, 1.6; connect-facts 2.3; security JW-32, RF-13",
			fenced,
			func(c cell) outcome {
				return outcome{"token", 400, "invalid_grant", "ip restricted or invalid login hours", row(c, "Restricted IP")}
			},
		},
		{
			"tokens in the fragment", "crm-wire 1.2",
			func(c cell) bool { return c.door == "useragent" },
			func(c cell) outcome { return outcome{"client", 302, "", "", signedIn + row(c, "Success")} },
		},
		{
			"a code and then tokens", "crm-wire 1.2, 1.4",
			func(c cell) bool { return c.door == "web" },
			func(c cell) outcome { return outcome{"token", 200, "", "", signedIn + row(c, "Success")} },
		},
		{
			"neither a lock nor an expired password ends what needs no password; all else is let in", "crm-wire 1.4, 6 Lockout",
			func(cell) bool { return true },
			func(c cell) outcome { return outcome{"token", 200, "", "", row(c, "Success")} },
		},
	}
}

// expect is the outcome that the rules give, and the number of the rule that gave it.
func expect(rules []rule, c cell) (outcome, int) {
	for i, r := range rules {
		if r.holds(c) {
			return r.gives(c), i
		}
	}
	return outcome{}, -1
}

// cells of one door. The refresh token policy is crossed in full where it decides; elsewhere its values take turns.
func cells(door string) []cell {
	permitted, who := []string{"self", "admin", "self blocked", "admin blocked"}, []string{"none", "set", "profile"}
	policies, relax := []string{"infinite", "zero", "lifetime", "inactivity"}, []string{"ENFORCE", "BYPASS", "BYPASS_2FACTOR", "ENFORCE_RELAXREFRESH"}
	states, turns := []string{"active", "inactive", "frozen", "locked", "expired"}, true
	switch door {
	case "jwt":
		who = append(who, "consent")
	case "refresh":
		turns = false
		policies = []string{"infinite", "zero", "lifetime/young", "lifetime/old", "inactivity/used", "inactivity/idle"}
		permitted, who = permitted[:3], who[:2]
	case "soap":
		permitted, who, policies, relax = []string{"-"}, []string{"none"}, []string{"-"}, []string{"-"}
	}
	var out []cell
	for _, state := range states {
		for _, w := range who {
			for _, p := range permitted {
				for _, r := range relax {
					for _, inside := range []bool{true, false} {
						all := policies
						if turns {
							all = policies[(len(out)/2+len(out)/8)%len(policies):][:1] // beside each relaxation in turn
						}
						for _, policy := range all {
							out = append(out, cell{door, p, w, policy, r, inside, state})
						}
					}
				}
			}
		}
	}
	return out
}

var doors = []string{"jwt", "password", "client", "refresh", "code", "device", "web", "useragent", "soap"}
