package cli

import (
	"cmp"
	"context"
	"strings"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// authJWT and authPassword are how a span signs in.
const (
	authJWT      = "jwt"
	authPassword = "password"
)

// Names of the system user's secrets.
const systemPassword, systemToken = "system_user_password", "system_user_security_token"

// intoOrg raises the span into the org as it was asked for.
func (c *connectUpCmd) intoOrg(ctx context.Context, a *app, cl *connect.Client, by string) error {
	switch c.OrgAuth {
	case authPassword:
	case authJWT:
		return cl.ConnectOrgByKey(ctx, c.SystemUser, by, oauth.NewToken(24))
	default:
		return cl.ConnectOrg(ctx, c.SystemUser, by, oauth.NewToken(24))
	}
	s, err := c.read(a, systemPassword, systemToken)
	if err != nil {
		return err
	}
	password, token := s[systemPassword], s[systemToken]
	if password == "" && c.URL == "" { // the built-in org's, whose ready file has them
		if r, err := c.ready(); err == nil && strings.EqualFold(r.CRM.SystemUser.Username, c.SystemUser) {
			password, token = vault.Secret(r.CRM.SystemUser.Password), cmp.Or(token, vault.Secret(r.CRM.SystemUser.SecurityToken))
		}
	}
	if password == "" {
		return usagef("the system user's password is missing: put it in TWINSPAN_SYSTEM_USER_PASSWORD, or as system_user_password in a --secrets-file")
	}
	return cl.ConnectOrgByPassword(ctx, c.SystemUser, password, token, by)
}
