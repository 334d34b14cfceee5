package pages

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// UpgradePath is the upgrade wizard: two admins, each in his own session, see whose turn it is and do what is theirs.
const UpgradePath = "/upgrade"

// Forms of the wizard.
const (
	upgradeBegin    = UpgradePath + "/begin"
	upgradeBook     = UpgradePath + "/schedule"
	upgradeWithdraw = UpgradePath + "/withdraw"
	upgradeStep     = UpgradePath + "/step"
	upgradeAccount  = UpgradePath + "/connect-account"
	upgradeAPIUser  = UpgradePath + "/connect-to-marketing-cloud"
	upgradeCancel   = UpgradePath + "/cancel"
	upgradeRetry    = UpgradePath + "/retry"
	upgradeReport   = UpgradePath + "/report"
	upgradeEvents   = UpgradePath + "/events"
)

// mountWizard registers the wizard.
func (s *Server) mountWizard(handle func(pattern string, h http.Handler)) {
	handle("GET "+UpgradePath, s.inside(s.wizard, access.Engagement))
	handle("POST "+upgradeBegin, s.act(s.beginUpgrade, access.Engagement))
	handle("POST "+upgradeBook, s.act(s.bookUpgrade, access.Engagement))
	handle("POST "+upgradeWithdraw, s.act(s.withdrawUpgrade, access.Engagement))
	handle("POST "+upgradeStep, s.act(s.tellUpgrade, access.Engagement))
	handle("GET "+upgradeAccount, s.inside(s.askAccount, access.Engagement))
	handle("POST "+upgradeAccount, s.act(s.upgradeAccount, access.Engagement))
	handle("GET "+upgradeAPIUser, s.inside(s.askAPIUser, access.Engagement))
	handle("POST "+upgradeAPIUser, s.act(s.upgradeAPIUser, access.Engagement))
	handle("GET "+upgradeCancel, s.inside(s.askCancel, access.Engagement))
	handle("POST "+upgradeCancel, s.act(s.cancelUpgrade, access.Engagement))
	handle("POST "+upgradeRetry, s.act(s.retryMigration, access.Engagement))
	handle("GET "+upgradeReport, s.inside(s.upgradeReport, access.Engagement))
	handle("GET "+upgradeEvents, s.inside(s.upgradeEvents, access.Engagement))
}

// actor names the person in the audit chain.
func (v stay) actor() string { return v.Person.Actor() }

// plays reports whether a step's owner is who is here: whoever came from the org is its admin, whoever came from Engagement is
// that one's, and whoever had the one-time link is both.
func (v stay) plays(o upgrade.Owner) bool {
	switch o {
	case upgrade.EngagementAdmin:
		return v.Person.Cloud != access.ByOrg
	case upgrade.CRMAdmin:
		return v.Person.Cloud != access.ByEngagement
	}
	return false
}

// part says which admin is here.
func (v stay) part() string {
	switch v.Person.Cloud {
	case access.ByOrg:
		return "the Sales or Service Cloud admin"
	case access.ByEngagement:
		return "the Engagement admin"
	}
	return "both admins"
}

// ownerText is whose step it is.
func ownerText(o upgrade.Owner) string {
	switch o {
	case upgrade.EngagementAdmin:
		return "Engagement admin"
	case upgrade.CRMAdmin:
		return "Sales or Service Cloud admin"
	case upgrade.Connect:
		return "Connect"
	case upgrade.Time:
		return "its hour"
	}
	return string(o)
}

func kindText(k upgrade.Kind) string {
	if k == upgrade.TenantOAuth {
		return "Upgrade to tenant-specific OAuth"
	}
	return "Upgrade to Connected App"
}

