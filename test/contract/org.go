package contract

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// orgSignIn: JWT bearer and SOAP login, and how they refuse (crm-wire 1.5, 1.6, 2.4; DESIGN 5.3).
func (s *suite) orgSignIn(t *testing.T) {
	ctx := bounded(t)
	grant := crm.JWTGrant{ConsumerKey: s.JWTApp, Username: s.OrgAdmin.Username, Key: s.JWTAppKey, Now: s.Now()}
	token, err := s.org.JWTBearer(ctx, grant)
	ok(t, err)
	if token.RefreshToken != "" {
		t.Error("the JWT bearer flow gave a refresh token")
	}
	id, err := s.org.Session(token).UserInfo(ctx)
	ok(t, err)
	if id.Username != s.OrgAdmin.Username || id.OrgID != token.OrgID || id.UserID != token.UserID {
		t.Errorf("signed in %+v by a token of %s/%s", id, token.OrgID, token.UserID)
	}
	ok(t, s.org.Revoke(ctx, token.AccessToken))
	_, err = s.org.Session(token).UserInfo(ctx)
	wantKind(t, err, fault.Unauthenticated)
	_, err = s.org.Session(token).Query(ctx, "SELECT Id FROM User LIMIT 1")
	wantKind(t, err, fault.Unauthenticated)

	outsider := grant
	outsider.Username = s.Outsider.Username
	_, err = s.org.JWTBearer(ctx, outsider)
	refused(t, err, 400, "invalid_app_access", "user is not admin approved to access this app")
	unknown := grant
	unknown.ConsumerKey = "nobody"
	_, err = s.org.JWTBearer(ctx, unknown)
	refused(t, err, 400, "invalid_client_id", "client identifier invalid")
	expired := grant
	expired.Now = s.Now().Add(-time.Hour)
	_, err = s.org.JWTBearer(ctx, expired)
	refused(t, err, 400, "invalid_grant", "")
	foreign := grant
	foreign.Audience = "https://elsewhere.example"
	_, err = s.org.JWTBearer(ctx, foreign)
	refused(t, err, 400, "invalid_grant", "audience is invalid")
	key, err := oauth.NewKey()
	ok(t, err)
	forged := grant
	forged.Key = key
	_, err = s.org.JWTBearer(ctx, forged)
	refused(t, err, 400, "invalid_grant", "invalid assertion")

	login, err := s.org.Login(ctx, s.OrgAdmin.Username, s.OrgAdmin.Password+s.OrgAdmin.SecurityToken)
	ok(t, err)
	ok(t, s.org.Session(login).Logout(ctx))
	_, err = s.org.Session(login).Query(ctx, "SELECT Id FROM User LIMIT 1")
	wantKind(t, err, fault.Unauthenticated)
	_, err = s.org.Login(ctx, s.OrgAdmin.Username, "wrong")
	refused(t, err, 400, "INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
}

// orgWebFlow: the web server flow with PKCE, and the id_token (crm-wire 1.2, 1.9).
func (s *suite) orgWebFlow(t *testing.T) {
	ctx := bounded(t)
	back, codes := listen(t)
	u, err := url.Parse(s.Redirect)
	ok(t, err)
	redirect := *back
	redirect.Path = u.Path // a loopback redirect URI may have any port (RFC 8252 section 7.3)
	redirect.Host = u.Hostname() + ":" + back.Port()
	verifier := oauth.NewVerifier()
	request := crm.AuthorizeRequest{
		ClientID: s.PublicApp, RedirectURI: redirect.String(), Scopes: []string{"openid", "id"}, State: "st/ate=&?",
		Nonce: oauth.NewToken(16), Challenge: oauth.Challenge(verifier),
	}
	b := browser.New(s.http.Transport)
	s.visit(t, b, s.org.AuthorizeURL(request), s.Member, Person{})
	q := <-codes
	if q.Get("state") != request.State || q.Get("code") == "" {
		t.Fatalf("came back with %v", q)
	}
	grant := crm.CodeGrant{ClientID: s.PublicApp, Code: vault.Secret(q.Get("code")), RedirectURI: request.RedirectURI, Verifier: vault.Secret(oauth.NewVerifier())}
	_, err = s.org.ExchangeCode(ctx, grant)
	refused(t, err, 400, "invalid_grant", "")
	// A signed-in browser that has agreed gets the next code without a form.
	forms := b.Sent()
	s.visit(t, b, s.org.AuthorizeURL(request), Person{}, Person{})
	q = <-codes
	if b.Sent() != forms {
		t.Errorf("%d forms at the second authorization", b.Sent()-forms)
	}
	grant.Code, grant.Verifier = vault.Secret(q.Get("code")), vault.Secret(verifier)
	token, err := s.org.ExchangeCode(ctx, grant)
	ok(t, err)
	proof, err := s.org.VerifyIDToken(ctx, token.IDToken, s.PublicApp, request.Nonce, s.Now())
	ok(t, err)
	if proof.OrgID != token.OrgID || proof.UserID != token.UserID {
		t.Errorf("the id_token names %s/%s, the token %s/%s", proof.OrgID, proof.UserID, token.OrgID, token.UserID)
	}
	_, err = s.org.VerifyIDToken(ctx, token.IDToken, s.PublicApp, "another", s.Now())
	wantKind(t, err, fault.Unavailable)
	_, err = s.org.ExchangeCode(ctx, grant) // a code works once
	refused(t, err, 400, "invalid_grant", "")
}

// orgRecords: query, create, read, change and delete of a record, and the shapes of refusals (crm-wire 3.3 to 3.5).
func (s *suite) orgRecords(t *testing.T) {
	ctx := bounded(t)
	session := s.admin(t)
	users, err := session.Query(ctx, "SELECT Id, Username, Profile.Name FROM User WHERE Username = '"+s.OrgAdmin.Username+"'")
	ok(t, err)
	if len(users) != 1 || users[0].String("Username") != s.OrgAdmin.Username || users[0].Related("Profile").String("Name") == "" {
		t.Fatalf("users: %v", users)
	}
	id, err := session.CreateRecord(ctx, "Contact", map[string]any{"FirstName": "Con", "LastName": "Tract", "Email": "con.tract@customer.example"})
	ok(t, err)
	r, err := session.GetRecord(ctx, "Contact", id, "Id", "FirstName", "Email", "HasOptedOutOfEmail", "SystemModstamp")
	ok(t, err)
	if r.String("Id") != id || r.String("FirstName") != "Con" || r.Bool("HasOptedOutOfEmail") || r.Time("SystemModstamp").IsZero() {
		t.Fatalf("contact: %v", r)
	}
	ok(t, session.UpdateRecord(ctx, "Contact", id, map[string]any{"FirstName": nil, "HasOptedOutOfEmail": true}))
	changed, err := session.GetRecord(ctx, "Contact", id[:15], "FirstName", "HasOptedOutOfEmail", "SystemModstamp")
	ok(t, err)
	if changed.String("FirstName") != "" || !changed.Bool("HasOptedOutOfEmail") || changed.Time("SystemModstamp").Before(r.Time("SystemModstamp")) {
		t.Fatalf("changed contact: %v", changed)
	}
	_, err = session.CreateRecord(ctx, "Contact", map[string]any{"FirstName": "No"})
	refused(t, err, 400, "REQUIRED_FIELD_MISSING", "")
	_, err = session.Query(ctx, "SELECT Nope FROM Contact")
	refused(t, err, 400, "INVALID_FIELD", "")
	_, err = session.Query(ctx, "SELEC Id FROM Contact")
	refused(t, err, 400, "MALFORMED_QUERY", "")
	_, err = session.GetRecord(ctx, "Nothing", id)
	wantKind(t, err, fault.NotFound)
	ok(t, session.DeleteRecord(ctx, "Contact", id))
	_, err = session.GetRecord(ctx, "Contact", id, "Id")
	wantKind(t, err, fault.NotFound)
}

// orgConnectedApp: the policies of document 001 by the Metadata API, read back (crm-wire 5.4).
func (s *suite) orgConnectedApp(t *testing.T) {
	ctx := bounded(t)
	session := s.admin(t)
	apps, err := session.ReadConnectedApps(ctx, s.PackageApp, "Nothing_Here")
	ok(t, err)
	if len(apps) != 1 || apps[0].FullName != s.PackageApp || apps[0].ConsumerKey == "" {
		t.Fatalf("apps: %+v", apps)
	}
	app := apps[0]
	app.AdminApproved, app.IPRelaxation, app.RefreshTokenPolicy = true, "BYPASS", "zero"
	ok(t, session.UpdateConnectedApp(ctx, app))
	apps, err = session.ReadConnectedApps(ctx, s.PackageApp)
	ok(t, err)
	got := apps[0]
	if !got.AdminApproved || got.IPRelaxation != "BYPASS" || got.RefreshTokenPolicy != "zero" || got.ConsumerKey != app.ConsumerKey ||
		!slices.Equal(got.PermissionSets, app.PermissionSets) {
		t.Fatalf("read back: %+v", got)
	}
	app.IPRelaxation = "SOMETIMES"
	if err := session.UpdateConnectedApp(ctx, app); fault.KindOf(err) != fault.Denied {
		t.Fatalf("an impossible policy gave %v", err)
	}
}

// admin is a session of the org's admin that ends with the part.
func (s *suite) admin(t *testing.T) *crm.Session {
	t.Helper()
	token, err := s.org.Login(bounded(t), s.OrgAdmin.Username, s.OrgAdmin.Password+s.OrgAdmin.SecurityToken)
	ok(t, err)
	return s.org.Session(token)
}

// listen is a client's redirect URI on loopback. Its queries come on the channel.
func listen(t *testing.T) (*url.URL, <-chan url.Values) {
	t.Helper()
	codes := make(chan url.Values, 8)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		codes <- r.URL.Query()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, "<!doctype html><title>Back</title>back") // the browser of the test reads it
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	ok(t, err)
	return u, codes
}
