package pages

import (
	"net/http"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/ui"
)

// stamp is a time as pages show it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2 January 2006, 15:04 MST")
}

// bridge shows the connection at a glance: both spans, by what they sign in, and what stands against them.
func (s *Server) bridge(w http.ResponseWriter, r *http.Request, v stay) {
	l := v.link
	p := ui.Page{Title: "The bridge"}
	if v.Role == access.Nobody || v.Role == access.User {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Notice, Title: "You are signed in as " + v.Role.Label(l.Names()), Text: roleAdvice(v)})
		p.Blocks = append(p.Blocks, ui.Text(stateText(l.State())+"."), ui.Links{{Text: "Marketing Cloud tab: your own mapping", Href: TabPath}})
		s.show(w, r, http.StatusOK, v, p)
		return
	}
	for _, f := range l.Findings(s.Links.Now(l)) {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Warning, Title: f.Code, Text: f.Text})
	}
	p.Blocks = append(p.Blocks, ui.Text(stateText(l.State())+"."), ui.Heading{Text: "From Engagement into the org"}, orgSpan(l), ui.Heading{Text: "From the org into Engagement"}, tenantSpan(l))
	s.show(w, r, http.StatusOK, v, p)
}

// orgSpan and tenantSpan tell of one direction each.
func orgSpan(l link.Link) ui.Definitions {
	d := ui.Definitions{
		{Name: "State", Value: spanText(l.Org.State)},
		{Name: "Org", Value: l.CRMURL},
		{Name: "Connected app", Value: l.Names().App},
		{Name: "Salesforce system user", Value: orNone(l.Org.Username)},
		{Name: "Org ID", Value: orNone(l.Org.OrgID)},
		{Name: "Managed package", Value: orNone(l.Package.String())},
		{Name: "Signs in by", Value: string(l.OrgChoice().Driver) + ": " + l.OrgChoice().Why},
		{Name: "Connected", Value: stamp(l.Org.ConnectedAt)},
	}
	return withCause(d, l.Org.Cause)
}

func tenantSpan(l link.Link) ui.Definitions {
	d := ui.Definitions{
		{Name: "State", Value: spanText(l.Tenant.State)},
		{Name: "Authentication base URI", Value: l.AuthURL},
		{Name: "Enterprise (EID)", Value: strconv.FormatInt(l.EID, 10)},
		{Name: "Marketing Cloud Connect API user", Value: orNone(l.Tenant.Username)},
		{Name: "Business unit (MID)", Value: strconv.FormatInt(l.Tenant.MID, 10)},
		{Name: "Signs in by", Value: string(l.TenantChoice().Driver) + ": " + l.TenantChoice().Why},
		{Name: "Authentication", Value: authentication(l.Tenant)},
		{Name: "Connected", Value: stamp(l.Tenant.ConnectedAt)},
	}
	return withCause(d, l.Tenant.Cause)
}

func withCause(d ui.Definitions, c link.Cause) ui.Definitions {
	if c != (link.Cause{}) {
		d = append(d, ui.Definition{Name: "Refused with", Value: c.Code + ": " + c.Text})
	}
	return d
}

func spanText(s link.SpanState) string {
	switch s {
	case link.SpanUp:
		return "Connected"
	case link.SpanBroken:
		return "Broken"
	}
	return "Not connected"
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
