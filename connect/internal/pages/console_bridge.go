package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/ui"
)

// stamp is a time as pages show it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2 January 2006, 15:04 MST")
}

// bridgeTitle is what the first page of the console is called. The program is Twinspan Connect, for people, wherever they are.
const bridgeTitle = "The bridge at a glance"

// bridge shows the connection at a glance: both spans, by what they sign in, and what stands against them.
func (s *Server) bridge(w http.ResponseWriter, r *http.Request, v stay) {
	l := v.link
	p := ui.Page{Title: bridgeTitle}
	if v.Role == access.Nobody || v.Role == access.User {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Notice, Title: noRoleTitle(v), Text: roleAdvice(v)})
		var links ui.Links
		if toBeSetUp(l) {
			links = append(links, ui.Link{Text: "Guide: Set Up Connected App Authentication", Href: GuidesPath + "/" + setUpGuide})
		}
		own := "Marketing Cloud tab: your own mapping"
		if len(links) > 0 {
			own = "Marketing Cloud tab"
		}
		p.Blocks = append(p.Blocks, ui.Text(stateText(l.State())+"."))
		if err := l.May(standing.SignInUsers); err == nil {
			links = append(links, ui.Link{Text: own, Href: TabPath})
		} else {
			p.Blocks = append(p.Blocks, ui.Text(fault.Of(err).Message))
		}
		if len(links) > 0 {
			p.Blocks = append(p.Blocks, links)
		}
		s.show(w, r, http.StatusOK, v, p)
		return
	}
	p.Alerts = s.findings(l)
	s.showBridge(w, r, v, p)
}

// showBridge is the page for those who run the connection.
func (s *Server) showBridge(w http.ResponseWriter, r *http.Request, v stay, p ui.Page) {
	l := v.link
	if err := l.May(standing.ReadOrg); l.Standing == link.Unset {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Notice, Title: "Nothing can be connected yet", Text: fault.Of(err).Message})
		s.show(w, r, http.StatusOK, v, p)
		return
	}
	in, out := "From Engagement into the org", "From the org into Engagement"
	if l.Standing == link.BesidePackage {
		in, out = "Connect reads the org", "Connect reads Engagement"
		p.Blocks = append(p.Blocks, ui.Text("The clouds are joined by the vendor’s managed package. What stands here is Connect’s own look at them, and says nothing of the package’s connection."))
	}
	p.Blocks = append(
		p.Blocks, ui.Text(stateText(l.State())+"."),
		v.form(ui.Form{Action: ConsolePath, Submits: []ui.Submit{{Label: "Ask both clouds now"}}}),
		ui.Heading{Text: in}, append(orgSpan(l), s.lastProof(l, link.IntoOrg)),
		ui.Heading{Text: out}, append(tenantSpan(l), s.lastProof(l, link.IntoTenant)),
	)
	if now, until := s.Links.Now(l), l.UpgradedAt.Add(migration.Window); !l.UpgradedAt.IsZero() && now.Before(until) { // document 003
		p.Blocks = append(p.Blocks, ui.Countdown{Label: "Existing users can be migrated", Now: now, Until: until})
	}
	expiries, err := s.Links.Expiries(r.Context(), l.Pair)
	if err != nil {
		s.log(r, http.StatusOK, err)
	}
	if len(expiries) > 0 {
		t := ui.Table{Caption: "Next expiry", Columns: []string{"What", "Expires", "In"}}
		for _, e := range expiries {
			t.Rows = append(t.Rows, ui.Row(e.What, stamp(e.At), countdown(e.At.Sub(s.Links.Now(l)))))
		}
		p.Blocks = append(p.Blocks, t)
	}
	s.show(w, r, http.StatusOK, v, p)
}

// lastProof is when the cloud last let the span's own user in and answered him.
func (s *Server) lastProof(l link.Link, d link.Direction) ui.Definition {
	text := "none since Connect was started"
	if at := s.Links.LastProof(l, d); !at.IsZero() {
		text = stamp(at)
	}
	return ui.Definition{Name: "Last proof", Value: text}
}

// checkBridge asks both clouds who Connect is there, and shows what they say.
func (s *Server) checkBridge(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	l, err := s.Links.Check(r.Context(), v.link.Pair)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	v.link = l
	p := ui.Page{Title: bridgeTitle, Alerts: s.findings(l)}
	if l.State() == link.Connected {
		p.Alerts = append([]ui.Alert{{Kind: ui.Success, Title: "Both clouds let Connect in", Text: "Asked on " + stamp(s.Links.Now(l)) + "."}}, p.Alerts...)
	}
	s.showBridge(w, r, v, p)
}

// findings are what stands against the connection as it is.
func (s *Server) findings(l link.Link) (alerts []ui.Alert) {
	for _, f := range l.Findings(s.Links.Now(l)) {
		alerts = append(alerts, ui.Alert{Kind: ui.Warning, Title: f.Code, Text: f.Text})
	}
	return alerts
}

// countdown says a time that is left.
func countdown(d time.Duration) string {
	switch {
	case d <= 0:
		return "now"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h " + strconv.Itoa(int(d%time.Hour/time.Minute)) + " min"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " days"
}

// orgSpan and tenantSpan tell of one direction each.
func orgSpan(l link.Link) ui.Definitions {
	d := ui.Definitions{
		{Name: "State", Value: spanText(l.Org.State)},
		{Name: "Org", Value: l.CRMURL},
		{Name: "Connected app", Value: appOf(l)},
		{Name: "Salesforce system user", Value: orNone(l.Org.Username)},
		{Name: "Org ID", Value: orNone(l.Org.OrgID)},
		{Name: "Managed package", Value: orNone(l.Package.String())},
		{Name: "Signs in by", Value: string(l.OrgChoice().Driver) + ": " + l.OrgChoice().Why},
		{Name: "Connected", Value: stamp(l.Org.ConnectedAt)},
	}
	return withCause(d, l.Org.Cause)
}

// appOf is the app by which the span into the org signs in. Of the customer's own Connect knows the consumer key; what it is called
// in the org no API tells.
func appOf(l link.Link) string {
	switch {
	case l.Standing == link.Embedded:
		return l.Names().App
	case l.ConsumerKey == "":
		return "none of your own"
	}
	return "your own, of the consumer key " + l.ConsumerKey
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
