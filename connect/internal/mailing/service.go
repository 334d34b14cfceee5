package mailing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Mappings finds who is mapped to whom.
type Mappings interface {
	// Of reads a CRM user's mapping by user name.
	Of(ctx context.Context, l link.Link, crmUsername string) (mapping.Mapping, error)
	// OfUser reads it by id; the name is for refusals.
	OfUser(ctx context.Context, l link.Link, crmUserID, crmUsername string) (mapping.Mapping, error)
}

// Service takes mailings and tells what became of them. It is safe for concurrent use.
type Service struct {
	store    Store
	links    *link.Service
	mappings Mappings
}

// NewService wires the service.
func NewService(store Store, links *link.Service, mappings Mappings) *Service {
	return &Service{store: store, links: links, mappings: mappings}
}

// Request asks for a mailing.
type Request struct {
	Audience      Audience
	DefinitionKey string
	CRMUsername   string    // of the mapped user who sends
	At            time.Time // domain time; zero is now
	// IdempotencyKey makes the mailing the same when it is asked for again; "" makes a new one.
	IdempotencyKey string
	Actor          string
}

// maxAhead bounds how far ahead a mailing is scheduled.
const maxAhead = 366 * 24 * time.Hour

// Start takes a mailing. In an outage it waits or is refused, as the outage's mode has it; one that is due after it is
// taken in any case.
func (s *Service) Start(ctx context.Context, l link.Link, r Request) (Mailing, error) {
	audience, err := r.Audience.Check()
	if err == nil {
		err = send.CheckDefinition(r.DefinitionKey)
	}
	if err == nil {
		err = l.Ready()
	}
	if err != nil {
		return Mailing{}, err
	}
	now := s.links.Now(l)
	at := r.At.UTC().Truncate(time.Millisecond)
	switch {
	case r.At.IsZero() || at.Equal(now):
		at = now
	case at.Before(now):
		return Mailing{}, fault.New(fault.Invalid, CodeInvalidTime, "That time is past; it is %s.", now.Format(time.RFC3339)).In("at")
	case at.Sub(now) > maxAhead:
		return Mailing{}, fault.New(fault.Invalid, CodeInvalidTime, "A send is scheduled a year ahead at most.").In("at")
	}
	m := Mailing{
		Pair: l.Pair, ID: mailingID(l.Pair, r.IdempotencyKey), Audience: audience, DefinitionKey: r.DefinitionKey, Actor: r.Actor, CreatedAt: now, DueAt: at, State: Queued,
	}
	if known, err := s.store.Mailing(ctx, l.Pair, m.ID); fault.CodeOf(err) != CodeNotFound {
		return known, err
	}
	if at.After(now) {
		m.State = Scheduled
	}
	interrupted := s.links.Interrupted(l)
	if interrupted != nil && m.State == Queued {
		if l.Outage.Mode == link.Fail {
			return Mailing{}, interrupted
		}
		m.State, m.ReasonCode, m.Reason = Held, string(link.CodeUnavailable), fault.Of(interrupted).Message
	}
	user, err := s.mappings.Of(ctx, l, r.CRMUsername)
	if err != nil {
		return Mailing{}, err
	}
	m.CRMUserID, m.CRMUsername = user.CRMUserID, user.CRMUsername
	if interrupted == nil { // else the org cannot be asked now; the work asks before it begins
		if m.Scoped, err = s.scope(ctx, l, user); err != nil {
			return Mailing{}, err
		}
	}
	stored, _, err := s.store.AddMailing(ctx, m, audit.Change{At: now, Actor: r.Actor, Action: audit.SendAsked, Subject: m.ID})
	return stored, err
}

// scope tells whether the user reaches his own records alone, and refuses one who may not send at all.
func (s *Service) scope(ctx context.Context, l link.Link, user mapping.Mapping) (bool, error) {
	settings, err := s.store.Settings(ctx, l.Pair)
	if err != nil {
		return false, err
	}
	installed, err := s.links.Package(ctx, l, false)
	if err != nil || installed == (link.Package{}) {
		return settings.ScopeByUser, err
	}
	n := l.Names()
	userBox, adminBox := n.Of(n.UserBox), n.Of(n.AdminBox)
	admin := false
	err = s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		record, err := org.GetRecord(ctx, "User", user.CRMUserID, "Id", userBox, adminBox)
		if err == nil && !record.Bool(userBox) { // connect-facts 1.4
			return fault.New(fault.Denied, CodeNotPermitted, "Insufficient User Permissions. You have not been designated as an integrated Marketing Cloud user: "+
				"tick %s on the record of %s.", n.UserBoxLabel, user.CRMUsername)
		}
		admin = record.Bool(adminBox)
		return err
	})
	return settings.ScopeByUser && !admin, err
}

