package login

import (
	"net/http"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// logoutPage shows who is signed in and where, with the buttons that end it. The real auth host documents no such page;
// it is ours, because connecting takes whatever session the browser has (engagement-wire 5).
func (s *Server) logoutPage(w http.ResponseWriter, r *http.Request) {
	session, user, err := s.session(r)
	if fault.CodeOf(err) == tenant.CodeNoSession {
		s.signedOut(w, r)
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
	table := ui.Table{Caption: "Your sessions", Columns: []string{"Since", "Last used", "Browser", ""}}
	for _, one := range all {
		mark := ""
		if one.ID == session.ID {
			mark = "this one"
		}
		table.Rows = append(table.Rows, ui.Row(one.Created.Format(time.RFC3339), one.Seen.Format(time.RFC3339), one.UserAgent, mark))
	}
	token := ui.Field{Type: ui.HiddenField, Name: "form_token", Value: s.formToken(w, r)}
	s.render(w, r, http.StatusOK, ui.Page{Title: "Sign out", Brand: brand, Footer: footer, User: user.Username, Narrow: true, Blocks: []ui.Block{
		ui.Text("Applications that may work offline keep their access; others lose it."), table,
		ui.Form{Action: "/v2/logout", Fields: []ui.Field{token}, Submits: []ui.Submit{
			{Label: "Sign out", Name: "which", Value: "this"}, {Label: "Sign out everywhere", Name: "which", Value: "all", Secondary: true},
		}},
	}})
}

// logout ends this session, or all of the user's.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	form, err := s.readForm(w, r)
	if err != nil {
		s.errorPage(w, r, err)
		return
	}
	session, user, err := s.session(r)
	if err != nil && fault.CodeOf(err) != tenant.CodeNoSession {
		s.errorPage(w, r, err)
		return
	}
	if err == nil {
		ending := []tenant.Session{session}
		if form.Get("which") == "all" {
			more, err := s.o.Sessions.List(r.Context(), user)
			if err != nil {
				s.errorPage(w, r, err)
				return
			}
			ending = append(ending, more...)
		}
		for _, one := range ending {
			if err := s.o.Sessions.End(r.Context(), one); err != nil {
				s.errorPage(w, r, err)
				return
			}
		}
	}
	s.setCookie(w, sessionCookie, "")
	s.signedOut(w, r)
}

func (s *Server) signedOut(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, ui.Page{
		Title: "You are signed out", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{ui.Text("Nobody is signed in to " + brand + " in this browser.")},
	})
}
