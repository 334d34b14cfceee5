package upgrade

import (
	"context"
	"encoding/json"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// Name names a step.
type Name string

// Work is what a step is given: everything as it stands now.
type Work struct {
	Link    link.Link
	Upgrade Upgrade
	Record  Record    // of the step itself
	Now     time.Time // domain time
}

// Step is one step of a kind of upgrade. Its functions may run any number of times, in any process, and never rely on
// running alone: what they find done they leave. None of them changes Connect's own database beside the engine: what has to
// change there is in the Outcome, and is stored in the transaction that stores the outcome.
type Step struct {
	Name  Name
	Owner Owner
	Title string // for people: "Connect Account"
	// Stood reads what the step will change, for the way back; it is asked once, before the first step. nil keeps nothing.
	Stood func(ctx context.Context, w Work) (any, error)
	// Look reads how it stands and changes nothing; nil where only Do can tell.
	Look func(ctx context.Context, w Work) (Reading, error)
	// Do does it, and reads back; nil where a person does it in a session of his own.
	Do func(ctx context.Context, w Work) (Outcome, error)
	// Told: Do waits until the owner told that it may be done.
	Told bool
	// Undo puts back what the step changed, or looks whether a person did; nil where there is nothing to put back. It is
	// called for a step that was begun, whether or not it came to its end.
	Undo func(ctx context.Context, w Work) (Outcome, error)
}

// Reading is how a step stands.
type Reading struct {
	Done    bool
	Code    fault.Code // what is wrong, where it has a name
	Have    string     // what was read
	Want    string
	For     Owner     // whom it waits for where it is not done; "" for the step's owner
	Until   time.Time // where it waits for its hour; zero otherwise
	Click   string    // how a person does it in a browser
	Command string    // how he does it by command
}

// Outcome is what came of doing or undoing a step.
type Outcome struct {
	Reading
	Kept any // for later; nil leaves what is kept
	// Found are findings that stand beside the steps from now on.
	Found []link.Finding
	Effect
}

// Effect is what changes in Connect's own database together with the outcome of a step. The zero value changes nothing.
type Effect struct {
	// Link changes the connection, comparing and swapping; it may run several times.
	Link func(link.Link) (link.Link, error)
	// Outage is put in the place of the one there is; its zero value ends it. nil leaves it.
	Outage *link.Outage
	Why    audit.Change // of the change of Link; an action "" is not recorded
	// Booking is stored in place of the schedule that the upgrade has; nil leaves it.
	Booking *Schedule
}

// Migration reconnects the mapped users whom an upgrade takes along: package migration. All calls may be repeated.
type Migration interface {
	// Start begins to reconnect the users who were mapped before, in the background; begun already, it does nothing.
	Start(ctx context.Context, l link.Link, upgradeID, actor string) error
	// Status says how far that has come.
	Status(ctx context.Context, l link.Link, upgradeID string) (MigrationStatus, error)
	// Prove tries those again who wait for approval; who is refused still has failed.
	Prove(ctx context.Context, l link.Link, upgradeID, actor string) error
	// Undo takes back what Start and Prove did, so that every mapping is as it was.
	Undo(ctx context.Context, l link.Link, upgradeID, actor string) error
	// Cancel ends the work, and leaves what was done.
	Cancel(ctx context.Context, l link.Link, upgradeID, actor string) error
}

// MigrationStatus is how far the users have come.
type MigrationStatus struct {
	Begun       bool // Start was called for this upgrade
	Running     bool // somebody is at work, or will be
	Stopped     bool // it ended before everybody had an outcome: Start or Prove goes on with it
	Total       int
	Reconnected int
	Waiting     int           // not approved yet
	Failed      int           // with a reason in the report
	Rate        float64       // users a second, of machine time; 0 while unknown
	Left        time.Duration // at that rate; 0 while unknown
	Percent     float64       // 0 to 100
	Failure     string        // of the last attempt that the connection itself broke off
	Late        string        // why nobody can be reconnected any more: the 14 days are over; "" where they are not
}

// Settled is how many have an outcome, be it that they wait for approval.
func (s MigrationStatus) Settled() int { return s.Reconnected + s.Waiting + s.Failed }

func encoded(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}
