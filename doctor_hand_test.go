package twinspan_test

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/cli"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/ui/uitest"
	"github.com/twinspan/twinspan/internal/vault"
)

// byHand are the ailments, by name, that are mended as their finding says, and not by one command that leaves what there was before:
// on Engagement's pages by its administrator, or by what the finding says next.
var byHand = map[string]func(w *ward, f connect.Ailment, undo func()){
	"the API user is none": func(w *ward, f connect.Ailment, _ func()) {
		p, field := w.goes(f)
		p.Tick(field, true).Press("Save").Sees("API User Yes")
		w.gone("D18")
	},
	"the API user's default is a child": func(w *ward, f connect.Ailment, _ func()) {
		p, field := w.goes(f)
		p.Choose(field, w.r.Engagement.BusinessUnits[0].Name).Press("Save")
		w.gone("D20")
	},
	"the API user is disabled": func(w *ward, f connect.Ailment, _ func()) {
		p, button := w.goes(f)
		p.Press(button).Sees("Status Active")
		w.gone("D22")
	},
	"the API user is locked": func(w *ward, f connect.Ailment, _ func()) {
		p, button := w.goes(f)
		p.Press(button).Sees("Status Active")
		w.gone("D22")
	},
	"the sender is not verified": func(w *ward, f connect.Ailment, _ func()) {
		if f.Command != "" || !strings.HasPrefix(f.Click, "the link in the letter to "+f.Subject) {
			w.t.Errorf("%+v", f)
		}
		uitest.New(w.t, w.r.CRM.URL).Open(w.linkTo(f.Subject)).Press("Verify")
		next := w.only("D38") // the address is verified now, and its domain is not there
		w.types([]connect.Ailment{next})
		next = w.only("D38")
		// No server of this test answers for DNS: the org says what it looked for.
		if printed, code := w.run(next, nil); code != cli.ExitNo || !strings.Contains(printed, "DNS has no TXT record 00D") {
			w.t.Errorf("%s ends with %d: %s", next.Command, code, printed)
		}
		w.types([]connect.Ailment{{Check: "D38", Command: "twinspan org email remove mail.customer.invalid"}, {Check: "D38", Command: "twinspan org email remove " + f.Subject}})
		w.gone("D38")
	},
	"the app asks for a session of high assurance": func(w *ward, f connect.Ailment, _ func()) {
		w.types([]connect.Ailment{f})
		w.gone("T01")
	},
	"the remote site is gone": func(w *ward, f connect.Ailment, undo func()) {
		w.types([]connect.Ailment{f})
		w.gone("D40")
		w.types([]connect.Ailment{{Check: "D40", Command: "twinspan org site remove " + f.Subject}})
		undo()
	},
	"the remote site is off": func(w *ward, f connect.Ailment, undo func()) {
		w.types([]connect.Ailment{f})
		w.gone("D40")
		undo()
	},
}

// goes goes the way that a finding names through Engagement's pages, as an administrator there, up to its last word, which is a field
// or a button.
func (w *ward) goes(f connect.Ailment) (p *uitest.Person, last string) {
	w.t.Helper()
	way, ok := strings.CutPrefix(f.Click, "as an administrator of Engagement: ")
	words := strings.Split(way, " > ")
	if !ok || f.Command != "" || len(words) < 3 {
		w.t.Fatalf("%s names no way of an administrator's: %+v", f.Check, f)
	}
	p = uitest.New(w.t, strings.TrimSuffix(w.r.Engagement.AuthURL, "/")).Open("/").Fill("User name", w.r.Engagement.Admin.Username).Fill("Password", w.r.Engagement.Admin.Password).Press("Login")
	for _, word := range words[:len(words)-1] {
		if word == f.Subject {
			const name = "Marketing Cloud Connect API User"
			p.ClickIn(name, name)
		} else {
			p.Click(word)
		}
	}
	return p, words[len(words)-1]
}

// gone fails the test where a check still finds something, or cannot look.
func (w *ward) gone(id string) {
	w.t.Helper()
	if d := w.look(); slices.Contains(found(d), id) || unseen(d, id) {
		w.t.Errorf("%s is mended as it says, and found: %+v %+v", id, d.Findings, d.Unchecked)
	}
}

// only is the one finding that there is, of a check.
func (w *ward) only(id string) connect.Ailment {
	w.t.Helper()
	d := w.look()
	if len(d.Findings) != 1 || d.Findings[0].Check != id {
		w.t.Fatalf("found %+v", d.Findings)
	}
	return d.Findings[0]
}

