package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Job is the kind of the job that works on an upgrade; its payload is a Payload.
const Job = "upgrade"

// Payload names the upgrade of a job.
type Payload struct {
	Pair string `json:"pair"`
	ID   string `json:"id"`
}

// How often is looked whether what is waited for is there: often at first, and more seldom as a person takes his time,
// because each look costs calls to the org.
const (
	lookSoon = 2 * time.Second
	lookLate = 15 * time.Second
	// stepTimeout bounds one look at a step, or one attempt at it.
	stepTimeout = 2 * time.Minute
)

// run works on an upgrade until it waits for somebody or is over. It has no failure of its own: what goes wrong is kept with
// the upgrade, and tried again.
func (s *Service) run(ctx context.Context, r *jobs.Run) error {
	var p Payload
	if err := json.Unmarshal(r.Payload, &p); err != nil {
		return jobs.Permanent(fmt.Errorf("upgrade: reading a job: %w", err))
	}
	for {
		wait, err := s.round(ctx, r, p)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, jobs.ErrLeaseLost):
			return err
		case fault.CodeOf(err) == CodeNotFound, fault.CodeOf(err) == link.CodeNotFound:
			return nil // the connection was taken away, and the upgrade with it
		case fault.CodeOf(err) == CodeChanged:
			continue // somebody told or cancelled: it is read again
		case err != nil:
			s.log.LogAttrs(ctx, slog.LevelWarn, "upgrade not brought on", slog.String("pair", p.Pair), slog.String("upgrade", p.ID), slog.String("error", err.Error()))
			return jobs.Later(s.poll(lookLate))
		case wait == over:
			return nil
		case wait > 0:
			return jobs.Later(s.poll(wait))
		}
	}
}

// over, as a wait, says that nothing is left to do.
const over = time.Duration(-1)

// round does one thing for an upgrade: a step forward, a step back, or a look. It gives how long to wait before the next, 0
// for not at all.
func (s *Service) round(ctx context.Context, r *jobs.Run, p Payload) (time.Duration, error) {
	u, err := s.store.Upgrade(ctx, p.Pair, p.ID)
	if err != nil {
		return 0, err
	}
	l, err := s.links.Link(ctx, p.Pair)
	if err != nil {
		return 0, err
	}
	e := &engine{Service: s, run: r, u: u, l: l, now: s.links.Now(l)}
	switch {
	case u.State.Over():
		return over, nil
	case u.State == Booked:
		return e.booked(ctx)
	case u.State == Cancelling:
		return e.backward(ctx)
	case u.State == Watching:
		return e.watch(ctx)
	}
	return e.forward(ctx)
}

// engine is one round.
type engine struct {
	*Service
	run *jobs.Run
	u   Upgrade
	l   link.Link
	now time.Time
}

// save stores the upgrade as it has become.
func (e *engine) save(ctx context.Context, effect Effect, why audit.Change) error {
	stored, err := e.store.SaveUpgrade(ctx, e.run, e.u, effect, why, false)
	if err == nil {
		e.u = stored
	}
	return err
}

func (e *engine) why(action string, n Name, actor string) audit.Change {
	if actor == "" {
		actor = e.u.Actor
	}
	return audit.Change{At: e.now, Actor: actor, Action: action, Subject: e.u.ID, Reason: string(n)}
}

func (e *engine) work(r Record) Work { return Work{Link: e.l, Upgrade: e.u, Record: r, Now: e.now} }

// codeHourPassed is the finding of an upgrade whose booked hour has come and that nobody has begun. It goes when it is begun, or
// moved.
const codeHourPassed = "hour_passed"

// booked looks whether the hour has come of an upgrade that nobody has begun. It stays booked: only an admin's word opens an outage.
func (e *engine) booked(ctx context.Context) (time.Duration, error) {
	if !e.u.missed(e.now) || slices.ContainsFunc(e.u.Findings, func(f link.Finding) bool { return f.Code == codeHourPassed }) {
		return lookLate, nil
	}
	e.u.Findings = append(e.u.Findings, link.Finding{Code: codeHourPassed, Text: "The outage was booked for " + clockTime(e.u.At) + ", and nobody has acknowledged the changes: nothing was opened. `twinspan upgrade start --yes` opens it at once, `twinspan upgrade schedule` books another hour."})
	return lookLate, e.save(ctx, Effect{}, audit.Change{})
}