// wizard shows the upgrade that is under way or, where none is, what one would do. Parameters: kind.
func (s *Server) wizard(w http.ResponseWriter, r *http.Request, v stay) {
	query, err := web.Query(r)
	var kind upgrade.Kind
	if err == nil {
		kind, err = upgrade.ParseKind(query.Get("kind"))
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	s.showWizard(w, r, v, http.StatusOK, wizardInput{kind: kind})
}

// wizardInput is what somebody typed into a form that was refused, and why.
type wizardInput struct {
	kind   upgrade.Kind
	values map[string]string
	field  string // that the refusal is about; "" for none
	err    error
}

// value is what was typed, or what stands there by itself.
func (in wizardInput) value(name, standard string) string {
	if v, typed := in.values[name]; typed {
		return v
	}
	return standard
}

// wrong is the refusal where it is about the field.
func (in wizardInput) wrong(name string) string {
	if in.err == nil || in.field != name {
		return ""
	}
	return fault.Of(in.err).Message
}

// showWizard shows it as it stands now.
func (s *Server) showWizard(w http.ResponseWriter, r *http.Request, v stay, status int, in wizardInput) {
	u, err := s.Upgrades.Last(r.Context(), v.link)
	there := err == nil
	if fault.CodeOf(err) == upgrade.CodeNotFound {
		err = nil
	}
	p := ui.Page{Title: "Upgrade"}
	if err == nil && there && (u.Live() && u.State != upgrade.Booked || u.State == upgrade.Watching && in.kind == "") {
		err = s.underWay(r.Context(), v, u, in, &p)
	} else if err == nil {
		err = s.before(r.Context(), v, u, there, in, &p)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	if in.err != nil && in.field == "" {
		p.Alerts = append([]ui.Alert{{Kind: ui.Error, Title: "That did not work", Text: fault.Of(in.err).Message}}, p.Alerts...)
		p.Blocks = append(p.Blocks, whatItMeans(in.err))
	}
	p.Blocks = append(p.Blocks, ui.Links{{Text: "Troubleshoot Connected App", Href: TroubleshootPath}})
	s.show(w, r, status, v, p)
}

// outageBlocks are the outage that is booked or open, with what is left of it.
func (s *Server) outageBlocks(l link.Link) []ui.Block {
	now := s.Links.Now(l)
	switch o := l.Outage; {
	case o.Mode == "":
		return nil
	case o.Open(now) && !now.Before(o.Until):
		return []ui.Block{ui.Text("The outage takes longer than it was booked for, by " + now.Sub(o.Until).Round(time.Minute).String() + ". It stays until the upgrade is closed or cancelled.")}
	case o.Open(now):
		return []ui.Block{s.countdown(l, "The connection is unavailable ("+o.Reason+")", o.Until)}
	case now.Before(o.From):
		return []ui.Block{s.countdown(l, "The connection becomes unavailable ("+o.Reason+")", o.From)}
	}
	return nil
}

// countdown tells how long something lasts yet.
func (s *Server) countdown(l link.Link, label string, until time.Time) ui.Block {
	return ui.Countdown{Label: label, Now: s.Links.Now(l), Until: until}
}

// underWay shows an upgrade: whose turn it is, what is his to do, how far it is, and its steps.
func (s *Server) underWay(ctx context.Context, v stay, u upgrade.Upgrade, in wizardInput, p *ui.Page) error {
	progress, err := s.Upgrades.Progress(ctx, v.link, u)
	if err != nil {
		return err
	}
	p.Title = kindText(u.Kind)
	p.Blocks = append(p.Blocks, ui.Text("You are here as "+v.part()+"."))
	if u.Failure != "" {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Warning, Title: "The last attempt failed and is made again", Text: u.Failure})
	}
	for _, f := range u.Findings {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Notice, Title: "Found", Text: f.Text})
	}
	p.Blocks = append(p.Blocks, ui.Heading{Text: "Now"})
	turn, err := s.turn(ctx, v, u, in, p)
	if err != nil {
		return err
	}
	p.Blocks = append(p.Blocks, turn...)
	p.Blocks = append(p.Blocks, s.outageBlocks(v.link)...)
	p.Blocks = append(p.Blocks, progressBlock(u, progress), ui.Heading{Text: "Steps"}, s.upgradeSteps(v, u))
	links := ui.Links{{Text: "Report of the users", Href: upgradeReport}, {Text: "Guide: " + guideOfKind(u.Kind), Href: GuidesPath + "/" + map[bool]string{true: "002", false: "003"}[u.Kind == upgrade.TenantOAuth]}}
	if u.Live() && u.State != upgrade.Cancelling {
		links = append(links, ui.Link{Text: "Cancel the upgrade", Href: upgradeCancel})
	}
	p.Blocks = append(p.Blocks, links)
	return nil
}