// linkTo is the link in the newest letter to an address.
func (w *ward) linkTo(address string) string {
	w.t.Helper()
	keys, err := control.New(w.r.Control.URL, vault.Secret(w.r.Control.Token), nil)
	w.must(err)
	all, err := keys.Mails(bounded(w.t), control.MailQuery{To: address, Wait: time.Minute})
	w.must(err)
	if len(all) == 0 {
		w.t.Fatalf("no letter to %s", address)
	}
	letter, err := keys.Mail(bounded(w.t), all[0].ID)
	w.must(err)
	link := regexp.MustCompile(`https?://\S+`).FindString(letter.Text)
	if link == "" {
		w.t.Fatalf("no link in %q", letter.Text)
	}
	return link
}

// renewing ends what the connection stands on, twice, and does what the doctor says until it stands again: the API user's grant alone,
// and his password, which his grant goes with.
func (w *ward) renewing() {
	w.t.Helper()
	api := w.r.Engagement.APIUser
	signsIn := func(password string) {
		w.t.Helper()
		if printed, code := w.run(w.only("D22"), map[string]string{"TWINSPAN_PASSWORD": password}); code != cli.ExitDone {
			w.t.Errorf("signing the API user in: %d %s", code, printed)
		}
		w.gone("D22")
	}
	w.must(w.tenant.ClearPackageGrant(bounded(w.t), w.connectPackage().ClientID, api.Username))
	signsIn(api.Password)

	p, _ := w.goes(connect.Ailment{Subject: api.Username, Click: "as an administrator of Engagement: Email Studio > Admin > My Users > " + api.Username + " > Reset Password"})
	page := p.Click("Reset Password").Press("Reset Password").Sees("This page shows it once").Text()
	shown := regexp.MustCompile(`Username \S+ Temporary password (\S+)`).FindStringSubmatch(page)
	if shown == nil {
		w.t.Fatalf("no password in %q", page)
	}
	f := w.only("D22")
	if f.Severity != "error" || f.Command != "" || !strings.HasPrefix(f.Click, "Engagement's sign-in page, as "+api.Username) {
		w.t.Errorf("a temporary password: %+v", f)
	}
	const own = "One-Of-His-Own-1!"
	himself := uitest.New(w.t, strings.TrimSuffix(w.r.Engagement.AuthURL, "/")).Open("/").Fill("User name", api.Username).Fill("Password", shown[1]).Press("Login")
	himself.Fill("Present password", shown[1]).Fill("New password", own).Fill("New password again", own).Press("Change password and log in").Sees("Signed in as ", api.Username)
	himself.Press("Log Out")
	signsIn(own)
}

// selfAuthorizing has a mapped user authorize the app himself, without a refresh token: that the change which the doctor asks for would
// shut him out it says by name, and leaves it to a person until somebody has approved him.
func (w *ward) selfAuthorizing() {
	w.t.Helper()
	maya, app, back := w.r.CRM.Users[0], w.r.CRM.ConnectedApps["Salesforce Marketing Cloud"], w.r.Connect.URL+"/oauth/crm/callback"
	approve := w.without("Marketing Cloud Connected App", maya.Username)
	asItWas := w.policies(map[string]any{"adminApproved": false}, map[string]any{"adminApproved": true})
	c, err := crm.New(crm.Options{BaseURL: w.r.CRM.URL})
	w.must(err)
	b := browser.New(nil)
	b.StopAt(back)
	page, err := b.Visit(bounded(w.t), c.AuthorizeURL(crm.AuthorizeRequest{ClientID: app.ClientID, RedirectURI: back, Scopes: []string{"api"}, State: "s"}), browser.Errand{
		Logins: map[string]browser.Credentials{w.r.CRM.URL: {Username: maya.Username, Password: maya.Password}}, Press: []string{"Allow"},
	})
	w.must(err)
	token, err := c.ExchangeCode(bounded(w.t), crm.CodeGrant{ClientID: app.ClientID, Secret: vault.Secret(app.ClientSecret), RedirectURI: back, Code: vault.Secret(page.URL.Query().Get("code"))})
	w.must(err)
	if token.RefreshToken != "" {
		w.t.Error("api alone gives a refresh token")
	}
	says := func(named bool) {
		w.t.Helper()
		d := w.look()
		i := slices.IndexFunc(d.Findings, func(f connect.Ailment) bool { return f.Check == "D02" })
		if i < 0 || strings.Contains(d.Findings[i].Seen, maya.Username) != named || (d.Findings[i].Mend == nil) != named {
			w.t.Errorf("she is named: %v: %+v", named, d.Findings)
		}
	}
	says(true)
	approve()
	says(false)
	asItWas()
	w.gone("D02")
}
