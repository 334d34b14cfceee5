package login

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// clientProof is who a client says it is, and by what it wants to be believed (crm-wire 1.3): a secret in the body or in an
// Authorization header of scheme Basic, or an assertion signed with the app's key (private_key_jwt, RFC 7523 section 2.2).
type clientProof struct {
	id        string
	secret    vault.Secret
	given     bool // an empty secret is one that was given empty
	assertion string
}

// readClient reads a client's proof. In body and header at once the secrets must agree, and a secret and an assertion are
// one too many (RFC 6749 section 2.3).
func readClient(r *http.Request, form url.Values) (clientProof, error) {
	p := clientProof{id: form.Get("client_id"), assertion: form.Get("client_assertion")}
	if form.Has("client_secret") {
		p.secret, p.given = vault.Secret(form.Get("client_secret")), true
	}
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Basic") {
		basicID, basicSecret, ok := oauth.BasicAuth(r)
		if !ok || p.id != "" && p.id != basicID || p.given && p.secret != "" && !oauth.EqualSecret(p.secret.Reveal(), basicSecret) {
			return clientProof{}, errClientSecret()
		}
		p.id, p.secret, p.given = basicID, vault.Secret(basicSecret), true
	}
	kind := form.Get("client_assertion_type")
	if p.asserts() && (kind != oauth.ClientAssertionJWT || p.secret != "") || !p.asserts() && kind != "" {
		return clientProof{}, errClientSecret()
	}
	return p, nil
}

func (p clientProof) asserts() bool { return p.assertion != "" }

// shown reports whether there is anything that must be right.
func (p clientProof) shown() bool { return p.asserts() || p.given && p.secret != "" }

// client authenticates a client. mustShow says whether this app has to show its secret; what is shown is right or refused,
// but for the secret of an app that has none.
func (s *Server) client(ctx context.Context, p clientProof, mustShow func(*org.App) bool) (*org.App, error) {
	if p.asserts() {
		return s.assertedClient(ctx, p)
	}
	app, err := s.knownClient(ctx, p.id)
	if err != nil {
		return nil, err
	}
	switch {
	case p.shown() && len(app.SecretHash) > 0:
		sum := sha256.Sum256([]byte(p.secret.Reveal()))
		if subtle.ConstantTimeCompare(sum[:], app.SecretHash) != 1 {
			return nil, errClientSecret()
		}
	case mustShow(app):
		return nil, errClientSecret()
	}
	return app, nil
}

func (s *Server) knownClient(ctx context.Context, id string) (*org.App, error) {
	if id == "" {
		return nil, errClientUnknown()
	}
	app, err := s.known.AppByConsumerKey(ctx, id)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil, errClientUnknown()
	}
	return app, err
}

// clientAssertionLife is how far ahead exp of a client's assertion may be: each is good for one request, and remembered
// until then.
const clientAssertionLife = time.Hour

// assertedClient authenticates a client by its assertion: issuer and subject are the consumer key, the app's certificate
// verifies it, the audience is this server, and it comes once. All refusals read alike.
func (s *Server) assertedClient(ctx context.Context, p clientProof) (*org.App, error) {
	a, err := oauth.ParseAssertion(p.assertion)
	if err != nil || a.Issuer == "" || a.Issuer != a.Subject || p.id != "" && p.id != a.Issuer {
		return nil, errClientSecret()
	}
	app, err := s.knownClient(ctx, a.Issuer)
	if err != nil {
		return nil, err
	}
	if err := a.Verify(app.Key); err != nil {
		return nil, errClientSecret()
	}
	if err := s.checkAudience(ctx, app, a.Audience); err != nil {
		return nil, unlessExpected(err)
	}
	early, err := s.checkTimes(app.Org, a)
	if err != nil {
		return nil, unlessExpected(err)
	}
	late := s.later(app.Org)
	if life := a.Expires.Sub(late); life > clientAssertionLife || app.Flows.Strict && (life > assertionMaxAge+assertionSkew || a.ID == "") {
		return nil, errClientSecret()
	}
	once := a.Digest()
	if a.ID != "" {
		once = sha256.Sum256([]byte("client\x00" + a.Issuer + "\x00" + a.ID))
	}
	now := s.clock.Machine()
	fresh, err := s.store.SpendAssertion(ctx, once, now, now.Add(a.Expires.Sub(early)+2*assertionSkew))
	if err == nil && !fresh {
		err = errClientSecret()
	}
	if err != nil {
		return nil, err
	}
	return app, nil
}

// unlessExpected turns a refusal into the one that all clients hear, and leaves what is the server's own trouble.
func unlessExpected(err error) error {
	if _, expected := wireError(err); expected && fault.KindOf(err) != fault.Unavailable {
		return errClientSecret()
	}
	return err
}
