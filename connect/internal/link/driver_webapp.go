package link

import (
	"context"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

const (
	// CodeClientRefused: Engagement refuses client id and secret of the customer's package, or what they are used for.
	CodeClientRefused fault.Code = "package_client_refused"
	// CodeNoRefreshToken: the customer's web app gives users no refresh token, so nobody can be mapped by it.
	CodeNoRefreshToken fault.Code = "no_refresh_token"
)

// PackageClient is the customer's own installed package in a tenant, as its API integrations are known there
// (engagement-wire 2.1, 2.7). One integration has one type: where a package has one that works as itself and another that
// users sign in through, there are two ids.
type PackageClient struct {
	ID     string       // of the integration Server-to-Server, which takes client credentials
	Secret vault.Secret // "" where the stored one is to be used
	// UserID and UserSecret are of the integration Web App, through which users sign in; "" is ID and Secret.
	UserID     string
	UserSecret vault.Secret
}

// name is whose sealed secrets are: they open for these two ids alone.
func (c PackageClient) name() string { return c.ID + " " + c.UserID }

// given reports whether there is anything new to be stored.
func (c PackageClient) given() bool { return c.Secret != "" || c.UserSecret != "" }

// PackageClient is the customer's package that the tenant span stands on, without secrets; the zero value where it stands on
// something else.
func (l Link) PackageClient() PackageClient {
	return PackageClient{ID: l.Tenant.ClientID, UserID: l.Tenant.UserClientID}
}

// webAppTenant signs in by the customer's own package (DESIGN 5.2): as the package itself, by client credentials, for what
// the API user does elsewhere; every other user by the refresh token of his own sign-in.
type webAppTenant struct{ s *Service }

func (d webAppTenant) session(ctx context.Context, l Link, username string, mid int64) (engagement.Token, error) {
	c, err := d.s.packageClient(ctx, l)
	if err != nil {
		return engagement.Token{}, err
	}
	if SameUsername(username, l.Tenant.Username) {
		token, err := d.asItself(ctx, l, c, mid)
		return token, clientRefused(err, c.ID, true)
	}
	token, err := d.s.refreshUser(ctx, l, username, mid, c.UserID, c.UserSecret)
	return token, clientRefused(err, c.UserID, true)
}

// asItself gets a token of the package's own user, in the business unit of the package where mid is 0.
func (d webAppTenant) asItself(ctx context.Context, l Link, c PackageClient, mid int64) (engagement.Token, error) {
	tenant, err := d.s.TenantClient(l)
	if err != nil {
		return engagement.Token{}, err
	}
	return tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: c.ID, Secret: c.Secret, MID: mid})
}

// prove signs the package in, and shows that users may sign in through it: a code that never was is refused for itself by
// a tenant that knows the client, and for the client by one that does not.
func (d webAppTenant) prove(ctx context.Context, l Link, c PackageClient, mid int64) (engagement.Token, error) {
	token, err := d.asItself(ctx, l, c, mid)
	if err != nil {
		return engagement.Token{}, clientRefused(err, c.ID, false)
	}
	tenant, err := d.s.TenantClient(l)
	if err != nil {
		return engagement.Token{}, err
	}
	_, err = tenant.ExchangeCode(ctx, engagement.CodeGrant{
		ClientID: c.UserID, Secret: c.UserSecret, Code: vault.Secret(oauth.NewToken(32)), RedirectURI: d.s.callback, Verifier: vault.Secret(oauth.NewVerifier()),
	})
	if refused := clientRefused(err, c.UserID, false); fault.CodeOf(refused) == CodeClientRefused {
		return engagement.Token{}, refused
	}
	if err != nil && fault.CodeOf(err) != client.CodeRefused {
		return engagement.Token{}, err
	}
	return token, nil
}