func guideOfKind(k upgrade.Kind) string {
	if k == upgrade.TenantOAuth {
		return "Authentication Between Clouds"
	}
	return "Upgrade to Connected App"
}

// progressBlock is how far it is; without script there is a link to look again.
func progressBlock(u upgrade.Upgrade, p upgrade.Progress) ui.Block {
	bar := ui.Progress{Label: "Progress", Done: int64(p.Percent), Total: 100, Text: progressText(p)}
	if u.Live() {
		bar.Live, bar.Reload = upgradeEvents+"?"+shownParam+"="+shownAs(u, p), UpgradePath
	}
	return bar
}

// progressText says how far it is in one line.
func progressText(p upgrade.Progress) string {
	text := fmt.Sprintf("%d of %d steps done", p.Done, p.Steps)
	if n := p.Users; n.Total > 0 {
		text += fmt.Sprintf("; %d of %d users reconnected, %d waiting for approval, %d failed", n.Reconnected, n.Total, n.Waiting, n.Failed)
		if n.Rate > 0 {
			text += fmt.Sprintf("; %.0f users a second", n.Rate)
		}
		if n.Left > 0 {
			text += "; about " + n.Left.Round(time.Second).String() + " left"
		}
	}
	return text
}

// turn says for whom the upgrade waits and, where that is who is here, has the form with which he goes on.
func (s *Server) turn(ctx context.Context, v stay, u upgrade.Upgrade, in wizardInput, p *ui.Page) ([]ui.Block, error) {
	switch {
	case u.State == upgrade.Watching:
		return []ui.Block{ui.Text("The upgrade is complete. Connect looks at your API usage an hour and a day after it.")}, nil
	case u.State == upgrade.Cancelling && u.Waiting == nil:
		return []ui.Block{ui.Text("The upgrade is being cancelled: Connect puts back what it did.")}, nil
	case u.Waiting == nil && u.Step == "":
		return []ui.Block{ui.Text("Connect begins.")}, nil
	case u.Waiting == nil:
		return []ui.Block{ui.Text("Connect works on it: " + s.Upgrades.Title(u, u.Step) + ".")}, nil
	}
	waits := *u.Waiting
	title := s.Upgrades.Title(u, waits.Step)
	if waits.Undoing {
		title = "Put back: " + title
	}
	facts := ui.Definitions{{Name: "Step", Value: title}, {Name: "Read", Value: orNone(waits.Have)}, {Name: "Wanted", Value: orNone(waits.Want)}}
	if waits.Click != "" {
		facts = append(facts, ui.Definition{Name: "How", Value: waits.Click})
	}
	switch {
	case waits.For == upgrade.Time:
		return []ui.Block{ui.Text("The upgrade waits for its hour."), s.countdown(v.link, title, waits.Until)}, nil
	case !v.plays(waits.For):
		return []ui.Block{ui.Text("The upgrade waits for the " + ownerText(waits.For) + ". You have nothing to do now."), facts}, nil
	}
	blocks := []ui.Block{ui.Text("It is your turn."), facts}
	form := ui.Form{Action: upgradeStep, Fields: []ui.Field{{Type: ui.HiddenField, Name: "step", Value: string(waits.Step)}}, Submits: []ui.Submit{{Label: "Done: look now"}}}
	switch {
	case waits.Undoing:
		form.Fields = append(form.Fields, ui.Field{Type: ui.CheckboxField, Name: "anyway", Label: "Leave it as it is; it is told in the report"})
	case waits.Step == upgrade.Acknowledge:
		form.Fields = append(form.Fields, acknowledgement(in))
		form.Submits[0].Label = "Acknowledge and begin"
	case waits.Code == upgrade.CodeNotReadable:
		form.Fields = append(form.Fields, ui.Field{Type: ui.CheckboxField, Name: "anyway", Label: "It is done, though the system user cannot see it: go on"})
	case waits.Step == upgrade.ConnectAccount:
		return append(blocks, ui.Links{{Text: "Connect Account", Href: upgradeAccount}}), nil
	case waits.Step == upgrade.ConnectEngagement:
		return append(blocks, ui.Links{{Text: "Connect to Marketing Cloud", Href: upgradeAPIUser}}), nil
	case waits.Step == upgrade.Migrate:
		form.Submits[0].Label, form.Legend = "Connect", "Migrate Existing Users"
	case waits.Step == upgrade.Verify && u.Kind == upgrade.ConnectedApp:
		form = verifyForm(in)
	case waits.Step == upgrade.ScheduledSends, waits.Step == upgrade.Assignments, waits.Step == upgrade.Verify:
		form.Fields = append(form.Fields, ui.Field{Type: ui.CheckboxField, Name: "anyway", Label: "Go on without what is missing"})
	}
	return append(blocks, v.form(form)), nil
}

