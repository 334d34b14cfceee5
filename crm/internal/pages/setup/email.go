package login

import (
	"context"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of what the org mails from.
const (
	deliverabilityPath = setupPath + "deliverability"
	verifyEmailPath    = "/secur/verifyemail.jsp"
)

func (s *Server) mountEmail(m *web.Mux, form func(http.HandlerFunc) http.Handler) {
	m.HandleFunc("GET "+deliverabilityPath, s.signedIn(s.serveDeliverability))
	m.Handle("POST "+deliverabilityPath, form(s.signedIn(s.serveChangeDeliverability)))
	m.HandleFunc("GET "+verifyEmailPath, s.serveAddressLink)
	m.Handle("POST "+verifyEmailPath, form(s.serveVerifyAddress))
}

// banner is what stands on pages from which mail goes out while what the org mails from is not verified: document 002's
// sentence, and a link that leads to where it is mended. Only who sees Setup can do anything about it.
func (s *Server) banner(ctx context.Context, v visit) ([]ui.Alert, error) {
	if s.senders == nil || !v.user.Permissions[org.PermViewSetup] {
		return nil, nil
	}
	all, err := s.senders.Senders(ctx, v.org.ID)
	if err != nil || all.Verified() {
		return nil, err
	}
	return []ui.Alert{{
		Kind: ui.Warning, Text: "Salesforce now sends email only from verified domains. Mail of this org comes from " + s.substitute(v.org.ID) + " until " + all.Default + " is verified.",
		Links: []ui.Link{{Text: "Read More", Href: deliverabilityPath}},
	}}, nil
}

func (s *Server) serveDeliverability(w http.ResponseWriter, r *http.Request, v visit) {
	s.showDeliverability(w, r, v, ui.Alert{})
}

func (s *Server) showDeliverability(w http.ResponseWriter, r *http.Request, v visit, alert ui.Alert) {
	err := setupOnly(v)
	var all org.Senders
	if err == nil {
		all, err = s.senders.Senders(r.Context(), v.org.ID)
	}
	var alerts []ui.Alert
	if err == nil {
		alerts, err = s.banner(r.Context(), v)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	if alert.Text != "" {
		alerts = append([]ui.Alert{alert}, alerts...)
	}
	p := pages.Deliverability{
		Frame: pages.Frame{User: v.user.Name, Crumbs: crumbs("Setup", "Email"), Action: deliverabilityPath, Alerts: alerts},
		From:  "the service itself", Substitute: s.substitute(v.org.ID),
	}
	switch {
	case all.Default != "" && all.Verified():
		p.From = all.Default
	case all.Default != "":
		p.From = p.Substitute
	}
	for _, a := range all.Addresses {
		p.Addresses = append(p.Addresses, pages.AddressRow{ID: string(a.ID), Address: a.Address, Name: a.DisplayName, NoReply: a.Address == all.Default, Verified: a.Verified})
	}
	for _, d := range all.Domains {
		p.Domains = append(p.Domains, pages.DomainRow{ID: string(d.ID), Name: d.Name, Record: d.Record, Verified: d.Verified})
	}
	s.render(w, r, p)
}

func (s *Server) serveChangeDeliverability(w http.ResponseWriter, r *http.Request, v visit) {
	f, ok := s.setupForm(w, r, v)
	if !ok {
		return
	}
	ctx, id := r.Context(), f.Get(pages.FieldRecord)
	session := v.session
	session.Tooling = true // authorized domains are the Tooling API's
	done := "Your changes are saved."
	var err error
	switch f.Get(pages.FieldDo) {
	case pages.DoAddAddress:
		address := strings.TrimSpace(f.Get(pages.FieldAddress))
		done = "A link to verify the address is mailed to " + address + "."
		_, err = s.records.Create(ctx, session, org.ObjectOrgWideAddress, map[string]any{
			"Address": address, "DisplayName": strings.TrimSpace(f.Get(pages.FieldDisplayName)), "Purpose": "DefaultNoreply", "IsAllowAllProfiles": true,
		})
	case pages.DoDropAddress:
		err = s.records.Delete(ctx, session, org.ObjectOrgWideAddress, id)
	case pages.DoAddDomain:
		_, err = s.records.Create(ctx, session, org.ObjectAuthorizedDomain, map[string]any{"DomainName": strings.TrimSpace(f.Get(pages.FieldDomain))})
	case pages.DoVerifyDomain:
		change := map[string]any{"IsDomainOwnershipVerified": true}
		if err = s.senders.Prove(ctx, &session, org.ObjectAuthorizedDomain, id, change); err == nil {
			err = s.records.Update(ctx, session, org.ObjectAuthorizedDomain, id, change)
		}
	case pages.DoDropDomain:
		err = s.records.Delete(ctx, session, org.ObjectAuthorizedDomain, id)
	}
	if kind := fault.KindOf(err); err != nil && (kind == fault.Invalid || kind == fault.NotFound) {
		s.showDeliverability(w, r, v, ui.Alert{Kind: ui.Error, Title: "Nothing was saved", Text: fault.Of(err).Message})
		return
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.showDeliverability(w, r, v, ui.Alert{Kind: ui.Success, Text: done})
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
