package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/webhook"
)

// RoundStore keeps how connections are watched, the rounds, and what is to be told of them.
type RoundStore interface {
	// Watch reads a pair's; DefaultWatch where none was set.
	Watch(ctx context.Context, pair string) (Watch, error)
	// SetWatch stores it, with an entry in the audit chain; the next round is due at once.
	SetWatch(ctx context.Context, pair string, w Watch, why audit.Change) error
	// ClaimRounds gives the pairs whose round is due, and puts off each one's next by its time: two processes never get the same.
	// A pair that is new waits for its time.
	ClaimRounds(ctx context.Context, now time.Time, standard time.Duration) ([]string, error)
	// AddRound stores the round that make makes of the one before, the zero Round where there was none, with what is to be told
	// of it from now on, and forgets all but the newest keep. It gives the round as it is stored.
	AddRound(ctx context.Context, pair string, now time.Time, keep int, make func(before Round) (Round, []Delivery)) (Round, error)
	// Rounds reads rounds before a number, the newest first; 0 for all.
	Rounds(ctx context.Context, pair string, before int64, limit int) ([]Round, error)
	// LastRounds reads the last round of each pair that has one, by pair, of at most limit pairs.
	LastRounds(ctx context.Context, limit int) (map[string]Round, error)
	// Undelivered counts what is to be told by state: "due" and "failed".
	Undelivered(ctx context.Context) (map[string]int64, error)
	// ClaimDeliveries gives what is due to be told, counts a try of each, and keeps others from it until then.
	ClaimDeliveries(ctx context.Context, now, until time.Time, limit int) ([]Delivery, error)
	// SettleDelivery says what became of a try: done where next is zero and why is "", given up where next is zero, else to be tried
	// again at next.
	SettleDelivery(ctx context.Context, d Delivery, next time.Time, why string) error
}

// Post mails people.
type Post interface {
	// Recipients are who is told of a connection.
	Recipients(ctx context.Context, l link.Link) ([]string, error)
	// Mail sends one; id is the same at each attempt. Its faults are those of package mail.
	Mail(ctx context.Context, to, subject, text, id string) error
}

// RoundOptions make [Rounds].
type RoundOptions struct {
	Store  RoundStore
	Doctor *Service
	Links  *link.Service
	Post   Post
	Hooks  *webhook.Sender
	Vault  *vault.Vault
	// Base is where this Connect answers.
	Base string
	Log  *slog.Logger
	// Machine is the machine time of all processes that share the database.
	Machine clock.Machine
}

// Rounds looks at connections again and again. It is safe for concurrent use.
type Rounds struct{ o RoundOptions }

// NewRounds wires them.
func NewRounds(o RoundOptions) *Rounds { return &Rounds{o} }

// target is a webhook as it lies sealed.
type target struct {
	URL    string       `json:"url"`
	Secret vault.Secret `json:"secret"`
}

// Watch reads how a connection is watched.
func (s *Rounds) Watch(ctx context.Context, l link.Link) (Watch, error) {
	return s.o.Store.Watch(ctx, l.Pair)
}

// SetWatch changes it.
func (s *Rounds) SetWatch(ctx context.Context, l link.Link, c WatchChange, actor string) (Watch, error) {
	if err := c.check(s.o.Hooks); err != nil {
		return Watch{}, err
	}
	w, err := s.o.Store.Watch(ctx, l.Pair)
	if err != nil {
		return Watch{}, err
	}
	if c.Every != nil {
		w.Every = *c.Every
	}
	if c.Severity != nil {
		w.Severity = *c.Severity
	}
	if c.Webhook != nil {
		w.Origin, w.Sealed = "", nil
		if *c.Webhook != "" {
			w.Origin = webhook.Origin(*c.Webhook)
			plain, err := json.Marshal(map[string]string{"url": *c.Webhook, "secret": c.Secret.Reveal()})
			if err != nil {
				return Watch{}, err
			}
			if w.Sealed, err = s.o.Vault.Seal(plain, WatchAAD(l.Pair, w.Origin)); err != nil {
				return Watch{}, err
			}
		}
	}
	return w, s.o.Store.SetWatch(ctx, l.Pair, w, audit.Change{At: s.o.Links.Now(l), Actor: actor, Action: ActionWatch})
}

