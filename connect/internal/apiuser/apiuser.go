// Package apiuser is the procedure for changing the credentials of the Marketing Cloud Connect API user (connect-facts
// 3.4): a new password or a new sign-in resets his token and cuts the connection, so that triggered sends fail, and a
// quiet hour alone prevents nothing. So: say what will stop, pause it, change, verify, resume. What was paused is on
// record before it is paused, so a procedure that broke off goes on where it was.
//
// The pause is no outage of the connection ([link.Outage]), and does not open one: an outage holds what passes through
// Connect, while a change of the API user's credentials breaks what Engagement sends of itself (triggered sends, document
// 000), which no outage of Connect's reaches; and the procedure needs the connection while it is paused, to prove the new
// credentials and to read back what is active. Whoever wants nothing to pass meanwhile opens an outage as well; the pause
// is made, and ended, in one.
package apiuser

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that this package returns.
const (
	CodeNotFound fault.Code = "not_found"
	// CodeNotProven: the API user does not sign in now, so what would be paused cannot be, and a change proves nothing.
	CodeNotProven fault.Code = "api_user_not_proven"
	// CodePaused: a change is under way already.
	CodePaused fault.Code = "api_user_change_under_way"
	// CodeNotPaused: no change is under way.
	CodeNotPaused fault.Code = "api_user_change_not_under_way"
	// CodeChanged: two asked for a step at the same moment.
	CodeChanged fault.Code = "api_user_change_moved_on"
	// CodeTooMany: more sends than a change keeps on record.
	CodeTooMany fault.Code = "too_many_definitions"
)

// Codes of what a look at the API user finds not to be as it should.
const (
	// CodeRefused: the tenant does not let him in. A name that is wrong, a password that is, a lock and a disabled user are one answer, as
	// long as Connect has no token of his to look further.
	CodeRefused fault.Code = "api_user_refused"
	// CodeNoAPIUser: he is not marked as an API user.
	CodeNoAPIUser fault.Code = "api_user_not_marked"
	// CodeNotFit: he is locked or disabled, or his password is temporary.
	CodeNotFit fault.Code = "api_user_not_fit"
	// CodeRole: he has not the roles that his edition asks for (connect-facts 1.5).
	CodeRole = link.CodeNoRole
	// CodeUnits: a business unit is enabled that he does not reach.
	CodeUnits fault.Code = "api_user_unit_out_of_reach"
)

// Actions of the audit chain.
const (
	ActionPaused  = "api_user.paused"
	ActionResumed = "api_user.resumed"
	// ActionCancelled: it was given up.
	ActionCancelled = "api_user.cancelled"
)

// Step is how far a change has come.
type Step string

// The steps of a change.
const (
	Pausing  Step = "pausing"  // what is to be paused is on record, and is being paused
	Paused   Step = "paused"   // all of it is; the credentials may be changed
	Resuming Step = "resuming" // verified; what was paused is being set going
	Resumed  Step = "resumed"  // over
	// Cancelled: given up, and over. Items that are paused still, nobody may set going from here.
	Cancelled Step = "cancelled"
)

// Kind is an API's word for something that sends.
type Kind string

// What is paused.
const (
	Transactional Kind = "transactional"  // REST send definitions (engagement-wire 4)
	TriggeredSend Kind = "triggered_send" // SOAP triggered send definitions (engagement-wire 3)
)

// Item is something that sends, and was active when the change began.
type Item struct {
	Kind   Kind   `json:"kind"`
	MID    int64  `json:"mid"`
	Key    string `json:"key"`
	Name   string `json:"name"`
	Paused bool   `json:"paused"`
}

// Change is one change of the credentials, the last of its pair.
type Change struct {
	Pair      string
	Step      Step
	APIUser   string // when it began
	Actor     string
	StartedAt time.Time
	EndedAt   time.Time // zero while it is under way
	Items     []Item
	Revision  int64 // 0 where there never was one
}

// UnderWay reports whether the change was begun and not ended.
func (c Change) UnderWay() bool { return c.Revision > 0 && c.Step != Resumed && c.Step != Cancelled }

// Resume is the change as it begins to set going what it paused. Of a pause that broke off, nobody knows what is off: all of
// it is set going, which changes nothing where something goes on.
func (c Change) Resume() Change {
	items := slices.Clone(c.Items)
	for n := range items {
		items[n].Paused = items[n].Paused || c.Step == Pausing
	}
	c.Step, c.Items = Resuming, items
	return c
}

// Facts are what the audit chain keeps of a change.
type Facts struct {
	Step    Step   `json:"step"`
	APIUser string `json:"api_user"`
	Paused  int    `json:"paused"`
}

// Facts gives them; nil where there never was a change.
func (c Change) Facts() *Facts {
	if c.Revision == 0 && c.Step == "" {
		return nil
	}
	n := 0
	for _, i := range c.Items {
		if i.Paused {
			n++
		}
	}
	return &Facts{c.Step, c.APIUser, n}
}

// Store keeps the last change of each pair.
type Store interface {
	// APIUserChange reads it; the zero Change where there never was one.
	APIUserChange(ctx context.Context, pair string) (Change, error)
	// PutAPIUserChange stores c in place of the one with its Revision, and gives it with the next; a Conflict fault with
	// CodeChanged where another is there. why goes into the audit chain; the zero Change is a step that has no entry.
	PutAPIUserChange(ctx context.Context, c Change, why audit.Change) (Change, error)
}

// Finding is one thing that a look at the API user found (connect-facts 1.5, 5.2).
type Finding struct {
	Name string // "signs in"
	Want string
	Got  string
	OK   bool
	Code fault.Code // what it is where it is not OK; "" where it is
}

// found is a finding that is as it should be, or is what code says.
func found(name, want, got string, ok bool, code fault.Code) Finding {
	if ok {
		code = ""
	}
	return Finding{name, want, got, ok, code}
}

// Effects are what changing the credentials does by itself (connect-facts 3.4).
func Effects() []string {
	return []string{
		"a new password, or signing in anew, resets the API user's token and cuts the connection",
		"triggered sends fail", "scheduled sends of the org stop", "journey entries from Salesforce Data fail",
		"a quiet hour alone prevents none of it",
	}
}

// Clicks are what no public API reaches (connect-facts 3.4): to do before the change, and to look at after it.
func Clicks() (before, after []string) {
	return []string{
		"Journey Builder: stop journeys whose entry source is Salesforce Data",
		"Email Studio > Automation and Sends: pause scheduled and user-initiated sends to Salesforce data extensions, reports and campaigns",
	}, []string{
		"Contact Builder > Data Sources: synchronized data extensions take changes again",
		"Individual Email Results of a new send appear in the org",
		"a triggered send arrives, and journeys take entries again: start those that were stopped",
	}
}
