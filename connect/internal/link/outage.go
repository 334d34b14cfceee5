package link

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of faults about outages.
const (
	// CodeUnavailable: the connection is in an outage. It ends; asking again then works.
	CodeUnavailable fault.Code = "connection_unavailable"
	// CodeInvalidOutage: an outage that cannot be meant.
	CodeInvalidOutage fault.Code = "invalid_outage"
)

// OutageMode says what becomes of the sends of an outage.
type OutageMode string

// The modes. Document 003 describes Fail; Hold is ours.
const (
	Hold OutageMode = "hold" // sends wait durably and are released in order afterwards
	Fail OutageMode = "fail" // sends fail by name
)

// MaxOutage bounds an outage; document 003 asks for two hours.
const MaxOutage = 72 * time.Hour

// Outage is a window in which the whole connection is unavailable: the Marketing Cloud tab, mapping, imports, tracking,
// opt-outs and sends. The zero value is none. Sends that Engagement makes of itself do not pass through Connect and go on.
type Outage struct {
	Mode   OutageMode
	From   time.Time // domain time
	Until  time.Time // domain time
	Stays  bool      // it goes on after Until until somebody ends it: work under way must not be cut off halfway
	Reason string    // "upgrade in progress"; stands in every refusal
	Actor  string    // who opened it
}

// Open reports whether the outage is on at the time.
func (o Outage) Open(now time.Time) bool {
	return o.Mode != "" && !now.Before(o.From) && (o.Stays || now.Before(o.Until))
}

// Refusal is what whoever needs the connection is told meanwhile. One that goes on for longer than it was booked for says by
// how much.
func (o Outage) Refusal(now time.Time) error {
	until := o.Until.UTC().Format("2006-01-02 15:04 UTC")
	if late := now.Sub(o.Until); late >= 0 {
		return fault.New(fault.Unavailable, CodeUnavailable, "The connection is unavailable: %s, planned until %s; it takes longer, by %s so far.", o.Reason, until, max(late.Truncate(time.Minute), time.Minute))
	}
	return fault.New(fault.Unavailable, CodeUnavailable, "The connection is unavailable: %s until %s.", o.Reason, until)
}

// Check refuses an outage that cannot be meant at the time.
func (o Outage) Check(now time.Time) error {
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidOutage, format, args...).In(field)
	}
	switch {
	case o.Mode != Hold && o.Mode != Fail:
		return bad("mode", "The mode is hold or fail.")
	case !o.Until.After(o.From) || !o.Until.After(now):
		return bad("until", "The outage ends before it begins, or lies in the past.")
	case o.Until.Sub(o.From) > MaxOutage:
		return bad("until", "An outage lasts %d hours at most.", MaxOutage/time.Hour)
	case o.From.After(now.AddDate(1, 0, 0)):
		return bad("from", "The outage begins within a year.")
	case strings.TrimSpace(o.Reason) == "" || len(o.Reason) > 200 || strings.ContainsFunc(o.Reason, unicode.IsControl):
		return bad("reason", "Say why in one line of at most 200 bytes: everybody who needs the connection reads it.")
	}
	return nil
}

// OutageFacts are what the audit chain keeps of an outage.
type OutageFacts struct {
	Mode  OutageMode `json:"mode,omitempty"`
	From  *time.Time `json:"from,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// Facts gives them.
func (o Outage) Facts() OutageFacts {
	if o.Mode == "" {
		return OutageFacts{}
	}
	return OutageFacts{o.Mode, &o.From, &o.Until}
}

// Outages keeps outages, one of a pair.
type Outages interface {
	// SetOutage puts an outage in the place of the one there is; the zero Outage ends it. why goes into the audit chain.
	SetOutage(ctx context.Context, pair string, why audit.Change, o Outage) (Link, error)
}

// Available refuses work on a connection that is not connected, or in an outage.
func (s *Service) Available(l Link) error {
	if err := l.Ready(); err != nil {
		return err
	}
	return s.Interrupted(l)
}

// Interrupted refuses work on a connection that is in an outage.
func (s *Service) Interrupted(l Link) error {
	if now := s.Now(l); l.Outage.Open(now) {
		return l.Outage.Refusal(now)
	}
	return nil
}

// Interrupt books an outage in the place of the one there is. From zero is now.
func (s *Service) Interrupt(ctx context.Context, l Link, o Outage) (Link, error) {
	now := s.Now(l)
	if o.From.IsZero() || o.From.Before(now) {
		o.From = now
	}
	o.From, o.Until = o.From.UTC().Truncate(time.Millisecond), o.Until.UTC().Truncate(time.Millisecond)
	if err := o.Check(now); err != nil {
		return Link{}, err
	}
	return s.store.SetOutage(ctx, l.Pair, audit.Change{At: now, Actor: o.Actor, Action: audit.OutageSet, Reason: o.Reason}, o)
}

// Resume ends the outage there is, early or late; without one nothing happens.
func (s *Service) Resume(ctx context.Context, l Link, actor string) (Link, error) {
	if l.Outage.Mode == "" {
		return l, nil
	}
	return s.store.SetOutage(ctx, l.Pair, audit.Change{At: s.Now(l), Actor: actor, Action: audit.OutageEnded}, Outage{})
}
