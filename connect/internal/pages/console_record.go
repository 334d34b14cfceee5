package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of what is on record.
const (
	usagePath  = ConsolePath + "/usage"
	auditPath  = ConsolePath + "/audit"
	tokensPath = ConsolePath + "/tokens"
)

// auditPage is how many entries stand on a page.
const auditPage = 50

// usage shows the calls of the last 24 hours, by hour, and those of them that count against the org's limit.
func (s *Server) usage(w http.ResponseWriter, r *http.Request, v stay) {
	report, err := s.Usage.Report(r.Context(), v.link)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "API usage"}
	for _, c := range report.Reached {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Warning, Title: "A threshold is reached", Text: c.Of + ": " + strconv.FormatInt(c.Used, 10) + ", with a threshold of " + strconv.FormatInt(c.Threshold, 10) + "."})
	}
	d := ui.Definitions{
		{Name: "Connect's calls in 24 hours", Value: strconv.FormatInt(report.Calls, 10)},
		{Name: "Of them against the org's limit", Value: strconv.FormatInt(report.Counted, 10)},
	}
	if report.OrgError != nil {
		d = append(d, ui.Definition{Name: "The org's limit", Value: "not known: " + fault.Of(report.OrgError).Message})
	} else {
		limit := report.Org.DailyAPIRequests
		d = append(
			d, ui.Definition{Name: "The org's rolling 24-hour limit", Value: strconv.FormatInt(limit.Max, 10)},
			ui.Definition{Name: "Left", Value: strconv.FormatInt(limit.Remaining, 10) + " (" + strconv.FormatFloat(report.Used, 'f', 1, 64) + " % used, by whoever called)"},
		)
	}
	t := ui.Table{Caption: "By hour, the newest first", Columns: []string{"Hour", "Into the org, counted", "Into the org, exempt", "Into Engagement"}, Empty: "no call was made"}
	type sums struct{ counted, exempt, tenant int64 }
	hours := map[time.Time]sums{}
	for _, row := range report.Rows {
		sum := hours[row.Hour]
		switch {
		case row.Cloud != "org":
			sum.tenant += row.Calls
		case row.Counted(v.link.Standing):
			sum.counted += row.Calls
		default:
			sum.exempt += row.Calls
		}
		hours[row.Hour] = sum
	}
	order := make([]time.Time, 0, len(hours))
	for h := range hours {
		order = append(order, h)
	}
	slices.SortFunc(order, func(a, b time.Time) int { return cmp.Compare(b.Unix(), a.Unix()) })
	chart := ui.Chart{Title: "Calls into the org that count, by hour", By: "Hour", Unit: "calls"}
	for _, h := range slices.Backward(order[:min(len(order), 24)]) {
		chart.Points = append(chart.Points, ui.Point{Label: h.Format("2 Jan, 15:04"), Value: hours[h].counted})
	}
	for _, h := range order {
		sum := hours[h]
		t.Rows = append(t.Rows, ui.Row(stamp(h), strconv.FormatInt(sum.counted, 10), strconv.FormatInt(sum.exempt, 10), strconv.FormatInt(sum.tenant, 10)))
	}
	p.Blocks = append(p.Blocks, d)
	if len(chart.Points) > 0 {
		p.Blocks = append(p.Blocks, chart)
	}
	p.Blocks = append(p.Blocks, t, ui.Text("Calls of the vendor's own connected app are exempt from the org's limit; those of your own app count, as do Bulk calls and calls under a stored password."), ui.Links{{Text: "Usage alerts", Href: alertsPath}})
	s.show(w, r, http.StatusOK, v, p)
}

// audit lists what was changed in the connection, the oldest first.
func (s *Server) audit(w http.ResponseWriter, r *http.Request, v stay) {
	s.listAudit(w, r, v, "", nil, nil)
}

