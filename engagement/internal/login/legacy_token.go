package login

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// legacyToken answers the token endpoint of packages made before August 2019, of which there are none here: to the
// credentials of a package it says where to go instead, in the real server's words (engagement-wire 2.5).
func (s *Server) legacyToken(w http.ResponseWriter, r *http.Request) {
	var q struct {
		ClientID     string `json:"clientId"`
		ClientSecret string `json:"clientSecret"`
	}
	if err := web.ReadJSON(w, r, maxTokenRequest, &q); err != nil {
		s.restFault(w, r, err)
		return
	}
	pkg, err := s.pkg(r.Context(), q.ClientID)
	if err == nil {
		err = pkg.CheckSecret(q.ClientSecret, s.o.Clock.Now(pkg.Tenant))
	}
	switch {
	case err == nil:
		s.writeJSON(w, r, http.StatusBadRequest, map[string]any{
			"errorcode": 10007, "documentation": "",
			"message": "This integration is not eligible to use the legacy /v1/requestToken endpoint because the integration uses enhanced OAuth 2.0 functionality. To obtain a token for this integration, use " + s.o.BaseURL + TokenPath + ".",
		})
	case translate(err).code == oauth.ErrInvalidClient:
		s.note(r, err, http.StatusUnauthorized)
		s.writeJSON(w, r, http.StatusUnauthorized, map[string]any{"message": "Unauthorized", "errorcode": 1, "documentation": ""})
	default:
		s.restFault(w, r, fault.Of(err))
	}
}
