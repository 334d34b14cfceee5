package doctor

import (
	"slices"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// Checks are all that there are, in the order of their ids.
func Checks() []Check {
	var all []Check
	for _, room := range [][]Check{appChecks(), peopleChecks(), tenantChecks(), mappingChecks(), useChecks(), loginChecks(), ownChecks()} {
		all = append(all, room...)
	}
	return all
}

// Standings in which what a check looks at is there.
var (
	// withPackage: it belongs to the managed package.
	withPackage = []link.Standing{link.Embedded, link.BesidePackage}
	// connected: Connect joins the clouds itself, and knows who is mapped.
	connected = []link.Standing{link.Embedded, link.OwnLink}
	// ours: it belongs to Twinspan's own org and tenant, or to what they alone tell.
	ours = []link.Standing{link.Embedded}
)

// besides is why nothing can be said about mappings beside the package.
const besides = "The mappings are the package's, and no public API tells them."

// Documents that ask for what is checked, with their numbers (connect-facts 0).
const (
	docSetup      = "document 001, Set Up Authentication for Marketing Cloud Connect"
	docAuth       = "document 002, Marketing Cloud Connect Authentication"
	docUpgrade    = "document 003, Upgrade to Connected App Authentication"
	docToken      = "document 000, Knowledge Article 000214335"
	docUser       = "document 004, integration users"
	docInitial    = "Knowledge Article 003834038"
	docAPIUser    = "Salesforce Help, Create the Marketing Cloud Connect API User"
	docUnits      = "Knowledge Article 000384220"
	docManage     = "Salesforce Help, Manage Marketing Cloud Connect Users"
	docMultiOrg   = "Salesforce Help, Multi-Org Account and User Configuration"
	docSandbox    = "Knowledge Article 000384712"
	docApproval   = "Knowledge Article 000212208"
	docAPIUse     = "Knowledge Article 000233192"
	docReset      = "Knowledge Article 005228128"
	docRestricted = "Knowledge Article 005132365"
	docLogin      = "Knowledge Article 005132110"
	docSecurity   = "Salesforce Help, Marketing Cloud Engagement Security Settings"
	docRotate     = "Salesforce Developers, Rotate Your OAuth 2.0 Client Secret"
	docDomains    = "Salesforce Help, Email Verification Requirements"
	docIP         = "Salesforce Help, Connected App IP Relaxation and Continuous IP Enforcement"
	docOurs       = "docs/operations.md"
)

// blame is the id of the check that a refusal of the system user is the business of; "" where the words fit none. They are
// the texts of the token endpoint (crm-wire 1.6) and the causes that Connect itself tells apart.
func (l *Look) blame() string {
	span := l.Link.Org
	if span.State != link.SpanBroken || l.Link.Standing == link.BesidePackage { // where it is another app that was refused than the package's: T01
		return ""
	}
	text := strings.ToLower(span.Cause.Text)
	switch code := span.Cause.Code; {
	case code == "invalid_app_access" && strings.Contains(text, "not admin approved"):
		return "D06"
	case code == "invalid_app_access" && strings.Contains(text, "blocked"), code == "app_not_found":
		return "D35"
	case code == "invalid_client_id":
		return "D01"
	case code == "invalid_grant" && strings.Contains(text, "hasn't approved"):
		return "D02"
	case code == "inactive_user", code == string(link.CodeInactive), code == string(link.CodeLocked):
		return "D08"
	case code == "invalid_grant" && strings.Contains(text, "ip restricted"), code == string(link.CodeIPRefused), code == string(link.CodeHoursRefused):
		return "D25"
	case code == string(link.CodeCopied):
		return "D34"
	}
	return ""
}

// blameTenant is blame for the API user (engagement-wire 2.1).
func (l *Look) blameTenant() string {
	span := l.Link.Tenant
	if span.State != link.SpanBroken || l.Link.Standing == link.BesidePackage { // as blame
		return ""
	}
	text := strings.ToLower(span.Cause.Text)
	switch code := span.Cause.Code; {
	case code == "invalid_grant" && strings.Contains(text, "too long"):
		return "D23"
	case ofAssertion(span.Cause):
		return "" // whom it names is not what is wrong with it
	case code == "invalid_grant", code == string(link.CodeLocked), code == string(link.CodeInactive), code == string(link.CodePasswordExpired), code == string(link.CodeCredentialsRefused),
		code == string(link.CodePasswordChanged):
		return "D22"
	case code == string(link.CodeNotAPIUser):
		return "D18"
	}
	return ""
}

// orUnread is the outcome of a check whose data could not be read: what the refusal itself says, where it is this check's
// business, else why not.
func (l *Look) orUnread(id, why string) Outcome {
	switch {
	case l.blame() == id:
		return refused(l.Link.Org.Username, refusedIn("the org", l.Link.Org.Cause))
	case l.blameTenant() == id:
		return refused(l.Link.Tenant.Username, refusedIn("Engagement", l.Link.Tenant.Cause))
	}
	return unread(why)
}

// refused is the outcome of the check whose business it is that a span is down, which is an error whatever the check's findings
// are otherwise.
func refused(username, seen string) Outcome {
	return Outcome{Found: []Found{{Subject: username, Seen: seen, Severity: Error}}}
}

// ofAssertion reports whether a cloud refused the assertion itself (crm-wire 1.6, engagement-wire 2.1): who signed it, when, or for
// whom it is meant.
func ofAssertion(c link.Cause) bool {
	text := strings.ToLower(c.Text)
	return c.Code == "invalid_grant" && (strings.Contains(text, "assertion") || strings.Contains(text, "audience"))
}

// ofPassword are the causes that go away with the user's present password and security token.
func ofPassword(code string) bool {
	return slices.Contains([]fault.Code{link.CodePasswordExpired, link.CodePasswordChanged, link.CodeTokenReset, link.CodeTokenRequired, link.CodeCredentialsRefused}, fault.Code(code))
}

// refusedSpan is the finding that a cloud refuses a span's user, with what mends it. What is about who signs in, and is no matter of
// his password or of the assertion, is mended by connecting anew.
func refusedSpan(subject, where string, d link.Direction, c link.Cause, username string) Found {
	f := Found{Subject: subject, Seen: refusedIn(where, c) + " (" + username + ")"}
	switch audience := strings.Contains(strings.ToLower(c.Text), "audience"); {
	case c.Code == string(link.CodeFlowOff):
		f.Click, f.NoCommand = "Setup > Identity > OAuth and OpenID Connect Settings > Allow OAuth Username-Password Flows", true
	case ofPassword(c.Code):
		f.Command = renewOf(d)
	case c.Code == "invalid_app_access" && strings.Contains(strings.ToLower(c.Text), "high assurance"): // which no sign-in by key has
		f.Click, f.Command = clickPolicies+" > High assurance session required: --None--", "twinspan org app policies {app} --high-assurance none"
	case c.Code == refusedClient && d == link.IntoTenant:
		f.Seen += ", said alike where the API allowlist lacks the address that Connect calls from"
		f.Click, f.NoCommand = "Setup > Settings > Security > Login IP Allowlist: API; then Setup > Platform Tools > Apps > Installed Packages, whether the package is there", true
	case ofAssertion(c) && audience:
		f.Seen += "; the connection names another host than the cloud signs in at"
		f.Command = "twinspan connect --plan"
	case ofAssertion(c) && d == link.IntoOrg:
		f.Seen += "; the app has another certificate than Connect signs with"
		f.Click, f.Command = "Setup > Apps > App Manager > {app} > Edit > Use digital signatures: the certificate that the command prints", "twinspan connect certificate"
	case ofAssertion(c):
		f.Seen += "; the package has another certificate than Connect signs with"
		f.Click, f.NoCommand = "Setup > Platform Tools > Apps > Installed Packages > Connect's package > its certificate", true
	}
	return f
}

// renewOf is the command that takes new credentials of a span's user.
func renewOf(d link.Direction) string {
	if d == link.IntoOrg {
		return "twinspan connect renew --kind org"
	}
	return "twinspan connect renew --kind engagement"
}

// late reports whether a cloud refuses assertions because its clock differs from Connect's, which T02 says.
func late(c link.Cause, door Read[Door]) bool {
	d, why := door.Get()
	return ofAssertion(c) && why == "" && d.Skew.Abs() > maxSkew
}

func refusedIn(where string, c link.Cause) string {
	text := where + " refuses him: " + c.Code
	if c.Text != "" {
		text += ": " + trimmed(c.Text)
	}
	return text
}

func trimmed(s string) string { return strings.TrimSuffix(s, ".") }
