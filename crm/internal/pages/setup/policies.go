package setup

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Inputs of Edit Policies.
const (
	inputPermitted = "permitted_users"
	inputIP        = "ip_relaxation"
	inputRefresh   = "refresh_token_policy"
	inputPeriod    = "refresh_token_period"
	inputUnit      = "refresh_token_unit"
	inputTimeout   = "session_timeout"
	inputAssurance = "high_assurance"
	inputStart     = "start_url"
)

// Kinds of refresh token policies that have a period (crm-wire 5.4).
const (
	afterInactivity = "specific_inactivity"
	afterLifetime   = "specific_lifetime"
)

// policiesOf are an app's policies as the form has them.
func policiesOf(a org.AppRecord) url.Values {
	v := url.Values{
		inputPermitted: {permitted(a)}, inputIP: {string(a.IPRelaxation)}, inputRefresh: {string(a.RefreshTokenPolicy)}, inputUnit: {"DAYS"},
		inputAssurance: {string(a.HighAssurance)}, inputStart: {a.StartURL}, inputTimeout: {""},
	}
	if kind, period, ok := strings.Cut(string(a.RefreshTokenPolicy), ":"); ok {
		n, unit, _ := strings.Cut(period, ":")
		v[inputRefresh], v[inputPeriod], v[inputUnit] = []string{kind}, []string{n}, []string{unit}
	}
	if a.SessionTimeoutMinutes > 0 {
		v.Set(inputTimeout, strconv.Itoa(a.SessionTimeoutMinutes))
	}
	return v
}

// showPolicies is Edit Policies, which document 003 calls Edit; wrong is the input that a refusal is about, said why.
func showPolicies(v *visit, a org.AppRecord, now url.Values, wrong, said string) {
	field := func(f ui.Field) ui.Field {
		f.Value = now.Get(f.Name)
		if f.Name == wrong {
			f.Error = said
		}
		return f
	}
	choice := func(name, label string, options ...ui.Option) ui.Field {
		return field(ui.Field{Type: ui.SelectField, Name: name, Label: label, Required: true, Options: options})
	}
	var relaxations []ui.Option
	for _, p := range org.IPRelaxations() {
		relaxations = append(relaxations, ui.Option{Value: string(p), Label: p.Label()})
	}
	if !now.Has(fieldHad) {
		now = maps.Clone(now)
		now.Set(fieldHad, now.Encode())
	}
	permittedUsers := choice(inputPermitted, "Permitted Users", ui.Option{Value: selfAuthorize, Label: selfAuthorize}, ui.Option{Value: adminApproved, Label: adminApproved})
	if !a.AdminApproved { // the document has the warning and its OK before the next settings; without script they come on Save
		permittedUsers.Hint = "Where you choose “" + adminApproved + "”, Save warns, lists who loses access, and saves after OK."
	}
	var alerts []ui.Alert
	if said != "" && wrong == "" {
		alerts = notSaved(said)
	}
	v.showUnder("Edit Policies: "+a.Name, aboveApp(a), alerts, ui.Form{
		Action: appPath(a) + "/edit", Legend: "Connected App Edit: " + a.Name, Fields: []ui.Field{hidden(fieldHad, now.Get(fieldHad))}, Submits: []ui.Submit{{Label: "Save"}},
		Sections: []ui.Section{
			{Legend: "Basic Information", Fields: []ui.Field{field(ui.Field{Name: inputStart, Label: "Start URL", MaxLength: 2000, Autocomplete: "off"})}},
			{Legend: "OAuth Policies", Fields: []ui.Field{
				permittedUsers,
				choice(inputIP, "IP Relaxation", relaxations...),
				choice(
					inputRefresh, "Refresh Token Policy",
					ui.Option{Value: string(org.RefreshInfinite), Label: org.RefreshInfinite.Label()}, ui.Option{Value: string(org.RefreshZero), Label: org.RefreshZero.Label()},
					ui.Option{Value: afterInactivity, Label: "Expire refresh token if not used for a time"}, ui.Option{Value: afterLifetime, Label: "Expire refresh token after a time"},
				),
				field(ui.Field{Name: inputPeriod, Label: "Time of the refresh token", Hint: "Only for the last two policies.", MaxLength: 5, Autocomplete: "off"}),
				choice(inputUnit, "Unit", ui.Option{Value: "HOURS", Label: "Hours"}, ui.Option{Value: "DAYS", Label: "Days"}, ui.Option{Value: "MONTHS", Label: "Months"}),
			}},
			{Legend: "Session Policies", Fields: []ui.Field{
				field(ui.Field{Name: inputTimeout, Label: "Timeout Value", Hint: "Minutes, 1 to 1440. Left empty, that of the profile or the org holds.", MaxLength: 4, Autocomplete: "off"}),
				field(ui.Field{Type: ui.SelectField, Name: inputAssurance, Label: "High assurance session required", Options: []ui.Option{
					{Value: string(org.AssuranceNone), Label: "--None--"}, {Value: string(org.AssuranceBlock), Label: "Block"}, {Value: string(org.AssuranceRaise), Label: "Raise the session level to high assurance"},
				}}),
			}},
		},
	}, ui.Links{{Text: "Cancel", Href: appPath(a)}})
}

