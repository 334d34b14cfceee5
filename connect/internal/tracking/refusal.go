package tracking

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
)

// Want is what a cloud was asked for when it refused a single record.
type Want string

// What may be refused.
const (
	WantResult      Want = "result"      // an Individual Email Result in the org; the subject is a message key
	WantOptOut      Want = "opt_out"     // Email Opt Out in the org, of who unsubscribed in the tenant; a record id
	WantUnsubscribe Want = "unsubscribe" // Unsubscribed in the tenant, of who opted out in the org; a record id
)

// Refusal is what a cloud refused of one person or result. Nobody else waits for it: it is tried again by itself, later
// each time, and in the end given up. A new change of the person has it tried again at once.
type Refusal struct {
	Want     Want
	Subject  string // record id of 18 characters, or message key
	Attempts int
	At       time.Time // domain time of the last refusal
	RetryAt  time.Time // machine time before which it is not tried again; zero where it was given up
	Code     string    // in the cloud's words: "FIELD_CUSTOM_VALIDATION_EXCEPTION", "12002"
	Reason   string
}

// giveUpAfter refusals, the last about four days after the first, a record is given up.
const giveUpAfter = 10

// again is when what was refused so often is tried again, zero for never: after a minute, then four times as long each
// time, a day at most.
func again(attempts int, now time.Time) time.Time {
	if attempts >= giveUpAfter {
		return time.Time{}
	}
	wait := time.Minute
	for range attempts - 1 {
		wait = min(4*wait, 24*time.Hour)
	}
	return now.Add(wait)
}

// Refusals keeps refusals.
type Refusals interface {
	// SettleRefusals counts one refusal more of each that was refused, with again for the time of its next attempt, and
	// forgets those that were taken.
	SettleRefusals(ctx context.Context, pair string, want Want, taken []string, refused []Refusal, again func(attempts int) time.Time) error
	// DueRefusals lists the subjects that may be tried again at a machine time, after the one given.
	DueRefusals(ctx context.Context, pair string, want Want, now time.Time, after string, limit int) ([]string, error)
	// Refusals lists a pair's by want and subject, after the one given.
	Refusals(ctx context.Context, pair string, after Refusal, limit int) ([]Refusal, error)
	// CountRefusals counts those that will be tried again and those that were given up.
	CountRefusals(ctx context.Context, pair string) (waiting, givenUp int, err error)
	// Reconsider has all of a pair, also those given up, count as refused never and be due.
	Reconsider(ctx context.Context, pair string) error
}

// dueAtOnce is how many refused of a kind one page of attempts holds; the bound of one call to a cloud.
const dueAtOnce = 200

// refuse is the refusal of a subject.
func refuse(subject string, at time.Time, err error) Refusal {
	r := Refusal{Subject: subject, At: at, Code: string(fault.CodeOf(err)), Reason: client.Clip(fault.Of(err).Message, 500)}
	if remote := client.Remote(err); remote != nil {
		r.Code, r.Reason = remote.Code, client.Clip(remote.Description, 500)
	}
	return r
}

// settle keeps what became of some.
func (s *Service) settle(ctx context.Context, l link.Link, want Want, taken []string, refused []Refusal, sum *Summary) error {
	sum.Refused += len(refused)
	now := s.machine()
	return s.refusals.SettleRefusals(ctx, l.Pair, want, taken, refused, func(attempts int) time.Time { return again(attempts, now) })
}

// due tries those again whose time has come, a page after the other.
func (s *Service) due(ctx context.Context, l link.Link, want Want, try func(subjects []string) error) error {
	now := s.machine()
	for after := ""; ; {
		subjects, err := s.refusals.DueRefusals(ctx, l.Pair, want, now, after, dueAtOnce)
		if err != nil || len(subjects) == 0 {
			return err
		}
		after = subjects[len(subjects)-1]
		if err := try(subjects); err != nil {
			return err
		}
	}
}

// Refused lists what a cloud refused and nobody took since, after the one given.
func (s *Service) Refused(ctx context.Context, l link.Link, after Refusal, limit int) ([]Refusal, error) {
	return s.refusals.Refusals(ctx, l.Pair, after, limit)
}

// CountRefused counts those that will be tried again, and those that were given up.
func (s *Service) CountRefused(ctx context.Context, l link.Link) (waiting, givenUp int, err error) {
	return s.refusals.CountRefusals(ctx, l.Pair)
}

// Reconsider has the next reading try everything that was refused once more, also what was given up.
func (s *Service) Reconsider(ctx context.Context, l link.Link) error {
	return s.refusals.Reconsider(ctx, l.Pair)
}
