package login

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// maxTokenRequest bounds the body of a token request, in bytes.
const maxTokenRequest = 32 << 10

// tokenRequest is a token request as read from JSON or from a form (engagement-wire 0.8).
type tokenRequest struct {
	GrantType    string  `json:"grant_type"`
	ClientID     string  `json:"client_id"`
	ClientSecret string  `json:"client_secret"`
	Code         string  `json:"code"`
	RedirectURI  string  `json:"redirect_uri"`
	CodeVerifier string  `json:"code_verifier"`
	RefreshToken string  `json:"refresh_token"`
	Assertion    string  `json:"assertion"`
	Scope        *string `json:"scope"`
	AccountID    account `json:"account_id"`

	mid tenant.MID
}

// account is an account_id as clients send it: a JSON number, a text, null, or not at all.
type account struct {
	given bool
	text  string
}

// UnmarshalJSON takes numbers as they are written, so that 1e9 and 1.0 stay what they are: no MIDs.
func (a *account) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	a.given, a.text = true, string(raw)
	if raw[0] == '"' {
		return json.Unmarshal(raw, &a.text)
	}
	return nil
}

// want is what the request narrows the token to.
func (q tokenRequest) want() tenant.Want { return tenant.Want{Scope: q.Scope, MID: q.mid} }

// grant is one grant type: it proves the client, checks its own parameters, and has the token issued.
type grant func(ctx context.Context, q tokenRequest) (tenant.Issued, error)

// token answers the token endpoint. What all grants share is here; a grant fills in its own.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	q, err := readTokenRequest(w, r)
	if err != nil {
		s.oauthFault(w, r, err)
		return
	}
	run, ok := s.grants[q.GrantType]
	if !ok {
		s.oauthFault(w, r, fault.New(fault.Invalid, codeUnsupportedGrant, "There is no such grant type."))
		return
	}
	var issued tenant.Issued
	err = s.o.Requests.Failures.Do(r.Context(), func() (err error) {
		issued, err = run(r.Context(), q)
		return err
	}, wrongGuess)
	if err != nil {
		s.oauthFault(w, r, err)
		return
	}
	s.writeJSON(w, r, http.StatusOK, tokenAnswer{
		AccessToken: issued.AccessToken, TokenType: "Bearer", ExpiresIn: int(tenant.AccessTokenAnnounced.Seconds()),
		RefreshToken: issued.RefreshToken, Scope: strings.Join(issued.Scopes, " "),
		SOAP: s.o.BaseURL + "/", REST: s.o.BaseURL + "/",
	})
}

// guesses are the refusals that somebody sees who tries out client ids, secrets, codes and tokens. Those that only the holder
// of the right key meets, such as a user without a grant, are none.
var guesses = map[fault.Code]bool{
	tenant.CodeUnknownClient: true, tenant.CodeClientRefused: true, tenant.CodeInvalidCode: true, tenant.CodeInvalidVerifier: true,
	tenant.CodeInvalidRefresh: true, tenant.CodeInvalidAssertion: true,
}

func wrongGuess(err error) bool { return guesses[fault.CodeOf(err)] }

// tokenAnswer is the documented answer. The scope is always there, as mcdev splits it; both URLs end in a slash, as
// clients append to them (engagement-wire 0.2, 0.9).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
	SOAP         string `json:"soap_instance_url"`
	REST         string `json:"rest_instance_url"`
}

// readTokenRequest reads the body by its content type, and client credentials from an Authorization header of scheme
// Basic where there is one.
func readTokenRequest(w http.ResponseWriter, r *http.Request) (tokenRequest, error) {
	var q tokenRequest
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what it cannot parse is no form
	if media == "application/x-www-form-urlencoded" {
		form, err := web.ReadForm(w, r, maxTokenRequest)
		if err != nil {
			return q, err
		}
		q = tokenRequestOf(form)
	} else if err := web.CheckContentType(r, "application/json", "application/x-www-form-urlencoded"); err != nil {
		return q, err
	} else if err := web.ReadJSON(w, r, maxTokenRequest, &q); err != nil {
		return q, err
	}
	if err := q.basic(r); err != nil {
		return q, err
	}
	if q.GrantType == "" {
		return q, missing("grant_type")
	}
	if q.AccountID.given {
		var ok bool
		if q.mid, ok = tenant.ParseMID(q.AccountID.text); !ok {
			return q, fault.New(fault.Invalid, tenant.CodeInvalidAccount, "The account_id is not a business unit that this integration can use.").In("account_id")
		}
	}
	return q, nil
}

func tokenRequestOf(form url.Values) tokenRequest {
	q := tokenRequest{
		GrantType: form.Get("grant_type"), ClientID: form.Get("client_id"), ClientSecret: form.Get("client_secret"), Code: form.Get("code"),
		RedirectURI: form.Get("redirect_uri"), CodeVerifier: form.Get("code_verifier"), RefreshToken: form.Get("refresh_token"),
		Assertion: form.Get("assertion"), AccountID: account{given: form.Has("account_id"), text: form.Get("account_id")},
	}
	if form.Has("scope") {
		scope := form.Get("scope")
		q.Scope = &scope
	}
	return q
}

// basic takes client credentials from the header. In both places at once they must be the same.
func (q *tokenRequest) basic(r *http.Request) error {
	if r.Header.Get("Authorization") == "" {
		return nil
	}
	id, secret, ok := oauth.BasicAuth(r)
	refused := fault.New(fault.Unauthenticated, tenant.CodeClientRefused, "The Authorization header is malformed or differs from the body.")
	if !ok || q.ClientID != "" && q.ClientID != id || q.ClientSecret != "" && !oauth.EqualSecret(q.ClientSecret, secret) {
		return refused
	}
	q.ClientID, q.ClientSecret = id, secret
	return nil
}

// client proves the client by id and, where its package has one, secret.
func (s *Server) client(ctx context.Context, q tokenRequest) (tenant.Package, error) {
	if q.ClientID == "" {
		return tenant.Package{}, missing("client_id")
	}
	pkg, err := s.pkg(ctx, q.ClientID)
	if err != nil {
		return tenant.Package{}, err
	}
	if err := s.o.Requests.Admit(ctx, pkg); err != nil {
		return tenant.Package{}, err
	}
	if err := pkg.CheckSecret(q.ClientSecret, s.o.Clock.Now(pkg.Tenant)); err != nil {
		return tenant.Package{}, err
	}
	return pkg, s.o.Requests.Take(ctx, pkg, pkg.NeedsSecret())
}

// pkg finds the package of a client id.
func (s *Server) pkg(ctx context.Context, clientID string) (tenant.Package, error) {
	if strings.IndexByte(clientID, 0) >= 0 {
		clientID = "" // no database keeps a NUL
	}
	pkg, err := s.o.Registry.Package(ctx, clientID)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return tenant.Package{}, fault.New(fault.Unauthenticated, tenant.CodeUnknownClient, "No package has this client id.")
	}
	return pkg, err
}

func missing(name string) error {
	return fault.New(fault.Invalid, codeMissing, "The parameter %s is missing.", name).In(name)
}
