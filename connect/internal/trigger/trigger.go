// Package trigger fires triggered send definitions when records of the org are made or changed (connect-facts 8.1). It
// asks the org every few seconds what changed since (DESIGN 5.9), which works on any org, and fires once for a state of
// a record: of the same SystemModstamp nobody is mailed twice, whatever is read again or breaks off.
package trigger

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that this package returns.
const (
	CodeNotFound fault.Code = "not_found"
	// CodeInvalid: a triggered send that cannot be meant; the field says what of it.
	CodeInvalid fault.Code = "invalid_trigger"
	// CodeNobody: the record names no contact or lead.
	CodeNobody fault.Code = "no_contact_or_lead"
)

// On is what a trigger fires on.
type On string

// The events (connect-facts 8.1: Insert, Update, Either, EitherSubsequently).
const (
	Insert On = "insert"
	Update On = "update"
	Either On = "either"
	// Subsequently fires on records that are made so that the criteria hold, and on changes after which they hold and
	// before which they did not.
	Subsequently On = "either_subsequently"
)

// Criterion is a condition on a field.
type Criterion struct {
	Field    string `json:"field"`    // API name
	Operator string `json:"operator"` // equals, not_equal, contains, starts_with, greater_than, less_than
	Value    string `json:"value"`    // "" is null
}

var operators = []string{"equals", "not_equal", "contains", "starts_with", "greater_than", "less_than"}

// Trigger is one triggered send.
type Trigger struct {
	Pair          string
	ID            string
	Name          string
	Object        string // API name
	On            On
	Criteria      []Criterion
	PersonField   string // API name of the field with the contact or lead; "" where the object is one
	DelayHours    int
	DefinitionKey string
	Active        bool
	Actor         string
	CreatedAt     time.Time // domain time, as all below
	ActiveSince   time.Time
	Watermark     time.Time // up to which the object was read
	ErrorCode     string    // of the last reading, "" where it went well
	Error         string
	Reading       Reading // that the last look left unfinished; zero where it left none
}

// Reading is where going through what changed stands: records are read in the order of their ids, and one look does not
// get to the end of a bulk load.
type Reading struct {
	From, To time.Time // domain times: of the changes that are read, and when that began
	After    string    // the last record read
}

// Limits of a trigger.
const (
	maxCriteria = 10
	maxDelay    = 720 // hours (connect-facts 5.4)
)

var apiName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)

// Check refuses a trigger that cannot be meant.
func (t Trigger) Check() error {
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalid, format, args...).In(field)
	}
	person := strings.EqualFold(t.Object, "Contact") || strings.EqualFold(t.Object, "Lead")
	switch {
	case strings.TrimSpace(t.Name) == "" || len(t.Name) > 80 || strings.ContainsFunc(t.Name, unicode.IsControl):
		return bad("name", "Give a name of at most 80 bytes.")
	case !apiName.MatchString(t.Object):
		return bad("object", "Give the API name of the object: Contact, Case, Order__c.")
	case !slices.Contains([]On{Insert, Update, Either, Subsequently}, t.On):
		return bad("on", "It fires on insert, update, either or either_subsequently.")
	case t.DelayHours > maxDelay:
		return bad("delay_hours", "Hours Delayed cannot exceed 720.")
	case t.DelayHours < 0:
		return bad("delay_hours", "The delay is a number of hours.")
	case person && t.PersonField != "" || !person && !apiName.MatchString(t.PersonField):
		return bad("person_field", "Name the field of %s that has the contact or lead; a contact or lead is one itself.", t.Object)
	case len(t.Criteria) > maxCriteria:
		return bad("criteria", "There are %d criteria at most.", maxCriteria)
	}
	for _, c := range t.Criteria {
		if !apiName.MatchString(c.Field) || !slices.Contains(operators, c.Operator) || len(c.Value) > 255 {
			return bad("criteria", "A criterion has a field, an operator (%s) and a value of at most 255 bytes.", strings.Join(operators, ", "))
		}
	}
	return send.CheckDefinition(t.DefinitionKey)
}

// Met reports whether the criteria hold for a record.
func (t Trigger) Met(r crm.Record) bool {
	for _, c := range t.Criteria {
		if !c.holds(r[c.Field]) {
			return false
		}
	}
	return true
}

