package login

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// clientCredentials reads who the client says it is, from the body or an Authorization header of scheme Basic (crm-wire
// 1.3). In both at once they must agree.
func clientCredentials(r *http.Request, form url.Values) (id string, secret vault.Secret, given bool, err error) {
	id = form.Get("client_id")
	if form.Has("client_secret") {
		secret, given = vault.Secret(form.Get("client_secret")), true
	}
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return id, secret, given, nil
	}
	basicID, basicSecret, ok := oauth.BasicAuth(r)
	if !ok || id != "" && id != basicID || given && secret != "" && !oauth.EqualSecret(secret.Reveal(), basicSecret) {
		return "", "", false, errClientSecret()
	}
	return basicID, vault.Secret(basicSecret), true, nil
}

// client authenticates a client. mustShow says whether this app has to show its secret; one that is shown is right or
// refused, unless the app has none.
func (s *Server) client(ctx context.Context, id string, secret vault.Secret, given bool, mustShow func(*org.App) bool) (*org.App, error) {
	if id == "" {
		return nil, errClientUnknown()
	}
	app, err := s.known.AppByConsumerKey(ctx, id)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, errClientUnknown()
		}
		return nil, err
	}
	given = given && secret != ""
	switch {
	case given && len(app.SecretHash) > 0:
		sum := sha256.Sum256([]byte(secret.Reveal()))
		if subtle.ConstantTimeCompare(sum[:], app.SecretHash) != 1 {
			return nil, errClientSecret()
		}
	case mustShow(app):
		return nil, errClientSecret()
	}
	return app, nil
}
