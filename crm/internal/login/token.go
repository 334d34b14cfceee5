package login

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// maxTokenBody bounds a token request, in bytes; an assertion has 8 KB at most.
const maxTokenBody = 32 << 10

// tokenRequest is a token request, parsed once, so that no grant reaches into the form.
type tokenRequest struct {
	grantType    string
	responseType string // of the device flow's beginning
	client       clientProof
	assertion    string
	code         string
	redirectURI  string
	verifier     string
	refreshToken string
	username     string
	password     vault.Secret
	scope        string
	caller       caller
	format       string // as asked for; "" leaves it to the header
}

// grant is what one grant type has of its own. The steps that no grant may forget are serveToken's.
type grant interface {
	// subtype is the LoginHistory subtype.
	subtype() string
	// secret says whether the client must show its secret; asked for every grant that authenticates the client.
	secret(app *org.App) bool
	// anonymous grants do not say who the client is: it shows in what they bring.
	anonymous() bool
	// subject finds out who gets a session. With an error it may return what it found out before, for Login History.
	subject(ctx context.Context, r *tokenRequest, app *org.App) (*subject, error)
	// allowed decides the app's policy for the subject's user.
	allowed(ctx context.Context, sub *subject) error
}

// subject is for whom, for which app and with which scopes a session is to be made.
type subject struct {
	app     *org.App
	user    org.User
	scopes  []string
	grant   int64  // that the session ends with; 0 for none
	refresh string // refresh token to hand out; "" for none
	// idToken is the answer's id_token, "openid" given; nil for none.
	idToken *oauth.IDToken
	// status is the Login History status of a refusal where its code does not tell.
	status string
	// save keeps the session together with what else the grant changes; nil for the session alone.
	save func(ctx context.Context, s org.StoredSession, e org.LoginEvent) error
}

// serveTokenGet answers what a redirect makes of a POST (crm-wire 1.1).
func (s *Server) serveTokenGet(w http.ResponseWriter, r *http.Request) {
	s.tokenError(w, r, errUnsupportedGrant())
}

// serveToken runs the steps of every grant: read, choose the grant, authenticate the client, find the subject, decide
// the app's policy, the user's state and the address, make the session with its Login History row, answer.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	req, err := readTokenRequest(w, r)
	var as format
	if err == nil {
		as, err = formatOf(r, req.format)
	}
	if err != nil {
		s.tokenError(w, r, err)
		return
	}
	if as != formatJSON {
		w = formatted{w, as}
	}
	ctx := r.Context()
	if req.grantType == "" && req.responseType == responseDevice {
		a, err := s.startDevice(ctx, req)
		if err != nil {
			s.tokenError(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, a)
		return
	}
	g, ok := s.grants[req.grantType]
	if !ok {
		s.tokenError(w, r, errUnsupportedGrant())
		return
	}
	var app *org.App
	if !g.anonymous() {
		if app, err = s.client(ctx, req.client, g.secret); err != nil {
			s.tokenError(w, r, err)
			return
		}
	}
	sub, err := g.subject(ctx, req, app)
	if err == nil {
		err = s.admit(ctx, g, sub, req.caller)
	}
	if err != nil {
		s.noteTokenRefused(ctx, g, sub, req.caller, err)
		s.tokenError(w, r, err)
		return
	}
	answer, err := s.mint(ctx, g, sub, req)
	if err != nil {
		s.noteTokenRefused(ctx, g, sub, req.caller, err)
		s.tokenError(w, r, err)
		return
	}
	writeToken(w, answer)
}

// admit decides what holds for every grant: the app's policy first, so that nobody without access learns whether a
// user is active.
func (s *Server) admit(ctx context.Context, g grant, sub *subject, c caller) error {
	if err := s.known.AllowedByPolicies(ctx, sub.user, sub.app); err != nil {
		return err
	}
	if err := g.allowed(ctx, sub); err != nil {
		return err
	}
	if !sub.user.Active {
		return fault.New(fault.Denied, org.CodeUserInactive, "user is inactive")
	}
	if sub.user.Frozen {
		return fault.New(fault.Denied, org.CodeUserFrozen, "user is inactive")
	}
	return s.ip.AllowLogin(ctx, sub.user, sub.app, c.ip, g.subtype())
}