// clientRefused names a refusal of the client itself; err where it is none. kept tells that the secret worked once and is stored;
// else it was given just now, and there is nothing to renew.
func clientRefused(err error, id string, kept bool) error {
	r := client.Remote(err)
	if r == nil || r.Cloud != "tenant" || r.Code != "invalid_client" && r.Code != "unauthorized_client" {
		return err
	}
	why, next := "the secret was changed, or the package was deleted or disabled", "give the secret to `"+renewTenant+"`"
	if !kept {
		why, next = "client id and secret are not those of one API integration, or the package is disabled", "give both as they stand there"
	}
	if r.Code == "unauthorized_client" {
		why = "its API integration is of another type: Server-to-Server takes client credentials, and users sign in through a Web App"
	}
	return fault.New(fault.Denied, CodeClientRefused, "Engagement refuses the installed package of client id %s (%s: %s): %s. Setup > Apps > Installed Packages shows both; %s.", id, r.Code, client.Clip(r.Description, 200), why, next)
}

// packageClient is the package that the span stands on, with its secrets.
func (s *Service) packageClient(ctx context.Context, l Link) (PackageClient, error) {
	c := l.PackageClient()
	kept, err := s.credential(ctx, l, IntoTenant, c.name())
	c.Secret, c.UserSecret = vault.Secret(kept.ClientSecret), vault.Secret(kept.UserClientSecret)
	return c, err
}

// UserClientID is the client id through which users of the tenant sign in: the customer's web app, or Connect's package.
func (l Link) UserClientID() string {
	if l.Tenant.Driver == WebApp {
		return l.Tenant.UserClientID
	}
	return l.PackageClientID
}

// UserClientSecret is the secret of that client; "" for Connect's package, which has none.
func (s *Service) UserClientSecret(ctx context.Context, l Link) (vault.Secret, error) {
	if l.Tenant.Driver != WebApp {
		return "", nil
	}
	c, err := s.packageClient(ctx, l)
	return c.UserSecret, err
}

// HasGrants reports whether the tenant keeps grants for Connect: standing permissions to act for users, which can be listed
// and ended there. Without them what Connect may do for a user is his refresh token, which it can forget alone.
func (l Link) HasGrants() bool { return l.Tenant.Driver != WebApp }

// resolvePackage fills in what the span has already.
func (r TenantRequest) resolvePackage(l Link) (TenantRequest, error) {
	c, old := r.Package, l.PackageClient()
	if c.ID == "" {
		c.ID = old.ID
	}
	if r.MID == 0 && c.ID == old.ID {
		r.MID = l.Tenant.MID
	}
	if c.UserID == "" {
		c.UserID = old.UserID
		if c.ID != old.ID || c.UserID == "" {
			c.UserID = c.ID
		}
	}
	missing := func(field, text string) (TenantRequest, error) {
		return r, fault.New(fault.Invalid, CodeCredentialsRequired, "%s", text).In(field)
	}
	if c.UserID == c.ID && c.UserSecret == "" {
		c.UserSecret = c.Secret
	}
	switch known := l.Tenant.Driver == WebApp; {
	case c.ID == "":
		return missing("client_id", "The client id of the customer's installed package is missing.")
	case len(c.ID) > 255 || len(c.UserID) > 255:
		return missing("client_id", "A client id is longer than any.")
	case len(c.Secret) > 1000 || len(c.UserSecret) > 1000:
		return missing("client_secret", "A secret is longer than any.")
	case c.Secret == "" && !(known && c.ID == old.ID):
		return missing("client_secret", "The secret of the customer's installed package is missing.")
	case c.UserSecret == "" && !(known && c.UserID == old.UserID):
		return missing("web_client_secret", "The secret of the web app is missing.")
	}
	r.Package = c
	return r, nil
}

// complete adds the stored secrets in place of those that were not given.
func (s *Service) complete(ctx context.Context, l Link, c PackageClient) (PackageClient, error) {
	if c.Secret != "" && c.UserSecret != "" {
		return c, nil
	}
	kept, err := s.packageClient(ctx, l)
	if err != nil {
		return c, err
	}
	if c.Secret == "" {
		c.Secret = kept.Secret
	}
	if c.UserSecret == "" {
		c.UserSecret = kept.UserSecret
	}
	return c, nil
}
