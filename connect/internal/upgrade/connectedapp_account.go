package upgrade

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
)

// keptAllowed is what the step keeps of a system user who allowed the connected app himself.
const keptAllowed = `{"allowed":true}`

// connectAccount brings the span into the org from the password to the key.
func (c connectedApp) connectAccount() Step {
	return Step{
		Name: ConnectAccount, Owner: EngagementAdmin, Title: "Connect Account", Told: true,
		Stood: func(_ context.Context, w Work) (any, error) { return w.Link.Org, nil },
		Look: func(_ context.Context, w Work) (Reading, error) {
			f := Reading{
				Have: "Connect signs in by " + w.Link.Org.Driver.String(), Want: "Connect signs in by " + link.JWT.String() + " as " + w.Link.Org.Username,
				Click: "Email Studio > Admin > Salesforce Integration > Upgrade to Connected App > Connect Account", Command: "twinspan upgrade start --as engagement-admin",
			}
			if w.Link.Org.Driver == link.JWT && w.Link.Org.State == link.SpanUp {
				f.Done, f.Have = true, f.Want
			}
			return f, nil
		},
		Do: func(ctx context.Context, w Work) (Outcome, error) {
			name := w.Link.Org.Username
			found, err := c.links.ProveKey(ctx, w.Link)
			if byHimself, byAdmin := refusedFor(err); byHimself || byAdmin {
				return Outcome{Reading: notAllowed(w, byAdmin)}, nil
			}
			if err != nil {
				return Outcome{}, err
			}
			return Outcome{
				Reading: Reading{Done: true, Have: "Connect signs in by " + link.JWT.String() + " as " + name, Want: "Connect signs in by " + link.JWT.String() + " as " + name},
				Effect: Effect{
					Link: func(l link.Link) (link.Link, error) {
						return l.ConnectOrg(name, found, link.JWT, time.Time{}, w.Now)
					},
					Why: audit.Change{At: w.Now, Actor: w.Record.ToldBy, Action: audit.OrgConnected, Reason: "upgrade"},
				},
			}, nil
		},
		Undo: func(_ context.Context, w Work) (Outcome, error) {
			out := Outcome{Reading: Reading{Done: true, Have: "Connect signs in by " + link.Password.String()}}
			if string(w.Record.Kept) == keptAllowed {
				out.Found = []link.Finding{{Code: "approval_stays", Text: "What " + w.Link.Org.Username + " allowed the connected app stays in the org, unused: Setup > Connected Apps OAuth Usage > Revoke takes it back."}}
			}
			var before link.OrgSpan
			known, err := w.Record.stood(&before)
			if err != nil || !known || w.Link.Org.Driver == before.Driver {
				return out, err
			}
			out.Effect = Effect{
				Link: func(l link.Link) (link.Link, error) {
					l.Org, l.UpgradedAt = before, time.Time{}
					return l, nil
				},
				Why: audit.Change{At: w.Now, Actor: w.Upgrade.CancelledBy, Action: audit.OrgConnected, Reason: "upgrade cancelled"},
			}
			return out, nil
		},
	}
}

// notAllowed is what is missing where the org lets nobody in by key yet: the system user allows the app himself (document 003,
// step 8), or, where it is for approved users alone, an administrator approves him.
func notAllowed(w Work, byAdmin bool) Reading {
	f := Reading{
		Have: "the org: " + w.Link.Org.Username + " " + unapproved, Want: w.Link.Org.Username + " logs in and allows " + w.Link.Names().App + " to access the data",
		Click:   "Connect Account: log in to the org as " + w.Link.Org.Username + ", and press Allow",
		Command: "twinspan upgrade start --as engagement-admin prints the address, and with the system user's password opens it",
	}
	if byAdmin {
		f.For, f.Have = CRMAdmin, "the org: "+w.Link.Org.Username+" is not admin approved to access the connected app"
		f.Want, f.Click, f.Command = w.Link.Org.Username+" is approved for "+w.Link.Names().App, "Setup > Permission Sets > "+w.Link.Names().ApprovalSet+" > Manage Assignments; Setup > Connected Apps > "+w.Link.Names().App+" > Manage Permission Sets", commandCRM
	}
	return f
}
