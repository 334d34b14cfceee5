package login

import (
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// discovery answers GET /v2/discovery (engagement-wire 2.4). All tenants of a server share its base URL, so the answer
// does not depend on whether there is a user of that name, and tells nothing about him.
func (s *Server) discovery(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err != nil {
		s.oauthFault(w, r, err)
		return
	}
	if _, err := s.pkg(r.Context(), q.Get("client_id")); err != nil {
		s.oauthFault(w, r, err)
		return
	}
	name, ok := strings.CutPrefix(q.Get("resource"), "acct:")
	if !ok || name == "" || len(name) > 254 {
		s.oauthFault(w, r, fault.New(fault.Invalid, codeMissing, "The parameter resource must be acct: and a user name.").In("resource"))
		return
	}
	type link struct {
		Rel  string `json:"rel"`
		Href string `json:"href"`
	}
	s.writeJSON(w, r, http.StatusOK, struct {
		Subject string `json:"subject"`
		Links   []link `json:"links"`
	}{q.Get("resource"), []link{{"auth_instance_url", s.o.BaseURL + "/"}, {"rest_instance_url", s.o.BaseURL + "/"}}})
}
