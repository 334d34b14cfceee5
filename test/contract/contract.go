// Package contract is one suite for every deployment of an org, a tenant and Connect: embedded in the test's process,
// spawned, or the real clouds. It knows base URLs and credentials alone, and calls everything the way programs and people
// do: through the clients that Connect itself uses, and through forms in a browser. What passes here on the built-in
// clouds and fails on real ones is a divergence to be written down or mended.
package contract

import (
	"cmp"
	"context"
	"crypto/rsa"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// Person is somebody's credentials in one cloud.
type Person struct {
	Username      string
	Password      vault.Secret
	SecurityToken vault.Secret // of an org's user, where API logins need it
}

// Deployment is a pair that the suite may use: it creates contacts, sends mails, maps one user and moves nothing else.
// Nothing is connected yet.
type Deployment struct {
	OrgURL       string
	AuthURL      string
	ConnectURL   string
	ConnectToken vault.Secret

	OrgAdmin   Person
	SystemUser Person // approved for the connected app that holds Connect's certificate
	Member     Person // an ordinary user of the org
	Outsider   Person // a user of the org whom nobody approved for any app

	// JWTApp is an admin-approved app whose private key the suite holds; OrgAdmin is approved for it.
	JWTApp    string
	JWTAppKey *rsa.PrivateKey
	// PublicApp is a self-authorize app without a secret, with PKCE and scopes openid and id; Redirect is registered.
	PublicApp string
	Redirect  string
	// PackageApp is the full name of the connected app that holds Connect's certificate.
	PackageApp string

	// Pair names the connection where Connect has several; "" where it has one.
	Pair string

	EID          int64
	MID          int64 // business unit into which the org is connected; 0 is the enterprise's top
	APIUser      Person
	TenantMember Person // to whom Member is to be mapped
	TenantOther  Person // a further user of the tenant, whose Salesforce.com Status names Outsider; he may not send
	// ConnectPackage is the client id of Connect's own package; "" where it is not known.
	ConnectPackage string
	ServerPackage  string // client id of a server-to-server package that may send email and administer users and accounts
	ServerSecret   vault.Secret
	// WebPackage is the client id of a web package with the scope offline and Connect's address /oauth/engagement/callback;
	// "" where there is none, and the driver web_app is left out.
	WebPackage string
	WebSecret  vault.Secret
	// OrgPasswords says that the org has SOAP login, TenantPasswords that its managed package is older than 220: else those
	// drivers are left out.
	OrgPasswords, TenantPasswords bool
	Definition                    string // external key of an active definition

	// Now is the domain time of the pair; nil is time.Now.
	Now func() time.Time
}

// Run runs the whole suite. Its parts follow one another as the documents do: each stands on what the one before left.
func Run(t *testing.T, d Deployment) {
	s, err := newSuite(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.http.CloseIdleConnections)
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"org sign-in", s.orgSignIn},
		{"org web flow", s.orgWebFlow},
		{"org records", s.orgRecords},
		{"org connected app", s.orgConnectedApp},
		{"tenant sign-in", s.tenantSignIn},
		{"tenant sends", s.tenantSends},
		{"tenant objects", s.tenantObjects},
		{"org span", s.orgSpan},
		{"tenant span", s.tenantSpan},
		{"mapping", s.mapping},
		{"send", s.send},
		{"credentials story", s.credentialsStory},
		{"permission story", s.permissionStory},
		{"denied story", s.deniedStory},
		{"mapping by user names", s.mappingByNames},
		{"drivers", s.drivers},
	} {
		if !t.Run(part.name, part.run) {
			return // what follows would only repeat the failure in other words
		}
	}
}

// RunConnect raises both spans and nothing else.
func RunConnect(t *testing.T, d Deployment) {
	s, err := newSuite(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.http.CloseIdleConnections)
	s.orgSpan(t)
	s.tenantSpan(t)
}

type suite struct {
	Deployment
	http   *http.Client
	org    *crm.Client
	tenant *engagement.Client
	calls  connectCalls
	sites  struct{ org, auth string }
	// byField: the org's package is older than 5.493, and a mapping is cleared by its User field.
	byField bool
	// retell has the stories told once more over the API user's password.
	retell bool
}

func newSuite(d Deployment) (*suite, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	s := &suite{Deployment: d, http: &http.Client{Transport: client.NewTransport()}}
	var err error
	if s.org, err = crm.New(crm.Options{BaseURL: d.OrgURL, HTTP: s.http}); err != nil {
		return nil, err
	}
	if s.tenant, err = engagement.New(engagement.Options{AuthURL: d.AuthURL, HTTP: s.http}); err != nil {
		return nil, err
	}
	s.calls = connectCalls{base: d.ConnectURL, token: d.ConnectToken, http: s.http}
	if s.sites.org, err = origin(d.OrgURL); err != nil {
		return nil, err
	}
	s.sites.auth, err = origin(d.AuthURL)
	return s, err
}

// tab is the address of the Marketing Cloud tab.
func (s *suite) tab() string {
	if s.Pair == "" {
		return s.ConnectURL + "/marketing-cloud"
	}
	return s.ConnectURL + "/marketing-cloud?pair=" + url.QueryEscape(s.Pair)
}

// unit is the business unit into which the org is connected.
func (s *suite) unit() int64 { return cmp.Or(s.MID, s.EID) }

func origin(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	return browser.Origin(u), nil
}

// bounded is a context for one part.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that a cloud said no with its own code and text; text "" is not looked at.
func refused(t *testing.T, err error, status int, code, text string) {
	t.Helper()
	r := client.Remote(err)
	if r == nil || r.Status != status || r.Code != code || text != "" && r.Description != text {
		t.Fatalf("got %v, want status %d, %s: %s", err, status, code, text)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("got %v, want kind %v", err, kind)
	}
}

// visit opens an address in the browser and fills in what is asked, as the two people would.
func (s *suite) visit(t *testing.T, b *browser.Browser, address string, org, tenant Person) *browser.Page {
	t.Helper()
	page, err := b.Visit(bounded(t), address, browser.Errand{
		Logins: map[string]browser.Credentials{
			s.sites.org:  {Username: org.Username, Password: org.Password.Reveal()},
			s.sites.auth: {Username: tenant.Username, Password: tenant.Password.Reveal()},
		},
		Press: []string{"Allow", "Connect to Marketing Cloud", "Yes, connect me", "Yes, connect"},
	})
	ok(t, err)
	return page
}
