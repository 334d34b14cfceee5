package doctor

import (
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// Checks are all that there are, in the order of their ids.
func Checks() []Check {
	var all []Check
	for _, room := range [][]Check{appChecks(), peopleChecks(), tenantChecks(), mappingChecks(), useChecks(), ownChecks()} {
		all = append(all, room...)
	}
	return all
}

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
	if span.State != link.SpanBroken {
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
	if span.State != link.SpanBroken {
		return ""
	}
	text := strings.ToLower(span.Cause.Text)
	switch code := span.Cause.Code; {
	case code == "invalid_grant" && strings.Contains(text, "too long"):
		return "D23"
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
		return foundAt(l.Link.Org.Username, refusedIn("the org", l.Link.Org.Cause))
	case l.blameTenant() == id:
		return foundAt(l.Link.Tenant.Username, refusedIn("Engagement", l.Link.Tenant.Cause))
	}
	return unread(why)
}

func refusedIn(where string, c link.Cause) string {
	text := where + " refuses him: " + c.Code
	if c.Text != "" {
		text += ": " + trimmed(c.Text)
	}
	return text
}

func trimmed(s string) string { return strings.TrimSuffix(s, ".") }
