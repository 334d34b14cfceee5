package crm

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// IDToken is what a verified id_token says (crm-wire 1.9).
type IDToken struct {
	Subject string // identity URL …/id/<org>/<user>
	OrgID   string
	UserID  string
}

// leeway is what the org's clock and ours may differ by.
const leeway = 2 * time.Minute

// VerifyIDToken checks an id_token as OpenID Connect Core section 3.1.3.7 says: RS256 with a key of the org's JWKS,
// issuer of the org's site, the audience, expiry at now (domain time), and the nonce of the authorize request.
func (c *Client) VerifyIDToken(ctx context.Context, raw vault.Secret, clientID, nonce string, now time.Time) (IDToken, error) {
	bad := func(what string) (IDToken, error) {
		return IDToken{}, c.call.Protocol(http.StatusOK, "its id_token %s", what)
	}
	if len(raw) > 16<<10 {
		return bad("is over 16 KiB")
	}
	sig, err := jose.ParseSignedCompact(raw.Reveal(), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(sig.Signatures) != 1 {
		return bad("is no RS256 JWS")
	}
	keys, err := c.keys(ctx)
	if err != nil {
		return IDToken{}, err
	}
	var payload []byte
	for _, k := range keys.Keys {
		if kid := sig.Signatures[0].Header.KeyID; kid != "" && k.KeyID != kid || !k.IsPublic() || !k.Valid() {
			continue
		}
		if p, err := sig.Verify(k); err == nil {
			payload = p
			break
		}
	}
	if payload == nil {
		return bad("is signed by no key of the org")
	}
	var w struct {
		Issuer   string          `json:"iss"`
		Subject  string          `json:"sub"`
		Audience json.RawMessage `json:"aud"`
		Expires  int64           `json:"exp"`
		Nonce    string          `json:"nonce"`
	}
	if json.Unmarshal(payload, &w) != nil {
		return bad("has no claims")
	}
	org, user, named := parseIdentity(w.Subject)
	switch {
	case !client.SameSite(c.base, w.Issuer):
		return bad("is of another issuer")
	case !slices.Contains(audience(w.Audience), clientID):
		return bad("is for another client")
	case w.Expires == 0 || now.After(time.Unix(w.Expires, 0).Add(leeway)):
		return bad("has expired")
	case nonce == "" || !oauth.EqualSecret(w.Nonce, nonce):
		return bad("answers another request")
	case !named:
		return bad("names no org and user")
	}
	return IDToken{Subject: w.Subject, OrgID: org, UserID: user}, nil
}

func audience(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var many []string
	if json.Unmarshal(raw, &many) != nil {
		return nil
	}
	return many
}

// keys reads the org's JSON Web Key Set at /id/keys (crm-wire 1.1).
func (c *Client) keys(ctx context.Context) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	a, err := c.call.Do(ctx, client.Request{Method: http.MethodGet, URL: c.base + "/id/keys"})
	if err != nil {
		return set, err
	}
	if a.Status != http.StatusOK {
		return set, c.oauthError(a)
	}
	if a.Type != "application/json" && !strings.HasSuffix(a.Type, "+json") {
		return set, c.call.Protocol(a.Status, "its keys are no JSON")
	}
	if err := json.Unmarshal(a.Body, &set); err != nil || len(set.Keys) > 100 {
		return set, c.call.Protocol(a.Status, "its keys are no key set")
	}
	return set, nil
}
