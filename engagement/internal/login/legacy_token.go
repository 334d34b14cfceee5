package login

import (
	"context"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// legacyRequest is a request for a token of a legacy package.
type legacyRequest struct {
	ClientID     string  `json:"clientId"`
	ClientSecret string  `json:"clientSecret"`
	RefreshToken string  `json:"refreshToken"`
	AccessType   string  `json:"accessType"`
	Scope        *string `json:"scope"`
}

// legacyAnswer is what it gets. The token serves REST and, as LegacyToken, SOAP's oAuthToken.
type legacyAnswer struct {
	AccessToken  string `json:"accessToken"`
	ExpiresIn    int    `json:"expiresIn"`
	RefreshToken string `json:"refreshToken,omitempty"`
	LegacyToken  string `json:"legacyToken,omitempty"`
}

// legacyToken answers the token endpoint of packages made before August 2019 (engagement-wire 2.5). To the credentials of
// another package it says where to go instead, in the real server's words.
func (s *Server) legacyToken(w http.ResponseWriter, r *http.Request) {
	var q legacyRequest
	if err := web.ReadJSON(w, r, maxTokenRequest, &q); err != nil {
		s.restFault(w, r, err)
		return
	}
	var pkg tenant.Package
	var issued tenant.Issued
	err := s.o.Requests.Failures.Do(r.Context(), func() (err error) {
		if pkg, err = s.client(r.Context(), tokenRequest{ClientID: q.ClientID, ClientSecret: q.ClientSecret}); err == nil && pkg.Type == tenant.LegacyIntegration {
			issued, err = s.legacyGrant(r.Context(), pkg, q)
		}
		return err
	}, wrongGuess)
	switch {
	case err != nil:
		s.legacyFault(w, r, err)
		return
	case pkg.Type != tenant.LegacyIntegration:
		s.writeJSON(w, r, http.StatusBadRequest, map[string]any{
			"errorcode": 10007, "documentation": "",
			"message": "This integration is not eligible to use the legacy /v1/requestToken endpoint because the integration uses enhanced OAuth 2.0 functionality. To obtain a token for this integration, use " + s.o.BaseURL + TokenPath + ".",
		})
		return
	}
	answer := legacyAnswer{AccessToken: issued.AccessToken, ExpiresIn: int(tenant.LegacyTokenLife.Seconds()) - 1, RefreshToken: issued.RefreshToken}
	if r.URL.Query().Get("legacy") == "1" {
		answer.LegacyToken = issued.AccessToken
	}
	s.writeJSON(w, r, http.StatusOK, answer)
}

// legacyGrant issues the token: for a refresh token where there is one.
func (s *Server) legacyGrant(ctx context.Context, pkg tenant.Package, q legacyRequest) (tenant.Issued, error) {
	want := tenant.Want{Scope: q.Scope}
	if q.RefreshToken != "" {
		return s.o.Issuer.Refresh(ctx, pkg, q.RefreshToken, want)
	}
	return s.o.Issuer.Legacy(ctx, pkg, want, strings.EqualFold(q.AccessType, tenant.ScopeOffline))
}

// legacyFault answers with an error: one for whatever is wrong with the credentials.
func (s *Server) legacyFault(w http.ResponseWriter, r *http.Request, err error) {
	switch e := translate(err); {
	case fault.CodeOf(err) == tenant.CodeBlocked, fault.CodeOf(err) == tenant.CodeAddressRate:
		s.oauthFault(w, r, err)
	case e.code == oauth.ErrInvalidClient || e.code == oauth.ErrInvalidGrant || fault.CodeOf(err) == codeMissing:
		s.note(r, err, http.StatusUnauthorized)
		s.challenge(w)
		s.writeJSON(w, r, http.StatusUnauthorized, map[string]any{"message": "Unauthorized", "errorcode": 1, "documentation": ""})
	default:
		s.restFault(w, r, err)
	}
}
