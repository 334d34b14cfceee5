package trigger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/standing"
)

const (
	// overlap is read again each time (DESIGN 5.9): a record's stamp may be older than the moment at which it shows.
	overlap = time.Minute
	// maxPage is how many records one call reads; takeAtOnce how many one transaction takes over.
	maxPage    = 2000
	takeAtOnce = 60
	// dueAtOnce firings are taken up by one look, sendsAtOnce of them at the same time.
	dueAtOnce   = 200
	sendsAtOnce = 8
	// firingAttempts is how often a firing is tried whose cloud fails; each waits for the next look at least.
	firingAttempts = 60
	// fireTime and readTime bound the two parts of a look at a pair: each has its own, so that much to read keeps nothing
	// from going out. pagesAtOnce is how many pages a look reads for one trigger before the others have theirs.
	fireTime    = 20 * time.Second
	readTime    = 40 * time.Second
	pagesAtOnce = 3
	// leaseTime is how long after a crash nobody else looks: longer than a look lasts, with the sends and the page that it
	// has begun.
	leaseTime = 5 * time.Minute
)

// Service keeps triggers and looks for what fires them. It is safe for concurrent use.
type Service struct {
	store   Store
	work    Work
	links   *link.Service
	sends   *send.Service
	machine clock.Machine
	holder  string        // names this process in leases
	turn    atomic.Uint64 // which trigger is read first
	page    int           // records that one call reads
}

// NewService wires the service.
func NewService(store Store, work Work, links *link.Service, sends *send.Service, machine clock.Machine) *Service {
	if machine == nil {
		machine = time.Now
	}
	return &Service{store: store, work: work, links: links, sends: sends, machine: machine, holder: oauth.NewToken(16), page: maxPage}
}

// Add makes a trigger, active from now on, after asking the org whether it has the object and the fields. key makes a
// repeat the same trigger.
func (s *Service) Add(ctx context.Context, l link.Link, t Trigger, key string) (Trigger, error) {
	if err := t.Check(); err != nil {
		return Trigger{}, err
	}
	if err := s.links.Available(l); err != nil {
		return Trigger{}, err
	}
	if err := s.describe(ctx, l, &t); err != nil {
		return Trigger{}, err
	}
	now := s.links.Now(l)
	if key == "" {
		key = oauth.NewToken(32)
	}
	sum := sha256.Sum256([]byte("twinspan/trigger/v1|" + l.Pair + "|" + key))
	t.Pair, t.ID, t.Active, t.CreatedAt, t.ActiveSince, t.Watermark = l.Pair, hex.EncodeToString(sum[:8]), true, now, now, now
	return s.store.AddTrigger(ctx, t, audit.Change{At: now, Actor: t.Actor, Action: audit.TriggerAdded, Subject: t.Name})
}

// describe gives object and fields their spelling and refuses those that the system user does not see.
func (s *Service) describe(ctx context.Context, l link.Link, t *Trigger) error {
	var fields []crm.FieldInfo
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) (err error) {
		fields, err = org.Describe(ctx, t.Object)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return fault.Wrap(err, fault.Invalid, CodeInvalid, "The org has no object %s that the system user may see.", t.Object).In("object")
	}
	if err != nil {
		return err
	}
	field := func(name, input string, ok func(crm.FieldInfo) bool) (string, error) {
		n := slices.IndexFunc(fields, func(f crm.FieldInfo) bool { return strings.EqualFold(f.Name, name) })
		if n < 0 || !ok(fields[n]) {
			return "", fault.New(fault.Invalid, CodeInvalid, "%s has no such field %s.", t.Object, name).In(input)
		}
		return fields[n].Name, nil
	}
	if _, err := field("SystemModstamp", "object", func(crm.FieldInfo) bool { return true }); err != nil {
		return err
	}
	if t.PersonField != "" {
		if t.PersonField, err = field(t.PersonField, "person_field", func(f crm.FieldInfo) bool { return f.Type == "reference" }); err != nil {
			return err
		}
	}
	for i := range t.Criteria {
		if t.Criteria[i].Field, err = field(t.Criteria[i].Field, "criteria", func(crm.FieldInfo) bool { return true }); err != nil {
			return err
		}
	}
	return nil
}

// Trigger reads one.
func (s *Service) Trigger(ctx context.Context, l link.Link, id string) (Trigger, error) {
	return s.store.Trigger(ctx, l.Pair, id)
}

// List lists the pair's.
func (s *Service) List(ctx context.Context, l link.Link) ([]Trigger, error) {
	return s.store.Triggers(ctx, l.Pair)
}

