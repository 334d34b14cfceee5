package login

import (
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// sitesPath is Setup > Security > Remote Site Settings.
const sitesPath = setupPath + "remote-site-settings"

func (s *Server) mountSites(m *web.Mux, form func(http.HandlerFunc) http.Handler) {
	m.HandleFunc("GET "+sitesPath, s.signedIn(func(w http.ResponseWriter, r *http.Request, v visit) { s.showSites(w, r, v, ui.Alert{}) }))
	m.Handle("POST "+sitesPath, form(s.signedIn(s.serveChangeSites)))
}

func (s *Server) showSites(w http.ResponseWriter, r *http.Request, v visit, alert ui.Alert) {
	err := setupOnly(v)
	var all []org.RemoteSite
	if err == nil {
		all, err = (&org.RemoteSites{Records: s.records}).List(r.Context(), v.session)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	p := pages.RemoteSites{Frame: pages.Frame{User: v.user.Name, Crumbs: crumbs("Setup", "Security"), Action: sitesPath}}
	if alert.Text != "" {
		p.Alerts = []ui.Alert{alert}
	}
	for _, site := range all {
		p.Rows = append(p.Rows, pages.SiteRow{ID: string(site.ID), Name: site.Name, URL: site.URL, Description: site.Description, Active: site.Active, Insecure: site.Insecure})
	}
	s.render(w, r, p)
}

func (s *Server) serveChangeSites(w http.ResponseWriter, r *http.Request, v visit) {
	f, ok := s.setupForm(w, r, v)
	if !ok {
		return
	}
	session := v.session
	session.Tooling = true // where the API has them
	text := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	var err error
	switch f.Get(pages.FieldDo) {
	case pages.DoAddSite:
		_, err = s.records.Create(r.Context(), session, org.ObjectRemoteSite, map[string]any{
			"SiteName": text(pages.FieldSiteName), "EndpointUrl": text(pages.FieldURL), "Description": text(pages.FieldDescription),
			"IsActive": true, "ProtocolMismatch": f.Get(pages.FieldInsecure) != "",
		})
	case pages.DoActivateSite, pages.DoDeactivateSite:
		err = s.records.Update(r.Context(), session, org.ObjectRemoteSite, f.Get(pages.FieldRecord), map[string]any{"IsActive": f.Get(pages.FieldDo) == pages.DoActivateSite})
	case pages.DoDropSite:
		err = s.records.Delete(r.Context(), session, org.ObjectRemoteSite, f.Get(pages.FieldRecord))
	}
	if kind := fault.KindOf(err); err != nil && (kind == fault.Invalid || kind == fault.NotFound) {
		s.showSites(w, r, v, ui.Alert{Kind: ui.Error, Title: "Nothing was saved", Text: fault.Of(err).Message})
		return
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.showSites(w, r, v, ui.Alert{Kind: ui.Success, Text: "Your changes are saved."})
}
