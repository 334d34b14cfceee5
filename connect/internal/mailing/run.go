package mailing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/standing"
)

const (
	// Job is the kind of the job that works on the mailings of a lane; its payload is a JobPayload.
	Job = "mailing"
	// JobAttempts is how often the job may begin: it works on many mailings, each of which counts its own.
	JobAttempts = 1_000_000
	// batch recipients are intended, sent and settled together.
	batch = 180
	// mailingAttempts is how often in a row a cloud may fail a mailing before it is given up: about an hour and a half.
	mailingAttempts = 14
	// batchTimeout bounds the calls of one batch; batchGrace is how long one that has begun goes on when the program stops.
	batchTimeout = 2 * time.Minute
	batchGrace   = 4 * time.Second
	// freshFor is how long what the org said of recipients counts: who opts out later than that, as in an outage or while
	// a cloud fails, is asked for again before he is mailed.
	freshFor = time.Minute
)

// JobPayload names the lane of a job.
type JobPayload struct {
	Pair string `json:"pair"`
	Lane string `json:"lane"`
}

// Worker works on mailings, and brings them on when their time has come. It is safe for concurrent use.
type Worker struct {
	store    Store
	work     Work
	links    *link.Service
	mappings Mappings
	service  *Service
	machine  clock.Machine
	rows     int // of a page of an audience
}

// NewWorker wires the worker and gives the queue its handler.
func NewWorker(store Store, work Work, service *Service, links *link.Service, mappings Mappings, queue *jobs.Queue, machine clock.Machine) *Worker {
	if machine == nil {
		machine = time.Now
	}
	w := &Worker{store: store, work: work, links: links, mappings: mappings, service: service, machine: machine, rows: pageRows}
	queue.Handle(Job, w.run)
	return w
}

// Pages makes it read audiences in pages of rows. It is for tests, and before the queue starts.
func (w *Worker) Pages(rows int) *Worker {
	w.rows = rows
	return w
}

// dueAtOnce is how many mailings of a pair one tick brings on.
const dueAtOnce = 500

