// Package sender delivers accepted messages: it takes them from the durable queue, lets the rules of package tenant
// decide, and hands what may go to the mail server. A message is handed over at most once unless the server is known not
// to have taken it: before the first byte goes out the attempt is written down, so whoever finds an attempt without an
// end (a crash, a cut connection) knows that nobody can tell, and reports the message in doubt instead of sending it
// again (DESIGN 5.9).
package sender

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/background"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/mail"
)

const (
	// settleTimeout bounds the writing down of an attempt's end, which happens even when the attempt was cut short.
	settleTimeout = 15 * time.Second
	// releaseBatch is how many messages one transaction lets go or refuses: two rows each (DESIGN 5.5).
	releaseBatch = 100
	// decisions is how often a message is looked at anew because its definition changed meanwhile.
	decisions = 3
)

// Options are what a sender stands on.
type Options struct {
	Store tenant.DeliveryStore
	// Forsaken finds messages that nothing works on; nil for not looking after them.
	Forsaken tenant.ForsakenStore
	// LookEvery is how often those that have waited for too long are looked for, in machine time; 0 is 5 seconds.
	LookEvery time.Duration
	// EmailSends makes the messages of sends to audiences; nil where there are none.
	EmailSends *tenant.EmailSends
	// Queue is where acceptance leaves its jobs; the sender runs it.
	Queue *jobs.Queue
	Mail  mail.Sender
	// Links are how messages report back; the zero value for not at all.
	Links tenant.Links
	// Policy says which tenants may send from any address; nil is none.
	Policy tenant.SenderPolicy
	// Now tells the tenant's domain time.
	Now func(tenant.EID) time.Time
	Log *slog.Logger
}

// Sender delivers messages between Start and Stop.
type Sender struct {
	o     Options
	once  sync.Once
	looks background.Work
}

