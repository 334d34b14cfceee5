// Package tenanttest holds what tests of the tenant's house share: the description of a tenant with every kind of user
// and package, and one conformance suite for whatever implements the store roles of package tenant.
package tenanttest

import (
	"crypto/rsa"
	"sync"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault/vaulttest"
)

// Passwords and secrets of the tenant that Spec describes.
const (
	Password     = "correct horse battery"
	ServerSecret = "server-secret-0123456789abcdef"
	WebSecret    = "web-secret-0123456789abcdef"
	RedirectURI  = "http://localhost:9876/callback"
	WebRedirect  = "https://app.example/cb"
)

// House names what is in a tenant made by Spec.
type House struct {
	Spec tenant.Spec
	EID  tenant.EID
	// North and South are the child business units.
	North, South tenant.MID
	// Client ids.
	Server, Web, Public, Connect string
	// User names: Admin and API have the administrators' roles, API is an API user; Sender has the three roles of an
	// integrated user; Analyst can only read and is not integrated; Local works in North alone; Temporary must change
	// the password.
	Admin, API, Sender, Analyst, Local, Temporary string
}

// Key is the private key that signs the assertions of the connect packages of all tenants made here.
var Key = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := oauth.NewKey()
	if err != nil {
		panic(err)
	}
	return key
})

var certificate = sync.OnceValue(func() string {
	pem, err := oauth.NewCertificate("Twinspan Connect", Key(), time.Now().Add(-time.Hour), time.Now().Add(240*time.Hour))
	if err != nil {
		panic(err)
	}
	return pem
})

var passwordHash = sync.OnceValue(func() string { return vaulttest.Hash(Password) })

// Spec describes a tenant whose numbers and names are its own.
func Spec() House {
	tag := oauth.NewToken(8)
	h := House{
		EID: tenant.NewEID(), North: tenant.MID(tenant.NewEID()), South: tenant.MID(tenant.NewEID()),
		Server: "server" + tag, Web: "web" + tag, Public: "public" + tag, Connect: "connect" + tag,
		Admin: "admin@" + tag, API: "api@" + tag, Sender: "sender@" + tag, Analyst: "analyst@" + tag, Local: "local@" + tag, Temporary: "temp@" + tag,
	}
	scopes := []string{"email_read", "email_send", "email_write", "list_and_subscribers_read", "data_extensions_read", tenant.ScopeOffline}
	user := func(name string, change func(*tenant.UserSpec), roles ...string) tenant.UserSpec {
		u := tenant.UserSpec{Username: name, Email: name + ".example", PasswordHash: passwordHash(), Roles: roles}
		if change != nil {
			change(&u)
		}
		return u
	}
	integrated := func(u *tenant.UserSpec) { u.SalesforceStatus = "crm." + u.Username }
	h.Spec = tenant.Spec{
		EID: int64(h.EID), Name: "Northern Trail", BusinessUnits: []tenant.BusinessUnitSpec{{MID: int64(h.North), Name: "North"}, {MID: int64(h.South), Name: "South"}},
		Users: []tenant.UserSpec{
			user(h.Admin, nil, "Administrator", "Marketing Cloud Administrator"),
			user(h.API, func(u *tenant.UserSpec) { u.APIUser = true }, "Administrator", "Marketing Cloud Administrator"),
			user(h.Sender, integrated, "Content Creator", "Data Manager", "Marketing Cloud Content Editor/Publisher"),
			user(h.Analyst, nil, "Analyst"),
			user(h.Local, func(u *tenant.UserSpec) { u.DefaultMID = int64(h.North) }, "Content Creator"),
			user(h.Temporary, func(u *tenant.UserSpec) { u.MustChangePassword, u.APIUser = true, true }, "Content Creator"),
		},
		Packages: []tenant.PackageSpec{
			{Name: "Server", Type: tenant.ServerIntegration, ClientID: h.Server, Secret: ServerSecret, Scopes: scopes[:5]},
			{Name: "Web", Type: tenant.WebIntegration, ClientID: h.Web, Secret: WebSecret, Scopes: scopes, RedirectURIs: []string{RedirectURI, WebRedirect}},
			{Name: "Public", Type: tenant.PublicIntegration, ClientID: h.Public, Scopes: scopes, RedirectURIs: []string{RedirectURI}},
			{Name: "Marketing Cloud Connect", Type: tenant.ConnectIntegration, ClientID: h.Connect, Scopes: scopes, RedirectURIs: []string{RedirectURI}, Certificate: certificate()},
		},
	}
	return h
}
