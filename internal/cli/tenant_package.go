package cli

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/client/engagement"
)

// packageName names an installed package.
type packageName struct {
	clientFlags
	ClientID string `arg:"" name:"client-id" help:"Client id of the package."`
}

// change changes the package, and says what was done, what ended by it and what stops.
func (c *packageName) change(ctx context.Context, a *app, what string, change engagement.PackageChange) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	changed, err := s.ChangePackage(ctx, c.ClientID, change)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(changed)
	}
	text := what + " " + oneLine(changed.ClientID) + "\n"
	if changed.EndedSignIns+changed.EndedGrants > 0 {
		text += fmt.Sprintf("ended: sign-ins %d, grants %d\n", changed.EndedSignIns, changed.EndedGrants)
	}
	if changed.Notice != "" {
		text += oneLine(changed.Notice) + "\n"
	}
	return a.print(text)
}

type packageUpdateCmd struct {
	packageName
	Name        string   `help:"New name." env:"-"`
	Scope       []string `help:"Scope such as email_send; may be repeated. Those named replace all it had, and sign-ins that had another one end." env:"-"`
	RedirectURI []string `name:"redirect-uri" help:"Where the code flow returns to; may be repeated. Those named replace all it had." env:"-"`
	Unit        []int64  `help:"MID of a business unit that it may work in; may be repeated. Those named replace all it had." xor:"units" env:"-"`
	AllUnits    bool     `help:"Let it work in all business units." xor:"units" env:"-"`
}

// Run changes what is named.
func (c *packageUpdateCmd) Run(ctx context.Context, a *app) error {
	var change engagement.PackageChange
	if c.Name != "" {
		change.Name = &c.Name
	}
	if len(c.Scope) > 0 {
		change.Scopes = &c.Scope
	}
	if len(c.RedirectURI) > 0 {
		change.RedirectURIs = &c.RedirectURI
	}
	if len(c.Unit) > 0 || c.AllUnits {
		units := append([]int64{}, c.Unit...)
		change.MIDs = &units
	}
	if change == (engagement.PackageChange{}) {
		return usagef("say what to change: --name, --scope, --redirect-uri, --unit or --all-units")
	}
	return c.change(ctx, a, "changed", change)
}

type packageDisableCmd struct{ packageName }

// Run disables the package.
func (c *packageDisableCmd) Run(ctx context.Context, a *app) error {
	active := false
	return c.change(ctx, a, "disabled", engagement.PackageChange{Active: &active})
}

type packageEnableCmd struct{ packageName }

// Run enables the package.
func (c *packageEnableCmd) Run(ctx context.Context, a *app) error {
	active := true
	return c.change(ctx, a, "enabled", engagement.PackageChange{Active: &active})
}

type packageDeleteCmd struct{ packageName }

// Run uninstalls the package.
func (c *packageDeleteCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	if err := s.DeletePackage(ctx, c.ClientID); err != nil {
		return err
	}
	return done(a, "deleted", c.ClientID)
}