// acknowledgement is document 003's step 6.
func acknowledgement(in wizardInput) ui.Field {
	return ui.Field{Type: ui.CheckboxField, Name: "acknowledged", Label: "I acknowledge the changes to my account", Required: true, Error: in.wrong("acknowledged")}
}

// verifyForm asks by what the upgrade is verified.
func verifyForm(in wizardInput) ui.Form {
	return ui.Form{
		Action: upgradeStep, Legend: "Send a test email to yourself",
		Fields: []ui.Field{
			{Type: ui.HiddenField, Name: "step", Value: string(upgrade.Verify)},
			{Name: "definition", Label: "External key of the triggered send definition", Value: in.value("definition", ""), Hint: "Empty closes the upgrade without a test email, which is told.", Error: in.wrong("verify.definition"), MaxLength: 255},
			{Name: "as", Label: "Salesforce user who sends", Value: in.value("as", ""), Hint: "The first mapped user, where empty.", Error: in.wrong("verify.as"), MaxLength: 255},
			{Type: ui.EmailField, Name: "to", Label: "Address that it goes to", Value: in.value("to", ""), Hint: "That user’s own, where empty.", Error: in.wrong("verify.to"), MaxLength: 255},
			{Name: "contact", Label: "Id of a contact or lead for a triggered send", Value: in.value("contact", ""), Error: in.wrong("verify.contact"), MaxLength: 18},
		},
		Submits: []ui.Submit{{Label: "Verify and close"}},
	}
}

// upgradeSteps are all steps, those of who is here marked as his.
func (s *Server) upgradeSteps(v stay, u upgrade.Upgrade) ui.Steps {
	steps := make(ui.Steps, 0, len(u.Steps))
	for i, one := range u.Steps {
		state, word := ui.StepOpen, "open"
		switch one.Status {
		case upgrade.Finished:
			state, word = ui.StepDone, "done"
		case upgrade.Undone:
			word = "undone"
		case upgrade.Intended:
			word = "begun"
		}
		who := ownerText(one.Owner)
		if v.plays(one.Owner) {
			who = "you, the " + who
		}
		step := ui.Step{ID: "step-" + string(one.Step), Number: strconv.Itoa(i + 1), Text: s.Upgrades.Title(u, one.Step), State: state, Word: word, Who: who, Current: u.Live() && u.Step == one.Step}
		for _, d := range []ui.Definition{{Name: "Read", Value: one.Have}, {Name: "Wanted", Value: one.Want}} {
			if d.Value != "" {
				step.Details = append(step.Details, d)
			}
		}
		if !one.EndedAt.IsZero() {
			step.Details = append(step.Details, ui.Definition{Name: "Ended", Value: stamp(one.EndedAt)})
		}
		steps = append(steps, step)
	}
	return steps
}

