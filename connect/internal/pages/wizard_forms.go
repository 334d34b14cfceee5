package pages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// again shows the wizard with what was typed and why it was refused; what no field is to blame for stands on top.
func (s *Server) again(w http.ResponseWriter, r *http.Request, v stay, form url.Values, err error) {
	f := fault.Of(err)
	if f.Kind != fault.Invalid && f.Kind != fault.Conflict {
		s.sorry(w, r, v, err)
		return
	}
	in := wizardInput{kind: upgrade.Kind(form.Get("kind")), values: map[string]string{}, err: err}
	if in.kind != upgrade.ConnectedApp && in.kind != upgrade.TenantOAuth {
		in.kind = ""
	}
	for name := range form {
		in.values[name] = form.Get(name)
	}
	switch f.Field {
	case "at", "mode", "order", "window_minutes", "acknowledged", "anyway", "reason", "verify.definition", "verify.as", "verify.to", "verify.contact":
		in.field = f.Field
	}
	s.log(r, f.Kind.HTTPStatus(), err)
	s.showWizard(w, r, v, f.Kind.HTTPStatus(), in)
}

// ours refuses whoever is not the owner of what is to be done.
func (v stay) ours(o upgrade.Owner) error {
	if v.plays(o) {
		return nil
	}
	return fault.New(fault.Denied, upgrade.CodeOthersStep, "This is a step of the %s, who does it in a session of his own; you are here as %s.", ownerText(o), v.part())
}

// startRequest reads how an upgrade is to go.
func startRequest(v stay, form url.Values) (upgrade.StartRequest, error) {
	q := upgrade.StartRequest{Order: upgrade.Order(form.Get("order")), By: v.actor()}
	var err error
	if q.Kind, err = upgrade.ParseKind(form.Get("kind")); err != nil {
		return q, err
	}
	q.Mode = link.OutageMode(form.Get("mode"))
	if minutes := form.Get("minutes"); minutes != "" {
		n, err := strconv.Atoi(strings.TrimSpace(minutes))
		if err != nil || n < 1 || n > int(link.MaxOutage/time.Minute) {
			return q, fault.New(fault.Invalid, upgrade.CodeInvalid, "The outage lasts from one minute to %d hours.", link.MaxOutage/time.Hour).In("window_minutes")
		}
		q.Window = time.Duration(n) * time.Minute
	}
	return q, nil
}

// beginUpgrade is the Engagement admin's: he acknowledges the changes and begins.
func (s *Server) beginUpgrade(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	q, err := startRequest(v, form)
	if err == nil {
		err = v.ours(upgrade.EngagementAdmin)
	}
	if err == nil && form.Get("acknowledged") == "" {
		err = fault.New(fault.Invalid, upgrade.CodeInvalid, "Acknowledge the changes to begin.").In("acknowledged")
	}
	if err == nil {
		q.Acknowledged = true
		_, err = s.Upgrades.Start(r.Context(), v.link, q)
	}
	if err != nil {
		s.again(w, r, v, form, err)
		return
	}
	redirect(w, r, UpgradePath)
}

// bookUpgrade books the outage, or moves it. Both admins may.
func (s *Server) bookUpgrade(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	q, err := startRequest(v, form)
	after := form.Get("after_sends") != ""
	ask := upgrade.ScheduleRequest{StartRequest: q, AfterSends: &after, Anyway: form.Get("anyway") != ""}
	if err == nil {
		ask.At, err = time.Parse(timeForm, strings.TrimSpace(form.Get("at")))
		switch now := s.Links.Now(v.link); {
		case err != nil:
			err = fault.New(fault.Invalid, upgrade.CodeInvalid, "Write the time as %s, UTC.", s.Links.Now(v.link).Format(timeForm)).In("at")
		case ask.At.Before(now):
			err = fault.New(fault.Invalid, upgrade.CodeInvalid, "That time is past; it is %s.", now.Format(timeForm)).In("at")
		}
	}
	if err == nil {
		_, _, err = s.Schedule.Book(r.Context(), v.link, ask)
	}
	if err != nil {
		s.again(w, r, v, form, err)
		return
	}
	redirect(w, r, UpgradePath)
}

// withdrawUpgrade takes a booking back.
func (s *Server) withdrawUpgrade(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	if _, err := s.Schedule.Withdraw(r.Context(), v.link, v.actor(), strings.TrimSpace(form.Get("reason"))); err != nil {
		s.again(w, r, v, form, err)
		return
	}
	redirect(w, r, UpgradePath)
}

// current is the upgrade at the step that a form is about, where that is who is here's.
func (s *Server) current(r *http.Request, v stay, step upgrade.Name) (upgrade.Upgrade, error) {
	u, err := s.Upgrades.Last(r.Context(), v.link)
	if err != nil {
		return u, err
	}
	if u.Waiting == nil || u.Waiting.Step != step {
		return u, fault.New(fault.Conflict, upgrade.CodeNotNow, "The upgrade is not at this step any more.")
	}
	return u, v.ours(u.Waiting.For)
}

