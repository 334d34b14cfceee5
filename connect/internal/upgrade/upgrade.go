package upgrade

import (
	"encoding/json"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that this package returns.
const (
	// CodeNotFound: the pair has no such upgrade, or none at all.
	CodeNotFound fault.Code = "upgrade_not_found"
	// CodeRunning: another upgrade of the pair is under way.
	CodeRunning fault.Code = "upgrade_running"
	// CodeOver: the upgrade is over, or past the point up to which this can be done.
	CodeOver fault.Code = "upgrade_over"
	// CodeNothing: there is nothing to upgrade: the span is by key already, or not there.
	CodeNothing fault.Code = "nothing_to_upgrade"
	// CodeNotNow: the upgrade is not at the step that was told.
	CodeNotNow fault.Code = "not_at_this_step"
	// CodeChanged: somebody else changed the upgrade meanwhile. It is read and tried again.
	CodeChanged fault.Code = "upgrade_changed"
)

// Owner is who does a step.
type Owner string

// The owners. Document 003: "The Engagement admin completes steps 1-11. The Sales or Service Cloud admin completes the
// remaining steps."
const (
	EngagementAdmin Owner = "engagement_admin"
	CRMAdmin        Owner = "crm_admin"
	Connect         Owner = "connect"
	// Time is whom an upgrade waits for that waits for its hour.
	Time Owner = "time"
)

// Booking says when an upgrade takes the connection down, and how.
type Booking struct {
	At     time.Time       // domain time; zero is as soon as the step is reached
	Window time.Duration   // of the outage
	Mode   link.OutageMode // what becomes of sends meanwhile
}

// Check refuses a booking that cannot be meant at the time.
func (b Booking) Check(now time.Time) error {
	from := b.At
	if from.Before(now) {
		from = now
	}
	return link.Outage{Mode: b.Mode, From: from, Until: from.Add(b.Window), Reason: outageReason}.Check(now)
}

// Upgrade is one upgrade of a pair.
type Upgrade struct {
	Pair string
	ID   string
	Kind
	Order
	State State
	Step  Name // that it is at; "" before the first and after the last
	Booking
	Actor       string    // who started it
	CreatedAt   time.Time // domain time, as all below
	OpenedAt    time.Time // when the outage was opened; zero before
	EndedAt     time.Time // when everything was over; zero before
	Waiting     *Waiting  // nil where it waits for nobody
	Findings    []link.Finding
	Failure     string // of the last attempt at the step, where it was one of the moment; "" after a success
	CancelledBy string
	Reason      string // of the cancelling
	Steps       []Record
	JobID       string // of the queue
	Revision    int64  // grows with every change; the store compares and swaps on it
}

// Waiting is for whom an upgrade waits, and for what.
type Waiting struct {
	For     Owner `json:"for"`
	Step    Name  `json:"step"`
	Undoing bool  `json:"undoing,omitempty"` // the step is to be put back
	// Code is what is wrong, where a look gave it a name: "api_user_refused".
	Code    fault.Code `json:"code,omitempty"`
	Have    string     `json:"have,omitempty"` // what was read
	Want    string     `json:"want,omitempty"`
	Click   string     `json:"click,omitempty"`   // how a person does it in a browser
	Command string     `json:"command,omitempty"` // how he does it by command
	Until   time.Time  `json:"until,omitzero"`    // where it waits for its hour, domain time
	Since   time.Time  `json:"since,omitzero"`    // domain time
}

// Status says how far a step has come.
type Status string

// The statuses of a step. Intended is written before it is begun: what came of it is then unknown until it is settled.
const (
	Planned  Status = "planned"
	Intended Status = "intended"
	Finished Status = "done"
	Undone   Status = "undone"
)

// Record is a step of an upgrade, as it is stored.
type Record struct {
	Step     Name
	Owner    Owner
	Status   Status
	Attempts int
	ToldBy   string    // who told Connect that it may be done, or was done; "" for nobody yet
	ToldAt   time.Time // domain time
	Anyway   bool      // whoever told it goes on without what is missing
	BeganAt  time.Time
	EndedAt  time.Time       // when it was done or, once it is undone, when that was
	Have     string          // what was read last
	Want     string          // what is wanted
	Stood    json.RawMessage // what stood before it, for the way back; nil for nothing
	Kept     json.RawMessage // what it keeps for later; nil for nothing
}

// Live reports whether nothing else of the pair may be upgraded meanwhile.
func (u Upgrade) Live() bool { return u.State.Live() }

// UnderWay reports whether it was begun and is not over: a booked one is live and not yet under way.
func (u Upgrade) UnderWay() bool { return u.Live() && u.State != Booked }

// Verifies reports whether an upgrade of this kind is under way and waits for its verification.
func (u Upgrade) Verifies(kind Kind) bool { return u.Live() && u.Kind == kind && u.Step == Verify }

// Record finds the record of a step; nil where the upgrade has no such step.
func (u *Upgrade) Record(n Name) *Record {
	for i := range u.Steps {
		if u.Steps[i].Step == n {
			return &u.Steps[i]
		}
	}
	return nil
}

// Stood decodes what stood before a step into v. It reports false where nothing is known.
func (r *Record) stood(v any) (bool, error) {
	if r == nil || len(r.Stood) == 0 {
		return false, nil
	}
	return true, json.Unmarshal(r.Stood, v)
}

// begun reports whether the step may have changed something.
func (r Record) begun() bool { return r.Status == Intended || r.Status == Finished }

// at is the index of the step that the upgrade is at: the first that is not finished; len(u.Steps) where all are.
func (u Upgrade) at() int {
	for i, r := range u.Steps {
		if r.Status != Finished {
			return i
		}
	}
	return len(u.Steps)
}

// back is the index of the next step that has to be undone, -1 where none is left: Connect's own and the Engagement admin's
// first, each group from its end, so that the connection works again whenever the CRM admin comes to put back his.
func (u Upgrade) back() int {
	for _, crm := range []bool{false, true} {
		for i := len(u.Steps) - 1; i >= 0; i-- {
			r := u.Steps[i]
			// An admin may have begun what Connect has not looked at yet.
			if (r.Owner == CRMAdmin) == crm && (r.begun() || r.Owner != Connect && r.Status == Planned && len(r.Stood) > 0) {
				return i
			}
		}
	}
	return -1
}