// policyInputs are which input is which field of a refusal.
var policyInputs = map[string]string{"sessionTimeout": inputTimeout, "startUrl": inputStart}

// policyChange reads the form: what it changes of the app; else the input that is wrong, and why.
func policyChange(a org.AppRecord, f url.Values) (c org.AppChange, wrong, said string) {
	switch value := f.Get(inputPermitted); value {
	case selfAuthorize, adminApproved:
		on := value == adminApproved
		c.AdminApproved = &on
	default:
		return c, inputPermitted, "Choose who may use the app."
	}
	ip, err := org.ParseIPRelaxation(f.Get(inputIP))
	if err != nil {
		return c, inputIP, fault.Of(err).Message
	}
	policy := f.Get(inputRefresh)
	if policy == afterInactivity || policy == afterLifetime {
		policy += ":" + text(f, inputPeriod) + ":" + f.Get(inputUnit)
	}
	refresh, err := org.ParseRefreshTokenPolicy(policy)
	if err != nil {
		return c, inputPeriod, fault.Of(err).Message
	}
	minutes := 0
	if value := text(f, inputTimeout); value != "" {
		if minutes, err = strconv.Atoi(value); err != nil || minutes < 1 {
			return c, inputTimeout, "Enter a number of minutes, 1 to 1440."
		}
	}
	assurance := org.HighAssurance(f.Get(inputAssurance))
	if assurance != org.AssuranceNone && assurance != org.AssuranceBlock && assurance != org.AssuranceRaise {
		return c, inputAssurance, "Choose one of the three."
	}
	start := text(f, inputStart)
	if start == a.StartURL {
		c.StartURL = nil
	} else {
		c.StartURL = &start
	}
	c.IPRelaxation, c.RefreshTokenPolicy, c.SessionTimeoutMinutes, c.HighAssurance = &ip, &refresh, &minutes, &assurance
	leaveUntouched(&c, f)
	return c, "", ""
}

// leaveUntouched takes out of a change what the form sends as it showed it: somebody else may have changed that meanwhile.
func leaveUntouched(c *org.AppChange, f url.Values) {
	had, err := url.ParseQuery(f.Get(fieldHad))
	if err != nil || !f.Has(fieldHad) {
		return // no form of ours; it says how all of it is to be
	}
	same := func(inputs ...string) bool {
		return !slices.ContainsFunc(inputs, func(name string) bool { return text(f, name) != strings.TrimSpace(had.Get(name)) })
	}
	if same(inputPermitted) {
		c.AdminApproved = nil
	}
	if same(inputIP) {
		c.IPRelaxation = nil
	}
	if same(inputRefresh, inputPeriod, inputUnit) {
		c.RefreshTokenPolicy = nil
	}
	if same(inputTimeout) {
		c.SessionTimeoutMinutes = nil
	}
	if same(inputAssurance) {
		c.HighAssurance = nil
	}
	if same(inputStart) {
		c.StartURL = nil
	}
}

// approvalWarning is said before Permitted Users becomes admin-approved (document 001, step 7). The vendor's text is not public.
const approvalWarning = "From now on only users whose profile or permission set carries this app may use it; all others are refused at their next use."

func savePolicies(v *visit, a org.AppRecord) {
	f, ok := v.form()
	if !ok {
		return
	}
	c, wrong, said := policyChange(a, f)
	if wrong != "" {
		showPolicies(v, a, f, wrong, said)
		return
	}
	warning := ""
	if c.AdminApproved != nil && *c.AdminApproved && !a.AdminApproved {
		warning = approvalWarning
	}
	v.changeApp(a, c, f.Get(fieldOK) != "", asking{
		title: "Edit Policies: " + a.Name, action: appPath(a) + "/edit", again: againOf(f), done: appPath(a) + "?done=policies", warning: warning,
		refused: func(said string, err error) { showPolicies(v, a, f, policyInputs[fault.Of(err).Field], said) },
	})
}
