package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/client/engagement"
)

type roleUnitsCmd struct {
	clientFlags
	BU int64 `arg:"" name:"mid" help:"MID of the business unit."`
}

// Run lists what is given in a business unit.
func (c *roleUnitsCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	roles, err := s.UnitRoles(ctx, c.BU)
	if err != nil {
		return err
	}
	return list(a, roles, []string{"key", "name", "who"}, func(r engagement.UnitRole) []string {
		return []string{r.Key, r.Name, cmp.Or(r.Username, "everybody")}
	})
}

// unitRoleFields are what giving and taking share.
type unitRoleFields struct {
	Role string `arg:"" help:"Role, by name or key."`
	BU   int64  `name:"bu" required:"" help:"MID of the business unit." env:"-"`
	User string `help:"User name; everybody in the business unit where none is given." env:"-"`
}

type roleGiveCmd struct {
	clientFlags
	unitRoleFields
}

// Run gives a role in a business unit.
func (c *roleGiveCmd) Run(ctx context.Context, a *app) error {
	return c.change(ctx, a, &c.clientFlags, "given", (*engagement.Session).GiveUnitRole)
}

type roleTakeCmd struct {
	clientFlags
	unitRoleFields
}

// Run takes a role of a business unit back.
func (c *roleTakeCmd) Run(ctx context.Context, a *app) error {
	return c.change(ctx, a, &c.clientFlags, "taken back", (*engagement.Session).TakeUnitRole)
}

func (f unitRoleFields) change(ctx context.Context, a *app, flags *clientFlags, done string, do func(*engagement.Session, context.Context, int64, string, string) error) error {
	s, err := flags.tenant(ctx)
	if err != nil {
		return err
	}
	keys, err := roleKeys(ctx, s, []string{f.Role})
	if err != nil {
		return err
	}
	if err := do(s, ctx, f.BU, keys[0], f.User); err != nil {
		return err
	}
	return a.print(fmt.Sprintf("%s %s in %d: %s\n", keys[0], done, f.BU, cmp.Or(oneLine(f.User), "everybody")))
}