// listAudit shows the page; head is what was typed of a noted head, wrong why that is none.
func (s *Server) listAudit(w http.ResponseWriter, r *http.Request, v stay, head string, wrong error, alerts []ui.Alert) {
	q, err := web.Query(r)
	var after int64
	if err == nil && q.Get("after") != "" {
		if after, err = strconv.ParseInt(q.Get("after"), 10, 64); err != nil || after < 0 {
			err = fault.New(fault.Invalid, "invalid_page", "There is no such page.")
		}
	}
	var entries []audit.Entry
	var now audit.Head
	if err == nil {
		now, err = s.Audit.Head(r.Context(), v.link.Pair)
	}
	if err == nil && !q.Has("after") { // the newest page comes first, and from it the way back
		after = max(0, now.Seq-auditPage)
	}
	if err == nil {
		entries, err = s.Audit.List(r.Context(), v.link.Pair, after, auditPage)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Audit", Alerts: alerts}
	noted := ui.Field{Name: "head", Label: "Head that was noted before", Value: head, Hint: "With it, entries that were cut off since then show too.", MaxLength: 100}
	if wrong != nil {
		noted.Error = fault.Of(wrong).Message
	}
	p.Blocks = append(p.Blocks, v.form(ui.Form{Action: auditPath, Fields: []ui.Field{
		noted,
	}, Submits: []ui.Submit{{Label: "Verify the record", Secondary: true}}}))
	t := ui.Table{Caption: "Changes, the newest first", Columns: []string{"No", "At", "Who", "What", "About", "Because", "Before", "After"}, Empty: "nothing was changed yet"}
	for _, e := range slices.Backward(entries) {
		t.Rows = append(t.Rows, ui.Row(strconv.FormatInt(e.Seq, 10), stamp(e.At), e.Actor, e.Action, e.Subject, e.Reason, e.Before, e.After))
	}
	p.Blocks = append(p.Blocks, t)
	pages := ui.Pagination{Label: "changes"}
	if end := after + int64(len(entries)); end < now.Seq {
		pages.Previous = auditPath + "?after=" + strconv.FormatInt(min(end, max(0, now.Seq-auditPage)), 10)
	}
	if after > 0 {
		pages.Next = auditPath + "?after=" + strconv.FormatInt(max(0, after-auditPage), 10)
	}
	p.Blocks = append(p.Blocks, turns(pages)...)
	s.show(w, r, http.StatusOK, v, p)
}

// verifyAudit says whether the record is as it was written.
func (s *Server) verifyAudit(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	var noted audit.Head
	var err error
	if text := strings.TrimSpace(form.Get("head")); text != "" {
		noted, err = audit.ParseHead(text)
	}
	var found audit.Verdict
	if err == nil {
		found, err = s.Audit.Verify(r.Context(), v.link.Pair, noted)
	}
	alert := ui.Alert{Kind: ui.Success, Title: "The record is as it was written", Text: strconv.FormatInt(found.Entries, 10) + " entries. Note the head: " + found.Head.String()}
	switch {
	case err != nil && fault.KindOf(err) != fault.Invalid:
		s.sorry(w, r, v, err)
		return
	case err != nil:
		s.listAudit(w, r, v, form.Get("head"), err, nil)
		return
	case found.Problem != "":
		alert = ui.Alert{Kind: ui.Error, Title: "The record is not as it was written", Text: "Entry " + strconv.FormatInt(found.Seq, 10) + ": " + found.Problem + "."}
	}
	s.listAudit(w, r, v, "", nil, []ui.Alert{alert})
}

// tokenForm asks what an API token is for.
func tokenForm(typed url.Values) ui.Form {
	return ui.Form{Once: true, Action: tokensPath, Legend: "New API token", Fields: []ui.Field{
		{Name: "name", Label: "Name", Value: typed.Get("name"), Required: true, MaxLength: 100, Hint: "What it is for."},
		{Type: ui.SelectField, Name: "role", Label: "Role", Value: typed.Get("role"), Required: true, Options: []ui.Option{
			{Value: string(access.Reader), Label: "Reader: reads everything, changes nothing"},
			{Value: string(access.Admin), Label: "Admin: everything"},
			{Value: string(access.Engagement), Label: "Engagement: the steps that are done there"},
			{Value: string(access.User), Label: "User: one user's own mapping"},
		}},
		{Name: "user", Label: "Salesforce user name", Value: typed.Get("user"), MaxLength: 255, Hint: "Of the role User alone."},
		{Type: ui.NumberField, Name: "days", Label: "Days", Value: cmp.Or(typed.Get("days"), "90"), Required: true, Hint: "How long it works, at most 366."},
	}, Submits: []ui.Submit{{Label: "Create"}}}
}

func (s *Server) tokens(w http.ResponseWriter, r *http.Request, v stay) {
	p, err := s.tokensPage(r, v)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p.Blocks = append(p.Blocks, v.form(tokenForm(nil)))
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) tokensPage(r *http.Request, v stay) (ui.Page, error) {
	p := ui.Page{Title: "API tokens"}
	p.Current = tokensPath
	all, err := s.Access.Tokens(r.Context(), v.link)
	t := ui.Table{Caption: "API tokens that were not revoked", Columns: []string{"Name", "Role", "User", "Made by", "Expires", "Used last", "Action"}, Empty: "there is none"}
	for _, one := range all {
		if !one.Revoked.IsZero() {
			continue
		}
		revoke := v.signed(ui.Form{Action: tokensPath + "/revoke", Fields: []ui.Field{{Type: ui.HiddenField, Name: "id", Value: one.ID}}, Submits: []ui.Submit{{Label: "Revoke " + one.Name, Secondary: true}}})
		t.Rows = append(t.Rows, append(ui.Row(one.Name, string(one.Role), one.Username, one.By, stamp(one.Expires), stamp(one.Used)), ui.Cell{Form: &revoke}))
	}
	p.Blocks = append(p.Blocks, t)
	return p, err
}

// createToken makes a token and shows it: this once.
func (s *Server) createToken(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	spec := access.Spec{Name: form.Get("name"), Role: access.Role(form.Get("role")), Username: strings.TrimSpace(form.Get("user"))}
	days, err := strconv.Atoi(form.Get("days"))
	if err != nil || days < 1 || days > int(access.MaxTokenLife/(24*time.Hour)) {
		err = fault.New(fault.Invalid, access.CodeInvalidToken, "A token works for 1 to 366 days.").In("days")
	}
	var value string
	if err == nil {
		spec.Life = time.Duration(days) * 24 * time.Hour
		err = once.Do(r.Context(), s.Forms, r.URL.Path, form, nil, func() (bool, error) {
			made, secret, err := s.Access.CreateToken(r.Context(), v.link, spec, v.actor())
			spec.Name, value = made.Name, secret.Reveal()
			return false, err
		})
	}
	p, listErr := s.tokensPage(r, v)
	if listErr != nil {
		s.sorry(w, r, v, listErr)
		return
	}
	if err != nil {
		f := tokenForm(form)
		s.badForm(w, r, v, p, &f, err)
		return
	}
	p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: "Copy the API token “" + spec.Name + "” now: it is not shown again", Text: value})
	p.Blocks = append(p.Blocks, v.form(tokenForm(nil)))
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	if _, err := s.Access.RevokeToken(r.Context(), v.link, form.Get("id"), v.actor()); err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, tokensPath)
}
