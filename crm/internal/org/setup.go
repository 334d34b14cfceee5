package org

import (
	"context"
	"errors"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Verb is what somebody asks for a component of Setup.
type Verb uint8

// The verbs of saving; deleting has functions of its own.
const (
	VerbCreate Verb = iota // it must not be there yet
	VerbUpdate             // it must be there
	VerbUpsert             // either
)

// Saved tells what became of a component.
type Saved struct {
	ID                        ID // "" where the component has none
	Created, Changed, Deleted bool
	Warning                   string // about what was done; "" for nothing
}

// Work changes one component, inside a transaction. It may run several times.
type Work func(tx SetupTx) (Saved, error)

// Result is what became of a Work, or why it was refused.
type Result struct {
	Saved
	Err error
}

// SetupTx is a transaction that changes Setup: records, and what is more than a record.
type SetupTx interface {
	RecordTx
	// ChangeApp runs fn on an app, which nobody else changes until the transaction ends, and keeps what fn made of it.
	ChangeApp(org, app, by ID, at time.Time, fn func(*ConnectedApp) error) error
	// EndAppSessions ends the sessions of an app at the domain time: of all users, or of one.
	EndAppSessions(org, app, user ID, at time.Time) error
	// ChangeSettings runs fn on the org's settings, which nobody else changes meanwhile, and keeps what fn made of them.
	ChangeSettings(org, by ID, at time.Time, fn func(*Settings) error) error
	// ProfileByName reads the login rules of a profile; no such profile is a NotFound fault.
	ProfileByName(org ID, name string) (ProfileRules, error)
	// PutProfile keeps new login rules.
	PutProfile(org, by ID, at time.Time, p ProfileRules) error
	// Layout reads a layout by full name; false where nobody has changed it.
	Layout(org ID, name string) (Layout, bool, error)
	// PutLayout keeps a layout and tells its id.
	PutLayout(org, by ID, at time.Time, name string, l Layout) (ID, error)
}

// SetupStore runs changes of Setup.
type SetupStore interface {
	// WriteSetup runs fn in one transaction; fn may run twice. A unique key that is taken is [ErrTaken].
	WriteSetup(ctx context.Context, fn func(SetupTx) error) error
}

// Setup runs changes of components.
type Setup struct {
	Store   SetupStore
	Changes Changes
}

// RunOptions say how works are run.
type RunOptions struct {
	// AllOrNone: where one is refused, none is kept. All are tried, so that each gets its answer.
	AllOrNone bool
	// CheckOnly: tell what would happen, and keep nothing.
	CheckOnly bool
}

// errUndone ends a transaction that is not to be kept.
var errUndone = errors.New("not to be kept")

// Run runs the works in order, in one transaction, and tells what became of each; one that is refused leaves nothing
// behind. An error means that nothing is kept.
func (p *Setup) Run(ctx context.Context, s Session, works []Work, o RunOptions) ([]Result, error) {
	var results []Result
	err := p.Store.WriteSetup(ctx, func(tx SetupTx) error {
		var err error
		if results, err = RunIn(tx, works); err != nil {
			return err
		}
		if o.CheckOnly || o.AllOrNone && Refused(results) > 0 {
			return errUndone
		}
		return nil
	})
	if errors.Is(err, errUndone) {
		return results, nil
	}
	if err != nil {
		return nil, err
	}
	p.Changes.SetupChanged(s.Org)
	return results, nil
}

// RunIn is Run inside a transaction of the caller's.
func RunIn(tx SetupTx, works []Work) ([]Result, error) {
	results := make([]Result, len(works))
	for i, work := range works {
		try := func() (err error) {
			results[i].Saved, err = work(tx)
			return err
		}
		err := tx.Try(try)
		if errors.Is(err, ErrTaken) { // another transaction came between the check and the write: say in words who holds it
			err = tx.Try(try)
		}
		if unexpected(err) {
			return nil, err
		}
		results[i].Err = err
	}
	return results, nil
}

// Refused counts the results that are refusals.
func Refused(results []Result) int {
	n := 0
	for _, r := range results {
		if r.Err != nil {
			n++
		}
	}
	return n
}

// noSuchComponent is the refusal of a name that no component of the type has.
func noSuchComponent(kind, name string) error {
	return fault.New(fault.NotFound, CodeNotFound, "In field: fullName - no %s named %s found", kind, clip(name))
}

// takenComponent is the refusal to make a component anew.
func takenComponent(name string, holder ID) error {
	return fault.New(fault.Invalid, CodeDuplicateValue, "duplicate value found: fullName %s duplicates value on record with id: %s", clip(name), holder).In("fullName")
}

// foreignNamespace is the refusal to make a component inside a managed package.
func foreignNamespace(namespace string) error {
	return fault.New(fault.Invalid, CodeInvalidValue, "Cannot create a new component with the namespace: %s. Only components in the same namespace as the "+
		"organization can be created through the API", clip(namespace)).In("fullName")
}
