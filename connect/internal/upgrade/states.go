package upgrade

import "github.com/twinspan/twinspan/internal/fault"

// State says how an upgrade stands as a whole.
type State string

// The states.
const (
	Booked     State = "booked"     // its time is set, and nothing was begun
	Running    State = "running"    // Connect works on a step, or tries it again
	Waits      State = "waiting"    // somebody's turn, or its hour has not come
	Cancelling State = "cancelling" // the steps that were begun are undone, the last one first
	Cancelled  State = "cancelled"  // everything is as it was before
	Watching   State = "watching"   // closed; the API usage is looked at once more after a day
	Done       State = "done"
)

// Event is what moves an upgrade from one state to another.
type Event string

// The events.
const (
	Begin  Event = "start"
	Wait   Event = "wait"
	GoOn   Event = "go on"
	Cancel Event = "cancel"
	Undid  Event = "all undone"
	Close  Event = "close"
	Looked Event = "looked again"
)

// Edge is one way from a state to another.
type Edge struct {
	From  State
	Event Event
	To    State
}

// Edges are all ways there are; docs/upgrade.md draws them.
func Edges() []Edge {
	return []Edge{
		{Booked, Begin, Running},
		{Booked, Cancel, Cancelling},
		{Running, Wait, Waits},
		{Waits, GoOn, Running},
		{Running, Cancel, Cancelling},
		{Waits, Cancel, Cancelling},
		{Cancelling, Undid, Cancelled},
		{Running, Close, Watching},
		{Watching, Looked, Done},
	}
}

// Next is the state after an event; a CodeOver fault where the event cannot happen in this one.
func (s State) Next(e Event) (State, error) {
	for _, edge := range Edges() {
		if edge.From == s && edge.Event == e {
			return edge.To, nil
		}
	}
	switch {
	case s == Cancelling && e == Cancel:
		return s, fault.New(fault.Conflict, CodeOver, "The upgrade is being cancelled already.")
	case e == Cancel:
		return s, fault.New(fault.Conflict, CodeOver, "The upgrade is closed: the old credentials are gone, and there is nothing to go back to.")
	}
	return s, fault.New(fault.Conflict, CodeOver, "The upgrade is %s: that cannot be done now.", s)
}

// Live reports whether nothing else of the pair may be upgraded meanwhile, and the old credentials are kept.
func (s State) Live() bool {
	return s == Booked || s == Running || s == Waits || s == Cancelling
}

// Over reports whether nothing happens any more.
func (s State) Over() bool { return s == Cancelled || s == Done }

// do moves the upgrade by an event.
func (u *Upgrade) do(e Event) error {
	next, err := u.State.Next(e)
	if err == nil {
		u.State = next
	}
	return err
}
