package login

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of Setup.
const (
	usersPath = "/setup/users"
	setupPath = "/setup/"
	// loginAsPath is where the Login link of the users list leads (crm-wire 6).
	loginAsPath = "/servlet/servlet.su"
)

var settingPages = []org.SettingPage{org.PageOauthOidc, org.PageLoginAccess, org.PagePasswords, org.PageSessions, org.PageNetwork, org.PageMyDomain}

func (s *Server) mountSetup(m *web.Mux, form func(http.HandlerFunc) http.Handler) {
	if s.senders != nil {
		s.mountEmail(m, form)
		s.mountPackages(m, form)
		s.mountSites(m, form)
	}
	m.HandleFunc("GET "+usersPath, s.signedIn(s.serveUsers))
	m.Handle("POST "+loginAsPath, form(s.signedIn(s.serveLoginAs)))
	for _, page := range settingPages {
		show := func(w http.ResponseWriter, r *http.Request, v visit) { s.serveSettings(w, r, v, page) }
		save := func(w http.ResponseWriter, r *http.Request, v visit) { s.serveSaveSettings(w, r, v, page) }
		m.HandleFunc("GET "+setupPath+page.Path, s.signedIn(show))
		m.Handle("POST "+setupPath+page.Path, form(s.signedIn(save)))
	}
}

// setupLinks are the pages of Setup that the user may see.
func (s *Server) setupLinks(u org.User) []ui.Link {
	if !u.Permissions[org.PermViewSetup] {
		return nil
	}
	links := []ui.Link{
		{Text: "Setup: Users", Href: usersPath},
		{Text: "Setup: Deliverability", Href: deliverabilityPath},
		{Text: "Setup: Installed Packages", Href: packagesPath},
		{Text: "Setup: Remote Site Settings", Href: sitesPath},
	}
	for _, p := range settingPages {
		links = append(links, ui.Link{Text: "Setup: " + p.Title, Href: setupPath + p.Path})
	}
	return links
}

func setupOnly(v visit) error {
	if v.user.Permissions[org.PermViewSetup] {
		return nil
	}
	return fault.New(fault.Denied, org.CodeInsufficientAccess, "Setup is open to users with View Setup and Configuration.")
}

// setupForm reads a form of Setup. Where it may not be read the answer is given.
func (s *Server) setupForm(w http.ResponseWriter, r *http.Request, v visit) (url.Values, bool) {
	f, err := web.ReadForm(w, r, maxForm)
	if err == nil {
		err = setupOnly(v)
	}
	if err != nil {
		s.pageError(w, r, err)
	}
	return f, err == nil
}

func crumbs(texts ...string) []ui.Link {
	out := make([]ui.Link, len(texts))
	for i, t := range texts {
		out[i] = ui.Link{Text: t, Href: "/"}
	}
	return out
}