// New makes a sender and gives its handlers to the queue, which must not have been started.
func New(o Options) (*Sender, error) {
	if o.Store == nil || o.Queue == nil || o.Mail == nil || o.Now == nil {
		return nil, errors.New("sender: a part is missing")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.LookEvery <= 0 {
		o.LookEvery = lookEvery
	}
	s := &Sender{o: o}
	o.Queue.Handle(sqlstore.JobDeliver, s.deliver)
	o.Queue.Handle(sqlstore.JobRelease, s.release)
	o.Queue.Handle(sqlstore.JobDiscard, s.discard)
	if o.EmailSends != nil {
		o.Queue.Handle(sqlstore.JobSpread, s.spread)
	}
	return s, nil
}

// Start begins to deliver; a second Start does nothing.
func (s *Sender) Start(ctx context.Context) {
	s.o.Queue.Start(ctx)
	if s.o.Forsaken != nil {
		s.once.Do(func() { s.look(ctx) })
	}
}

// Stop takes no more messages and waits for those that are being handed over, until ctx ends. It may be called again.
func (s *Sender) Stop(ctx context.Context) error {
	s.looks.Stop()
	return s.o.Queue.Stop(ctx)
}

// deliver is the handler of one message's job.
func (s *Sender) deliver(ctx context.Context, r *jobs.Run) error {
	var p sqlstore.DeliverPayload
	if err := json.Unmarshal(r.Payload, &p); err != nil {
		return jobs.Permanent(fmt.Errorf("sender: reading a job: %w", err))
	}
	for range decisions {
		d, err := s.o.Store.LoadDelivery(ctx, p.Tenant, p.Message)
		switch {
		case fault.CodeOf(err) == tenant.CodeNoMessage:
			return jobs.Permanent(err)
		case err != nil:
			return err
		}
		switch d.Message.State {
		case tenant.MessageQueued:
		case tenant.MessageSending:
			return s.abandoned(ctx, d.Message)
		default:
			return nil // an earlier run of this job got to the end and could not say so
		}
		d.Links = s.o.Links
		if s.o.Policy != nil {
			if d.AnySender, err = s.o.Policy(ctx, p.Tenant); err != nil {
				return err
			}
		}
		v := d.Decide(s.o.Now(p.Tenant))
		switch {
		case v.Hold:
			held, err := s.o.Store.Hold(ctx, p.Tenant, p.Message, d.Definition.ID)
			if held || err != nil {
				return err
			}
			// The definition is active by now.
		case v.Refusal != nil:
			_, err := s.o.Store.Refuse(ctx, p.Tenant, p.Message, *v.Refusal, s.o.Now(p.Tenant))
			return err
		default:
			return s.handOver(ctx, r, p, v.Mail)
		}
	}
	return errUndecided
}

// errUndecided: the definition was switched each time between the look at a message and what followed from it.
var errUndecided = errors.New("sender: a definition is being switched on and off")

// abandoned ends a message whose attempt began and has no end: the process was killed between the two.
func (s *Sender) abandoned(ctx context.Context, m tenant.Message) error {
	_, err := s.o.Store.Settle(ctx, m.Tenant, m.ID, m.Attempt, tenant.Outcome{
		State: tenant.MessageInDoubt,
		Text:  "The sender was stopped while it handed the message over; the mail server may have taken it.",
	}, s.o.Now(m.Tenant))
	return err
}

// handOver gives the message to the mail server and writes down how that ended.
func (s *Sender) handOver(ctx context.Context, r *jobs.Run, p sqlstore.DeliverPayload, out tenant.Outgoing) error {
	attempt, begun, err := s.o.Store.BeginAttempt(ctx, p.Tenant, p.Message)
	if err != nil || !begun {
		return err
	}
	failure := s.o.Mail.Send(ctx, mail.Message{
		From: mail.Address{Name: out.FromName, Email: out.FromAddress}, To: mail.Address{Email: out.To},
		Subject: out.Subject, HTML: out.HTML, Text: out.Text, MessageID: out.MessageID, ReturnPath: out.ReturnPath, Headers: out.Headers,
	})
	o, again := outcome(failure, r.Attempt >= r.MaxAttempts)
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	known, err := s.o.Store.Settle(settling, p.Tenant, p.Message, attempt, o, s.o.Now(p.Tenant))
	if err != nil {
		return fmt.Errorf("sender: writing down that a message is %s: %w", o.State, err)
	}
	if !known {
		s.o.Log.Warn("sender: a message was settled by another run", slog.String("message", p.Message), slog.String("here", string(o.State)))
	}
	if o.State != tenant.MessageSent {
		s.o.Log.Warn("sender: a message did not go out", slog.String("message", p.Message), slog.Int("attempt", attempt),
			slog.String("state", string(o.State)), slog.Any("error", failure))
	}
	if again && known {
		return failure // the queue tries again later
	}
	return nil
}

// outcome is the table from the mail server's answers to message states; again asks for another attempt. An error of a
// kind that the mail package does not promise tells nothing about the message's fate, so it is in doubt.
func outcome(failure error, last bool) (o tenant.Outcome, again bool) {
	if failure == nil {
		return tenant.Outcome{State: tenant.MessageSent}, false
	}
	f := fault.Of(failure)
	switch f.Code {
	case mail.CodeMalformed:
		return tenant.Outcome{State: tenant.MessageNotSent, Code: tenant.SendInvalidFieldValue, Text: f.Message}, false
	case mail.CodeRefused:
		return tenant.Outcome{State: tenant.MessageNotSent, Code: tenant.SendUnspecified, Text: f.Message, Bounce: bounce(failure)}, false
	case mail.CodeDeferred:
		if last {
			return tenant.Outcome{State: tenant.MessageNotSent, Code: tenant.SendUnspecified, Text: f.Message, Bounce: bounce(failure)}, false
		}
		return tenant.Outcome{State: tenant.MessageQueued, Text: f.Message}, true
	}
	return tenant.Outcome{State: tenant.MessageInDoubt, Text: "Nobody can tell whether the mail server took the message."}, false
}

// bounce is what the mail server said of the recipient; nil where it complained of something else.
func bounce(failure error) *tenant.Bounce {
	r, ok := mail.RejectionOf(failure)
	if !ok {
		return nil
	}
	b := tenant.BounceOf(r.Code, r.Reason)
	return &b
}

// spread is the handler of a send to an audience.
func (s *Sender) spread(ctx context.Context, r *jobs.Run) error {
	var p sqlstore.SpreadPayload
	if err := json.Unmarshal(r.Payload, &p); err != nil {
		return jobs.Permanent(fmt.Errorf("sender: reading a job: %w", err))
	}
	return s.o.EmailSends.Spread(ctx, p.Tenant, p.Send)
}