// runBlocks are the results of migrations that belong together: numbers, files, the users who failed or wait as each stands last, and the
// migrations by themselves. only is the id of the one that is shown alone, "" for all.
func (s *Server) runBlocks(ctx context.Context, v stay, runs migration.Whole, only string) ([]ui.Block, error) {
	run := runs[len(runs)-1]
	total, reconnected, waiting, failed := runs.Counts()
	facts := ui.Definitions{
		{Name: "State", Value: string(run.State)},
		{Name: "Users", Value: strconv.Itoa(total)},
		{Name: "Reconnected", Value: strconv.Itoa(reconnected)},
		{Name: "Waiting for approval", Value: strconv.Itoa(waiting)},
		{Name: "Failed", Value: strconv.Itoa(failed)},
		{Name: "Begun", Value: stamp(runs[0].CreatedAt) + " by " + runs[0].Actor},
	}
	if run.Error != "" {
		facts = append(facts, ui.Definition{Name: "Stopped", Value: run.Error})
	}
	for _, one := range runs {
		for _, f := range one.Files {
			if f.Stem != "" {
				facts = append(facts, ui.Definition{Name: "My Documents", Value: f.Success() + ", " + f.Failures()})
			}
		}
	}
	users, err := s.Migrations.WholeResults(ctx, runs, []migration.Result{migration.UserFailed, migration.UserWaiting}, maxListed+1)
	if err != nil {
		return nil, err
	}
	t := ui.Table{Caption: "Users who are not reconnected", Columns: []string{"Salesforce user", "Engagement user", "Result", "Reason"}, Empty: "none"}
	for _, one := range users[:min(len(users), maxListed)] {
		t.Rows = append(t.Rows, []ui.Cell{{Text: one.CRMUsername}, {Text: one.EngagementUsername}, {Text: string(one.Result)}, {Text: one.Reason, Href: explain.Way("", one.Reason)}})
	}
	blocks := []ui.Block{facts, t}
	if len(users) > maxListed {
		blocks = append(blocks, ui.Text("More are in the report."))
	}
	if len(runs) > 1 {
		several := ui.Table{Caption: "Migrations of the upgrade", Columns: []string{"Migration", "What", "Users", "Reconnected", "Failed", "State"}}
		for _, one := range runs {
			several.Rows = append(several.Rows, []ui.Cell{
				{Text: one.ID, Href: upgradeReport + "?run=" + url.QueryEscape(one.ID)},
				{Text: map[bool]string{true: "those who had failed, again", false: "everybody"}[one.Retry]},
				{Text: strconv.Itoa(one.Total)},
				{Text: strconv.Itoa(one.Reconnected)},
				{Text: strconv.Itoa(one.Failed)},
				{Text: string(one.State)},
			})
		}
		blocks = append(blocks, several)
	}
	list := upgradeReport + "?"
	if only != "" {
		list += "run=" + url.QueryEscape(only) + "&"
	}
	blocks = append(blocks, ui.Links{{Text: "Troubleshoot Connected App", Href: TroubleshootPath}, {Text: "Download the users who were reconnected (CSV)", Href: list + "report=success"}, {Text: "Download those who were not (CSV)", Href: list + "report=failures"}})
	if only == "" && failed > 0 && (run.State == migration.Done || run.State == migration.Stopped) {
		blocks = append(blocks, v.form(ui.Form{Action: upgradeRetry, Submits: []ui.Submit{{Label: "Try those who failed again", Secondary: true}}}))
	}
	return blocks, nil
}

// maxListed is how many users are named on a page.
const maxListed = 50

