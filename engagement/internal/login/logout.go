package login

import (
	"net/http"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// logoutPage shows who is signed in and where, with the buttons that end it. The real auth host documents no such page;
// it is ours, because connecting takes whatever session the browser has (engagement-wire 5).
func (s *Server) logoutPage(w http.ResponseWriter, r *http.Request) {
	session, user, err := s.browsers.Session(r)
	if fault.CodeOf(err) == tenant.CodeNoSession {
		s.lapsed(w, r)
		return
	}
	if err != nil {
		s.errorPage(w, r, err)
		return
	}
	all, err := s.o.Sessions.List(r.Context(), user)
	if err != nil {
		s.errorPage(w, r, err)
		return
	}
	table := ui.Table{Caption: "Your sessions", Columns: []string{"Since", "Last used", "Browser", "Which"}}
	for _, one := range all {
		mark := ""
		if one.ID == session.ID {
			mark = "this one"
		}
		table.Rows = append(table.Rows, ui.Row(one.Created.UTC().Format(shownTime), one.Seen.UTC().Format(shownTime), one.UserAgent, mark))
	}
	s.render(w, r, http.StatusOK, ui.Page{Title: "Log Out", Brand: brand, Footer: footer, User: user.Username, Narrow: true, Blocks: []ui.Block{
		ui.Text("Applications that may work offline keep their access, and the connection to Sales and Service Cloud stays; other applications lose their access."), table, s.logoutForm(w, r),
	}})
}

// shownTime is how the page writes times, which people read.
const shownTime = "2 January 2006, 15:04 MST"

func (s *Server) logoutForm(w http.ResponseWriter, r *http.Request) ui.Form {
	return ui.Form{Action: "/v2/logout", Fields: []ui.Field{s.browsers.FormField(w, r)}, Submits: []ui.Submit{
		{Label: "Log Out", Name: "which", Value: "this"}, {Label: "Log Out Everywhere", Name: "which", Value: "all", Secondary: true},
	}}
}

// lapsed answers a browser whose session can be used no longer. Applications may still live on it, so it can be ended; whose
// it is, and where else he is signed in, is told to nobody.
func (s *Server) lapsed(w http.ResponseWriter, r *http.Request) {
	_, err := s.browsers.Known(r)
	if fault.CodeOf(err) == tenant.CodeNoSession {
		s.signedOut(w, r)
		return
	}
	if err != nil {
		s.errorPage(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, ui.Page{Title: "Log Out", Brand: brand, Footer: footer, Narrow: true, Blocks: []ui.Block{
		ui.Text("Your session has not been used for too long. Applications that you logged in to with it may still have access; those that may not work offline lose it when you log out."),
		s.logoutForm(w, r),
	}})
}

// logout ends this session, or all of the user's, used or not of late.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	form, err := s.browsers.ReadForm(w, r)
	if err != nil {
		s.errorPage(w, r, err)
		return
	}
	session, err := s.browsers.Known(r)
	switch {
	case err == nil && form.Get("which") == "all":
		err = s.o.Sessions.EndAll(r.Context(), session)
	case err == nil:
		err = s.o.Sessions.End(r.Context(), session)
	}
	if err != nil && fault.CodeOf(err) != tenant.CodeNoSession {
		s.errorPage(w, r, err)
		return
	}
	s.browsers.SetSession(w, "")
	s.signedOut(w, r)
}

func (s *Server) signedOut(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, ui.Page{
		Title: "You are logged out", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{ui.Text("Nobody is logged in to " + brand + " in this browser."), ui.Links{{Text: "Log In", Href: signInPath}}},
	})
}
