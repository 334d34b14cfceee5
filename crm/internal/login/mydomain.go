package login

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// myDomainURL is the server under the org's own name (DESIGN 5.6).
func (s *Server) myDomainURL(o org.Org) string {
	scheme, host := "http://", s.host
	if s.secure {
		scheme = "https://"
	}
	port := ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		port = host[i:]
	}
	return scheme + o.MyDomainHost() + port
}

// customDomain is where the org's users log in (urls.custom_domain of crm-wire 1.7): its My Domain where it has set one. Of a
// server that is not on this machine only the server's own address is known to be reachable.
func (s *Server) customDomain(o org.Org) string {
	host := s.host
	if u, err := url.Parse(s.base); err == nil {
		host = u.Hostname()
	}
	if !o.HasMyDomain() || !isLoopback(host) {
		return s.base
	}
	return s.myDomainURL(o)
}

// checkMyDomain decides whether the user may log in at the host that was called.
func (s *Server) checkMyDomain(ctx context.Context, u org.User, host string, api bool) error {
	o, err := s.known.OrgByID(ctx, u.Org)
	if err != nil {
		return err
	}
	return org.CheckMyDomain(o, host, api)
}

// moved sends browsers that call an org's former My Domain to the present one, as far as the org wants it.
func (s *Server) moved(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name, ok := org.MyDomainOf(r.Host)
		if !ok {
			h(w, r)
			return
		}
		id, err := s.store.MovedMyDomain(r.Context(), name)
		var o org.Org
		if err == nil {
			o, err = s.known.OrgByID(r.Context(), id)
		}
		switch {
		case err == nil && !o.Settings.NoMyDomainRedirect:
			Redirect(w, http.StatusFound, s.myDomainURL(o)+r.URL.RequestURI())
		case err != nil && fault.KindOf(err) != fault.NotFound:
			s.pageError(w, r, err)
		default:
			h(w, r)
		}
	}
}
