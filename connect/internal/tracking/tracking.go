// Package tracking brings back what became of messages: it reads the tenant's events, puts them to the sends that they are
// of, and writes them to the org as Individual Email Results (connect-facts 8.3), where the managed package is installed.
// Opt-outs travel both ways: who unsubscribes in the tenant gets Email Opt Out in the org, and who opts out there is
// unsubscribed in the tenant. Nobody is ever subscribed again by it.
package tracking

import (
	"context"
	"crypto/sha256"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/engagement"
)

// Event is something that happened to a message of Connect's, as far as the tenant tells it: to whom, of which
// definition, and when.
type Event struct {
	Kind          string // as in the client of the tenant: "SentEvent"
	ID            string // in the tenant, among those of the kind
	TrackingID    string // of the message in the tenant; "" where it is not told
	RecordID      string // subscriber key: 18 characters
	DefinitionKey string
	At            time.Time // domain time
	URL           string    // of a click
	Bounce        string    // "Hard bounce", "Soft bounce", "Block bounce"
}

// Hash tells events apart; one that is read twice has the same.
func (e Event) Hash() []byte {
	h := sha256.New()
	for _, part := range []string{e.Kind, e.ID, e.TrackingID, e.RecordID, strings.ToLower(e.DefinitionKey), strconv.FormatInt(e.At.UnixMilli(), 10), e.URL} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return h.Sum(nil)
}

// Result is what one message reported back.
type Result struct {
	Pair           string
	MessageKey     string
	MailingID      string // "" of a single triggered send
	DefinitionKey  string
	RecordID       string // contact or lead
	TrackingID     string
	SentAt         time.Time
	OpenedAt       time.Time // the first time
	Clicks         int
	UniqueClicks   int // different links
	HardBounce     bool
	SoftBounce     bool
	BouncedAt      time.Time
	UnsubscribedAt time.Time

	ResultID string // of the record in the org; "" before it is made
	Intended bool   // making it has begun
	Revision int64  // the store compares and swaps on it
}

// Candidate is a message that an event may be of.
type Candidate struct {
	MessageKey    string
	MailingID     string
	DefinitionKey string
	Position      int       // in the mailing
	AskedAt       time.Time // domain time; the message was handed over then or later
	Result        *Result   // nil while nothing came back
}

// skew is how much the clouds' clocks may differ from Connect's.
const skew = time.Minute

// Choose finds the message that an event is of among those to the same person: by the tenant's id where it is known; a
// message that is just sent is the oldest of that definition of which nothing came back; anything else happened to the
// one sent last before. -1 where it is none: Engagement sends of itself, too.
func Choose(e Event, candidates []Candidate) int {
	best := -1
	for i, c := range candidates {
		if !strings.EqualFold(c.DefinitionKey, e.DefinitionKey) || c.AskedAt.After(e.At.Add(skew)) {
			continue
		}
		r := c.Result
		if r != nil && r.TrackingID != "" && e.TrackingID != "" {
			if r.TrackingID == e.TrackingID {
				return i
			}
			continue
		}
		fresh := r == nil || r.SentAt.IsZero() && r.BouncedAt.IsZero()
		switch e.Kind {
		case engagement.EventSent, engagement.EventNotSent:
			if fresh && (best < 0 || c.AskedAt.Before(candidates[best].AskedAt)) {
				best = i
			}
		case engagement.EventBounce:
			if best < 0 || c.AskedAt.After(candidates[best].AskedAt) {
				best = i
			}
		default:
			if r != nil && !r.SentAt.IsZero() && !r.SentAt.After(e.At.Add(skew)) && (best < 0 || r.SentAt.After(candidates[best].Result.SentAt)) {
				best = i
			}
		}
	}
	return best
}

// With is the result after an event; newURL tells of a click that nobody has followed this link of the message before.
func (r Result) With(e Event, newURL bool) Result {
	if r.TrackingID == "" {
		r.TrackingID = e.TrackingID
	}
	first := func(t *time.Time) {
		if t.IsZero() || e.At.Before(*t) {
			*t = e.At
		}
	}
	switch e.Kind {
	case engagement.EventSent:
		first(&r.SentAt)
	case engagement.EventOpen:
		first(&r.OpenedAt)
	case engagement.EventClick:
		r.Clicks++
		if newURL {
			r.UniqueClicks++
		}
	case engagement.EventBounce:
		first(&r.BouncedAt)
		if e.Bounce == "Hard bounce" {
			r.HardBounce = true
		} else {
			r.SoftBounce = true
		}
	case engagement.EventUnsubscribe:
		first(&r.UnsubscribedAt)
	}
	return r
}

// Told reports whether there is anything that the org is to be told.
func (r Result) Told() bool { return !r.SentAt.IsZero() || !r.BouncedAt.IsZero() }

// State is how far the clouds were read.
type State struct {
	EventsUntil       time.Time // domain times; zero before the first time
	UnsubscribedUntil time.Time
	OptedOutUntil     time.Time
	ErrorCode         string // of the last time, "" where it went well
	Error             string
}

// Store keeps results.
type Store interface {
	// Claim gives the pairs that nobody has begun to read since before, and keeps now as the time when that began: of many
	// processes one gets a pair. Both are machine time. Pairs of which no message went out are left out.
	Claim(ctx context.Context, now, before time.Time) ([]string, error)
	// Lease gives the reading of a pair to the caller until a machine time, or until Advance; false where somebody has it.
	Lease(ctx context.Context, pair string, now, until time.Time) (bool, error)
	// State reads how far a pair was read; Advance keeps it and ends the lease.
	State(ctx context.Context, pair string) (State, error)
	Advance(ctx context.Context, pair string, s State) error
	// Apply puts events to the messages that they are of, each once, by Choose and With, and moves the sends on: sent, not
	// sent. It returns how many were put to one.
	Apply(ctx context.Context, pair string, events []Event) (int, error)
	// Dirty lists results that the org does not have as they are, by message key after the one given. Those that it refused
	// are left out until the machine time at which they are due again.
	Dirty(ctx context.Context, pair, after string, now time.Time, limit int) ([]Result, error)
	// Intend keeps that the records of results are about to be made.
	Intend(ctx context.Context, results []Result) error
	// Written keeps what the org has of results now. One that changed meanwhile stays dirty.
	Written(ctx context.Context, results []Result) error
	// Parent reads the record that results hang on, "" where there is none; SetParent keeps it.
	Parent(ctx context.Context, pair, key string) (string, error)
	SetParent(ctx context.Context, pair, key, id string) error
	// Results lists the results of a mailing by message key after the one given.
	Results(ctx context.Context, pair, mailing, after string, limit int) ([]Result, error)
}

// Summary is what one reading of a pair did.
type Summary struct {
	Events       int // put to a message
	Written      int // Individual Email Results made or changed
	OptedOut     int // people in the org, because they unsubscribed
	Unsubscribed int // people in the tenant, because they opted out
	Refused      int // people and results that a cloud refused; see [Refusal]
}

// Any reports whether anything was done.
func (s Summary) Any() bool { return s != Summary{} }