// Firings lists a trigger's, the newest first.
func (s *Service) Firings(ctx context.Context, l link.Link, id string, limit int) ([]Firing, error) {
	if _, err := s.store.Trigger(ctx, l.Pair, id); err != nil {
		return nil, err
	}
	return s.store.Firings(ctx, l.Pair, id, limit)
}

// SetActive starts or stops a trigger. What happens while it is stopped fires nothing, also later; firings that wait go out.
func (s *Service) SetActive(ctx context.Context, l link.Link, id string, active bool, actor string) (Trigger, error) {
	t, err := s.store.Trigger(ctx, l.Pair, id)
	if err == nil && active {
		err = l.May(standing.FireTriggers)
	}
	if err != nil || t.Active == active {
		return t, err
	}
	now := s.links.Now(l)
	return s.store.SetActive(ctx, t, active, now, audit.Change{At: now, Actor: actor, Action: audit.TriggerChanged, Subject: t.Name})
}

// Remove removes a trigger with its firings; those that wait do not go out.
func (s *Service) Remove(ctx context.Context, l link.Link, id, actor string) error {
	t, err := s.store.Trigger(ctx, l.Pair, id)
	if err != nil {
		return err
	}
	return s.store.RemoveTrigger(ctx, t, audit.Change{At: s.links.Now(l), Actor: actor, Action: audit.TriggerRemoved, Subject: t.Name})
}

// Look asks the orgs of all pairs what changed and sends what is due. Any number of processes may do so; one looks at a pair.
func (s *Service) Look(ctx context.Context) error {
	pairs, err := s.work.Pairs(ctx)
	for _, pair := range pairs {
		err = errors.Join(err, s.lookAt(ctx, pair))
	}
	return err
}

func (s *Service) lookAt(ctx context.Context, pair string) (err error) {
	l, err := s.links.Link(ctx, pair)
	if err != nil || l.Ready() != nil || l.May(standing.FireTriggers) != nil {
		return err
	}
	now := s.machine()
	had, err := s.work.Lease(ctx, pair, s.holder, now, now.Add(leaseTime))
	if err != nil || !had {
		return err
	}
	defer func() { err = errors.Join(err, s.work.Release(context.WithoutCancel(ctx), pair, s.holder)) }()
	triggers, err := s.store.Triggers(ctx, pair)
	if err != nil {
		return err
	}
	if interrupted := s.links.Interrupted(l); interrupted != nil {
		return s.skip(ctx, l, triggers, interrupted)
	}
	// What waits goes out first, and what was just found goes out too, however much there is to read.
	fired := s.fire(ctx, l)
	return errors.Join(fired, s.readAll(ctx, l, triggers), s.fire(ctx, l))
}

