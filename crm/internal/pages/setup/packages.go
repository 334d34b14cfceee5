package login

import (
	"net/http"
	"slices"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/org/packages"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

const packagesPath = setupPath + "installed-packages"

func (s *Server) mountPackages(m *web.Mux, form func(http.HandlerFunc) http.Handler) {
	m.HandleFunc("GET "+packagesPath, s.signedIn(s.servePackages))
	m.Handle("POST "+packagesPath, form(s.signedIn(s.serveChangePackage)))
}

func (s *Server) servePackages(w http.ResponseWriter, r *http.Request, v visit) {
	s.showPackages(w, r, v, ui.Alert{})
}

// showPackages is Setup > Installed Packages. Install for Admins Only is what is chosen unless somebody chooses otherwise.
func (s *Server) showPackages(w http.ResponseWriter, r *http.Request, v visit, alert ui.Alert) {
	err := setupOnly(v)
	var o org.Org
	if err == nil {
		o, err = s.known.OrgByID(r.Context(), v.org.ID)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	p := pages.Packages{
		Frame: pages.Frame{User: v.user.Name, Crumbs: crumbs("Setup", "Apps"), Action: packagesPath},
		Name:  packages.Name, Namespace: packages.Namespace, Installed: o.Package,
		Security: []ui.Option{{Value: org.SecurityNone, Label: "Install for Admins Only"}, {Value: org.SecurityFull, Label: "Install for All Users"}},
	}
	if alert.Text != "" {
		p.Alerts = []ui.Alert{alert}
	}
	for _, release := range slices.Backward(packages.Releases()) {
		if found, err := org.CheckPackage(release.Version, o.Package); err == nil && found.Version != o.Package {
			p.Versions = append(p.Versions, release.Version)
		}
	}
	s.render(w, r, p)
}

// serveChangePackage installs, upgrades and removes as the Tooling API does.
func (s *Server) serveChangePackage(w http.ResponseWriter, r *http.Request, v visit) {
	f, ok := s.setupForm(w, r, v)
	if !ok {
		return
	}
	ctx, session := r.Context(), v.session
	session.Tooling = true
	refused := ""
	session.Warn = func(text string) { refused = text }
	done := "The package is installed."
	var err error
	switch f.Get(pages.FieldDo) {
	case pages.DoInstall:
		_, err = s.records.Create(ctx, session, org.ObjectInstallRequest, map[string]any{
			"SubscriberPackageVersionKey": f.Get(pages.FieldVersion), "SecurityType": f.Get(pages.FieldAccess),
		})
	case pages.DoUninstall:
		done = "The package is removed."
		if release, ok := packages.Find(f.Get(pages.FieldRecord)); ok {
			_, err = s.records.Create(ctx, session, org.ObjectUninstallRequest, map[string]any{"SubscriberPackageVersionId": release.ID})
		}
	}
	if fault.KindOf(err) == fault.Invalid && err != nil {
		refused = fault.Of(err).Message
	} else if err != nil {
		s.pageError(w, r, err)
		return
	}
	if refused != "" {
		s.showPackages(w, r, v, ui.Alert{Kind: ui.Error, Title: "Nothing was changed", Text: refused})
		return
	}
	s.showPackages(w, r, v, ui.Alert{Kind: ui.Success, Text: done})
}
