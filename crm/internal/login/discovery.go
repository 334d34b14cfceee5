package login

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

const endSessionPath = "/services/auth/idp/oidc/logout"

// helpURL is where document 004 sends whoever has more questions.
const helpURL = "https://help.salesforce.com/"

// discoveryDocument is /.well-known/openid-configuration (crm-wire 1.9): only what this server does.
func discoveryDocument(base string) ([]byte, error) {
	return json.Marshal(map[string]any{
		"issuer":                                           base,
		"authorization_endpoint":                           base + authorizePath,
		"token_endpoint":                                   base + tokenPath,
		"revocation_endpoint":                              base + "/services/oauth2/revoke",
		"userinfo_endpoint":                                base + "/services/oauth2/userinfo",
		"introspection_endpoint":                           base + "/services/oauth2/introspect",
		"jwks_uri":                                         base + "/id/keys",
		"end_session_endpoint":                             base + endSessionPath,
		"service_documentation":                            helpURL,
		"scopes_supported":                                 []string{"api", "web", "full", "id", "openid", "profile", "email", "address", "phone", "refresh_token", "offline_access"},
		"response_types_supported":                         []string{"code", "token", "token id_token"},
		"grant_types_supported":                            []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials, oauth.GrantPassword, oauth.GrantJWTBearer, grantDevice},
		"code_challenge_methods_supported":                 []string{oauth.MethodS256},
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            []string{"RS256"},
		"display_values_supported":                         []string{"page", "popup", "touch"},
		"token_endpoint_auth_methods_supported":            []string{"client_secret_post", "client_secret_basic", "private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256"},
		"claims_supported": []string{
			"active", "address", "email", "email_verified", "family_name", "given_name", "language", "locale", "name", "nickname",
			"organization_id", "photos", "picture", "preferred_username", "profile", "sub", "updated_at", "urls", "user_id", "user_type", "zoneinfo",
		},
	})
}

func (s *Server) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	writeBody(w, http.StatusOK, jsonType, s.discovery)
}

func (s *Server) serveKeys(w http.ResponseWriter, r *http.Request) {
	key, err := s.keys.get(r.Context())
	if err == nil {
		var set []byte
		if set, err = oauth.JWKS(key); err == nil {
			writeBody(w, http.StatusOK, jsonType, set)
			return
		}
	}
	s.tokenError(w, r, err)
}

// signingKey is the key of id_tokens. It is made when it is first needed, because making it takes longer than starting;
// processes that make one at the same time agree on the one that the store keeps.
type signingKey struct {
	store org.SigningKeyStore
	vault Sealer
	mu    sync.Mutex
	have  bool
	key   oauth.SigningKey
}

// keyPlace is what the sealed key is bound to.
// SigningKeyAAD binds a sealed signing key to its id.
func SigningKeyAAD(id string) []byte { return []byte("signing_key:sealed:" + id) }

func (k *signingKey) get(ctx context.Context) (oauth.SigningKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.have {
		return k.key, nil
	}
	kept, err := k.store.SigningKey(ctx)
	if err != nil {
		if fault.KindOf(err) != fault.NotFound {
			return oauth.SigningKey{}, err
		}
		if kept, err = k.make(ctx); err != nil {
			return oauth.SigningKey{}, err
		}
	}
	text, err := k.vault.Open(kept.Sealed, SigningKeyAAD(kept.KeyID))
	if err != nil {
		return oauth.SigningKey{}, fmt.Errorf("opening the signing key: %w", err)
	}
	private, err := oauth.ParseKey(text)
	if err != nil {
		return oauth.SigningKey{}, fmt.Errorf("reading the signing key: %w", err)
	}
	k.key, k.have = oauth.SigningKey{ID: kept.KeyID, Private: private}, true
	return k.key, nil
}

func (k *signingKey) make(ctx context.Context) (org.SigningKey, error) {
	fresh, err := oauth.NewSigningKey()
	if err != nil {
		return org.SigningKey{}, err
	}
	text, err := oauth.EncodeKey(fresh.Private)
	if err != nil {
		return org.SigningKey{}, err
	}
	sealed, err := k.vault.Seal(text, SigningKeyAAD(fresh.ID))
	if err != nil {
		return org.SigningKey{}, fmt.Errorf("sealing the signing key: %w", err)
	}
	return k.store.AddSigningKey(ctx, org.SigningKey{KeyID: fresh.ID, Sealed: sealed})
}