// forward does the step that the upgrade is at, if it can be done now.
func (e *engine) forward(ctx context.Context) (time.Duration, error) {
	if unread, wait, err := e.survey(ctx); unread {
		return wait, err
	} else if err != nil {
		return e.failed(ctx, nil, err)
	}
	i := e.u.at()
	if i == len(e.u.Steps) { // cannot be: the last step closes
		return 0, fault.New(fault.Internal, CodeInvalid, "The upgrade has no step left and is not closed.")
	}
	rec := &e.u.Steps[i]
	step, err := e.step(e.u, rec.Step)
	if err != nil {
		return 0, err
	}
	e.u.Step = rec.Step
	one, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	var f Reading
	if step.Look != nil {
		if f, err = step.Look(one, e.work(*rec)); err != nil {
			return e.failed(ctx, rec, err)
		}
		if f.Done {
			return 0, e.finish(ctx, i, Outcome{Reading: f})
		}
	}
	untold := step.Told && rec.ToldAt.IsZero()
	if untold && rec.Status == Intended && e.u.State == Waits && e.u.Waiting != nil && e.u.Waiting.Step == rec.Step { // why it was refused stands
		return e.patience(*e.u.Waiting), nil
	}
	if f.For == Time || step.Do == nil || untold {
		return e.wait(ctx, rec, f, Outcome{})
	}
	// What is about to be done is written down first: whoever finds it so does not know what came of it.
	rec.Status, rec.Attempts = Intended, rec.Attempts+1
	if rec.BeganAt.IsZero() {
		rec.BeganAt = e.now
	}
	if err := e.goOn(); err != nil {
		return 0, err
	}
	if err := e.save(ctx, Effect{}, audit.Change{}); err != nil {
		return 0, err
	}
	rec = &e.u.Steps[i]
	if err := e.fails(ctx, rec.Step, "intended"); err != nil {
		return 0, err
	}
	out, err := step.Do(one, e.work(*rec))
	if err := e.fails(ctx, rec.Step, "did"); err != nil {
		return 0, err
	}
	switch {
	case err != nil:
		return e.failed(ctx, rec, err)
	case out.Done:
		return 0, e.finish(ctx, i, out)
	}
	if step.Told && out.For != Connect && out.For != Time { // not again before he says so
		rec.ToldBy, rec.ToldAt = "", time.Time{}
	}
	return e.wait(ctx, rec, out.Reading, out)
}

// survey reads what stands before the first step, of every step that will want it back. Where the org does not show it, the upgrade
// waits for the CRM admin, and how long is told; he may go on without, and the step has no way back then.
func (e *engine) survey(ctx context.Context) (unread bool, wait time.Duration, err error) {
	changed := false
	for i := range e.u.Steps {
		rec := &e.u.Steps[i]
		step, err := e.step(e.u, rec.Step)
		if err != nil {
			return false, 0, err
		}
		if step.Stood == nil || rec.Stood != nil || rec.Anyway {
			continue
		}
		one, cancel := context.WithTimeout(ctx, stepTimeout)
		stood, err := step.Stood(one, e.work(*rec))
		cancel()
		if said, text := told(err); err != nil && said && !passing(err) {
			wait, err = e.wait(ctx, rec, notReadable(e.l, text), Outcome{})
			return true, wait, err
		}
		if err != nil {
			return false, 0, fmt.Errorf("what stands before %s: %w", rec.Step, err)
		}
		if rec.Stood, err = json.Marshal(stood); err != nil {
			return false, 0, err
		}
		changed = true
	}
	if !changed {
		return false, 0, nil
	}
	return false, 0, e.save(ctx, Effect{}, audit.Change{})
}

// goOn leaves the state in which it waits.
func (e *engine) goOn() error {
	e.u.Waiting = nil
	if e.u.State == Waits {
		return e.u.do(GoOn)
	}
	return nil
}