// Tick brings mailings on: those whose time has come are queued, those that an outage held are released in the order in
// which they were due, and what is queued has somebody to work on it. Any number of processes may do so.
func (w *Worker) Tick(ctx context.Context) error {
	pairs, err := w.work.Open(ctx)
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		l, err := w.links.Link(ctx, pair)
		if err != nil {
			return err
		}
		if l.May(standing.DeliverSends) != nil {
			continue
		}
		if err := w.bringOn(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) bringOn(ctx context.Context, l link.Link) error {
	now := w.links.Now(l)
	interrupted := w.links.Interrupted(l)
	if interrupted == nil {
		held, err := w.work.Waiting(ctx, l.Pair, Held, now, dueAtOnce)
		if err != nil {
			return err
		}
		for _, m := range held {
			if _, err := w.store.MoveMailing(ctx, m, Queued, "", "", audit.Change{}, Held); err != nil {
				return err
			}
		}
	}
	due, err := w.work.Waiting(ctx, l.Pair, Scheduled, now, dueAtOnce)
	if err != nil {
		return err
	}
	for _, m := range due {
		if interrupted != nil {
			err = w.interrupt(ctx, l, m, interrupted)
		} else {
			_, err = w.store.MoveMailing(ctx, m, Queued, "", "", audit.Change{}, Scheduled)
		}
		if err != nil {
			return err
		}
	}
	for _, state := range []State{Queued, Running} {
		open, err := w.work.Waiting(ctx, l.Pair, state, now, 1)
		if err != nil {
			return err
		}
		for range open {
			for _, lane := range []string{LaneFew, LaneMany} {
				if err := w.work.Enqueue(ctx, l.Pair, lane); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// interrupt holds or fails a mailing in an outage.
func (w *Worker) interrupt(ctx context.Context, l link.Link, m Mailing, why error) error {
	f := fault.Of(why)
	if l.Outage.Mode == link.Fail {
		return w.end(ctx, l, m, Failed, string(f.Code), f.Message)
	}
	_, err := w.store.MoveMailing(ctx, m, Held, string(f.Code), f.Message, audit.Change{}, Scheduled, Queued, Running)
	return err
}

func (w *Worker) end(ctx context.Context, l link.Link, m Mailing, to State, code, reason string) error {
	if err := w.work.GiveUp(ctx, m); err != nil {
		return err
	}
	why := audit.Change{At: w.links.Now(l), Actor: m.Actor, Action: audit.SendEnded, Subject: m.ID, Reason: clip(reason, 500)}
	_, err := w.store.MoveMailing(ctx, m, to, code, reason, why, Scheduled, Queued, Running)
	return err
}

// run works on the mailings of a lane, one after the other, until none is left. Its error is a passing one: the job comes
// back later and goes on with the mailing that it stood at.
func (w *Worker) run(ctx context.Context, r *jobs.Run) error {
	var p JobPayload
	if err := json.Unmarshal(r.Payload, &p); err != nil {
		return jobs.Permanent(fmt.Errorf("mailing: reading a job: %w", err))
	}
	read := map[string]time.Time{} // machine times at which this run read pages of audiences
	for {
		m, err := w.work.Next(ctx, p.Pair, p.Lane)
		if fault.CodeOf(err) == CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		l, err := w.links.Link(ctx, p.Pair)
		if err != nil {
			return err
		}
		if why := l.May(standing.DeliverSends); why != nil {
			f := fault.Of(why)
			if err := w.end(ctx, l, m, Failed, string(f.Code), f.Message); err != nil {
				return err
			}
			continue
		}
		if why := w.links.Interrupted(l); why != nil {
			if err := w.interrupt(ctx, l, m, why); err != nil {
				return err
			}
			continue
		}
		err = w.step(ctx, r, l, m, read)
		if err != nil && ctx.Err() == nil { // what failed because an outage began says nothing of the mailing
			if now, linkErr := w.links.Link(ctx, p.Pair); linkErr != nil {
				return linkErr
			} else if w.links.Interrupted(now) != nil {
				continue
			}
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case final(err):
			code, reason := wordsOf(err, m.DefinitionKey)
			if err := w.end(ctx, l, m, Failed, code, reason); err != nil {
				return err
			}
		default:
			code, reason := wordsOf(err, m.DefinitionKey)
			if m.Attempts+1 >= mailingAttempts {
				if err := w.end(ctx, l, m, Failed, code, reason); err != nil {
					return err
				}
				continue
			}
			if err := w.work.Failing(ctx, m, m.Attempts+1, code, reason); err != nil {
				return err
			}
			return err
		}
	}
}

// step does the next piece of a mailing: a page of its audience, or a batch of its recipients. read has when the first page
// of each mailing was read.
func (w *Worker) step(ctx context.Context, r *jobs.Run, l link.Link, m Mailing, read map[string]time.Time) error {
	user, err := w.mappings.OfUser(ctx, l, m.CRMUserID, m.CRMUsername)
	if err != nil {
		return err
	}
	if m.State == Queued {
		// Who asks in an outage or ahead of time is looked at now: his record may say something else by then.
		scoped, err := w.service.scope(ctx, l, user)
		if err != nil {
			return err
		}
		m.Scoped = m.Scoped || scoped
		begun, err := w.work.Begin(ctx, m)
		if err != nil || !begun {
			return err
		}
	}
	if !m.Collected {
		if m.Cursor == "" {
			read[m.ID] = w.machine()
		}
		p, err := w.reader(l, m, user).read(ctx, m.Cursor)
		if err != nil {
			return err
		}
		return w.work.Collect(ctx, r, m, p.recipients, p.next, p.last)
	}
	recipients, err := w.store.Recipients(ctx, l.Pair, m.ID, true, 0, batch)
	if err != nil {
		return err
	}
	if len(recipients) == 0 {
		return w.end(ctx, l, m, Completed, "", "")
	}
	var now map[string]Recipient
	if first, known := read[m.ID]; !known || w.machine().Sub(first) > freshFor {
		if now, err = w.reader(l, m, user).again(ctx, recipients); err != nil {
			return err
		}
	}
	return w.deliver(ctx, r, l, m, user, recipients, now)
}

func (w *Worker) reader(l link.Link, m Mailing, user mapping.Mapping) reader {
	r := reader{
		audience: m.Audience,
		rows:     w.rows,
		org:      func(ctx context.Context, fn func(*crm.Session) error) error { return w.links.CallOrg(ctx, l, fn) },
		tenant: func(ctx context.Context, fn func(*engagement.Session) error) error {
			return w.links.CallTenantAs(ctx, l, user.EngagementUser, user.MID, fn)
		},
	}
	if m.Scoped {
		r.owner = m.CRMUserID
		r.org = func(ctx context.Context, fn func(*crm.Session) error) error {
			return w.links.CallOrgAs(ctx, l, user.CRMUsername, fn)
		}
	}
	return r
}

// MessageKey is the key of a recipient's message: the same however often it is tried.
func MessageKey(m Mailing, recordID string) string {
	return send.MessageKey(m.Pair, m.DefinitionKey, recordID, "mailing:"+m.ID)
}

// deliver writes down whom it is about to mail, hands the messages to the tenant as the user, and writes down what came of
// it. Once begun it goes on to its end although the program stops. now is what the org says of them today, nil where it
// need not be asked.
func (w *Worker) deliver(ctx context.Context, r *jobs.Run, l link.Link, m Mailing, user mapping.Mapping, recipients []Recipient, now map[string]Recipient) error {
	if err := w.work.Intend(ctx, r, m, recipients); err != nil {
		return err
	}
	ctx, cancel := jobs.Linger(ctx, batchTimeout, batchGrace)
	defer cancel()
	refused := error(nil)
	err := w.links.CallTenantAs(ctx, l, user.EngagementUser, user.MID, func(tenant *engagement.Session) error {
		err := post(ctx, tenant, m, recipients, now)
		if final(err) {
			refused = err
			return nil
		}
		return err
	})
	switch {
	case final(err): // refused at sign-in: nothing left Connect
		refused = err
	case err != nil:
		return err // what may have got there stays intended, and is asked for before it is tried again
	}
	if err := w.work.Settle(ctx, r, m, recipients); err != nil {
		return err
	}
	return refused
}

// post asks for those that may have got there before and hands over the others, but for those whom the org says not to
// mail now. Each recipient gets his status; an error leaves open what the others' is.
func post(ctx context.Context, tenant *engagement.Session, m Mailing, recipients []Recipient, now map[string]Recipient) error {
	var fresh []engagement.Recipient
	var places []int
	for i := range recipients {
		one := &recipients[i]
		switch one.Status {
		case Planned, Intended:
		default:
			continue // settled in an earlier turn of this call
		}
		key := MessageKey(m, one.RecordID)
		if one.Attempts > 0 {
			status, err := tenant.MessageStatus(ctx, key)
			if err == nil {
				*one = one.observe(status)
				continue
			}
			if fault.CodeOf(err) != client.CodeNotFound {
				return err
			}
			one.Status = Planned // the tenant surely does not have it
		}
		if today, asked := now[one.RecordID]; asked {
			if today.Status == Refused {
				*one = one.refused(fault.Code(today.Code), today.Reason)
				continue
			}
			one.Address = today.Address
		}
		fresh = append(fresh, engagement.Recipient{
			MessageKey: key, ContactKey: one.RecordID, To: one.Address,
			Attributes: map[string]string{"First Name": one.FirstName, "Last Name": one.LastName, "Full Name": one.Name},
		})
		places = append(places, i)
	}
	if len(fresh) == 0 {
		return nil
	}
	queued, err := tenant.SendMessages(ctx, m.DefinitionKey, fresh)
	if err != nil {
		return notTaken{err}
	}
	for n, q := range queued {
		one := &recipients[places[n]]
		one.Status, one.Code, one.Reason = Accepted, "", ""
		if q.Err != nil {
			one.Status = NotSent
			one.Code, one.Reason = wordsOf(q.Err, m.DefinitionKey)
		}
	}
	return nil
}

// notTaken is the tenant's answer to messages, which may be about the definition; what else it is asked for may be missing, too.
type notTaken struct{ error }

func (e notTaken) Unwrap() error { return e.error }

// observe takes over what the tenant says about the message.
func (r Recipient) observe(m engagement.MessageStatus) Recipient {
	r.Code, r.Reason = "", ""
	switch m.State {
	case engagement.MessageSent:
		r.Status = Sent
	case engagement.MessageNotSent:
		r.Status, r.Code, r.Reason = NotSent, m.StatusCode, m.StatusMessage
	case engagement.MessageInDoubt:
		r.Status, r.Code, r.Reason = InDoubt, string(send.CodeDelivery), "The tenant's mail server may have the mail; the tenant cannot tell."
	default:
		r.Status = Accepted
	}
	return r
}

// final reports whether trying again cannot help: whoever was asked understood and said no.
func final(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Denied, fault.NotFound, fault.Conflict, fault.TooLarge, fault.Unsupported:
		return err != nil
	}
	return false
}

// wordsOf are code and text of an error; what a cloud refused is told in its own words first. definition is what the mailing
// sends by.
func wordsOf(err error, definition string) (code, reason string) {
	if _, ok := errors.AsType[notTaken](err); !ok {
		definition = ""
	}
	if code, reason, ok := send.Words(err, definition); ok {
		return code, reason
	}
	return fault.Told(err)
}
