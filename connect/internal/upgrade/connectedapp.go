package upgrade

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// The steps of an upgrade to Connected App authentication (document 003).
const (
	Acknowledge    Name = "acknowledge"
	OpenOutage     Name = "open_outage"
	ConnectAccount Name = "connect_account"
	CloseDown      Name = "close"
)

// outageReason stands in the refusals of an upgrade's outage.
const outageReason = "upgrade in progress"

// Parts are what an upgrade to Connected App authentication works with.
type Parts struct {
	Links  *link.Service
	Mapped Mapped
	Sends  Sends
	Usage  Usage
	Users  Migration // nil where nobody is to be reconnected
}

// connectedApp are the steps of kind ConnectedApp.
type connectedApp struct {
	links  *link.Service
	mapped Mapped
	sends  Sends
	usage  Usage
	users  Migration
	looked *lookedAt
}

// NewConnectedApp is the course of an upgrade to Connected App authentication.
func NewConnectedApp(p Parts) Course {
	c := connectedApp{p.Links, p.Mapped, p.Sends, p.Usage, p.Users, &lookedAt{after: map[string]string{}}}
	begin := []Step{acknowledge(c.changes), openOutage()}
	end := []Step{c.prove(), c.verify(), c.closeDown()}
	order := func(middle ...Step) []Step { return slices.Concat(begin, middle, end) }
	return Course{
		Span: link.IntoOrg,
		Ready: func(l link.Link) error {
			switch {
			case l.Org.Username == "" || l.Tenant.Username == "":
				return l.Ready()
			case l.Org.Driver != link.Password:
				return fault.New(fault.Conflict, CodeNothing, "There is nothing to upgrade: Connect signs in to the org by its own key already.")
			}
			return nil
		},
		Steps: map[Order][]Step{
			// Nobody is ever shut out: who is to use the app is approved for it before it asks for approval.
			Safe: order(c.permissionSet(), c.assignments(), c.attach(), c.connectAccount(), c.policies(), c.migrate()),
			// Document 003, word by word: users are migrated before anybody is approved, and prove tries them again.
			Documented: order(c.connectAccount(), c.migrate(), c.policies(), c.permissionSet(), c.assignments(), c.attach()),
		},
		Watch: c.watch,
	}
}

// changes is what the Engagement admin acknowledges (document 003: "Acknowledge the changes to your account and begin the
// upgrade process").
func (c connectedApp) changes(l link.Link) string {
	return "Connect signs in to the org as " + l.Org.Username + " by its own key instead of his password and security token, under the connected app " + l.Names().App +
		", which from then on lets in only users whom an administrator approved."
}

// acknowledge is the Engagement admin's word that he has read what will change. Everything begins with it.
func acknowledge(changes func(link.Link) string) Step {
	return Step{
		Name: Acknowledge, Owner: EngagementAdmin, Title: "Acknowledge the changes", Told: true,
		Look: func(_ context.Context, w Work) (Reading, error) {
			f := Reading{Have: "not acknowledged", Want: changes(w.Link), Click: "Email Studio > Admin > Salesforce Integration > Upgrade to Connected App", Command: "twinspan upgrade start --as engagement-admin --yes"}
			if f.Done = !w.Record.ToldAt.IsZero(); f.Done {
				f.Have = "acknowledged by " + w.Record.ToldBy
			}
			return f, nil
		},
	}
}

// openOutage makes the whole connection unavailable from the booked hour on. It stays until it is ended: an upgrade never
// stops halfway because its window is over.
func openOutage() Step {
	return Step{
		Name: OpenOutage, Owner: Connect, Title: "Open the outage",
		Stood: func(_ context.Context, w Work) (any, error) { return w.Link.Outage, nil },
		Look: func(_ context.Context, w Work) (Reading, error) {
			f := Reading{Have: "not open", Want: "open for " + w.Upgrade.Window.String()}
			switch {
			case ours(w.Link.Outage) && w.Link.Outage.Open(w.Now):
				f.Done, f.Have = true, "open until "+w.Link.Outage.Until.UTC().Format(time.RFC3339)
			case w.Now.Before(w.Upgrade.At):
				f.For, f.Until = Time, w.Upgrade.At
			}
			return f, nil
		},
		Do: func(_ context.Context, w Work) (Outcome, error) {
			o := link.Outage{Mode: w.Upgrade.Mode, From: w.Now, Until: w.Now.Add(w.Upgrade.Window), Stays: true, Reason: outageReason, Actor: w.Upgrade.Actor}
			return Outcome{
				Reading: Reading{Done: true, Have: "open until " + o.Until.UTC().Format(time.RFC3339), Want: "open for " + w.Upgrade.Window.String()},
				Effect:  Effect{Outage: &o, Why: audit.Change{At: w.Now, Actor: w.Upgrade.Actor}},
			}, nil
		},
		Undo: func(_ context.Context, w Work) (Outcome, error) {
			out := Outcome{Reading: Reading{Done: true, Have: "ended"}}
			if !ours(w.Link.Outage) {
				return out, nil
			}
			before, err := standsAgain(w)
			if err != nil {
				return out, err
			}
			out.Effect = Effect{Outage: &before, Why: audit.Change{At: w.Now, Actor: w.Upgrade.CancelledBy}}
			return out, nil
		},
	}
}

// standsAgain is the outage that stood before the upgrade opened its own, and stands again once that has ended: the zero Outage where
// there was none, or its time is over.
func standsAgain(w Work) (link.Outage, error) {
	var before link.Outage
	if _, err := w.Upgrade.Record(OpenOutage).stood(&before); err != nil {
		return link.Outage{}, err
	}
	if ours(before) || !before.Stays && !w.Now.Before(before.Until) {
		return link.Outage{}, nil
	}
	return before, nil
}

// ours reports whether an outage is an upgrade's.
func ours(o link.Outage) bool { return o.Mode != "" && o.Stays && o.Reason == outageReason }

// closeDown ends the outage, early or late, and forgets the old credentials: from here on there is no way back.
func (c connectedApp) closeDown() Step {
	return Step{
		Name: CloseDown, Owner: Connect, Title: "Close",
		Do: func(_ context.Context, w Work) (Outcome, error) {
			before, err := standsAgain(w)
			return Outcome{
				Reading: Reading{Done: true, Have: ended(w), Want: "the outage ended, and the old credentials gone"},
				Effect:  Effect{Outage: &before, Why: audit.Change{At: w.Now, Actor: w.Upgrade.Actor}},
			}, err
		},
	}
}

// ended says whether the window sufficed.
func ended(w Work) string {
	until := w.Link.Outage.Until
	if d := w.Now.Sub(until); d > 0 {
		return "ended " + d.Round(time.Second).String() + " later than booked"
	}
	return "ended " + until.Sub(w.Now).Round(time.Second).String() + " before its time"
}
