// Package mailing sends to audiences of the org: contacts, leads, the members of a campaign, what a report lists, or what
// a Salesforce data extension holds (connect-facts 8.1). A mailing is asked for by, and goes out under the grant of, a CRM
// user who is mapped. Its audience is read in pages and stored; then message after message is intended, handed to the
// tenant under a key of its own, and settled, so that whatever kills the work, nobody is mailed twice and nobody forgotten.
//
//	scheduled -> queued -> running -> completed
//	     |          |         |----> failed | cancelled
//	     \-> held <-/---------/   (the connection is in an outage whose mode is hold; released in order afterwards)
package mailing

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Codes of the faults that this package returns. The second group are also why a recipient was refused.
const (
	CodeNotFound        fault.Code = "not_found"
	CodeInvalidAudience fault.Code = "invalid_audience"
	CodeInvalidTime     fault.Code = "invalid_time"
	// CodeNotPermitted: the user's record does not make him a Marketing Cloud user.
	CodeNotPermitted fault.Code = "user_not_permitted_to_send"
	// CodeReportTooLarge: the report has more rows than the org's API shows of it.
	CodeReportTooLarge fault.Code = "report_too_large"
	// CodeNoPeople: no column of the report or data extension holds contacts or leads.
	CodeNoPeople fault.Code = "no_contact_or_lead_column"
	// CodeNoEmailColumn: the data extension has no column of the type EmailAddress.
	CodeNoEmailColumn fault.Code = "no_email_column"
	// CodeOver: the mailing is over already.
	CodeOver fault.Code = "send_is_over"

	// CodeNotVisible: the org has no such record, or none that this user may send to.
	CodeNotVisible fault.Code = "record_not_visible"
	CodeNotAPerson fault.Code = "not_a_contact_or_lead"
	CodeNoEmail    fault.Code = "no_email"
	CodeOptedOut   fault.Code = "opted_out"
	// CodeNoAnswer: the tenant may have the message; nobody could be asked in the end.
	CodeNoAnswer fault.Code = "no_answer"
)

// Kind is the kind of an audience.
type Kind string

// The kinds (document 003: "sends to reports, campaigns, contacts, leads, and Salesforce data extensions").
const (
	Contact       Kind = "contact"
	Lead          Kind = "lead"
	Campaign      Kind = "campaign"
	Report        Kind = "report"
	DataExtension Kind = "data_extension"
)

// prefixes begin the ids of the records of a kind (crm-wire 0).
var prefixes = map[Kind]string{Contact: "003", Lead: "00Q", Campaign: "701", Report: "00O"}

// MaxIDs is how many contacts or leads one mailing may name.
const MaxIDs = 200

// Audience says to whom a mailing goes.
type Audience struct {
	Kind Kind
	// IDs are up to MaxIDs contacts or leads; or one campaign or report; or the external key of one data extension.
	// Record ids have 18 characters.
	IDs []string
}

// Check refuses an audience that cannot be meant, and gives it with ids of 18 characters.
func (a Audience) Check() (Audience, error) {
	bad := func(format string, args ...any) (Audience, error) {
		return a, fault.New(fault.Invalid, CodeInvalidAudience, format, args...).In("ids")
	}
	prefix, records := prefixes[a.Kind]
	many := a.Kind == Contact || a.Kind == Lead
	switch {
	case !records && a.Kind != DataExtension:
		return a, fault.New(fault.Invalid, CodeInvalidAudience, "The kind is contact, lead, campaign, report or data_extension.").In("kind")
	case len(a.IDs) == 0 || !many && len(a.IDs) > 1:
		return bad("Name one %s.", words(a.Kind))
	case len(a.IDs) > MaxIDs:
		return bad("Name %d at most; a campaign or report takes more.", MaxIDs)
	case !records:
		if key := a.IDs[0]; key == "" || len(key) > 100 || strings.TrimSpace(key) != key || strings.ContainsAny(key, "\r\n\t\x00") {
			return bad("Give the external key of the data extension.")
		}
		return a, nil
	}
	checked := Audience{Kind: a.Kind}
	seen := map[string]bool{}
	for _, raw := range a.IDs {
		id, ok := RecordID(raw)
		if !ok || id[:3] != prefix {
			return bad("The id of a %s has 15 or 18 characters and begins with %s.", words(a.Kind), prefix)
		}
		if !seen[id] {
			seen[id] = true
			checked.IDs = append(checked.IDs, id)
		}
	}
	return checked, nil
}

