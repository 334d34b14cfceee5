// Package integration is the connection of document 004: a dedicated user of the org who signs in by the OAuth
// username-password flow, as connectors of other vendors do. It is a connection of its own kind, beside the two spans: its
// user is not Connect's system user, it breaks with every change of password or security token, and its secrets lie in
// the vault alone. Every report of it offers the better way, JWT bearer, which has none.
package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// Codes of the faults that this package returns, and of the causes for which the connection is broken.
const (
	CodeNotFound fault.Code = "not_found"
	// CodeMissing: a part of the credentials is missing.
	CodeMissing fault.Code = "credentials_required"
	// CodeSystemUser: the user is Connect's system user, who is to be another one.
	CodeSystemUser fault.Code = "system_user_named"
	// CodeRefused: the org refuses the credentials, and nothing tells why. What else a connection breaks for is told by the
	// codes of link.Holder.
	CodeRefused = link.CodeCredentialsRefused
)

// Account is the integration user as he is connected.
type Account struct {
	Pair        string
	Username    string
	UserID      string // 18 characters
	OrgID       string // 18 characters
	ClientID    string // consumer key of the connected app that he signs in through
	Origin      string // the org's address that his credentials were given for
	State       link.SpanState
	Cause       link.Cause // where broken
	ConnectedAt time.Time  // when the credentials were given
	CheckedAt   time.Time  // when they were tried last
	Revision    int64
}

// Facts are what the audit chain keeps of an account.
type Facts struct {
	Username string `json:"username"`
	UserID   string `json:"user_id"`
	ClientID string `json:"client_id"`
	// GivenAt is when his credentials were given, in milliseconds since 1970.
	GivenAt int64 `json:"given_at"`
}

// Facts gives them; nil for the zero Account.
func (a Account) Facts() *Facts {
	if a.Username == "" {
		return nil
	}
	return &Facts{a.Username, a.UserID, a.ClientID, a.ConnectedAt.UnixMilli()}
}

// Credentials are what the user signs in with.
type Credentials struct {
	Username      string
	Password      vault.Secret
	SecurityToken vault.Secret // "" where the org trusts Connect's address
	ClientID      string
	ClientSecret  vault.Secret // "" where the app needs none
}

func (c Credentials) check() error {
	if err := link.CheckUsername(c.Username); err != nil {
		return fault.Of(err).In("username")
	}
	for field, value := range map[string]string{"password": c.Password.Reveal(), "client_id": c.ClientID} {
		if value == "" {
			return fault.New(fault.Invalid, CodeMissing, "The %s is missing.", field).In(field)
		}
	}
	for field, value := range map[string]string{"password": c.Password.Reveal(), "security_token": c.SecurityToken.Reveal(), "client_id": c.ClientID, "client_secret": c.ClientSecret.Reveal()} {
		if len(value) > 1000 {
			return fault.New(fault.Invalid, CodeMissing, "The %s is longer than any.", field).In(field)
		}
	}
	return nil
}

// sealed is how the secrets are kept.
type sealed struct {
	Password      string `json:"password"`
	SecurityToken string `json:"security_token"`
	ClientSecret  string `json:"client_secret"`
}

// AAD binds sealed secrets to the pair, the user, the app and the org's address: sent elsewhere, they do not open.
func AAD(a Account) []byte {
	return fmt.Appendf(nil, "connect/integration/v1|%s|%s|%s|%s", a.Pair, a.Username, a.ClientID, a.Origin)
}

// elsewhere is why the account's credentials are not sent to the address that the org has now; nil where it is theirs.
func (a Account) elsewhere(l link.Link) error {
	if a.Origin == l.CRMURL {
		return nil
	}
	f := fault.Of(link.AddressChanged("The org", a.Origin, l.CRMURL))
	return fault.New(f.Kind, f.Code, "%s Give all of them again to `integration-user create`.", f.Message)
}

func (c Credentials) seal(v *vault.Vault, a Account) ([]byte, error) {
	plain, err := json.Marshal(sealed{c.Password.Reveal(), c.SecurityToken.Reveal(), c.ClientSecret.Reveal()})
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return v.Seal(plain, AAD(a))
}

func open(v *vault.Vault, a Account, l link.Link, text []byte) (Credentials, error) {
	if err := a.elsewhere(l); err != nil {
		return Credentials{}, err
	}
	plain, err := v.Open(text, AAD(a))
	if err != nil {
		return Credentials{}, fault.Wrap(err, fault.Internal, link.CodeCredentialCorrupt, "The integration user's credentials cannot be opened: the key file is another one, or the database was changed.")
	}
	defer clear(plain)
	var s sealed
	if err := json.Unmarshal(plain, &s); err != nil {
		return Credentials{}, err
	}
	return Credentials{a.Username, vault.Secret(s.Password), vault.Secret(s.SecurityToken), a.ClientID, vault.Secret(s.ClientSecret)}, nil
}

// Store keeps the integration users of connections; one each.
type Store interface {
	// Account reads a pair's account and its sealed secrets; a missing one is a NotFound fault with CodeNotFound.
	Account(ctx context.Context, pair string) (a Account, secrets []byte, err error)
	// PutAccount stores an account in place of the one there is, and why in the audit chain.
	PutAccount(ctx context.Context, a Account, secrets []byte, why audit.Change) (Account, error)
	// RemoveAccount forgets a pair's account and its secrets, with why in the audit chain; a missing one is a NotFound fault.
	RemoveAccount(ctx context.Context, pair string, why audit.Change) error
	// MarkAccount stores what trying an account showed, if its credentials are still those of its Revision.
	MarkAccount(ctx context.Context, a Account) error
}