// serveUsers is Setup > Users > Users. The Login link is in the Action column while the policy is on (document 004).
func (s *Server) serveUsers(w http.ResponseWriter, r *http.Request, v visit) {
	err := setupOnly(v)
	var list []org.UserEntry
	if err == nil {
		list, err = s.store.UserList(r.Context(), v.org.ID)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	alerts, err := s.banner(r.Context(), v)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	page := pages.Users{Alerts: alerts, User: v.user.Name, Crumbs: crumbs("Setup", "Users"), LoginAction: loginAsPath}
	for _, e := range list {
		u := org.User{Org: v.org.ID, ID: e.ID, Active: e.Active}
		page.Rows = append(page.Rows, pages.UserRow{
			ID: string(e.ID), Name: e.Name, Alias: e.Alias, Username: e.Username, Profile: e.Profile, Active: e.Active,
			Login: org.CheckLoginAs(v.org, v.session, u) == nil,
		})
	}
	s.render(w, r, page)
}

// serveLoginAs logs the administrator in as a user. His own session stays, and logging out leads back to it.
func (s *Server) serveLoginAs(w http.ResponseWriter, r *http.Request, v visit) {
	form, err := web.ReadForm(w, r, maxForm)
	var id org.ID
	if err == nil {
		id, err = org.ParseID(form.Get(pages.FieldUser))
	}
	var u org.User
	if err == nil {
		u, err = s.known.UserByID(r.Context(), v.org.ID, id)
	}
	if err == nil {
		err = org.CheckLoginAs(v.org, v.session, u)
	}
	if err == nil {
		err = s.loginAs(w, r, v, u)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	redirect(w, http.StatusSeeOther, "/")
}

func (s *Server) loginAs(w http.ResponseWriter, r *http.Request, v visit, u org.User) error {
	ctx := r.Context()
	e := s.event(u, callerOf(r), org.LoginTypeApplication, org.SubtypeSubstitute, "Login-As by "+v.user.Username)
	token, session, err := s.sessions.Make(ctx, org.NewSession{
		User: u, Type: org.SessionSubstitute, Host: r.Host, Delegate: v.user.ID, Parent: v.session.ID, Timeout: org.SessionTimeout(v.org, u, nil), Event: e,
	})
	if err != nil {
		return err
	}
	err = s.accounts.Note(ctx, session, "suOrgAdminLogin", "Manage Users", v.user.Username+" logged in as "+u.Username)
	if err != nil {
		return err
	}
	s.setCookie(w, adminCookie, s.cookie(r, sessionCookie))
	s.setCookie(w, sessionCookie, token)
	return nil
}

// adminCookie is the session that the administrator has while he is logged in as another user.
const adminCookie = "crm-admin"

// leaveLoginAs ends a login as another user: the trail says so. The administrator logs in anew (crm-wire 6, forceRelogin), or is
// himself again where the org asks for no such thing and his own session still lives.
func (s *Server) leaveLoginAs(w http.ResponseWriter, r *http.Request, sess org.Session, u org.User) error {
	ctx := r.Context()
	if err := s.sessions.End(ctx, s.cookie(r, sessionCookie)); err != nil {
		return err
	}
	if err := s.noteLeft(ctx, sess, u); err != nil {
		return err
	}
	own := s.cookie(r, adminCookie)
	s.setCookie(w, adminCookie, "")
	o, err := s.known.OrgByID(ctx, sess.Org)
	if err != nil {
		return err
	}
	if !o.Settings.Sessions.KeepAdmin {
		if err := s.sessions.End(ctx, own); err != nil {
			return err
		}
		s.setCookie(w, sessionCookie, "")
		redirect(w, http.StatusSeeOther, loginPath)
		return nil
	}
	admin, _, err := s.sessions.Use(ctx, own, originOf(r))
	if err != nil && fault.CodeOf(err) != org.CodeInvalidSession {
		return err
	}
	if err == nil && admin.User == sess.Delegate && admin.Org == sess.Org && admin.Type == org.SessionUI {
		s.setCookie(w, sessionCookie, own)
		redirect(w, http.StatusSeeOther, usersPath)
		return nil
	}
	s.setCookie(w, sessionCookie, "")
	redirect(w, http.StatusSeeOther, loginPath)
	return nil
}

// noteLeft puts the end of a login as another user on the trail.
func (s *Server) noteLeft(ctx context.Context, sess org.Session, u org.User) error {
	return s.accounts.Note(ctx, sess, "suOrgAdminLogout", "Manage Users", "Logged out from being "+u.Username)
}

func (s *Server) serveSettings(w http.ResponseWriter, r *http.Request, v visit, page org.SettingPage) {
	if err := setupOnly(v); err != nil {
		s.pageError(w, r, err)
		return
	}
	s.showSettings(w, r, v, page, v.org.Settings, ui.Alert{})
}

func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, v visit, page org.SettingPage, have org.Settings, alert ui.Alert) {
	p := pages.Settings{Title: page.Title, User: v.user.Name, Crumbs: crumbs(page.Crumbs...), Action: setupPath + page.Path}
	if alert.Text != "" {
		p.Alerts = []ui.Alert{alert}
	}
	for _, d := range org.SettingDefs() {
		if d.Page.Path != page.Path {
			continue
		}
		value := d.Get(have)
		if d.Inverted {
			value = map[string]string{"true": "false", "false": "true"}[value]
		}
		p.Fields = append(p.Fields, pages.Setting{Name: d.Path, Label: d.Label, Value: value, Values: d.Values, Switch: d.Switch()})
	}
	if page.Path == org.PageNetwork.Path {
		var lines []string
		for _, t := range have.TrustedRanges {
			lines = append(lines, t.Start+"-"+t.End)
		}
		p.Fields = append(p.Fields, pages.Setting{
			Name: fieldRanges, Label: "Trusted IP Ranges", Value: strings.Join(lines, ", "),
			Hint: "First and last address of each range with a hyphen between, ranges separated by commas: 192.0.2.1-192.0.2.9, 2001:db8::1-2001:db8::ff",
		})
	}
	s.render(w, r, p)
}

const fieldRanges = "ranges"

func (s *Server) serveSaveSettings(w http.ResponseWriter, r *http.Request, v visit, page org.SettingPage) {
	form, err := web.ReadForm(w, r, maxForm)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	c := org.SettingsChange{Values: map[string]string{}}
	for _, d := range org.SettingDefs() {
		if d.Page.Path != page.Path {
			continue
		}
		value := strings.TrimSpace(form.Get(d.Path))
		if !d.Switch() && !form.Has(d.Path) {
			continue
		}
		if d.Switch() {
			on := value != ""
			value = map[bool]string{true: "true", false: "false"}[on != d.Inverted]
		}
		if value != d.Get(v.org.Settings) {
			c.Values[d.Type+"."+d.Path] = value
		}
	}
	if page.Path == org.PageNetwork.Path {
		ranges := parseRanges(form.Get(fieldRanges), v.org.Settings.TrustedRanges)
		c.TrustedRanges = &ranges
	}
	err = s.settings.Change(r.Context(), v.session, c)
	if code := fault.CodeOf(err); code == org.CodeInvalidSetting || code == org.CodeMyDomainTaken {
		s.showSettings(w, r, v, page, v.org.Settings, ui.Alert{Kind: ui.Error, Title: "Nothing was saved", Text: fault.Of(err).Message})
		return
	}
	var o org.Org
	if err == nil {
		o, err = s.known.OrgByID(r.Context(), v.org.ID)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.showSettings(w, r, v, page, o.Settings, ui.Alert{Kind: ui.Success, Text: "Your changes are saved."})
}

// parseRanges reads the list of ranges; what is no range is refused by the rules. Descriptions stay with their ranges.
func parseRanges(text string, had []org.IPRange) []org.IPRange {
	out := []org.IPRange{}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		start, end, ok := strings.Cut(part, "-")
		if !ok {
			end = start
		}
		r := org.IPRange{Start: strings.TrimSpace(start), End: strings.TrimSpace(end)}
		if i := slices.IndexFunc(had, func(h org.IPRange) bool { return h.Start == r.Start && h.End == r.End }); i >= 0 {
			r = had[i]
		}
		out = append(out, r)
	}
	return out
}

// Settings is the service of the org's settings.
func (s *Server) Settings() *org.OrgSettings { return s.settings }

// asText tells who is behind a session in which an administrator is logged in as the user.
func (s *Server) asText(ctx context.Context, sess org.Session) (string, error) {
	if sess.Delegate == "" {
		return "", nil
	}
	admin, err := s.known.UserByID(ctx, sess.Org, sess.Delegate)
	if err != nil {
		return "", err
	}
	return "You are " + admin.Name + ", logged in as this user. Log out to be yourself again.", nil
}