// List reads rounds before a number, the newest first; 0 for all.
func (s *Rounds) List(ctx context.Context, l link.Link, before int64, limit int) ([]Round, error) {
	return s.o.Store.Rounds(ctx, l.Pair, before, limit)
}

// Round reads one by its number; a NotFound fault with CodeNoRound where it is not kept, or never was.
func (s *Rounds) Round(ctx context.Context, l link.Link, seq int64) (Round, error) {
	if seq > 0 && seq < math.MaxInt64 {
		found, err := s.o.Store.Rounds(ctx, l.Pair, seq+1, 1)
		if err != nil {
			return Round{}, err
		}
		if len(found) == 1 && found[0].Seq == seq {
			return found[0], nil
		}
	}
	return Round{}, fault.New(fault.NotFound, CodeNoRound, "There is no such round: the newest %d are kept.", keepRounds)
}

// Recipients are who is mailed a change of state.
func (s *Rounds) Recipients(ctx context.Context, l link.Link) ([]string, error) {
	return s.o.Post.Recipients(ctx, l)
}

// Tick makes the rounds that are due, those of each connection in one process of those that share the database, and tells
// what is to be told.
func (s *Rounds) Tick(ctx context.Context) error {
	pairs, err := s.o.Store.ClaimRounds(ctx, s.o.Machine(), defaultEvery)
	failed := []error{err}
	for _, pair := range pairs {
		l, err := s.o.Links.Link(ctx, pair)
		if fault.CodeOf(err) == link.CodeNotFound {
			continue
		}
		// What was never connected has no state, and an outage is one that somebody asked for.
		if err == nil && (l.Org.Username != "" || l.Tenant.Username != "") && s.o.Links.Interrupted(l) == nil {
			_, err = s.Make(ctx, l)
		}
		failed = append(failed, err)
	}
	return errors.Join(append(failed, s.deliver(ctx))...)
}

// Make makes a round of a connection, as Connect's own users see it.
func (s *Rounds) Make(ctx context.Context, l link.Link) (Round, error) {
	w, err := s.o.Store.Watch(ctx, l.Pair)
	if err != nil {
		return Round{}, err
	}
	recipients, err := s.o.Post.Recipients(ctx, l)
	if err != nil {
		return Round{}, err
	}
	began := s.o.Machine()
	bounded, cancel := context.WithTimeout(ctx, roundTime)
	var report Report
	var severe []Key
	look, err := s.o.Doctor.Read(bounded, l, Eyes{})
	cancel()
	if err == nil {
		report, severe = Examine(look, Checks()), keysOf(examine(look, Checks(), math.MaxInt), w.Severity)
	}
	if ctx.Err() != nil {
		return Round{}, ctx.Err() // the program stops; that says nothing of the connection
	}
	found := roundOf(report, s.o.Machine().Sub(began))
	if err == nil {
		limits, _ := look.Limits.Get()
		found.Used = limits.DailyAPIRequests.Max - limits.DailyAPIRequests.Remaining
	}
	if err != nil {
		s.o.Log.Warn("a round of the doctor came to no end", "pair", l.Pair, "error", err)
		found.At, found.State, found.Trouble = s.o.Links.Now(l), Unseen, reason(err)
	}
	return s.o.Store.AddRound(ctx, l.Pair, s.o.Machine(), keepRounds, func(before Round) (Round, []Delivery) {
		r := found.after(before, severe)
		r.Seq = before.Seq + 1
		if !r.Changed() {
			return r, nil
		}
		var all []Delivery
		subject, text := r.tell(l, s.o.Base)
		for _, to := range recipients {
			all = append(all, Delivery{Channel: onlyMails, Target: to, Subject: subject, Body: text})
		}
		if w.Origin != "" {
			all = append(all, Delivery{Channel: onlyHooks, Body: r.event(l, before.State, s.o.Base)})
		}
		return r, all
	})
}

