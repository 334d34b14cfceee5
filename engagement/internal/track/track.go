// Package track is where messages report back: the picture that tells of an open, the redirect of a click, the page
// that unsubscribes, and the page that proves an address. Its visitors are not signed in; the signed link is all they have, and all they can do is what the
// link is for.
package track

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

const (
	brand  = "Marketing Cloud Engagement"
	footer = "Standing: embedded. This tenant is Twinspan's own, not a real one."
	// maxForm bounds the form of an unsubscription: "List-Unsubscribe=One-Click", or nothing.
	maxForm = 4 << 10
)

// pixel is a picture of one transparent point (GIF89a).
var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

// Options are what the room stands on.
type Options struct {
	Tracking     *tenant.Tracking
	Verification *tenant.Verification
	Log          *slog.Logger
}

// Server answers the links of messages.
type Server struct{ o Options }

// New checks the options.
func New(o Options) (*Server, error) {
	if o.Tracking == nil || o.Verification == nil {
		return nil, errors.New("track: a service is missing")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{o: o}, nil
}

// Mount adds the paths that tenant.Links makes.
func (s *Server) Mount(mux *web.Mux) {
	mux.HandleFunc("GET /t/o/{token}", s.open)
	mux.HandleFunc("GET /t/c/{token}", s.click)
	mux.HandleFunc("GET /t/u/{token}", s.ask)
	mux.HandleFunc("POST /t/u/{token}", s.leave)
	mux.HandleFunc("GET /t/v/{token}", s.askAddress)
	mux.HandleFunc("POST /t/v/{token}", s.prove)
}

// open shows the picture, whatever the link: who guesses learns nothing.
func (s *Server) open(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		if err := s.o.Tracking.Opened(r.Context(), r.PathValue("token")); err != nil {
			s.note(r, err)
		}
	}
	web.NoStore(w)
	w.Header().Set("Content-Type", "image/gif")
	if _, err := w.Write(pixel); err != nil {
		s.note(r, err)
	}
}

// click goes on to the link of the message. Only an address that stood in the message has a signature, so this leads
// nowhere else.
func (s *Server) click(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err != nil {
		s.page(w, r, http.StatusBadRequest, notOurs)
		return
	}
	target, err := s.o.Tracking.Clicked(r.Context(), r.PathValue("token"), q.Get("u"))
	if err != nil {
		s.note(r, err)
	}
	if target == "" {
		s.page(w, r, http.StatusNotFound, notOurs)
		return
	}
	web.NoStore(w)
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
}

// notOurs is the page for a link that nobody made here.
var notOurs = ui.Page{
	Title: "This link does not work", Brand: brand, Footer: footer, Narrow: true,
	Blocks: []ui.Block{ui.Text("It is not complete, or it was not sent from here. Use the link of the message as it stands there.")},
}

// ask is the page behind an unsubscribe link. Looking at it changes nothing: mail scanners follow every link.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	m, err := s.o.Tracking.Leaving(r.Context(), r.PathValue("token"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.page(w, r, http.StatusOK, ui.Page{
		Title: "Unsubscribe", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{
			ui.Text("No more mail for " + m.To + "?"),
			ui.Form{Action: "/t/u/" + r.PathValue("token"), Submits: []ui.Submit{{Label: "Unsubscribe"}}},
		},
	})
}

// leave unsubscribes: the button of the page, or a mail program's one click (RFC 8058), which posts
// List-Unsubscribe=One-Click from anywhere. The link alone is the proof.
func (s *Server) leave(w http.ResponseWriter, r *http.Request) {
	if _, err := web.ReadBody(w, r, maxForm); err != nil {
		s.refuse(w, r, err)
		return
	}
	m, err := s.o.Tracking.Unsubscribe(r.Context(), r.PathValue("token"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.page(w, r, http.StatusOK, ui.Page{
		Title: "You are unsubscribed", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{ui.Text("Nothing more will be sent to " + m.To + ".")},
	})
}

// askAddress is the page behind the link that was mailed to an address; as with the others, looking changes nothing.
func (s *Server) askAddress(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err == nil {
		err = s.o.Verification.Proving(r.PathValue("token"), q.Get("u"))
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.page(w, r, http.StatusOK, ui.Page{
		Title: "Confirm the address", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{
			ui.Text("May mail be sent from " + q.Get("u") + "?"),
			ui.Form{Action: "/t/v/" + r.PathValue("token") + "?" + q.Encode(), Submits: []ui.Submit{{Label: "Confirm"}}},
		},
	})
}

// prove notes that the person who reads the address's mail agrees.
func (s *Server) prove(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err == nil {
		_, err = web.ReadBody(w, r, maxForm)
	}
	if err == nil {
		err = s.o.Verification.Prove(r.Context(), r.PathValue("token"), q.Get("u"))
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.page(w, r, http.StatusOK, ui.Page{
		Title: "The address is confirmed", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{ui.Text("Mail may be sent from " + q.Get("u") + ".")},
	})
}

// refuse is the room's one translation of faults.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	if f.Kind == fault.NotFound {
		s.page(w, r, http.StatusNotFound, notOurs)
		return
	}
	s.note(r, err)
	s.page(w, r, f.Kind.HTTPStatus(), ui.Page{
		Title: "This did not work", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{ui.Text("Try again in a moment.")},
	})
}

func (s *Server) page(w http.ResponseWriter, r *http.Request, status int, p ui.Page) {
	web.NoStore(w)
	if err := ui.Render(w, status, p); err != nil {
		s.note(r, err)
	}
}

// note logs what kept a report from being taken; a link that is not ours is nothing to log loudly.
func (s *Server) note(r *http.Request, err error) {
	level := slog.LevelWarn
	if fault.KindOf(err) == fault.NotFound {
		level = slog.LevelDebug
	}
	s.o.Log.LogAttrs(r.Context(), level, "a message's report was not taken", slog.String("pattern", r.Pattern), slog.String("cause", err.Error()))
}