func (c Criterion) holds(value any) bool {
	have := ""
	switch v := value.(type) {
	case nil:
	case string:
		have = v
	case bool:
		have = strconv.FormatBool(v)
	case interface{ String() string }: // json.Number
		have = v.String()
	}
	a, b := strings.ToLower(have), strings.ToLower(c.Value)
	switch c.Operator {
	case "equals":
		return a == b || compare(a, b) == 0 && a != "" && b != ""
	case "not_equal":
		return a != b
	case "contains":
		return strings.Contains(a, b)
	case "starts_with":
		return strings.HasPrefix(a, b)
	case "greater_than":
		return a != "" && compare(a, b) > 0
	case "less_than":
		return a != "" && compare(a, b) < 0
	}
	return false
}

// compare orders numbers as numbers and everything else as text; dates are written so that this is their order.
func compare(a, b string) int {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	switch {
	case err1 != nil || err2 != nil:
		return strings.Compare(a, b)
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// Seen is what a trigger saw of a record last.
type Seen struct {
	Modstamp time.Time
	Met      bool
}

// Fires tells whether a record's state fires the trigger. before is what was seen of it last, nil where nothing was.
func (t Trigger) Fires(created, modstamp time.Time, met bool, before *Seen) bool {
	if !met || before != nil && !modstamp.After(before.Modstamp) {
		return false
	}
	inserted := before == nil && !created.Before(t.ActiveSince)
	switch t.On {
	case Insert:
		return inserted
	case Update:
		return !inserted
	case Either:
		return true
	case Subsequently:
		// Of a record that was never seen nobody knows whether the criteria held before; then it has not been said that they did.
		return inserted || before == nil || !before.Met
	}
	return false
}

// Status is how far a firing has come.
type Status string

// The statuses.
const (
	Waiting Status = "waiting" // for its delay, or for a cloud that failed
	Done    Status = "done"    // the send is on record: sends show MESSAGE_KEY says how it went
	Failed  Status = "failed"
)

// Firing is one firing of a trigger.
type Firing struct {
	Pair          string
	TriggerID     string
	DefinitionKey string
	RecordID      string
	Modstamp      time.Time // of the record's state that fired
	PersonID      string    // contact or lead; "" where the record names none
	DueAt         time.Time // domain time
	Status        Status
	Attempts      int
	MessageKey    string
	Code          string
	Reason        string
}

// Change is a record's state as a page of the org shows it, with what follows from it.
type Change struct {
	RecordID string
	Created  time.Time
	Seen     Seen
	PersonID string
}

// Store keeps triggers and firings. A missing trigger is a NotFound fault with CodeNotFound.
type Store interface {
	// AddTrigger stores one unless there is one with its ID, and returns the one that is stored.
	AddTrigger(ctx context.Context, t Trigger, why audit.Change) (Trigger, error)
	// Trigger reads one, Triggers lists a pair's by name.
	Trigger(ctx context.Context, pair, id string) (Trigger, error)
	Triggers(ctx context.Context, pair string) ([]Trigger, error)
	// SetActive starts or stops one at a time; what happened before is not looked at.
	SetActive(ctx context.Context, t Trigger, active bool, at time.Time, why audit.Change) (Trigger, error)
	// RemoveTrigger removes one with its firings.
	RemoveTrigger(ctx context.Context, t Trigger, why audit.Change) error
	// Firings lists a trigger's, the newest first.
	Firings(ctx context.Context, pair, id string, limit int) ([]Firing, error)
}

// Work is the part of the store that looking and firing need.
type Work interface {
	// Pairs lists those that have an active trigger or a firing that waits.
	Pairs(ctx context.Context) ([]string, error)
	// Lease gives a pair to a holder until a machine time; false where another has it. Release ends the holder's own.
	Lease(ctx context.Context, pair, holder string, now, until time.Time) (bool, error)
	Release(ctx context.Context, pair, holder string) error
	// Take takes over changes of one page: what was seen, and a firing for each that fires (Trigger.Fires).
	Take(ctx context.Context, t Trigger, changes []Change) (fired int, err error)
	// Advance keeps up to where the object was read, and why reading failed.
	Advance(ctx context.Context, t Trigger) error
	// Due lists firings of a pair whose time has come, the oldest first.
	Due(ctx context.Context, pair string, now time.Time, limit int) ([]Firing, error)
	// Settle keeps what became of a firing at its attempt, where it waits still and nobody else made that attempt.
	Settle(ctx context.Context, f Firing) error
}
