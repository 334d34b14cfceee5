package cli

import (
	"context"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/vault"
)

// authWebApp: into Engagement by the customer's own installed package.
const authWebApp = "web_app"

// Names of the package's secrets.
const packageSecret, webSecret = "package_client_secret", "web_client_secret"

// byPackage raises the span into Engagement by the customer's own package. Without client ids the one that the span stands on
// is tried again, with new secrets where some are given; a ready file's packages are taken where nothing else is named.
func (c *connectUpCmd) byPackage(ctx context.Context, a *app, cl *connect.Client, by string) (connect.EngagementAnswer, error) {
	s, err := cl.Status(ctx)
	if err != nil {
		return connect.EngagementAnswer{}, err
	}
	p, err := c.packageClient(ctx, a, s.Engagement)
	if err != nil {
		return connect.EngagementAnswer{}, err
	}
	return cl.ConnectEngagementByPackage(ctx, c.APIUser, c.MID, p, by)
}

// packageClient gathers client ids and secrets, once: whoever is asked for them is not asked again.
func (c *connectUpCmd) packageClient(ctx context.Context, a *app, has connect.Span) (connect.PackageClient, error) {
	if c.own != nil {
		return *c.own, nil
	}
	p, err := c.gatherPackage(ctx, a, has)
	if err == nil {
		c.own = &p
	}
	return p, err
}

func (c *connectUpCmd) gatherPackage(ctx context.Context, a *app, has connect.Span) (connect.PackageClient, error) {
	p := connect.PackageClient{ID: c.PackageClientID, WebID: c.WebClientID}
	known := has.ClientID != "" && (p.ID == "" || p.ID == has.ClientID) && (p.WebID == "" || p.WebID == has.WebClientID)
	reader := *a
	reader.Terminal = a.Terminal && !known // one that is there is asked for nothing
	names := []string{packageSecret}
	switch {
	case known, p.WebID != "" && p.WebID != p.ID:
		names = append(names, webSecret)
	case p.ID == "":
		if c.URL != "" || c.stands != "" && c.stands != string(standing.Embedded) {
			return p, usagef("--package-client-id is missing: the client id of your installed package in Engagement")
		}
		r, err := c.ready()
		if err != nil {
			return p, err
		}
		server, web := r.Engagement.InstalledPackage, r.Engagement.WebAppPackage
		return connect.PackageClient{ID: server.ClientID, Secret: vault.Secret(server.ClientSecret), WebID: web.ClientID, WebSecret: vault.Secret(web.ClientSecret)}, nil
	}
	s := c.given // read already, with the other span's
	if s == nil || c.SecretsFile == "" {
		var err error
		if s, err = c.read(ctx, &reader, names...); err != nil {
			return p, err
		}
	}
	if p.Secret, p.WebSecret = s[packageSecret], s[webSecret]; p.Secret == "" && !known {
		return p, usagef("the package's secret is missing: put it in TWINSPAN_PACKAGE_CLIENT_SECRET, or as package_client_secret in a --secrets-file")
	}
	return p, nil
}

// renewPackage gives new secrets of the package that the span stands on.
func (c *connectRenewCmd) renewPackage(ctx context.Context, a *app, cl *connect.Client, has connect.Span) error {
	names := []string{packageSecret}
	if has.WebClientID != has.ClientID {
		names = append(names, webSecret)
	}
	s, err := c.read(ctx, a, names...)
	if err != nil {
		return err
	}
	if s[packageSecret] == "" && s[webSecret] == "" {
		return usagef("the package's secret is missing: put it in TWINSPAN_PACKAGE_CLIENT_SECRET or TWINSPAN_WEB_CLIENT_SECRET, or in a --secrets-file")
	}
	_, err = cl.ConnectEngagementByPackage(ctx, "", 0, connect.PackageClient{Secret: s[packageSecret], WebSecret: s[webSecret]}, a.who(c.By))
	return err
}
