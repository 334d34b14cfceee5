package upgrade

import (
	"context"
	"fmt"
)

// The steps about the users who were mapped before.
const (
	Migrate Name = "migrate"
	Prove   Name = "prove"
)

// migrate is "Migrate Existing Users" (document 003, steps 9 to 11): the users who were mapped before are reconnected without a
// password. Who is not approved yet waits, and is proven by the step prove.
func (c connectedApp) migrate() Step {
	look := func(ctx context.Context, w Work) (Reading, error) {
		f := Reading{
			Have: "nobody to reconnect", Want: "every user who was mapped before has an outcome", Done: true, Command: "twinspan upgrade start --as engagement-admin",
			Click: "Email Studio > Admin > Salesforce Integration > Migrate Existing Users > Connect > OK",
		}
		if c.users == nil {
			return f, nil
		}
		s, err := c.users.Status(ctx, w.Link, w.Upgrade.ID)
		if err != nil {
			return f, err
		}
		f.Have, f.Done = s.String(), s.Begun && !s.Running || !s.Begun && !s.Stopped && s.Total == 0 // one that has just begun has not counted them yet
		if s.Begun && s.Running {
			f.For = Connect
		}
		return f, nil
	}
	return Step{
		Name: Migrate, Owner: EngagementAdmin, Title: "Migrate Existing Users", Told: true, Look: look,
		Do: func(ctx context.Context, w Work) (Outcome, error) {
			if err := c.users.Start(ctx, w.Link, w.Upgrade.ID, w.Record.ToldBy); err != nil {
				return Outcome{}, err
			}
			f, err := look(ctx, w)
			return Outcome{Reading: f}, err
		},
		Undo: c.undoUsers,
	}
}

// undoUsers has every mapping as it was before.
func (c connectedApp) undoUsers(ctx context.Context, w Work) (Outcome, error) {
	out := Outcome{Reading: Reading{Done: true, Have: "mapped as before"}}
	if c.users == nil {
		return out, nil
	}
	if err := c.users.Cancel(ctx, w.Link, w.Upgrade.ID, w.Upgrade.CancelledBy); err != nil {
		return Outcome{}, err
	}
	return out, c.users.Undo(ctx, w.Link, w.Upgrade.ID, w.Upgrade.CancelledBy)
}

// prove tries those again who waited for approval. Who is refused still was left out, and has failed.
func (c connectedApp) prove() Step {
	look := func(ctx context.Context, w Work) (Reading, error) {
		f := Reading{Have: "nobody waits for approval", Want: "nobody waits for approval", Done: true, For: Connect}
		if c.users == nil {
			return f, nil
		}
		s, err := c.users.Status(ctx, w.Link, w.Upgrade.ID)
		if err != nil {
			return f, err
		}
		f.Have, f.Done = s.String(), !s.Running && !s.Stopped && s.Waiting == 0
		return f, nil
	}
	return Step{
		Name: Prove, Owner: Connect, Title: "Prove those who waited for approval", Look: look,
		Do: func(ctx context.Context, w Work) (Outcome, error) {
			if err := c.users.Prove(ctx, w.Link, w.Upgrade.ID, w.Upgrade.Actor); err != nil {
				return Outcome{}, err
			}
			f, err := look(ctx, w)
			return Outcome{Reading: f}, err
		},
	}
}

// String says how far the users have come.
func (s MigrationStatus) String() string {
	switch {
	case s.Total == 0 && s.Running:
		return "counting the users"
	case s.Total == 0:
		return "nobody to reconnect"
	case !s.Begun && !s.Stopped:
		text := count(s.Total, false, "user to reconnect", "users to reconnect")
		if s.Late != "" {
			text += ", too late: " + s.Late + " Migrated, they have failed for that"
		}
		return text
	}
	text := fmt.Sprintf("%d of %d reconnected", s.Reconnected, s.Total)
	if s.Waiting > 0 {
		text += fmt.Sprintf(", %d waiting for approval", s.Waiting)
	}
	if s.Failure != "" {
		text += ", stopped: " + s.Failure
	}
	if s.Failed > 0 {
		text += fmt.Sprintf(", %d failed", s.Failed)
	}
	return text
}