// tellUpgrade says that an admin's step may be done, or that he did it.
func (s *Server) tellUpgrade(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	step := upgrade.Name(form.Get("step"))
	u, err := s.current(r, v, step)
	if err == nil && step == upgrade.Acknowledge && !u.Waiting.Undoing && form.Get("acknowledged") == "" {
		err = fault.New(fault.Invalid, upgrade.CodeInvalid, "Acknowledge the changes to begin.").In("acknowledged")
	}
	if err == nil {
		_, err = s.Upgrades.Tell(r.Context(), v.link, step, upgrade.Telling{
			By: v.actor(), Anyway: form.Get("anyway") != "",
			Verify: upgrade.Verification{Definition: form.Get("definition"), As: form.Get("as"), To: form.Get("to"), Contact: form.Get("contact")},
		})
	}
	if err != nil {
		s.again(w, r, v, form, err)
		return
	}
	if step == upgrade.Migrate && !u.Waiting.Undoing { // document 003: the results window, which OK closes
		redirect(w, r, migrateResultsPath)
		return
	}
	redirect(w, r, UpgradePath)
}

// askAccount names both identities before Connect Account. Where no upgrade is under way it is where one begins: document 003 has
// Connect Account before the changes are acknowledged.
func (s *Server) askAccount(w http.ResponseWriter, r *http.Request, v stay) {
	u, err := s.underWayOf(r.Context(), v.link)
	before := err == nil && !u.UnderWay() && v.link.Org.Driver == link.Password
	switch {
	case err != nil:
	case before:
		err = v.ours(upgrade.EngagementAdmin)
	default:
		u, err = s.current(r, v, upgrade.ConnectAccount)
	}
	var form ui.Form
	if before && err == nil {
		form, err = s.accountBegins(r.Context(), v)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	blocks := []ui.Block{
		ui.Definitions{{Name: "You", Value: v.Person.Shown()}, {Name: "Salesforce system user", Value: v.link.Org.Username}, {Name: "Org", Value: v.link.Org.OrgID + ", " + s.Links.SignInURL(r.Context(), v.link)}, {Name: "Enterprise", Value: fmt.Sprint(v.link.EID)}},
		ui.Text("From then on Connect signs in to the org as this system user by its own key. Nobody else is connected."),
	}
	label := "Connect Account"
	if !before && u.NeedsAllow() {
		blocks = append(blocks, ui.Text("The org asks the system user himself: log in there as "+v.link.Org.Username+", and allow "+v.link.Names().App+" to access your data."))
		label = "Log in and allow"
	}
	if !before {
		form = ui.Form{Action: upgradeAccount, Submits: []ui.Submit{{Label: label}}}
	}
	s.show(w, r, http.StatusOK, v, ui.Page{
		Title: "Upgrade: Connect Account", Crumbs: []ui.Link{{Text: "Upgrade", Href: UpgradePath}}, FormAction: s.orgSource(r.Context(), v.link), Alerts: []ui.Alert{{Kind: ui.Warning, Title: "Warning", Text: sessionWarning + " " + companyLogin}},
		Blocks: append(blocks, v.form(form), ui.Links{{Text: "Back", Href: UpgradePath}}),
	})
}

// accountBegins is the form of an upgrade that is not begun: how it goes, and the acknowledgement.
func (s *Server) accountBegins(ctx context.Context, v stay) (ui.Form, error) {
	plan, err := s.Planner.Plan(ctx, v.link, upgrade.Request{Kind: upgrade.ConnectedApp})
	var u upgrade.Upgrade
	if err == nil {
		u, err = s.Upgrades.Last(ctx, v.link)
	}
	if fault.CodeOf(err) == upgrade.CodeNotFound {
		err = nil
	}
	form := beginForm(plan, u.State == upgrade.Booked, wizardInput{})
	form.Submits[0].Label = "Acknowledge and begin"
	return form, err
}

// upgradeAccount has Connect take the key, or sends the browser to the org where the system user has to allow the app.
func (s *Server) upgradeAccount(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	u, err := s.current(r, v, upgrade.ConnectAccount)
	to := UpgradePath
	switch {
	case err != nil:
	case u.NeedsAllow():
		if err = s.Upgrades.MayAllow(r.Context(), v.link); err == nil {
			to, err = s.Signins.OfferAccount(r.Context(), v.link)
		}
	default:
		_, err = s.Upgrades.Tell(r.Context(), v.link, upgrade.ConnectAccount, upgrade.Telling{By: v.actor()})
	}
	if err != nil {
		s.again(w, r, v, form, err)
		return
	}
	s.leave(w, r, to)
}

// askAPIUser names both identities before Connect to Marketing Cloud (document 002).
func (s *Server) askAPIUser(w http.ResponseWriter, r *http.Request, v stay) {
	if _, err := s.current(r, v, upgrade.ConnectEngagement); err != nil {
		s.sorry(w, r, v, err)
		return
	}
	s.show(w, r, http.StatusOK, v, ui.Page{
		Title: "Connect to Marketing Cloud as the API user", Crumbs: []ui.Link{{Text: "Upgrade", Href: UpgradePath}}, FormAction: tenantSource(v.link),
		Alerts: []ui.Alert{{Kind: ui.Warning, Title: "Warning", Text: "Log out of all active Engagement sessions first. Closing the tab doesn’t end an active session."}},
		Blocks: []ui.Block{
			ui.Definitions{{Name: "You", Value: v.Person.Shown()}, {Name: "Marketing Cloud Connect API user", Value: v.link.Tenant.Username}, {Name: "Enterprise", Value: fmt.Sprint(v.link.EID)}, {Name: "Org", Value: v.link.Org.OrgID}},
			ui.Text("Next you enter the API user’s credentials on Engagement’s own page. Who was found there is named and asked about; nobody else is connected."),
			v.form(ui.Form{Action: upgradeAPIUser, Submits: []ui.Submit{{Label: "Connect to Marketing Cloud"}}}),
			ui.Links{{Text: "Back", Href: UpgradePath}},
		},
	})
}

// upgradeAPIUser sends the browser to where the API user gives his credentials.
func (s *Server) upgradeAPIUser(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	_, err := s.current(r, v, upgrade.ConnectEngagement)
	if err == nil {
		err = s.Links.MaySignInTenant(r.Context(), v.link, v.link.Tenant.Username)
	}
	to := ""
	if err == nil {
		to, err = s.Signins.OfferAPIUser(r.Context(), v.link, v.link.Tenant.Username, v.link.Tenant.MID)
	}
	if err != nil {
		s.again(w, r, v, form, err)
		return
	}
	s.leave(w, r, to)
}

// askCancel says what cancelling does.
func (s *Server) askCancel(w http.ResponseWriter, r *http.Request, v stay) {
	s.showCancel(w, r, v, http.StatusOK, "", "")
}

func (s *Server) showCancel(w http.ResponseWriter, r *http.Request, v stay, status int, reason, wrong string) {
	u, err := s.Upgrades.Last(r.Context(), v.link)
	if err == nil && (!u.Live() || u.State == upgrade.Cancelling) {
		err = fault.New(fault.Conflict, upgrade.CodeOver, "There is nothing to cancel: the last upgrade is %s.", u.State)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	effects := ui.List{"Connect signs in by the old credentials again, which it keeps until the upgrade is closed."}
	for i := len(u.Steps) - 1; i >= 0; i-- {
		if one := u.Steps[i]; one.Status == upgrade.Finished || one.Status == upgrade.Intended {
			effects = append(effects, "Undone, by "+ownerText(one.Owner)+": "+s.Upgrades.Title(u, one.Step))
		}
	}
	s.show(w, r, status, v, ui.Page{
		Title: "Cancel the upgrade", Crumbs: []ui.Link{{Text: "Upgrade", Href: UpgradePath}},
		Blocks: []ui.Block{
			effects,
			v.form(ui.Form{Action: upgradeCancel, Fields: []ui.Field{{Name: "reason", Label: "Why; kept on record", Value: reason, Error: wrong, Required: true, MaxLength: 500}}, Submits: []ui.Submit{{Label: "Cancel the upgrade"}}}),
			ui.Links{{Text: "Go on with the upgrade", Href: UpgradePath}},
		},
	})
}

func (s *Server) cancelUpgrade(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	reason := strings.TrimSpace(form.Get("reason"))
	if reason == "" {
		s.showCancel(w, r, v, http.StatusUnprocessableEntity, "", "Say why.")
		return
	}
	if _, err := s.Upgrades.Cancel(r.Context(), v.link, v.actor(), reason); fault.KindOf(err) == fault.Invalid {
		s.showCancel(w, r, v, http.StatusUnprocessableEntity, reason, fault.Of(err).Message)
		return
	} else if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, UpgradePath)
}

// retryMigration migrates those again who failed.
func (s *Server) retryMigration(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	if _, err := s.Migrations.Retry(r.Context(), v.link, v.actor()); err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, upgradeReport)
}