// before shows what an upgrade would do, and the forms that book and begin one.
func (s *Server) before(ctx context.Context, v stay, u upgrade.Upgrade, there bool, in wizardInput, p *ui.Page) error {
	l := v.link
	p.Blocks = append(p.Blocks, ui.Text("You are here as "+v.part()+"."))
	if there && !u.Live() {
		p.Blocks = append(p.Blocks, ui.Text(fmt.Sprintf("The last upgrade (%s) is %s.", strings.ReplaceAll(string(u.Kind), "_", " "), u.State)), ui.Links{{Text: "Report of the users", Href: upgradeReport}})
	}
	if l.Org.Driver != link.Password && l.Tenant.Driver != link.Password {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: "There is nothing to upgrade", Text: "Connect signs in to both clouds without a stored password."})
		p.Blocks = append(p.Blocks, ui.Links{{Text: "Salesforce Integration", Href: IntegrationPath}})
		return nil
	}
	if l.Org.Driver == link.Password && l.Tenant.Driver == link.Password && !(there && u.State == upgrade.Booked) {
		p.Blocks = append(p.Blocks, ui.Links{{Text: kindText(upgrade.ConnectedApp), Href: UpgradePath + "?kind=" + string(upgrade.ConnectedApp)}, {Text: kindText(upgrade.TenantOAuth), Href: UpgradePath + "?kind=" + string(upgrade.TenantOAuth)}})
	}
	plan, err := s.Planner.Plan(ctx, l, upgrade.Request{Kind: in.kind})
	if err != nil {
		return err
	}
	p.Title = kindText(plan.Kind)
	p.Blocks = append(p.Blocks, planBlocks(plan)...)
	booked, after := there && u.State == upgrade.Booked, false
	if booked {
		for _, f := range u.Findings {
			p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Notice, Title: "Found", Text: f.Text})
		}
		if b, err := s.Schedule.Current(ctx, l); err == nil {
			after = b.AfterSends
		} else if fault.CodeOf(err) != upgrade.CodeNotBooked {
			return err
		}
		when := "as soon as it is begun"
		if !u.At.IsZero() {
			when = stamp(u.At)
		}
		if after {
			when += ", once the sends have completed that are due before its end"
		}
		p.Blocks = append(p.Blocks, ui.Heading{Text: "Booked"}, ui.Definitions{{Name: "Outage", Value: when + ", for " + u.Window.String()}, {Name: "Mode", Value: upgrade.ModeText(u.Mode)}, {Name: "Order", Value: string(u.Order)}})
		if !u.At.IsZero() {
			p.Blocks = append(p.Blocks, s.countdown(l, "The outage opens", u.At))
		}
		p.Blocks = append(p.Blocks, v.form(ui.Form{Action: upgradeWithdraw, Fields: []ui.Field{{Name: "reason", Label: "Why it is taken back", Value: in.value("withdraw_reason", ""), Error: in.wrong("reason"), MaxLength: 500}}, Submits: []ui.Submit{{Label: "Take the booking back", Secondary: true}}}))
	}
	blocks, err := s.bookForm(ctx, v, plan, after, in)
	if err != nil {
		return err
	}
	p.Blocks = append(p.Blocks, blocks...)
	if !v.plays(upgrade.EngagementAdmin) {
		p.Blocks = append(p.Blocks, ui.Heading{Text: "Begin"}, ui.Text("The Engagement admin begins the upgrade, in his own session at this address. Your steps stand here when it is your turn."))
		return nil
	}
	p.Blocks = append(p.Blocks, ui.Heading{Text: "Begin"}, ui.Text("The outage opens "+map[bool]string{true: "at its hour", false: "at once"}[booked && !u.At.IsZero()]+" after you acknowledge."), v.form(beginForm(plan, booked, in)))
	if plan.Kind == upgrade.ConnectedApp { // the document's next click
		p.Blocks = append(p.Blocks, ui.Links{{Text: "Connect Account", Href: upgradeAccount}})
	}
	return nil
}

// beginForm is what the Engagement admin begins with; of a booked one everything is settled.
func beginForm(plan upgrade.Plan, booked bool, in wizardInput) ui.Form {
	f := ui.Form{Action: upgradeBegin, Fields: []ui.Field{{Type: ui.HiddenField, Name: "kind", Value: string(plan.Kind)}}, Submits: []ui.Submit{{Label: kindText(plan.Kind)}}}
	if !booked {
		f.Fields = append(f.Fields, outageFields(plan, in)...)
	}
	f.Fields = append(f.Fields, acknowledgement(in))
	return f
}

// outageFields are how an upgrade goes: order, mode, window.
func outageFields(plan upgrade.Plan, in wizardInput) []ui.Field {
	fields := []ui.Field{
		{
			Type: ui.SelectField, Name: "mode", Label: "Sends during the outage", Value: in.value("mode", string(plan.Mode)), Error: in.wrong("mode"), Required: true, Hint: upgrade.ModeText(plan.Mode),
			Options: []ui.Option{{Value: string(link.Hold), Label: "hold: they wait and go out afterwards in their order"}, {Value: string(link.Fail), Label: "fail: they fail, as the document says"}},
		},
		{Type: ui.NumberField, Name: "minutes", Label: "Length of the outage in minutes", Value: in.value("minutes", strconv.Itoa(int(plan.Window/time.Minute))), Error: in.wrong("window_minutes"), Required: true, Hint: "The document asks for 2 hours."},
	}
	if plan.Kind == upgrade.ConnectedApp {
		fields = append([]ui.Field{{
			Type: ui.SelectField, Name: "order", Label: "Order of the steps", Value: in.value("order", string(plan.Order)), Error: in.wrong("order"), Required: true,
			Options: []ui.Option{{Value: string(upgrade.Safe), Label: "safe: users are approved for the app before they are migrated"}, {Value: string(upgrade.Documented), Label: "documented: as document 003 has it"}},
		}}, fields...)
	}
	return fields
}

