package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Paths of the change of the API user's credentials.
const (
	apiChangePath = ConsolePath + "/api-user"
	apiPausePath  = apiChangePath + "/pause"
	apiResumePath = apiChangePath + "/resume"
	apiCancelPath = apiChangePath + "/cancel"
)

// apiChange leads through a change of the API user's credentials: what stops, pause, change, verify, resume (connect-facts 3.4).
func (s *Server) apiChange(w http.ResponseWriter, r *http.Request, v stay) {
	s.showAPIChange(w, r, v, apiChangeShown{})
}

// apiChangeShown is what a form of the page led to: what was typed, why it was refused, what was found of the user.
type apiChangeShown struct {
	typed url.Values
	err   error
	proof []apiuser.Finding
}

func (s *Server) showAPIChange(w http.ResponseWriter, r *http.Request, v stay, in apiChangeShown) {
	plan, err := s.APIUser.Plan(r.Context(), v.link)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Change the API user’s credentials", FormAction: tenantSource(v.link)}
	before, after := apiuser.Clicks()
	c := plan.Change
	state := func(done bool) (ui.StepState, string) {
		if done {
			return ui.StepDone, "done"
		}
		return ui.StepOpen, "open"
	}
	paused, over := c.UnderWay() && c.Step != apiuser.Pausing, c.Revision > 0 && c.Step == apiuser.Resumed
	if over {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: "The last change is over", Text: "It ended on " + stamp(c.EndedAt) + ": what was paused goes on."})
	}
	if c.Step == apiuser.Cancelled {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: "The last change was cancelled", Text: "It ended on " + stamp(c.EndedAt) + "."})
		if left := slices.DeleteFunc(slices.Clone(c.Items), func(i apiuser.Item) bool { return !i.Paused }); len(left) > 0 {
			p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Warning, Title: "Some of it is paused still", Text: "Start it in Email Studio > Interactions > Triggered Emails."})
			p.Blocks = append(p.Blocks, itemTable("Paused still", left))
		}
	}
	if c.UnderWay() {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Warning, Title: "A change is under way", Text: "Begun by " + c.Actor + " on " + stamp(c.StartedAt) + ". What is paused stays so until it is resumed."})
	}
	step := func(n int, text string, done bool) ui.Step {
		st, word := state(done)
		return ui.Step{Number: strconv.Itoa(n), Text: text, State: st, Word: word}
	}
	p.Blocks = append(
		p.Blocks, ui.Definitions{{Name: "Marketing Cloud Connect API user", Value: v.link.Tenant.Username}, {Name: "Business unit (MID)", Value: strconv.FormatInt(v.link.Tenant.MID, 10)}},
		ui.Steps{
			step(1, "Read what stops.", true), step(2, "Pause what sends.", paused), step(3, "Change the credentials in Engagement.", false),
			step(4, "Verify the API user, and resume.", false),
		},
		ui.Heading{Text: "1. What stops"}, ui.List(apiuser.Effects()), itemTable("Would stop now", plan.Active), findingTable("The API user as he is now", plan.Proof),
		ui.Heading{Text: "2. Pause"}, ui.Text("No API reaches these; do them first:"), ui.List(before),
	)
	pause := v.form(ui.Form{Action: apiPausePath, Submits: []ui.Submit{{Label: "Pause what sends"}}})
	switch {
	case paused:
		p.Blocks = append(p.Blocks, itemTable("Paused", slices.DeleteFunc(slices.Clone(c.Items), func(i apiuser.Item) bool { return !i.Paused })))
	case c.UnderWay():
		p.Blocks = append(p.Blocks, ui.Text("Pausing broke off. Pausing again goes on where it was; resuming sets everything going."), pause)
	default:
		p.Blocks = append(p.Blocks, pause)
	}
	p.Blocks = append(p.Blocks, ui.Heading{Text: "3. Change"}, ui.Text("In Engagement: Setup > Users > Users > the API user > Reset Password, or prepare another API user. Log out of Engagement afterwards."), ui.Heading{Text: "4. Verify and resume"})
	if c.UnderWay() {
		f := ui.Form{Action: apiResumePath, Submits: []ui.Submit{{Label: "Verify and resume"}}, Fields: []ui.Field{
			{Name: "api_user", Label: "API user", Value: cmp.Or(in.typed.Get("api_user"), v.link.Tenant.Username), Required: true, MaxLength: 255, Autocomplete: "off", Hint: "Another one takes the place of " + v.link.Tenant.Username + "."},
		}}
		if in.err != nil {
			fieldError(&f, in.err)
		}
		p.Blocks = append(p.Blocks, v.form(f), v.form(ui.Form{Action: apiCancelPath, Submits: []ui.Submit{{Label: "Cancel the change", Secondary: true}}}))
	} else {
		p.Blocks = append(p.Blocks, ui.Text("The form for it stands here once what sends is paused."))
	}
	if len(in.proof) > 0 {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "The user is not as he should be: nothing was resumed"})
		p.Blocks = append(p.Blocks, findingTable("What was found of him", in.proof))
	}
	p.Blocks = append(p.Blocks, ui.Text("Then look, in Engagement and in the org:"), ui.List(after), ui.Links{{Text: "Test sends", Href: tryPath}})
	status := http.StatusOK
	if in.err != nil {
		var text string
		if status, text = s.refusal(r, in.err); status == 0 {
			return
		}
		if fault.Of(in.err).Field != "api_user" {
			p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "That did not work", Text: text})
		}
	}
	s.show(w, r, status, v, p)
}