// upgradeReport shows what became of each user of the upgrade, in all its migrations, or in the one that the parameter run names; with the
// parameter report it is one of the two lists, as a file.
func (s *Server) upgradeReport(w http.ResponseWriter, r *http.Request, v stay) {
	query, err := web.Query(r)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	runs, err := s.reported(r.Context(), v, query.Get("run"))
	if fault.CodeOf(err) == migration.CodeNotFound && query.Get("run") == "" {
		s.show(w, r, http.StatusOK, v, ui.Page{Title: "Report of the users", Crumbs: []ui.Link{{Text: "Upgrade", Href: UpgradePath}}, Blocks: []ui.Block{ui.Text("Nobody was migrated yet.")}})
		return
	}
	if err == nil && query.Get("report") != "" {
		if err = s.download(w, r, v, runs, query.Get("report")); err == nil {
			return
		}
	}
	var blocks []ui.Block
	if err == nil {
		blocks, err = s.runBlocks(r.Context(), v, runs, query.Get("run"))
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	crumbs := []ui.Link{{Text: "Upgrade", Href: UpgradePath}}
	title := "Report of the users"
	if query.Get("run") != "" {
		crumbs, title = append(crumbs, ui.Link{Text: title, Href: upgradeReport}), "Migration "+query.Get("run")
	}
	s.show(w, r, http.StatusOK, v, ui.Page{Title: title, Crumbs: crumbs, Blocks: blocks})
}

// reported are the migrations of a report: the one with the id, or all of the upgrade whose users were migrated last.
func (s *Server) reported(ctx context.Context, v stay, id string) (migration.Whole, error) {
	if id == "" {
		return s.Migrations.Newest(ctx, v.link)
	}
	run, err := s.Migrations.Status(ctx, v.link, id)
	return migration.Whole{run}, err
}

// download writes a list as a file. What goes wrong after it has begun ends the connection, so that nobody takes a half for
// the whole.
func (s *Server) download(w http.ResponseWriter, r *http.Request, v stay, runs migration.Whole, which string) error {
	report, err := migration.ParseReport(which)
	if err != nil {
		return err
	}
	name, write := s.Migrations.WholeReport(r.Context(), v.link, runs, report)
	web.NoStore(w)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := write(r.Context(), w); err != nil {
		s.log(r, http.StatusOK, err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// How the events of the wizard go: how often is looked for news, how long one page is told before it asks again, and how long one
// write may take.
const (
	eventsLook  = 500 * time.Millisecond
	eventsLife  = 10 * time.Minute
	eventsWrite = 10 * time.Second
)

// liveEvent is the data of an event: see ui.Progress.
type liveEvent struct {
	Percent float64 `json:"percent"`
	Text    string  `json:"text"`
}

// upgradeEvents tells the page how the upgrade goes; an event named end has it loaded anew, where it is somebody else's turn.
func (s *Server) upgradeEvents(w http.ResponseWriter, r *http.Request, v stay) {
	out := http.NewResponseController(w)
	web.NoStore(w)
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(eventsWrite)) // a transport without deadlines has its own way of giving up
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	stop := time.NewTimer(eventsLife)
	defer stop.Stop()
	tick := time.NewTicker(eventsLook)
	defer tick.Stop()
	q, err := web.Query(r)
	if err != nil {
		s.log(r, http.StatusOK, err)
		return
	}
	// What the page shows, which may be over by the time that its script asks.
	first, said := q.Get(shownParam), ""
	for {
		stands, event, err := s.liveUpgrade(r, v)
		if err != nil {
			s.log(r, http.StatusOK, err)
			return
		}
		if first == "" {
			first = stands
		}
		if stands != first {
			send("event: end\ndata: {}\n\n")
			return
		}
		if event != said {
			if said = event; !send("data: " + event + "\n\n") {
				return
			}
		}
		select {
		case <-r.Context().Done():
			return
		case <-stop.C:
			return
		case <-tick.C:
		}
	}
}

// liveUpgrade is how an upgrade stands, by what its page would show otherwise, and how far it is.
func (s *Server) liveUpgrade(r *http.Request, v stay) (stands, event string, err error) {
	l, err := s.Links.Link(r.Context(), v.link.Pair)
	if err != nil {
		return "", "", err
	}
	u, err := s.Upgrades.Last(r.Context(), l)
	if err != nil {
		return "", "", err
	}
	p, err := s.Upgrades.Progress(r.Context(), l, u)
	if err != nil {
		return "", "", err
	}
	text, err := json.Marshal(liveEvent{p.Percent, progressText(p)})
	return shownAs(u, p), string(text), err
}

// shownParam names what a page shows in the address of its events.
const shownParam = "shown"

// shownAs is another text whenever the page would show something else than how far the upgrade is.
func shownAs(u upgrade.Upgrade, p upgrade.Progress) string {
	stands := fmt.Sprint(u.ID, u.State, u.Step, p.Done, u.Failure)
	if w := u.Waiting; w != nil {
		stands += fmt.Sprint(w.For, w.Step, w.Undoing, w.Have)
	}
	sum := sha256.Sum256([]byte(stands))
	return hex.EncodeToString(sum[:8])
}