// readAll reads for each trigger in turn, a few pages of each, as far as it comes in readTime.
func (s *Service) readAll(ctx context.Context, l link.Link, triggers []Trigger) error {
	reading, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	active := slices.DeleteFunc(slices.Clone(triggers), func(t Trigger) bool { return !t.Active })
	first := s.turn.Add(1)
	for i := range active {
		if reading.Err() != nil {
			break // the others are first another time
		}
		t := active[(first+uint64(i))%uint64(len(active))]
		why := s.read(reading, l, &t)
		t.ErrorCode, t.Error = "", ""
		if why != nil && reading.Err() == nil {
			f := fault.Of(why)
			t.ErrorCode, t.Error = string(f.Code), client.Clip(f.Message, 500)
		}
		if err := s.work.Advance(context.WithoutCancel(ctx), t); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// skip is a look in an outage. One that holds sends leaves everything for its end; in one that fails them, what happens
// to records fires nothing, also later.
func (s *Service) skip(ctx context.Context, l link.Link, triggers []Trigger, why error) error {
	if l.Outage.Mode != link.Fail {
		return nil
	}
	f := fault.Of(why)
	for _, t := range triggers {
		if !t.Active {
			continue
		}
		t.Watermark, t.ErrorCode, t.Error, t.Reading = s.links.Now(l), string(f.Code), f.Message, Reading{}
		if err := s.work.Advance(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

const stamp = "2006-01-02T15:04:05.000Z"

// read takes over what changed of the trigger's object, page by page in the order of ids within a span of time, so that
// the pages hold together whatever changes meanwhile: what changes behind is read with the next span. It reads up to
// pagesAtOnce, and leaves in t where it stands.
func (s *Service) read(ctx context.Context, l link.Link, t *Trigger) error {
	now := s.links.Now(l)
	if t.Reading.After == "" || t.Reading.To.After(now) { // domain time was moved back
		t.Reading = Reading{From: t.Watermark, To: now}
		if t.Watermark.After(now) {
			t.Reading.From = now
		}
	}
	fields := []string{"Id", "CreatedDate", "SystemModstamp"}
	for _, c := range t.Criteria {
		fields = append(fields, c.Field)
	}
	if t.PersonField != "" {
		fields = append(fields, t.PersonField)
	}
	slices.Sort(fields)
	fields = slices.Compact(fields)
	for range pagesAtOnce {
		last := t.Reading.After
		query := fmt.Sprintf("SELECT %s FROM %s WHERE SystemModstamp >= %s", strings.Join(fields, ", "), t.Object, t.Reading.From.Add(-overlap).UTC().Format(stamp))
		if last != "" {
			query += " AND Id > '" + last + "'"
		}
		var found []crm.Record
		err := s.links.CallOrg(ctx, l, func(org *crm.Session) (err error) {
			found, err = org.Query(ctx, fmt.Sprintf("%s ORDER BY Id LIMIT %d", query, s.page))
			return err
		})
		if err != nil {
			return err
		}
		var changes []Change
		for _, r := range found {
			c := Change{RecordID: r.String("Id"), Created: r.Time("CreatedDate"), Seen: Seen{Modstamp: r.Time("SystemModstamp"), Met: t.Met(r)}}
			if len(c.RecordID) != 18 || c.Seen.Modstamp.IsZero() || c.RecordID <= last {
				return fault.New(fault.Unavailable, client.CodeProtocol, "The org did not answer with the next records of %s.", t.Object)
			}
			c.PersonID = c.RecordID
			if t.PersonField != "" {
				c.PersonID = r.String(t.PersonField)
			}
			changes = append(changes, c)
		}
		for part := range slices.Chunk(changes, takeAtOnce) {
			if _, err := s.work.Take(ctx, *t, part); err != nil {
				return err
			}
		}
		if len(found) < s.page {
			t.Watermark, t.Reading = t.Reading.To, Reading{}
			return nil
		}
		t.Reading.After = changes[len(changes)-1].RecordID
	}
	return nil
}

// fire sends what is due.
func (s *Service) fire(ctx context.Context, l link.Link) error {
	ctx, cancel := context.WithTimeout(ctx, fireTime)
	defer cancel()
	due, err := s.work.Due(ctx, l.Pair, s.links.Now(l), dueAtOnce)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, sendsAtOnce)
	errs := make([]error, len(due))
	for i, f := range due {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break // the others are due still
		}
		wg.Go(func() {
			defer func() { <-slots }()
			f := s.fireOne(ctx, l, f)
			if ctx.Err() != nil && f.Status != Done { // the look's time was over, which says nothing of the firing
				return
			}
			errs[i] = s.work.Settle(context.WithoutCancel(ctx), f)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// fireOne asks for the send of a firing. The send has a key of its own, made from the firing: asked for again it is the same.
func (s *Service) fireOne(ctx context.Context, l link.Link, f Firing) Firing {
	f.Attempts++
	if f.PersonID == "" {
		f.Status, f.Code, f.Reason = Failed, string(CodeNobody), "The record names no contact or lead."
		return f
	}
	sent, err := s.sends.Trigger(ctx, l, send.Request{
		ContactID: f.PersonID, DefinitionKey: f.DefinitionKey, IdempotencyKey: "trigger:" + f.TriggerID + ":" + f.RecordID + ":" + f.Modstamp.UTC().Format(stamp),
	})
	if sent.MessageKey != "" {
		f.MessageKey = sent.MessageKey
	}
	fired := fault.Of(err)
	switch {
	case err == nil && sent.Status == send.Held: // an outage began just now; it goes out with what is held
		f.Status, f.Code, f.Reason = Done, "", ""
	case err == nil:
		f.Status, f.Code, f.Reason = Done, sent.ReasonCode, sent.Reason
		if sent.Status == send.NotSent {
			f.Status = Failed
		}
	case (fired.Kind == fault.Unavailable || fired.Kind == fault.Limited || fired.Kind == fault.Unauthenticated || fired.Code == send.CodeInProgress) && f.Attempts < firingAttempts:
		f.Code, f.Reason = string(fired.Code), fired.Message
	default:
		f.Status = Failed
		f.Code, f.Reason = fault.Told(err)
	}
	return f
}
