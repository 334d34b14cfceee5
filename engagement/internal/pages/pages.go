// Package pages is the tenant's web interface: Email Studio and Setup as an Engagement administrator sees them in a
// browser. A page reads the request into values, asks the services of package tenant, which are those behind the APIs and
// decide who may do what, and shows what they answer. It works without script; forms carry the token of package browser.
//
// What belongs to Connect, the Salesforce Integration page above all, is a link to Connect's own address (DESIGN 5.10).
package pages

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/browser"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Options are what the pages stand on; none of the services may be nil.
type Options struct {
	// BaseURL is the house's public URL without trailing slash.
	BaseURL      string
	Sessions     *tenant.Sessions
	People       *tenant.People
	Users        *tenant.Users
	Setup        *tenant.Setup
	Roles        *tenant.Roles
	UnitRoles    *tenant.UnitRoles
	Vouching     *tenant.Vouching
	Logins       *tenant.LoginHistory
	Reports      *tenant.Reports
	Definitions  *tenant.Definitions
	Queues       *tenant.DefinitionQueues
	Subscribers  *tenant.Subscribers
	Retrieves    *tenant.Retrieves
	Data         *tenant.DataExtensions
	SendSetup    *tenant.SendSetup
	Verification *tenant.Verification
	Documents    *tenant.Documents
	Forms        once.Forms
	Log          *slog.Logger // nil discards
}

// Server answers the requests for pages.
type Server struct {
	o        Options
	browsers browser.Browsers
}

// New checks the options and returns the server.
func New(o Options) (*Server, error) {
	if o.Sessions == nil || o.People == nil || o.Users == nil || o.Setup == nil || o.Roles == nil || o.UnitRoles == nil || o.Vouching == nil || o.Logins == nil ||
		o.Reports == nil || o.Definitions == nil || o.Queues == nil || o.Subscribers == nil || o.Retrieves == nil || o.Data == nil || o.SendSetup == nil || o.Verification == nil || o.Documents == nil || o.Forms == nil {
		return nil, errors.New("pages: a service is missing")
	}
	if o.BaseURL == "" || strings.HasSuffix(o.BaseURL, "/") {
		return nil, errors.New("pages: the base URL is empty or ends in a slash")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{o: o, browsers: browser.Browsers{Sessions: o.Sessions, Secure: strings.HasPrefix(o.BaseURL, "https://")}}, nil
}

// Mount registers the pages. The mux ignores case.
func (s *Server) Mount(mux *web.Mux) {
	s.get(mux, root, s.home)
	s.get(mux, findPath, s.find)
	s.post(mux, root+"/unit", s.enterUnit)
	s.mountOverviews(mux, menus)
	s.get(mux, salesforceIntegration, s.salesforceIntegration)
	for _, base := range usersAt {
		s.mountUsers(mux, base)
	}
	s.mountRoles(mux)
	s.mountUnits(mux)
	s.mountPackages(mux)
	s.mountSecurity(mux)
	s.mountTracking(mux)
	s.mountSubscribers(mux)
	s.mountSenders(mux)
	mux.HandleFunc("GET "+root+"/{rest...}", s.page(func(*visit) (answer, error) {
		return answer{}, fault.New(fault.NotFound, tenant.CodeNotFound, "There is no such page.")
	}))
}

// mountOverviews registers the pages of those places of the menu that have others under them.
func (s *Server) mountOverviews(mux *web.Mux, places []menu) {
	for _, m := range places {
		if len(m.under) > 0 && m.path != "" {
			s.get(mux, m.path, overview(m))
		}
		s.mountOverviews(mux, m.under)
	}
}

// visit is one request of somebody who is signed in, read as far as all pages need it.
type visit struct {
	tenant.Visitor
	r     *http.Request
	query url.Values
	form  url.Values // nil but for a form that was sent
	token ui.Field   // hidden, for the forms of the page
}

// path is a wildcard of the page's address.
func (v *visit) path(name string) string { return v.r.PathValue(name) }

// checked reports whether a checkbox of the form was ticked.
func (v *visit) checked(name string) bool { return v.form.Get(name) != "" }

// answer is what a page answers with: itself, or where the browser goes on.
type answer struct {
	page   ui.Page
	status int              // 200 where 0
	to     string           // path or URL; "" shows the page
	file   *tenant.Document // sent to be saved, in place of a page
}

// goTo sends the browser on, with a word about what was done, one of the keys of notices.
func goTo(path, done string) answer {
	if done != "" {
		path += "?done=" + done
	}
	return answer{to: path}
}

type handler func(*visit) (answer, error)

func (s *Server) get(mux *web.Mux, path string, h handler) { mux.HandleFunc("GET "+path, s.page(h)) }

func (s *Server) post(mux *web.Mux, path string, h handler) {
	mux.HandleFunc("POST "+path, s.page(h))
}

// signInPath is package login's page, which leads back.
const signInPath = "/v2/signin"

// page finds who asks and reads what they sent, and writes what the handler answers.
func (s *Server) page(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := s.browsers.Visitor(r)
		if fault.CodeOf(err) == tenant.CodeNoSession {
			to := root
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				to = r.URL.RequestURI()
			} else if s.showTyped(w, r) {
				return
			}
			web.NoStore(w)
			http.Redirect(w, r, signInPath+"?next="+url.QueryEscape(to), http.StatusSeeOther)
			return
		}
		probe.CalledBy(r.Context(), who.Username, "")
		v := &visit{Visitor: who, r: r}
		var a answer
		if err == nil {
			a, err = s.answer(w, v, h)
		}
		if err != nil {
			a = s.refusal(r, err)
		}
		if a.to != "" {
			web.NoStore(w)
			w.Header().Set("Location", a.to)
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		if a.file != nil {
			if err := browser.Download(w, *a.file); err != nil {
				s.o.Log.DebugContext(r.Context(), "the document was not taken")
			}
			return
		}
		if a.status == 0 {
			a.status = http.StatusOK
		}
		if err := ui.Render(w, a.status, frame(v, a.page)); err != nil {
			s.o.Log.LogAttrs(r.Context(), slog.LevelWarn, "page not written", slog.String("pattern", r.Pattern), slog.String("cause", err.Error()))
		}
	}
}