// timeForm is how a time is written in a form, UTC.
const timeForm = "2006-01-02 15:04"

// bookForm books the outage for later; the quietest hour is proposed. after: what is booked waits for scheduled sends.
func (s *Server) bookForm(ctx context.Context, v stay, plan upgrade.Plan, after bool, in wizardInput) ([]ui.Block, error) {
	if in.values != nil { // what was typed stays
		after = in.value("after_sends", "") != ""
	}
	proposed, err := s.Schedule.Propose(ctx, v.link, plan.Window)
	if err != nil {
		return nil, err
	}
	fields := append([]ui.Field{
		{Type: ui.HiddenField, Name: "kind", Value: string(plan.Kind)},
		{
			Name: "at", Label: "When the outage opens (UTC)", Value: in.value("at", proposed.At.UTC().Format(timeForm)), Error: in.wrong("at"), Required: true,
			Hint: fmt.Sprintf("Off-peak: %s is the quietest hour of the next seven days, with %d sends in it last week.", proposed.At.UTC().Format(timeForm), proposed.Sends),
		},
	}, outageFields(plan, in)...)
	fields = append(fields,
		ui.Field{Type: ui.CheckboxField, Name: "after_sends", Label: "Open it only once the scheduled sends have completed", Checked: after},
		ui.Field{Type: ui.CheckboxField, Name: "anyway", Label: "Book it though scheduled sends inside it fail", Checked: in.value("anyway", "") != "", Error: in.wrong("anyway")})
	return []ui.Block{
		ui.Heading{Text: "Schedule"},
		ui.Text("Both admins are told by mail when the outage is booked or moved, a day before it opens, when it opens and when it is over."),
		v.form(ui.Form{Action: upgradeBook, Fields: fields, Submits: []ui.Submit{{Label: "Schedule", Secondary: true}}}),
	}, nil
}

// planBlocks are what an upgrade would change, and what stands against it.
func planBlocks(p upgrade.Plan) []ui.Block {
	changes := ui.Table{Caption: "What changes", Columns: []string{"What", "Now", "Then", "Whose step"}}
	for _, c := range p.Changes {
		changes.Rows = append(changes.Rows, ui.Row(c.Name, c.Now, c.Then, ownerText(upgrade.Owner(c.Who))))
	}
	found := ui.Table{Caption: "What was found", Columns: []string{"Weight", "Finding"}, Empty: "nothing stands against it"}
	for _, f := range p.Findings {
		found.Rows = append(found.Rows, ui.Row(string(f.Level), f.Text))
	}
	failing := ui.Table{Caption: "Users whose reconnection needs attention", Columns: []string{"Salesforce user", "Engagement user", "Why"}, Empty: "none"}
	for _, u := range p.Users.Told[:min(len(p.Users.Told), maxListed)] {
		failing.Rows = append(failing.Rows, ui.Row(u.CRMUsername, u.EngagementUser, u.Reason))
	}
	return []ui.Block{
		ui.Heading{Text: "Plan"},
		ui.Definitions{
			{Name: "Users who are mapped", Value: strconv.Itoa(p.Users.Mapped)},
			{Name: "Approved for the app", Value: strconv.Itoa(p.Users.Approved)},
			{Name: "Will fail", Value: strconv.Itoa(p.Users.Fails)},
			{Name: "Reconnecting them takes", Value: p.Estimate.Takes.Round(time.Second).String()},
			{Name: "Other people’s sessions in the org", Value: strconv.Itoa(p.Live)},
			{Name: "Sends inside the outage", Value: strconv.Itoa(len(p.Sends))},
		},
		found, changes, failing,
	}
}
