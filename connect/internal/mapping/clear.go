package mapping

import (
	"context"
	"strings"
	"unicode"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// CodeInvalidClear: a request to clear that cannot be meant.
const CodeInvalidClear fault.Code = "invalid_clear"

// maxClear is how many users one request clears, so that it ends while its caller waits.
const maxClear = 100

// ClearRequest says whose mappings to clear, who asks and why.
type ClearRequest struct {
	Users  []string // CRM user names; or
	All    bool     // all who are mapped, from After on, of State where it is given: mapped, stale, broken or not_reconnected
	State  State
	After  string
	Actor  string
	Reason string
}

// Check refuses a request that cannot be meant.
func (r ClearRequest) Check() error {
	invalid := func(field, text string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidClear, text, args...).In(field)
	}
	control := func(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
	switch {
	case (len(r.Users) > 0) == r.All:
		return invalid("users", "Name users, or say all: one of the two.")
	case len(r.Users) > maxClear:
		return invalid("users", "Name at most %d users at once.", maxClear)
	case !r.All && (r.State != "" || r.After != ""):
		return invalid("state", "state and after narrow all; they do not go with users.")
	case r.State != "" && r.State != Mapped && r.State != Stale && r.State != Broken && r.State != NotReconnected:
		return invalid("state", "Only mapped, stale, broken or not reconnected users have a mapping to clear.")
	case strings.TrimSpace(r.Reason) == "" || len(r.Reason) > 500 || control(r.Reason):
		return invalid("reason", "Say why, in one line of at most 500 bytes.")
	case r.Actor == "" || len(r.Actor) > 255 || control(r.Actor):
		return invalid("actor", "Say who asks, in at most 255 bytes.")
	}
	return nil
}

// Failure is a user whose mapping could not be cleared, and why.
type Failure struct {
	CRMUsername string
	Err         error
}

// ClearResult is what came of a request to clear.
type ClearResult struct {
	Cleared []Clear
	Failed  []Failure
	Next    string // where to go on after; "" where all were seen
}

// Clear ends mappings and the grants that they work with. Each user is cleared whole or named with what stood in the
// way; he can be cleared again.
func (s *Service) Clear(ctx context.Context, l link.Link, r ClearRequest) (ClearResult, error) {
	if err := r.Check(); err != nil {
		return ClearResult{}, err
	}
	if err := s.links.Interrupted(l); err != nil {
		return ClearResult{}, err
	}
	var out ClearResult
	var mappings []Mapping
	for _, name := range r.Users {
		k, err := s.known(ctx, l, name)
		if err == nil && !k.Clear.At.IsZero() {
			err = fault.New(fault.NotFound, CodeNotFound, "The mapping of %s was cleared before.", name)
		}
		if err != nil {
			out.Failed = append(out.Failed, Failure{name, err})
			continue
		}
		mappings = append(mappings, k.Mapping)
	}
	if r.All {
		users, next, err := s.List(ctx, l, Filter{State: r.State, After: r.After, Limit: maxClear})
		if err != nil {
			return out, err
		}
		out.Next = next
		for _, u := range users {
			if u.State != Cleared {
				mappings = append(mappings, u.Mapping)
			}
		}
	}
	for _, m := range mappings {
		c := Clear{ID: oauth.NewToken(16), Mapping: m, Actor: r.Actor, Reason: r.Reason, At: s.links.Now(l)}
		if err := s.clear(ctx, l, c); err != nil {
			if ctx.Err() != nil {
				return out, err
			}
			out.Failed = append(out.Failed, Failure{m.CRMUsername, err})
			continue
		}
		out.Cleared = append(out.Cleared, c)
	}
	return out, nil
}

// Any reports whether anybody is mapped.
func (s *Service) Any(ctx context.Context, l link.Link) (bool, error) {
	return s.store.AnyMapping(ctx, l.Pair)
}

// ClearOwn is a visitor's reset of his own mapping: he gives his Engagement credentials again.
func (s *Service) ClearOwn(ctx context.Context, l link.Link, crmUserID string) error {
	m, err := s.store.Mapping(ctx, l.Pair, crmUserID)
	if fault.CodeOf(err) == CodeNotFound {
		return nil // cleared already
	}
	if err != nil {
		return err
	}
	return s.clear(ctx, l, Clear{ID: oauth.NewToken(16), Mapping: m, Actor: m.CRMUsername, Reason: "The user gives the Engagement credentials again.", At: s.links.Now(l)})
}

// clear blanks the User field, then ends the grant, and forgets the mapping last: what is left where it fails on the way
// is a mapping that shows as cleared or broken and can be cleared again, and not a grant that nobody sees.
func (s *Service) clear(ctx context.Context, l link.Link, c Clear) error {
	if !s.links.Copied(ctx, l) { // the grants and fields of a copy are the original's
		if err := s.blank(ctx, l, c.Mapping); err != nil {
			return err
		}
		if err := s.endGrant(ctx, l, c.Mapping); err != nil {
			return err
		}
	}
	cleared, err := s.store.ClearMapping(ctx, c)
	if err == nil && !cleared {
		err = fault.New(fault.NotFound, CodeNotFound, "The mapping of %s was changed or cleared meanwhile.", c.Mapping.CRMUsername)
	}
	return err
}

// endGrant ends the grant that a mapping works with. The API user's own stays: the connection stands on it.
func (s *Service) endGrant(ctx context.Context, l link.Link, m Mapping) error {
	if link.SameUsername(m.EngagementUser, l.Tenant.Username) {
		return nil
	}
	if !l.HasGrants() {
		return s.links.ForgetUser(ctx, l, m.EngagementUser)
	}
	err := s.links.CallTenant(ctx, l, func(tenant *engagement.Session) error { return tenant.ClearGrant(ctx, m.EngagementUser) })
	if err != nil && fault.CodeOf(err) != client.CodeNotFound {
		return err
	}
	return s.links.ForgetUser(ctx, l, m.EngagementUser)
}