// showTyped shows whoever is not signed in any more what he typed into a form, which would be lost otherwise. It reports whether there
// was any.
func (s *Server) showTyped(w http.ResponseWriter, r *http.Request) bool {
	form, err := s.browsers.ReadFields(w, r)
	if err != nil {
		return false // another site's, or nothing that can be read
	}
	p := ui.Lapsed(form, r.URL.RequestURI(), ui.Link{Text: "Log In", Href: signInPath + "?next=" + url.QueryEscape(r.URL.RequestURI())}, s.browsers.FormField(w, r))
	if p == nil {
		return false
	}
	web.NoStore(w)
	if err := ui.Render(w, http.StatusUnauthorized, frame(&visit{r: r}, *p)); err != nil {
		s.o.Log.LogAttrs(r.Context(), slog.LevelWarn, "page not written", slog.String("pattern", r.Pattern), slog.String("cause", err.Error()))
	}
	return true
}

// answer reads the rest of the request and calls the handler.
func (s *Server) answer(w http.ResponseWriter, v *visit, h handler) (answer, error) {
	var err error
	if v.query, err = web.Query(v.r); err != nil {
		return answer{}, err
	}
	if v.r.Method == http.MethodPost {
		if v.form, err = s.browsers.ReadFields(w, v.r); err != nil {
			return answer{}, err
		}
	}
	v.token = s.browsers.FormField(w, v.r)
	if v.form == nil {
		return h(v)
	}
	var a answer
	err = once.Do(v.r.Context(), s.o.Forms, v.r.URL.Path, v.form, nil, func() (refused bool, err error) {
		a, err = h(v)
		return a.status >= http.StatusBadRequest, err
	})
	return a, err
}

// refusal is the page that tells why there is no other.
func (s *Server) refusal(r *http.Request, err error) answer {
	f := fault.Of(err)
	status, level := f.Kind.HTTPStatus(), slog.LevelDebug
	if status >= 500 {
		level = slog.LevelError
	}
	s.o.Log.LogAttrs(r.Context(), level, "page refused", slog.String("pattern", r.Pattern), slog.Int("status", status),
		slog.String("cause", err.Error()), slog.String("request_id", web.RequestIDFrom(r.Context())))
	title, text := "This did not work", f.Message
	switch {
	case f.Code == tenant.CodeInsufficientPrivileges:
		title = "You may not see or do this"
		text += " Somebody who may Manage Roles can give you a role that has it."
	case f.Code == tenant.CodeDocumentsOff:
		title = "My Documents in Content is off"
		text = "An administrator turns it on: Setup > Security Settings, My Documents in Content. Reports of an upgrade are kept there as files."
	case f.Kind == fault.NotFound:
		title = "There is nothing here"
	case f.Code == once.CodeSentTwice:
		title = "This form was sent before"
	}
	return answer{status: status, page: ui.Page{Title: title, Alerts: []ui.Alert{{Kind: ui.Error, Text: text}}, Blocks: []ui.Block{ui.Links{{Text: "Home", Href: root}}}}}
}

// when is a moment as pages show it; "never" for the zero time.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

func yes(is bool) string {
	if is {
		return "Yes"
	}
	return "No"
}

// turns lead through a long list: on to the page at next, and back to the first one; "" for neither. The page before is not
// led to, since what stands before the first of a page changes.
func turns(label, first, next string) []ui.Block {
	var out []ui.Block
	if next != "" {
		out = append(out, ui.Pagination{Label: label, Next: next})
	}
	if first != "" {
		out = append(out, ui.Links{{Text: "First page", Href: first}})
	}
	return out
}

// counted leads through a list whose pages are numbered from 1, each of so many lines, all in all.
func counted(label, path string, page, lines, all int) ui.Pagination {
	ways := ui.Pagination{Label: label, Text: count(all) + " in all"}
	if page > 1 {
		ways.Previous = path + "?page=" + count(page-1)
	}
	if page*lines < all {
		ways.Next = path + "?page=" + count(page+1)
	}
	return ways
}

// number reads a number of an address; 0 where it is none.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
