package cli

import (
	"context"
	"strconv"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// unitsCmd is Manage Business Units.
type unitsCmd struct {
	List   unitsListCmd   `cmd:"" help:"List the business units, and which the org's users may work in."`
	Add    unitsAddCmd    `cmd:"" help:"Enable business units for the org's users."`
	Remove unitsRemoveCmd `cmd:"" help:"Disable business units for the org's users."`
	Check  unitsCheckCmd  `cmd:"" help:"Say whether those that were active before are active; exit code 3 where one is not."`
}

type unitsListCmd struct{ connectFlags }

// Run lists them.
func (c *unitsListCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	all, err := cl.BusinessUnits(ctx)
	if err != nil {
		return err
	}
	return a.printUnits(all)
}

func (a *app) printUnits(all []connect.BusinessUnit) error {
	if a.json {
		return a.printJSON(all)
	}
	rows := make([][]string, len(all))
	for i, u := range all {
		rows[i] = []string{strconv.FormatInt(u.AccountID, 10), u.Name, map[bool]string{true: "enabled", false: "-"}[u.Enabled], map[bool]string{true: "reached", false: "not reached"}[u.Reached], u.Problem}
	}
	return a.printTable([]string{"mid", "name", "in the org", "api user", "problem"}, rows)
}

// unitsArgs name business units.
type unitsArgs struct {
	connectFlags
	MIDs []int64 `arg:"" name:"mid" help:"MIDs of business units."`
	By   string  `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

func (c *unitsArgs) set(ctx context.Context, a *app, enabled bool) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	var all connect.BusinessUnits
	cleared := 0
	for after := ""; ; {
		all, err = cl.SetBusinessUnits(ctx, c.MIDs, enabled, after, a.who(c.By), oauth.NewToken(24))
		if err != nil {
			return err
		}
		for _, f := range all.Failed {
			a.errorf("the mapping of %s was not cleared: %s", oneLine(f.CRMUsername), oneLine(f.Error.Message))
		}
		cleared += all.Cleared
		if after = all.Next; after == "" {
			break
		}
	}
	if cleared > 0 {
		a.errorf("%d mappings in what was removed were cleared; those in other business units stay", cleared)
	}
	return a.printUnits(all.BusinessUnits)
}

type unitsAddCmd struct{ unitsArgs }

// Run enables them.
func (c *unitsAddCmd) Run(ctx context.Context, a *app) error { return c.set(ctx, a, true) }

type unitsRemoveCmd struct{ unitsArgs }

// Run disables them.
func (c *unitsRemoveCmd) Run(ctx context.Context, a *app) error { return c.set(ctx, a, false) }

type unitsCheckCmd struct{ connectFlags }

// Run checks them.
func (c *unitsCheckCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	all, err := cl.BusinessUnits(ctx)
	if err != nil {
		return err
	}
	if err := a.printUnits(all); err != nil {
		return err
	}
	enabled := false
	for _, u := range all {
		enabled = enabled || u.Enabled
		if u.Problem != "" {
			return errNo
		}
	}
	if !enabled {
		a.errorf("no business unit is enabled for the org's users: `twinspan business-units add` enables one")
		return errNo
	}
	return nil
}
