package control

import (
	"context"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// MaxAdded is how many users AddUsers takes: a transaction of more would keep others waiting.
const MaxAdded = 200

// maxPlans is how often users are planned anew whose random numbers are taken.
const maxPlans = 20

// AddedUser is a user whom AddUsers added, or found.
type AddedUser struct {
	ID           int64        // AccountUserID
	DefaultMID   int64        // where his calls run, of one who was added
	RefreshToken vault.Secret // of the sign-in that he was given; "" for none
}

// AddUsers adds users to a tenant, below its APIs, in one transaction; see tenant.Seeding. Who is there already stays as he
// is. They come back in order.
func (c *Control) AddUsers(ctx context.Context, in tenant.Seeding) ([]AddedUser, error) {
	if len(in.Users) > MaxAdded {
		return nil, fault.New(fault.Invalid, tenant.CodeInvalidSpec, "%d users at once are more than %d.", len(in.Users), MaxAdded)
	}
	source := tenant.SeedSource{Registry: c.o.Registry, Dir: c.o.Store, Serials: c.o.Serials}
	for try := 1; ; try++ {
		plan, err := source.Plan(ctx, in, c.o.Clock.Now(in.EID))
		if err != nil {
			return nil, err
		}
		ids, err := c.o.Store.AddSeeded(ctx, plan)
		if fault.CodeOf(err) == tenant.CodeTaken && try < maxPlans {
			continue
		}
		if err != nil {
			return nil, err
		}
		out := make([]AddedUser, len(plan))
		for i, u := range plan {
			out[i] = AddedUser{ID: ids[i], DefaultMID: int64(u.User.DefaultMID), RefreshToken: vault.Secret(u.Token)}
		}
		return out, nil
	}
}
