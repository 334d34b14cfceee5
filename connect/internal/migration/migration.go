// Package migration is "Migrate Existing Users" of document 003: after the connection into the org was upgraded from the
// system user's password to Connected App authentication, users who were mapped before are reconnected without a
// password. A user is reconnected when the org takes an assertion for him, and the tenant takes his Engagement user.
//
// A run is a durable job: a row for each user, an intent before the clouds are called, and an outcome afterwards, stored in
// one transaction with what it does to the mapping. Reports are made from the outcomes.
package migration

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Codes of faults about runs. A user has those of the cloud that refused him besides.
const (
	// CodeNotFound: there is no such run.
	CodeNotFound fault.Code = "not_found"
	// CodeRunning: the connection migrates users already.
	CodeRunning fault.Code = "migration_running"
	// CodeWaiting: users of the last run wait for approval; they are proven before others are migrated.
	CodeWaiting fault.Code = "migration_waiting"
	// CodeNothingWaits: nobody waits for approval.
	CodeNothingWaits fault.Code = "nobody_waiting"
	// CodeUndone: the run was undone.
	CodeUndone fault.Code = "migration_undone"
	// CodeNotApproved: the org refuses the user because he is not approved for the connected app (DESIGN 5.3).
	CodeNotApproved fault.Code = "not_approved"
	// CodeChanged: the mapping was cleared or made anew while its user was reconnected.
	CodeChanged fault.Code = "mapping_changed"
	// CodeNoCRMUser: the org has no such active user any more.
	CodeNoCRMUser fault.Code = "crm_user_not_found"
)

// Phase is what a run does next.
type Phase string

// The phases, in their order.
const (
	Planning  Phase = "planning"  // a row for each user is made
	Migrating Phase = "migrating" // every user is tried
	Proving   Phase = "proving"   // those who waited for approval are tried again
	Expiring  Phase = "expiring"  // the 14 days are over: everybody without an outcome fails for that
	Writing   Phase = "writing"   // the files are written
	Over      Phase = "over"
)

// State says how a run stands.
type State string

// The states. In the last four nothing happens by itself.
const (
	Queued    State = "queued"
	Running   State = "running"
	Waiting   State = "waiting" // some wait for approval, and are to be proven
	Done      State = "done"
	Cancelled State = "cancelled"
	Stopped   State = "stopped" // the connection itself does not work; Error says why
	Undone    State = "undone"  // the upgrade was rolled back, and the mappings are as before
)

// Run is one migration of a pair's users.
type Run struct {
	Pair    string
	ID      string // random
	Upgrade string // the upgrade that it is part of; "" where it stands alone
	// UpgradedAt is that of the link which it is about: after another upgrade it no longer counts.
	UpgradedAt time.Time
	Actor      string
	CreatedAt  time.Time // domain time
	Retry      bool      // of those who failed in a run before
	Final      bool      // whoever is not approved fails, and does not wait
	Phase      Phase
	Pass       int // 1, and 2 once those who waited are proven
	Cancelled  bool
	Undone     bool
	State      State
	Error      string // of the last attempt that the connection itself broke off
	// Total are the users found; the others have an outcome. Until the planning is over it grows.
	Total, Reconnected, Waiting, Failed int
	Pace                                Pace
	Files                               []Files
	// ResumedAt is when somebody had the run go on that had stopped, machine time; zero for never.
	ResumedAt time.Time
}

// Pace is how fast a run goes, in machine time.
type Pace struct {
	Since  time.Time // when the job took it up last
	Before int       // outcomes until then
	Last   time.Time // when outcomes were stored last
}

// Settled is how many users have an outcome that stays.
func (r Run) Settled() int { return r.Reconnected + r.Failed }

// Percent is how much of the run is behind it, 0 to 100.
func (r Run) Percent() float64 {
	switch {
	case r.Total > 0:
		return 100 * float64(r.Settled()+r.Waiting) / float64(r.Total)
	case r.Phase == Planning:
		return 0
	}
	return 100
}

// Rate is how many users a second got an outcome since the job took the run up last; 0 where that is not known.
func (r Run) Rate() float64 {
	took := r.Pace.Last.Sub(r.Pace.Since).Seconds()
	if took <= 0 {
		return 0
	}
	return max(0, float64(r.Settled()+r.Waiting-r.Pace.Before)/took)
}

// Left is how long the rest takes at this rate; 0 where that is not known or nothing is left.
func (r Run) Left() time.Duration {
	rate := r.Rate()
	if rate == 0 || r.State != Running && r.State != Queued {
		return 0
	}
	return time.Duration(float64(r.Total-r.Settled()-r.Waiting) / rate * float64(time.Second))
}

// Result says how far a user has come.
type Result string