// finish writes down that a step came to its end, with what it changes here.
func (e *engine) finish(ctx context.Context, i int, out Outcome) error {
	rec := &e.u.Steps[i]
	kept, err := encoded(out.Kept)
	if err != nil {
		return err
	}
	if kept != nil {
		rec.Kept = kept
	}
	if rec.BeganAt.IsZero() {
		rec.BeganAt = e.now
	}
	rec.Status, rec.EndedAt, rec.Have, rec.Want = Finished, e.now, out.Have, out.Want
	e.u.Failure, e.u.Findings = "", append(e.u.Findings, out.Found...)
	if err := e.goOn(); err != nil {
		return err
	}
	if rec.Step == OpenOutage {
		e.u.OpenedAt = e.now
	}
	why := e.why(audit.UpgradeStep, rec.Step, rec.ToldBy)
	e.u.Step = ""
	if next := e.u.at(); next < len(e.u.Steps) {
		e.u.Step = e.u.Steps[next].Step
	} else if err := e.u.do(Close); err != nil {
		return err
	}
	return e.save(ctx, out.Effect, why)
}

// wait writes down for whom the upgrade waits, where that is news.
func (e *engine) wait(ctx context.Context, rec *Record, f Reading, out Outcome) (time.Duration, error) {
	if f.For == "" {
		f.For = rec.Owner
	}
	next := Waiting{For: f.For, Step: rec.Step, Undoing: e.u.State == Cancelling, Code: f.Code, Have: f.Have, Want: f.Want, Click: f.Click, Command: f.Command, Until: f.Until, Since: e.now}
	kept, err := encoded(out.Kept)
	if err != nil {
		return 0, err
	}
	if old := e.u.Waiting; old != nil && kept == nil && out.Effect.none() && len(out.Found) == 0 && e.u.State != Running {
		next.Since = old.Since
		if next == *old && e.u.Failure == "" {
			return e.patience(next), nil
		}
	}
	if kept != nil {
		rec.Kept = kept
	}
	rec.Have, rec.Want = f.Have, f.Want
	e.u.Waiting, e.u.Failure, e.u.Findings = &next, "", append(e.u.Findings, out.Found...)
	if e.u.State == Running {
		if err := e.u.do(Wait); err != nil {
			return 0, err
		}
	}
	return e.patience(next), e.save(ctx, out.Effect, audit.Change{})
}

// patience is how long until the next look.
func (e *engine) patience(w Waiting) time.Duration {
	switch w.For {
	case Time: // it costs no call
		return lookSoon
	case Connect: // it takes no person
		return min(max(e.now.Sub(w.Since)/10, lookSoon/10), lookSoon)
	}
	return min(max(e.now.Sub(w.Since)/10, lookSoon), lookLate)
}

// failed writes down why a look or an attempt failed. What is of the moment is tried again; what a cloud refuses waits for
// whoever has to mend it. rec is nil before the first step.
func (e *engine) failed(ctx context.Context, rec *Record, err error) (time.Duration, error) {
	if err == nil {
		return 0, nil
	}
	if ctx.Err() != nil || fault.CodeOf(err) == CodeChanged || errors.Is(err, jobs.ErrLeaseLost) {
		return 0, err
	}
	said := fault.Of(err).Message
	if passing(err) || rec == nil {
		if fault.KindOf(err) == fault.Internal {
			e.log.LogAttrs(ctx, slog.LevelError, "upgrade step failed", slog.String("pair", e.u.Pair), slog.String("upgrade", e.u.ID), slog.String("error", err.Error()))
			said = "An unexpected error occurred."
		}
		attempts := 1
		if rec != nil {
			attempts = rec.Attempts
		}
		if e.u.Failure != said {
			e.u.Failure = said
			if err := e.save(ctx, Effect{}, audit.Change{}); err != nil {
				return 0, err
			}
		}
		return min(lookSoon<<min(attempts, 10), lookLate), nil
	}
	step, stepErr := e.step(e.u, rec.Step)
	if stepErr != nil {
		return 0, stepErr
	}
	if r := client.Remote(err); r != nil && r.Code != "" {
		said = r.Code + ": " + r.Description
	}
	f := Reading{Have: said, Want: rec.Want}
	if step.Look != nil && e.u.State != Cancelling { // how it is done stands there
		if read, lookErr := step.Look(ctx, e.work(*rec)); lookErr == nil {
			read.Have, read.Done = said, false
			f = read
		}
	} else if e.u.Waiting != nil && e.u.Waiting.Step == rec.Step {
		f.Click, f.Command = e.u.Waiting.Click, e.u.Waiting.Command
	}
	if step.Told { // not again before he says so: each attempt leaves a row in the cloud's own history
		rec.ToldBy, rec.ToldAt = "", time.Time{}
	}
	return e.wait(ctx, rec, f, Outcome{})
}