// event is the JSON text of a change of state.
func (r Round) event(l link.Link, was Condition, base string) string {
	type one struct {
		Check    string         `json:"check"`
		Name     string         `json:"name"`
		Findings []RoundFinding `json:"findings"`
	}
	list := func(ids []string) []one {
		out := make([]one, len(ids))
		for i, id := range ids {
			out[i] = one{id, CheckName(id), []RoundFinding{}}
			for _, f := range r.Findings {
				if f.Check == id {
					out[i].Findings = append(out[i].Findings, f)
				}
			}
		}
		return out
	}
	return audit.JSON(struct {
		Event string    `json:"event"`
		ID    string    `json:"id"`
		Pair  string    `json:"connection"`
		At    time.Time `json:"at"`
		State Condition `json:"state"`
		Was   Condition `json:"was"` // "" before the first round
		Began []one     `json:"began"`
		Ended []one     `json:"ended"`
		URL   string    `json:"url"`
	}{"doctor.changed", eventID(l.Pair, r.Seq), l.Pair, r.At, r.State, was, list(r.Began), list(r.Ended), base + "/doctor"})
}

// eventID is the same at each attempt to tell of a round.
func eventID(pair string, seq int64) string { return fmt.Sprintf("%s-%d", pair, seq) }

// atATime is how many messages one tick tells.
const atATime = 20

// deliver tells what is to be told.
func (s *Rounds) deliver(ctx context.Context) error {
	now := s.o.Machine()
	due, err := s.o.Store.ClaimDeliveries(ctx, now, now.Add(deliverFor), atATime)
	failed := []error{err}
	for _, d := range due {
		again, why := s.try(ctx, d)
		if ctx.Err() != nil {
			return ctx.Err() // it is tried again when its time comes
		}
		var next time.Time
		if again && d.Tries <= len(tries) {
			next = s.o.Machine().Add(tries[d.Tries-1])
		}
		failed = append(failed, s.o.Store.SettleDelivery(ctx, d, next, why))
	}
	return errors.Join(failed...)
}

// try tells once; it says whether to try again, and why it was not taken.
func (s *Rounds) try(ctx context.Context, d Delivery) (again bool, why string) {
	var err error
	if d.Channel == onlyMails {
		err = s.o.Post.Mail(ctx, d.Target, d.Subject, d.Body, eventID(d.Pair, d.Seq)+"-"+d.Target)
		again = fault.CodeOf(err) == mail.CodeDeferred // what may have been taken is not mailed again
	} else {
		err = s.hook(ctx, d)
		again = fault.CodeOf(err) == webhook.CodeDeferred
	}
	if err == nil {
		return false, ""
	}
	s.o.Log.Warn("a change of state could not be told", "pair", d.Pair, "channel", d.Channel, "try", d.Tries, "error", err)
	return again, clip(reason(err), clipRound)
}

func (s *Rounds) hook(ctx context.Context, d Delivery) error {
	w, err := s.o.Store.Watch(ctx, d.Pair)
	if err != nil {
		return err
	}
	if w.Origin == "" {
		return fault.New(fault.Conflict, CodeInvalidWatch, "There is no webhook any more.")
	}
	plain, err := s.o.Vault.Open(w.Sealed, WatchAAD(d.Pair, w.Origin))
	if err != nil {
		return fault.Wrap(err, fault.Conflict, CodeInvalidWatch, "The webhook's secret does not open: give it again.")
	}
	var to target
	if err := json.Unmarshal(plain, &to); err != nil {
		return err
	}
	return s.o.Hooks.Send(ctx, to.URL, to.Secret, eventID(d.Pair, d.Seq), []byte(d.Body))
}