// itemTable lists what sends.
func itemTable(caption string, items []apiuser.Item) ui.Table {
	t := ui.Table{Caption: caption, Columns: []string{"Name", "Kind", "Key", "Business unit (MID)"}, Empty: "nothing"}
	for _, i := range items {
		t.Rows = append(t.Rows, ui.Row(i.Name, strings.ReplaceAll(string(i.Kind), "_", " "), i.Key, strconv.FormatInt(i.MID, 10)))
	}
	return t
}

// findingTable lists what a look at the API user found.
func findingTable(caption string, found []apiuser.Finding) ui.Table {
	t := ui.Table{Caption: caption, Columns: []string{"What", "Wanted", "Found", "Result"}}
	for _, f := range found {
		t.Rows = append(t.Rows, ui.Row(f.Name, f.Want, f.Got, map[bool]string{true: "as it should be", false: "not as it should be"}[f.OK]))
	}
	return t
}

func (s *Server) apiPause(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	if _, err := s.APIUser.Pause(r.Context(), v.link, v.actor()); err != nil {
		s.showAPIChange(w, r, v, apiChangeShown{err: err})
		return
	}
	redirect(w, r, apiChangePath)
}

// apiCancel gives the change up. Where the page itself has nothing to show in this standing, what is left is told by the command.
func (s *Server) apiCancel(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	if _, err := s.APIUser.Cancel(r.Context(), v.link, v.actor()); err != nil {
		s.showAPIChange(w, r, v, apiChangeShown{err: err})
		return
	}
	redirect(w, r, apiChangePath)
}

// apiResume verifies the API user by a new sign-in and sets going what was paused. One whose grant went with his password is sent to
// Engagement, to sign in once.
func (s *Server) apiResume(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	name := strings.TrimSpace(form.Get("api_user"))
	err := s.Upgrades.KeepsAPIUser(r.Context(), v.link, name, 0)
	var done apiuser.Change
	var proof []apiuser.Finding
	if err == nil {
		done, proof, err = s.APIUser.Resume(r.Context(), v.link, name, 0, v.actor())
	}
	if link.NeedsGrant(err) {
		mid := int64(0)
		if link.SameUsername(name, v.link.Tenant.Username) {
			mid = v.link.Tenant.MID
		}
		var location string
		if location, err = s.Signins.OfferAPIUser(r.Context(), v.link, cmp.Or(name, v.link.Tenant.Username), mid); err == nil {
			s.leave(w, r, location)
			return
		}
	}
	if err != nil || done.Step != apiuser.Resumed {
		s.showAPIChange(w, r, v, apiChangeShown{typed: form, err: err, proof: proof})
		return
	}
	redirect(w, r, apiChangePath)
}