// The results. Reconnected and Failed are outcomes: each user ends in one of them, once.
const (
	UserPlanned Result = "planned"
	// UserIntended: calls to the clouds have begun and their outcome is not recorded. Taken up again, they are made again:
	// both sign somebody in, which may be repeated.
	UserIntended    Result = "intended"
	UserReconnected Result = "reconnected"
	UserWaiting     Result = "waiting" // not approved for the connected app yet
	UserFailed      Result = "failed"
)

// CodeInvalidResult: a result that there is not.
const CodeInvalidResult fault.Code = "invalid_result"

// ParseResult reads a result.
func ParseResult(text string) (Result, error) {
	switch r := Result(text); r {
	case UserPlanned, UserIntended, UserReconnected, UserWaiting, UserFailed:
		return r, nil
	}
	return "", fault.New(fault.Invalid, CodeInvalidResult, "result is planned, intended, reconnected, waiting or failed.").In("result")
}

// User is one user of a run.
type User struct {
	Position           int // 1 for the first
	CRMUserID          string
	CRMUsername        string
	CRMName            string
	EngagementUsername string
	MID                int64
	MappedAt           time.Time // of the mapping, by which it is known again
	Result             Result
	Attempts           int       // that came to an end, in this pass
	Pass               int       // in which he got his outcome
	Code               string    // why he waits or failed
	Reason             string    // the same in words
	At                 time.Time // of the outcome, domain time; zero before

	// Since is when he was tried first in this pass, machine time; zero before.
	Since time.Time
	// Renamed: the org calls him otherwise than when the run was planned.
	Renamed bool
}

// Filter asks for a page of users by position.
type Filter struct {
	Results []Result // empty is all
	Pass    int      // 0 is any
	NotIn   []string // other runs of the pair: who is in one of them is left out
	After   int
	Limit   int
}

// Batch is After of the audit entry about a batch of outcomes.
type Batch struct {
	Reconnected int    `json:"reconnected"`
	Failed      int    `json:"failed"`
	Digest      string `json:"digest"`
}

// Store keeps runs and their users. A missing run is a NotFound fault with CodeNotFound.
type Store interface {
	// Earlier counts the mappings of a pair that were made under a password and not remade since.
	Earlier(ctx context.Context, pair string) (int, error)
	// AddRun stores a run and queues its job. The run of an upgrade is stored once: the one that is there is returned. While
	// another run of the pair works it is a Conflict fault with CodeRunning, while users of one wait with CodeWaiting.
	AddRun(ctx context.Context, r Run) (Run, error)
	// Run reads a run.
	Run(ctx context.Context, pair, id string) (Run, error)
	// Runs lists a pair's runs, the newest first.
	Runs(ctx context.Context, pair string, limit int) ([]Run, error)
	// Users lists users of a run by position.
	Users(ctx context.Context, pair, id string, f Filter) ([]User, error)
	// CancelRun has a run end: who has no outcome gets none. One that is over stays as it is.
	CancelRun(ctx context.Context, pair, id string, why audit.Change) error
	// ResumeRun queues a job for a run that stopped before it was over. now is machine time.
	ResumeRun(ctx context.Context, pair, id string, now time.Time) error
	// ProveRun queues the job that tries those who wait again (Proving), or has them fail (Expiring).
	ProveRun(ctx context.Context, pair, id string, phase Phase, why audit.Change) error
	// UndoRun gives the run up and its mappings back to the time before the upgrade, page by page. One that was undone stays
	// so.
	UndoRun(ctx context.Context, pair, id string, why audit.Change) error
}

// Work is what the job needs of the store. All of it counts only as long as the run of the queue holds the job.
type Work interface {
	// Plan makes rows for the next page of mappings; more says that there may be others.
	Plan(ctx context.Context, job *jobs.Run, r Run) (more bool, err error)
	// Take lists users by position, after the one given, who have no outcome; or, with waiting, who wait.
	Take(ctx context.Context, r Run, waiting bool, after, limit int) ([]User, error)
	// Intend marks users as intended, tried since now those who were not tried in this pass. A run that is in another phase meanwhile is a Conflict fault with
	// CodePhase.
	Intend(ctx context.Context, job *jobs.Run, r Run, users []User, now time.Time) error
	// Settle stores what became of intended users, with the mappings of those who are reconnected and one entry in the audit
	// chain about those who have an outcome. Where the mapping was changed meanwhile the user failed with CodeChanged.
	// Each has had one attempt more, unless dead: no cloud answered anybody. A run that was undone, or whose link was connected otherwise,
	// is a Conflict fault with CodeUndone.
	Settle(ctx context.Context, job *jobs.Run, r Run, why audit.Change, users []User, now time.Time, dead bool) error
	// Advance goes from r's phase to another; the same one begins to measure the pace. One that is in another phase meanwhile
	// is a Conflict fault with CodePhase.
	Advance(ctx context.Context, job *jobs.Run, r Run, to Phase, now time.Time) error
	// NameFiles stores names for the files of the run's pass, unless they have some: the first of stems that no files of the
	// enterprise have.
	NameFiles(ctx context.Context, job *jobs.Run, r Run, eid int64, stems []string) (Files, error)
	// PutFiles stores what became of files.
	PutFiles(ctx context.Context, job *jobs.Run, r Run, f Files) error
}

