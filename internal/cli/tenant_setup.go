package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

type packageCmd struct {
	List           packageListCmd     `cmd:"" default:"1" help:"List the installed packages."`
	Create         packageCreateCmd   `cmd:"" help:"Install a package; its secret is printed this once."`
	Update         packageUpdateCmd   `cmd:"" help:"Change the name, scopes, redirect URIs or business units of a package, at once."`
	Disable        packageDisableCmd  `cmd:"" help:"Disable a package; what was issued to it ends for good."`
	Enable         packageEnableCmd   `cmd:"" help:"Enable a package that was disabled."`
	Delete         packageDeleteCmd   `cmd:"" help:"Uninstall a package; what was issued to it ends. Connect's own cannot be."`
	StageSecret    packageStageCmd    `cmd:"" name:"stage-secret" help:"Make a second client secret; both are good until it is activated."`
	ActivateSecret packageActivateCmd `cmd:"" name:"activate-secret" help:"Put the second secret in force; the old one is good no longer."`
}

type packageListCmd struct{ clientFlags }

// Run lists the installed packages.
func (c *packageListCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	packages, err := s.Packages(ctx)
	if err != nil {
		return err
	}
	return list(a, packages, []string{"name", "type", "client id", "active", "secret expires", "staged", "scopes"}, func(p engagement.Package) []string {
		return []string{p.Name, p.Type, p.ClientID, yes(p.Active), p.SecretExpires, yes(p.Staged), strings.Join(p.Scopes, " ")}
	})
}

type packageCreateCmd struct {
	clientFlags
	Name        string   `arg:"" help:"Name of the package."`
	Type        string   `help:"Integration: server, web or public." default:"server" enum:"server,web,public" env:"-"`
	Scope       []string `help:"Scope such as email_send; may be repeated." env:"-"`
	RedirectURI []string `name:"redirect-uri" help:"Where the code flow returns to; may be repeated." env:"-"`
	BU          int64    `name:"bu" help:"MID of the business unit that makes it." env:"-"`
	Unit        []int64  `help:"MID of a business unit that it may work in; may be repeated. All where none is named." env:"-"`
}

// Run installs a package.
func (c *packageCreateCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	made, err := s.CreatePackage(ctx, engagement.NewPackage{Name: c.Name, Type: c.Type, Scopes: c.Scope, RedirectURIs: c.RedirectURI, MID: c.BU, MIDs: c.Unit})
	if err != nil {
		return err
	}
	return printSecret(a, made)
}

type packageStageCmd struct {
	clientFlags
	ClientID string `arg:"" name:"client-id" help:"Client id of the package."`
	Replace  bool   `help:"End a secret that is staged already, and the access of clients that have it." env:"-"`
}

// Run stages a secret.
func (c *packageStageCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	made, err := s.StageSecret(ctx, c.ClientID, c.Replace)
	if err != nil {
		return err
	}
	return printSecret(a, made)
}

// printSecret prints what is told once.
func printSecret(a *app, made engagement.Secret) error {
	if a.json {
		return a.printJSON(made)
	}
	text := "client id      " + oneLine(made.ClientID) + "\n"
	if made.ClientSecret != "" {
		text += "client secret  " + oneLine(made.ClientSecret) + "\n"
	}
	if made.Expires != "" {
		text += "expires        " + oneLine(made.Expires) + "\n"
	}
	return a.print(text)
}

type packageActivateCmd struct {
	clientFlags
	ClientID string `arg:"" name:"client-id" help:"Client id of the package."`
}

// Run activates a staged secret.
func (c *packageActivateCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	if err := s.ActivateSecret(ctx, c.ClientID); err != nil {
		return err
	}
	return done(a, "activated", c.ClientID)
}

// done says what was done to what.
func done(a *app, what, name string) error {
	if a.json {
		return a.printJSON(map[string]string{"done": what, "name": name})
	}
	return a.print(what + " " + oneLine(name) + "\n")
}

type sessionCmd struct {
	List sessionListCmd `cmd:"" default:"withargs" help:"List the live browser sessions of a user."`
	End  sessionEndCmd  `cmd:"" help:"End a session; closing the tab ends none."`
}

type sessionListCmd struct {
	clientFlags
	Username string `arg:"" help:"User name."`
}

// Run lists a user's sessions.
func (c *sessionListCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	sessions, err := s.WebSessions(ctx, c.Username)
	if err != nil {
		return err
	}
	return list(a, sessions, []string{"session", "since", "last used", "browser"}, func(w engagement.WebSession) []string {
		return []string{w.ID, w.Since, w.LastUsed, w.UserAgent}
	})
}

type sessionEndCmd struct {
	clientFlags
	ID string `arg:"" help:"Number of the session."`
}

// Run ends a session.
func (c *sessionEndCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	if err := s.EndWebSession(ctx, c.ID); err != nil {
		return err
	}
	return done(a, "ended", c.ID)
}

type domainCmd struct {
	List   domainListCmd   `cmd:"" default:"1" help:"List the addresses and domains that mail may be sent from."`
	Add    domainAddCmd    `cmd:"" help:"Register an address, which is mailed a link, or a domain, which needs a TXT record."`
	Verify domainVerifyCmd `cmd:"" help:"Look for a domain's TXT record; exit code 3 where it is not there."`
	Delete domainDeleteCmd `cmd:"" help:"Take an address or domain away."`
}

type domainListCmd struct{ clientFlags }

// Run lists the verified senders.
func (c *domainListCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	domains, err := s.Domains(ctx)
	if err != nil {
		return err
	}
	return list(a, domains, []string{"domain", "type", "status", "used", "TXT record"}, func(d engagement.Domain) []string {
		return []string{d.Domain, d.Type, d.Status, yes(d.Sendable), d.Record}
	})
}

type domainName struct {
	clientFlags
	Domain string `arg:"" help:"Address or domain."`
}

type domainAddCmd struct{ domainName }

// Run registers an address or domain and says what proves it.
func (c *domainAddCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	if err := s.AddDomain(ctx, c.Domain); err != nil {
		return err
	}
	domains, err := s.Domains(ctx)
	if err != nil {
		return err
	}
	for _, d := range domains {
		if !strings.EqualFold(d.Domain, c.Domain) {
			continue
		}
		switch {
		case a.json:
			return a.printJSON(d)
		case d.Status == "Verified":
			return a.print(oneLine(d.Domain) + " is verified already\n")
		case d.Record != "":
			return a.print(fmt.Sprintf("added %s\nput this TXT record into its DNS, then run `twinspan tenant domain verify %s`:\n%s\n", oneLine(d.Domain), oneLine(d.Domain), oneLine(d.Record)))
		}
		return a.print("added " + oneLine(d.Domain) + "; the link that verifies it is in its mail\n")
	}
	return done(a, "added", c.Domain)
}

type domainVerifyCmd struct{ domainName }

// Run looks for the record.
func (c *domainVerifyCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	err = s.VerifyDomain(ctx, c.Domain)
	if remote := client.Remote(err); remote != nil && remote.Status == http.StatusConflict {
		a.errorf("%v", forPeople(err))
		return errNo
	}
	if err != nil {
		return err
	}
	return done(a, "verified", c.Domain)
}

type domainDeleteCmd struct{ domainName }

// Run removes an address or domain.
func (c *domainDeleteCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	if err := s.DeleteDomain(ctx, c.Domain); err != nil {
		return err
	}
	return done(a, "deleted", c.Domain)
}