// passing reports whether a failure is one of the moment: a cloud did not answer, failed, or asked to come later; or
// something of ours did.
func passing(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.Unavailable || kind == fault.Limited || kind == fault.Internal
}

// backward undoes one step that was begun. First what Connect itself did, so that the connection works again; then it waits
// for the admins' own.
func (e *engine) backward(ctx context.Context) (time.Duration, error) {
	i := e.u.back()
	if i < 0 {
		if err := e.u.do(Undid); err != nil {
			return 0, err
		}
		e.u.Step, e.u.Waiting, e.u.Failure, e.u.EndedAt = "", nil, "", e.now
		return over, e.save(ctx, Effect{}, e.why(audit.UpgradeEnded, "", e.u.CancelledBy))
	}
	rec := &e.u.Steps[i]
	step, err := e.step(e.u, rec.Step)
	if err != nil {
		return 0, err
	}
	e.u.Step = rec.Step
	out := Outcome{Reading: Reading{Done: true}}
	if step.Undo != nil {
		if err := e.fails(ctx, rec.Step, "undoing"); err != nil {
			return 0, err
		}
		one, cancel := context.WithTimeout(ctx, stepTimeout)
		out, err = step.Undo(one, e.work(*rec))
		cancel()
		if err := e.fails(ctx, rec.Step, "undid"); err != nil {
			return 0, err
		}
		if err != nil {
			return e.failed(ctx, rec, err)
		}
	}
	if !out.Done && rec.Anyway && rec.Owner != Connect { // he says that it stays
		out.Done = true
		out.Found = append(out.Found, link.Finding{Code: "left_as_it_is", Text: fmt.Sprintf("%s was left as the upgrade made it: %s. To be put back was: %s.", step.Title, out.Have, out.Want)})
	}
	if !out.Done {
		return e.wait(ctx, rec, out.Reading, out)
	}
	rec.Status, rec.EndedAt, rec.Have, rec.Want = Undone, e.now, out.Have, out.Want
	e.u.Waiting, e.u.Failure, e.u.Findings = nil, "", append(e.u.Findings, out.Found...)
	return 0, e.save(ctx, out.Effect, e.why(audit.UpgradeUndone, rec.Step, e.u.CancelledBy))
}

// watch looks once more at a closed upgrade, when its hour has come.
func (e *engine) watch(ctx context.Context) (time.Duration, error) {
	out := Outcome{Reading: Reading{Done: true}}
	if look := e.courses[e.u.Kind].Watch; look != nil {
		one, cancel := context.WithTimeout(ctx, stepTimeout)
		defer cancel()
		var err error
		if out, err = look(one, e.work(Record{})); err != nil {
			return e.failed(ctx, nil, err)
		}
	}
	if !out.Done {
		return e.waitWatching(ctx, out)
	}
	if err := e.u.do(Looked); err != nil {
		return 0, err
	}
	e.u.Waiting, e.u.Failure, e.u.EndedAt, e.u.Findings = nil, "", e.now, append(e.u.Findings, out.Found...)
	return over, e.save(ctx, out.Effect, e.why(audit.UpgradeEnded, "", ""))
}

func (e *engine) waitWatching(ctx context.Context, out Outcome) (time.Duration, error) {
	if e.u.Waiting != nil && e.u.Waiting.Until.Equal(out.Until) && e.u.Failure == "" && len(out.Found) == 0 {
		return lookLate, nil
	}
	e.u.Waiting, e.u.Failure = &Waiting{For: Time, Have: out.Have, Want: out.Want, Until: out.Until, Since: e.now}, ""
	e.u.Findings = append(e.u.Findings, out.Found...)
	return lookLate, e.save(ctx, out.Effect, audit.Change{})
}

// none reports whether the effect changes nothing.
func (e Effect) none() bool {
	return e.Link == nil && e.Outage == nil && e.Booking == nil
}
