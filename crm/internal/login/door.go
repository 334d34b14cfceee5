package login

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/org/packages"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of pages that others serve behind this door.
const (
	SetupPath    = "/setup"             // Setup, where a user may see it
	SettingsPath = "/settings"          // a user's own settings
	UsersPath    = SetupPath + "/users" // where leaving a login as another user leads
	// DeliverabilityPath is where what the org mails from is verified.
	DeliverabilityPath = SetupPath + "/deliverability"
)

// Visit is a request of somebody who is signed in to the org's pages, with what he and his org are as of now.
type Visit struct {
	Session org.Session
	User    org.User
	Org     org.Org
	// Apps are the ways to the apps that he opens from here.
	Apps []ui.Link
}

// SignedIn lets a page's handler see only visitors who are signed in; others sign in first and come back.
func (s *Server) SignedIn(h func(http.ResponseWriter, *http.Request, Visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sess, u, ok, err := s.visitor(r)
		if err == nil && !ok && s.showTyped(w, r) {
			return
		}
		if err == nil && !ok {
			s.showPlainLogin(w, r, localPath(r.URL.RequestURI()))
			return
		}
		var o org.Org
		if err == nil {
			o, err = s.known.OrgByID(r.Context(), u.Org)
		}
		var apps []ui.Link
		if err == nil {
			apps, err = s.apps(r.Context(), o, u)
		}
		if err != nil {
			s.pageError(w, r, err)
			return
		}
		s.leaveOnTimeout(w, o, sess, pagePath(r))
		h(w, r, Visit{sess, u, o, apps})
	}
}

// showTyped shows whoever is not signed in what he typed into a form, which would be lost otherwise. It reports whether there was any.
func (s *Server) showTyped(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	f, err := web.ReadFields(w, r, maxForm, maxShown)
	if err != nil {
		return false // nothing that can be read is lost
	}
	p := ui.Lapsed(f, r.URL.RequestURI(), ui.Link{Text: "Log In", Href: localPath(r.URL.RequestURI())})
	if p == nil {
		return false
	}
	frame := pages.Page(p.Title, "")
	frame.Alerts, frame.Blocks = p.Alerts, p.Blocks
	s.Rendered(r, ui.Render(w, http.StatusUnauthorized, frame))
	return true
}

// maxShown is how many fields of a form are shown to whoever is not signed in any more.
const maxShown = 2000

// Form guards a handler of a form: one that another site's page sent is refused.
func (s *Server) Form(h http.HandlerFunc) http.Handler {
	return web.ProtectForms(h, http.HandlerFunc(s.denyForm))
}

// PageError shows a person why he cannot go on.
func (s *Server) PageError(w http.ResponseWriter, r *http.Request, err error) { s.pageError(w, r, err) }

// Rendered logs that a page could not be written; nil is none.
func (s *Server) Rendered(r *http.Request, err error) {
	if err != nil {
		s.unexpected(r, err)
	}
}

// Behind tells who is behind a session in which an administrator is logged in as the user; "" for nobody.
func (s *Server) Behind(ctx context.Context, sess org.Session) (string, error) {
	return s.asText(ctx, sess)
}

// OrgNow reads the org of a visit once more, after a change.
func (s *Server) OrgNow(ctx context.Context, id org.ID) (org.Org, error) {
	return s.known.OrgByID(ctx, id)
}

// UserNow reads a user of an org.
func (s *Server) UserNow(ctx context.Context, id, user org.ID) (org.User, error) {
	return s.known.UserByID(ctx, id, user)
}

// AllowMail bounds the letters to one user.
func (s *Server) AllowMail(username string) error { return s.throttle.AllowMail(username) }

// Substitute is the address that an org mails from whose own is not verified.
func (s *Server) Substitute(id org.ID) string { return s.substitute(id) }

// Settings is the service of the org's settings.
func (s *Server) Settings() *org.OrgSettings { return s.settings }

// Banner is what stands on pages from which mail goes out while what the org mails from is not verified: document 002's
// sentence, and a link that leads to where it is mended. Only who sees Setup can do anything about it.
func (s *Server) Banner(ctx context.Context, v Visit) ([]ui.Alert, error) {
	if s.senders == nil || !v.User.Permissions[org.PermViewSetup] {
		return nil, nil
	}
	all, err := s.senders.Senders(ctx, v.Org.ID)
	if err != nil || all.Verified() {
		return nil, err
	}
	return []ui.Alert{{
		Kind: ui.Warning, Text: "Salesforce now sends email only from verified domains. Mail of this org comes from " + s.substitute(v.Org.ID) + " until " + all.Default + " is verified.",
		Links: []ui.Link{{Text: "Read More", Href: DeliverabilityPath}},
	}}, nil
}

// Frame is what stands around the pages of somebody who is signed in: where he is, and the ways that he has.
func (s *Server) Frame(v Visit) ui.Frame {
	f := ui.Frame{
		Where: v.Org.Name, Menu: append([]ui.Link{{Text: "Home", Href: "/"}, {Text: "Settings", Href: SettingsPath}}, v.Apps...),
		SignOut: ui.Form{Action: LogoutPath, Submits: []ui.Submit{{Label: "Log Out", Secondary: true}}},
	}
	if v.User.Permissions[org.PermViewSetup] {
		f.Gear = ui.Link{Text: "Setup", Href: SetupPath}
	}
	return f
}

// apps are the connected apps that have a Start URL and let the user in, as links to there: in the real system they stand in
// the App Launcher, and the package's app is a tab.
func (s *Server) apps(ctx context.Context, o org.Org, u org.User) ([]ui.Link, error) {
	all, err := s.known.AppsToStart(ctx, o.ID, u.ID)
	var links []ui.Link
	for _, a := range all {
		one := ui.Link{Text: a.Name, Href: a.StartURL}
		if a.Namespace == packages.Namespace {
			if o.Package == "" {
				continue
			}
			one.Text = packages.Name
		}
		links = append(links, one)
	}
	return links, err
}

// menu is what a user finds on his first page: Setup as far as he may see it, and his own settings.
func (s *Server) menu(sess org.Session, u org.User) []ui.Link {
	var links []ui.Link
	if u.Permissions[org.PermViewSetup] {
		links = append(links, ui.Link{Text: "Setup", Href: SetupPath})
	}
	return append(append(links, ui.Link{Text: "Settings", Href: SettingsPath}), OwnPages(sess, u)...)
}

// OwnPages are the pages about a user's own password and token, as far as there are any for him.
func OwnPages(sess org.Session, u org.User) []ui.Link {
	var links []ui.Link
	if sess.Delegate == "" {
		links = append(links, ui.Link{Text: "Change My Password", Href: ChangePasswordPath})
	}
	if len(u.LoginIPRanges) == 0 {
		links = append(links, ui.Link{Text: "Reset My Security Token", Href: ResetTokenPath})
	}
	return links
}

// serveAddressLink shows the page that a mailed link leads to. Looking at it verifies nothing: mail scanners look too.
func (s *Server) serveAddressLink(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.render(w, r, pages.VerifyAddress{Action: verifyEmailPath, Code: q.Get(fieldCode)})
}

func (s *Server) serveVerifyAddress(w http.ResponseWriter, r *http.Request) {
	f, err := web.ReadForm(w, r, maxForm)
	var address string
	if err == nil {
		address, err = s.senders.Verify(r.Context(), vault.Secret(f.Get(fieldCode)))
	}
	if err != nil {
		s.linkError(w, r, err)
		return
	}
	s.render(w, r, pages.Done{Title: "Address verified", Text: address + " is verified."})
}
