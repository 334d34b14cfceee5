package setup

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/ui"
)

var (
	nodeCompany = node{
		Path: below("company-information"), Label: "Company Information", Classic: []string{"Administer", "Company Profile"}, Lightning: []string{"Company Settings"},
		Words: []string{"API Requests, Last 24 Hours", "API usage", "licenses", "organization"}, Need: viewer,
	}
	nodeAPIUsage = node{
		Path: below("api-usage"), Label: "API Usage Last 7 Days", Also: "API Usage", Classic: []string{"Administer", "Company Profile"}, Lightning: []string{"Company Settings"},
		Words: []string{"24-hour limit", "rolling", "API requests", "limits"}, Need: viewer,
	}
)

func (s *Server) mountCompany(on func(node) routes) {
	on(nodeCompany).get("", viewer, serveCompany)
	on(nodeAPIUsage).get("", viewer, serveAPIUsage)
}

var companyFields = []string{
	"Name", "PrimaryContact", "Division", "Street", "City", "State", "PostalCode", "Country", "Phone", "DefaultLocaleSidKey", "LanguageLocaleKey", "TimeZoneSidKey",
	"OrganizationType", "InstanceName", "IsSandbox", "NamespacePrefix",
}

// thousands writes 15000 as 15,000.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var parts []string
	for len(digits) > 3 && digits[len(digits)-4] != '-' {
		parts = append(parts, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	parts = append(parts, digits)
	slices.Reverse(parts)
	return strings.Join(parts, ",")
}

// serveCompany is Company Information.
func serveCompany(v *visit) {
	rec, err := v.read(org.ObjectOrganization, v.Org.ID, companyFields)
	if err != nil {
		v.fail(err)
		return
	}
	reading, err := v.s.Meter.Read(v.ctx(), v.Org.ID, org.AllowanceRequests)
	if err != nil {
		v.fail(err)
		return
	}
	licenses, err := v.rows("SELECT Name, Status, TotalLicenses, UsedLicenses FROM UserLicense ORDER BY Name")
	if err != nil {
		v.fail(err)
		return
	}
	o := v.Session.Seen().Object(org.ObjectOrganization, nil)
	d := ui.Definitions{{Name: "Salesforce.com Organization ID", Value: v.Org.ID.Short()}}
	for _, name := range companyFields {
		if value := display(rec[name]); value != "" {
			d = append(d, ui.Definition{Name: o.Field(name).Label, Value: value})
		}
	}
	d = append(d, ui.Definition{
		Name: "API Requests, Last 24 Hours", Value: thousands(reading.Used) + " (" + thousands(reading.Max) + " max)", Href: nodeAPIUsage.Path,
	})
	t := ui.Table{Caption: "User Licenses", Columns: []string{"Name", "Status", "Total Licenses", "Used Licenses", "Remaining Licenses"}, Empty: "none"}
	for _, r := range licenses {
		t.Rows = append(t.Rows, ui.Row(r.text(0), r.text(1), thousands(r.number(2)), thousands(r.number(3)), thousands(r.number(2)-r.number(3))))
	}
	v.show(nodeCompany.Label, nil, d, t)
}

// tallied is a name with its calls.
type tallied struct {
	name            string
	counted, exempt int64
}

// most are the names with the most calls, at most n of them; the rest is one line.
func most(by map[string]*tallied, n int) []tallied {
	all := make([]tallied, 0, len(by))
	for _, t := range by {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b tallied) int {
		if d := b.counted + b.exempt - a.counted - a.exempt; d != 0 {
			return int(min(max(d, -1), 1))
		}
		return strings.Compare(a.name, b.name)
	})
	if len(all) <= n {
		return all
	}
	rest := tallied{name: strconv.Itoa(len(all)-n) + " more"}
	for _, t := range all[n:] {
		rest.counted += t.counted
		rest.exempt += t.exempt
	}
	return append(all[:n:n], rest)
}

// serveAPIUsage is how the rolling window stands, and who called by hour and by day. What Marketing Cloud Connect does by its
// connected app is shown and does not count (documents 001 and 002).
func serveAPIUsage(v *visit) {
	reading, err := v.s.Meter.Read(v.ctx(), v.Org.ID, org.AllowanceRequests)
	var hours []org.UsageHour
	if err == nil {
		hours, err = v.s.Meter.Usage(v.ctx(), v.Org.ID)
	}
	if err != nil {
		v.fail(err)
		return
	}
	now := v.s.Meter.Now(v.Org.ID).UTC()
	byHour, byDay, apps, users := map[int64]*tallied{}, map[string]*tallied{}, map[string]*tallied{}, map[string]*tallied{}
	for _, h := range hours {
		at := time.Unix(h.Hour*3600, 0).UTC()
		app := h.AppName
		if app == "" {
			app = "no connected app"
		}
		for _, t := range []*tallied{entry(byHour, h.Hour, ""), entry(byDay, at.Format(time.DateOnly), ""), entry(apps, app, app), entry(users, h.Username, h.Username)} {
			t.counted += h.Counted
			t.exempt += h.Exempt
		}
	}
	blocks := []ui.Block{ui.Definitions{
		{Name: "API Requests, Last 24 Hours", Value: thousands(reading.Used) + " (" + thousands(reading.Max) + " max)"},
		{Name: "Remaining", Value: thousands(reading.Remaining())},
	}, ui.Text("The limit is of any 24 hours that end now. Calls that Marketing Cloud Connect makes by its connected app do not count; calls of the Bulk API do.")}
	day := ui.Chart{Title: "Last 24 hours", By: "Hour", Unit: "API requests"}
	for i := int64(23); i >= 0; i-- {
		hour := now.Unix()/3600 - i
		day.Points = append(day.Points, ui.Point{Label: time.Unix(hour*3600, 0).UTC().Format("15:04"), Value: entry(byHour, hour, "").counted})
	}
	week := ui.Chart{Title: "Last 7 days", By: "Day", Unit: "API requests", Limit: reading.Max, Of: "the org's limit of 24 hours"}
	for i := 6; i >= 0; i-- {
		date := now.AddDate(0, 0, -i).Format(time.DateOnly)
		week.Points = append(week.Points, ui.Point{Label: date, Value: entry(byDay, date, "").counted})
	}
	blocks = append(blocks, day, week)
	for _, list := range []struct {
		title, column string
		by            map[string]*tallied
	}{{"By connected app, last 7 days", "Connected App", apps}, {"By user, last 7 days", "Username", users}} {
		t := ui.Table{Caption: list.title, Columns: []string{list.column, "Counted", "Do not count"}, Empty: "No calls."}
		for _, a := range most(list.by, shownUsers) {
			t.Rows = append(t.Rows, ui.Row(a.name, thousands(a.counted), thousands(a.exempt)))
		}
		blocks = append(blocks, t)
	}
	v.show(nodeAPIUsage.Label, nil, blocks...)
}

// entry is the tally of a key, made where there is none.
func entry[K comparable](m map[K]*tallied, key K, name string) *tallied {
	if m[key] == nil {
		m[key] = &tallied{name: name}
	}
	return m[key]
}