func (s *Server) noteTokenRefused(ctx context.Context, g grant, sub *subject, c caller, err error) {
	if sub == nil || sub.user.ID == "" {
		return
	}
	status := sub.status
	if status == "" {
		status = refusalStatus[fault.CodeOf(err)]
	}
	if status != "" {
		s.noteRefused(ctx, s.event(sub.user, c, org.LoginTypeOAuth, g.subtype(), sub.app.Name), status)
	}
}

// refusalStatus are the Login History statuses of refusals; others leave no row.
var refusalStatus = map[fault.Code]string{
	org.CodeNotAdminApproved: org.StatusNotApproved,
	org.CodeNotUserApproved:  org.StatusNotApproved,
	org.CodeUserInactive:     org.StatusUserInactive,
	org.CodeUserFrozen:       org.StatusUserFrozen,
	org.CodeIPRestricted:     org.StatusRestrictedIP,
	org.CodeLoginHours:       org.StatusRestrictedHours,
	org.CodeAppBlocked:       org.StatusAppBlocked,
	org.CodeNotInstalled:     org.StatusNotInstalled,
	org.CodeAssurance:        org.StatusAssurance,
}

// mint makes the session and the answer.
func (s *Server) mint(ctx context.Context, g grant, sub *subject, req *tokenRequest) (*tokenAnswer, error) {
	o, err := s.known.OrgByID(ctx, sub.user.Org)
	if err != nil {
		return nil, err
	}
	token, session, err := s.sessions.Make(ctx, org.NewSession{
		User: sub.user, App: sub.app, Type: org.SessionOAuth2, Scopes: sub.scopes, Grant: sub.grant, Timeout: org.SessionTimeout(o, sub.user, sub.app),
		Event: s.event(sub.user, req.caller, org.LoginTypeOAuth, g.subtype(), sub.app.Name), Save: sub.save,
	})
	if err != nil {
		return nil, err
	}
	id := s.idURL(sub.user.Org, sub.user.ID)
	issued := strconv.FormatInt(session.Created.UnixMilli(), 10)
	a := &tokenAnswer{
		AccessToken: token, RefreshToken: sub.refresh, Signature: signature(req.client.secret, sub.app, id+issued), Scope: strings.Join(sub.scopes, " "),
		InstanceURL: s.base, ID: id, TokenType: "Bearer", IssuedAt: issued,
	}
	if sub.idToken != nil {
		if a.IDToken, err = s.signIDToken(ctx, *sub.idToken, sub, token, session.Created); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// idTokenLife is how long an id_token is good (crm-wire 1.9).
const idTokenLife = 2 * time.Minute

func (s *Server) signIDToken(ctx context.Context, t oauth.IDToken, sub *subject, accessToken string, now time.Time) (string, error) {
	key, err := s.keys.get(ctx)
	if err != nil {
		return "", err
	}
	t.Issuer, t.Subject, t.Audience = s.base, s.idURL(sub.user.Org, sub.user.ID), sub.app.ConsumerKey
	t.IssuedAt, t.Expires, t.AccessTokenHash = now, now.Add(idTokenLife), oauth.AccessTokenHash(accessToken)
	return oauth.SignIDToken(key, t)
}

// signature is HMAC-SHA256 of identity URL and time under the consumer secret (crm-wire 1.4). The secret itself is known
// only while a client shows it; where the client shows none the key is the secret's hash, and no client checks it.
func signature(secret vault.Secret, app *org.App, message string) string {
	key := []byte(secret.Reveal())
	if len(key) == 0 {
		key = app.SecretHash
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(message)) // a hash takes everything
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func readTokenRequest(w http.ResponseWriter, r *http.Request) (*tokenRequest, error) {
	form, err := web.ReadForm(w, r, maxTokenBody)
	if err != nil {
		return nil, err
	}
	req := &tokenRequest{
		grantType: form.Get("grant_type"), responseType: form.Get("response_type"), assertion: form.Get("assertion"), code: form.Get("code"), redirectURI: form.Get("redirect_uri"),
		verifier: form.Get("code_verifier"), refreshToken: form.Get("refresh_token"), username: form.Get("username"),
		password: vault.Secret(form.Get("password")), scope: form.Get("scope"), format: form.Get("format"), caller: callerOf(r),
	}
	req.client, err = readClient(r, form)
	return req, err
}