// CodePhase: the run went on to another phase meanwhile.
const CodePhase fault.Code = "migration_phase"

// FileState says what became of the files of a pass.
type FileState string

// The states of files.
const (
	FilesNamed   FileState = "named" // about to be written
	FilesWritten FileState = "written"
	FilesOff     FileState = "off"    // "My Documents in Content" is not enabled, or has no API
	FilesFailed  FileState = "failed" // Error says why
)

// Files are the two files of a pass in My Documents.
type Files struct {
	Pass  int
	Stem  string // "2016-05-14", "2016-05-14-2": what stands before migrationsuccess.csv and migrationfailures.csv
	State FileState
	Error string
}

// Success is the name of the file about users who are reconnected (document 003).
func (f Files) Success() string { return f.Stem + "migrationsuccess.csv" }

// Failures is the name of the file about users who failed.
func (f Files) Failures() string { return f.Stem + "migrationfailures.csv" }

// Approval reports whether err is the org's word that a user is not approved for the connected app (DESIGN 5.3): an
// administrator's approval is missing, or his own.
func Approval(err error) bool {
	r := client.Remote(err)
	return adminApproval(err) || r != nil && r.Cloud == "org" && r.Code == "invalid_grant" && r.Description == "user hasn't approved this consumer"
}

func adminApproval(err error) bool {
	r := client.Remote(err)
	return r != nil && r.Cloud == "org" && r.Code == "invalid_app_access"
}

// passing reports whether a failure is one of the moment: a cloud did not answer, failed, or asked to come later, or ended a token that
// it had just given; or something of ours did.
func passing(err error) bool { return down(err) || fault.CodeOf(err) == client.CodeUnauthorized }

// down reports whether a failure may be everybody's: no cloud gave an answer, or something of ours failed.
func down(err error) bool {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Limited, fault.Internal:
		return true
	}
	return false
}

const (
	// maxAttempts is how often a user is tried whose clouds fail or do not answer.
	maxAttempts = 8
	// maxAge is for how long: whoever was tried first so long ago fails with the reason of his last failure.
	maxAge = 24 * time.Hour
)

// old reports whether the user was tried for so long that a failure of the moment is his outcome. Where somebody had the run go on
// that had stopped, the time counts from then. now is machine time.
func (r Run) old(u User, now time.Time) bool {
	since := u.Since
	if r.ResumedAt.After(since) {
		since = r.ResumedAt
	}
	return !u.Since.IsZero() && now.Sub(since) >= maxAge
}

// after is the user with what came of trying him. final: who is not approved fails. old: he is not tried again.
func (u User) after(err error, final, old bool) User {
	u.Code, u.Reason = "", ""
	words := func() (string, string) {
		f := fault.Of(err)
		if f.Kind == fault.Internal {
			return "internal", "An unexpected error occurred."
		}
		if r := client.Remote(err); r != nil && r.Code != "" {
			return r.Code, r.Description
		}
		return string(f.Code), f.Message
	}
	switch {
	case err == nil:
		u.Result = UserReconnected
	case Approval(err):
		if u.Result = UserWaiting; final {
			u.Result = UserFailed
		}
		u.Code = string(CodeNotApproved)
		u.Reason = "not approved: " + client.Remote(err).Description
	case passing(err) && u.Attempts < maxAttempts && !old:
		u.Result = UserPlanned
	default:
		u.Result = UserFailed
		u.Code, u.Reason = words()
	}
	return u
}

// item is the user as the audit chain's digests have him.
func (u User) item() audit.Item {
	return audit.Item{Position: u.Position, CRMUsername: u.CRMUsername, EngagementUsername: u.EngagementUsername, MID: u.MID, Status: string(u.Result), Code: u.Code}
}

// Outcomes are the items of those users who have an outcome, and how many reconnected and failed.
func Outcomes(users []User) (items []audit.Item, b Batch) {
	for _, u := range users {
		switch u.Result {
		case UserReconnected:
			b.Reconnected++
		case UserFailed:
			b.Failed++
		default:
			continue
		}
		items = append(items, u.item())
	}
	b.Digest = audit.Digest(items)
	return items, b
}

// current reports whether the link is the one that was upgraded when the run began.
func (r Run) current(l link.Link) bool {
	return l.Org.Driver == link.JWT && l.UpgradedAt.Equal(r.UpgradedAt)
}