// mailingID is the id of a mailing: 24 characters that depend on the idempotency key, or random ones.
func mailingID(pair, key string) string {
	if key == "" {
		key = oauth.NewToken(32)
	}
	sum := sha256.Sum256([]byte("twinspan/mailing/v1|" + pair + "|" + key))
	return hex.EncodeToString(sum[:12])
}

// CheckID refuses what cannot be the id of a mailing.
func CheckID(id string) error {
	if len(id) != 24 || strings.Trim(id, "0123456789abcdef") != "" {
		return fault.New(fault.NotFound, CodeNotFound, "There is no such send.")
	}
	return nil
}

// Mailing reads one.
func (s *Service) Mailing(ctx context.Context, l link.Link, id string) (Mailing, error) {
	if err := CheckID(id); err != nil {
		return Mailing{}, err
	}
	return s.store.Mailing(ctx, l.Pair, id)
}

// states are all there are, for the filter of List.
var states = []State{"", Scheduled, Held, Queued, Running, Completed, Failed, Cancelled}

// List lists the newest, those in state where it is not "".
func (s *Service) List(ctx context.Context, l link.Link, state State, limit int) ([]Mailing, error) {
	if !slices.Contains(states, state) {
		return nil, fault.New(fault.Invalid, "invalid_state", "The state of a send is scheduled, held, queued, running, completed, failed or cancelled.").In("state")
	}
	return s.store.Mailings(ctx, l.Pair, state, limit)
}

// Recipients lists a mailing's after a position.
func (s *Service) Recipients(ctx context.Context, l link.Link, id string, after, limit int) ([]Recipient, error) {
	if _, err := s.Mailing(ctx, l, id); err != nil {
		return nil, err
	}
	return s.store.Recipients(ctx, l.Pair, id, false, after, limit)
}

// Cancel ends a mailing. What the tenant has by then goes out; a batch that is under way gets its outcome still.
func (s *Service) Cancel(ctx context.Context, l link.Link, id, actor string) (Mailing, error) {
	m, err := s.Mailing(ctx, l, id)
	if err != nil {
		return m, err
	}
	why := audit.Change{At: s.links.Now(l), Actor: actor, Action: audit.SendCancelled, Subject: id}
	moved, err := s.store.MoveMailing(ctx, m, Cancelled, "", "", why, Scheduled, Held, Queued, Running)
	if err != nil {
		return m, err
	}
	m, err = s.Mailing(ctx, l, id)
	if err == nil && !moved && m.State != Cancelled {
		err = fault.New(fault.Conflict, CodeOver, "The send is over: %s.", m.State)
	}
	return m, err
}

// Settings reads how the pair sends.
func (s *Service) Settings(ctx context.Context, l link.Link) (Settings, error) {
	return s.store.Settings(ctx, l.Pair)
}

// SetSettings changes it. Mailings that were asked for keep what held then.
func (s *Service) SetSettings(ctx context.Context, l link.Link, v Settings, actor string) (Settings, error) {
	if err := s.store.SetSettings(ctx, l.Pair, v, audit.Change{At: s.links.Now(l), Actor: actor, Action: audit.SendSettings}); err != nil {
		return Settings{}, err
	}
	return s.store.Settings(ctx, l.Pair)
}

// Add counts n recipients more in a status.
func (c Counts) Add(s Status, n int) Counts {
	c.Total += n
	switch s {
	case Planned, Intended:
		c.Waiting += n
	case Accepted:
		c.Accepted += n
	case Sent:
		c.Sent += n
	case NotSent:
		c.NotSent += n
	case InDoubt:
		c.InDoubt += n
	case Refused:
		c.Refused += n
	}
	return c
}