func words(k Kind) string { return strings.ReplaceAll(string(k), "_", " ") }

// Lanes in which mailings wait: a message to one person does not wait behind a campaign.
const (
	LaneFew  = "few"
	LaneMany = "many"
)

// Lane is the one of an audience.
func (a Audience) Lane() string {
	if a.Kind == Contact || a.Kind == Lead {
		return LaneFew
	}
	return LaneMany
}

// RecordID is a record id of 15 or 18 characters as one of 18: it is the subscriber key, and people whose ids come in
// both lengths are not two (connect-facts 8.4). False for what is no id.
func RecordID(s string) (string, bool) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	if len(s) != 15 && len(s) != 18 || strings.Trim(s, base62) != "" {
		return "", false
	}
	id := s[:15]
	for part := range 3 {
		n := 0
		for i := range 5 {
			if c := id[part*5+i]; c >= 'A' && c <= 'Z' {
				n |= 1 << i
			}
		}
		id += letters[n : n+1]
	}
	if len(s) == 18 && !strings.EqualFold(s, id) {
		return "", false
	}
	return id, true
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// State says how far a mailing has come.
type State string

// The states. In the last three nothing happens any more.
const (
	Scheduled State = "scheduled" // waits for its time
	Held      State = "held"      // waits for the end of an outage
	Queued    State = "queued"
	Running   State = "running"
	Completed State = "completed" // every recipient has an outcome: the tenant has the message, or Reason says why not
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Over reports whether nothing happens any more.
func (s State) Over() bool { return s == Completed || s == Failed || s == Cancelled }

// Mailing is one send to an audience.
type Mailing struct {
	Pair          string
	ID            string
	Position      int64 // order of asking
	Audience      Audience
	DefinitionKey string
	CRMUserID     string // who sends; 18 characters
	CRMUsername   string
	Scoped        bool // reaches records that he owns alone, as he sees them
	Actor         string
	CreatedAt     time.Time // domain time
	DueAt         time.Time // domain time; CreatedAt where it was not scheduled
	State         State
	ReasonCode    string // of a failed or held one
	Reason        string
	Cursor        string // where reading the audience has come to
	Collected     bool   // the audience is read
	Attempts      int    // in a row that a cloud failed
	EndedAt       time.Time
	Counts        Counts
}

// Counts are how many recipients stand where.
type Counts struct {
	Total    int `json:"recipients"`
	Waiting  int `json:"waiting"`
	Accepted int `json:"accepted"` // the tenant has the message
	Sent     int `json:"sent"`
	NotSent  int `json:"not_sent"`
	InDoubt  int `json:"in_doubt"`
	Refused  int `json:"refused"` // nothing left Connect
}

// Status is how far one recipient has come.
type Status string

// The statuses.
const (
	Planned Status = "planned"
	// Intended: the call to the tenant has begun and its outcome is not recorded. The tenant is asked before it is made again.
	Intended Status = "intended"
	Accepted Status = "accepted"
	Sent     Status = "sent"
	NotSent  Status = "not_sent"
	InDoubt  Status = "in_doubt"
	Refused  Status = "refused"
)

// Recipient is one person of a mailing.
type Recipient struct {
	Position  int
	RecordID  string // 18 characters; the subscriber key
	Address   string
	FirstName string
	LastName  string
	Name      string
	Status    Status
	Attempts  int    // how often handing over was begun
	Code      string // why refused, not sent or in doubt
	Reason    string
}

func (r Recipient) refused(code fault.Code, reason string) Recipient {
	r.Status, r.Code, r.Reason = Refused, string(code), reason
	return r
}

// Mailable is the recipient as planned, or refused where he must not or cannot be mailed.
func (r Recipient) mailable(optedOut bool) Recipient {
	switch {
	case optedOut:
		return r.refused(CodeOptedOut, "He or she has opted out of email.")
	case strings.TrimSpace(r.Address) == "":
		return r.refused(CodeNoEmail, "The record has no email address.")
	}
	r.Status = Planned
	return r
}

// Settings are how a pair sends.
type Settings struct {
	// ScopeByUser: a user who is no Marketing Cloud administrator reaches the records that he owns, and sees them as he
	// does in the org (connect-facts 1.8). Off, everybody sends to whatever the system user sees.
	ScopeByUser bool `json:"scope_by_user"`
}

// Store keeps mailings. A missing one is a NotFound fault with CodeNotFound.
type Store interface {
	// AddMailing stores a mailing unless there is one with its ID, and returns the one that is stored and whether it is new.
	AddMailing(ctx context.Context, m Mailing, why audit.Change) (stored Mailing, added bool, err error)
	// Mailing reads one with its counts.
	Mailing(ctx context.Context, pair, id string) (Mailing, error)
	// Mailings lists a pair's, the newest first, those in state where it is not "", with their counts.
	Mailings(ctx context.Context, pair string, state State, limit int) ([]Mailing, error)
	// Recipients lists a mailing's, after a position; with waiting, those without an outcome.
	Recipients(ctx context.Context, pair, id string, waiting bool, after, limit int) ([]Recipient, error)
	// MoveMailing puts a mailing from one of the states into another, with why in the audit chain where it has an action;
	// false where it is in none of them.
	MoveMailing(ctx context.Context, m Mailing, to State, code, reason string, why audit.Change, from ...State) (bool, error)
	// Settings reads how a pair sends; SetSettings changes it.
	Settings(ctx context.Context, pair string) (Settings, error)
	SetSettings(ctx context.Context, pair string, s Settings, why audit.Change) error
}

// Work is the part of the store that the workers need.
type Work interface {
	// Open lists the pairs that have mailings which are not over.
	Open(ctx context.Context) ([]string, error)
	// Waiting lists a pair's mailings in a state by due time and order of asking; those due later than due are left out.
	Waiting(ctx context.Context, pair string, state State, due time.Time, limit int) ([]Mailing, error)
	// Enqueue queues the job that works on a lane of a pair, unless it is queued or running.
	Enqueue(ctx context.Context, pair, lane string) error
	// Next is the mailing of the lane to work on: one that runs, else the first that is queued. NotFound where there is none.
	Next(ctx context.Context, pair, lane string) (Mailing, error)
	// Begin puts a queued mailing to work, with whether it is scoped; false where it is not queued any more.
	Begin(ctx context.Context, m Mailing) (bool, error)
	// Collect stores recipients of a page of the audience, leaving out those it has, and where reading has come to, as long
	// as the run holds its job.
	Collect(ctx context.Context, r *jobs.Run, m Mailing, recipients []Recipient, cursor string, done bool) error
	// Intend marks recipients as intended, one attempt more, as long as the run holds its job.
	Intend(ctx context.Context, r *jobs.Run, m Mailing, recipients []Recipient) error
	// Settle stores what became of intended recipients, and their addresses, as long as the run holds its job.
	Settle(ctx context.Context, r *jobs.Run, m Mailing, recipients []Recipient) error
	// Failing keeps how often in a row the work on a mailing failed, and why last.
	Failing(ctx context.Context, m Mailing, attempts int, code, reason string) error
	// GiveUp makes what is intended and not settled in doubt.
	GiveUp(ctx context.Context, m Mailing) error
}
