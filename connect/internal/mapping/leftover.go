package mapping

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// ActionGrantEnded is the audit chain's word for a grant that nothing worked with; its subject is the Engagement user.
const ActionGrantEnded = "grant.ended"

const (
	// leftoverAge is how old a grant is at least that may be left over: until then a sign-in that made it may still be
	// asked about.
	leftoverAge = signin.FlowLife + time.Minute
	// leftoverEvery is how often grants are looked through by themselves.
	leftoverEvery = 5 * time.Minute
	// leftoversAtOnce bounds how many one look ends.
	leftoversAtOnce = 200
)

// GrantHolders tells which grants are needed.
type GrantHolders interface {
	audit.Intents
	// GrantNeeded reports whether any connection under the package stands on the Engagement user's grant: he is its API
	// user, or mapped. engagementUserID is "" where it is not known.
	GrantNeeded(ctx context.Context, packageClientID string, eid int64, engagementUserID, username string) (bool, error)
	// UnknownOf are those of at most 1,000 Engagement users whom no connection under the package names as its API user or
	// as mapped. One of them may still be mapped under a name that he had before.
	UnknownOf(ctx context.Context, packageClientID string, eid int64, usernames []string) ([]string, error)
}

// Leftovers ends grants of Connect's package that nothing works with: of a sign-in whose question nobody answered, of an
// import that was cancelled or stopped, of an API user who was replaced, of a crash between a grant and its record. Each
// would let Connect act for somebody whom no list names. It is safe for concurrent use.
type Leftovers struct {
	holders GrantHolders
	imports Imports
	links   *link.Service
	machine clock.Machine

	mu   sync.Mutex
	next map[string]time.Time // by pair: when it is looked at again, machine time
}

// NewLeftovers wires it.
func NewLeftovers(holders GrantHolders, imports Imports, links *link.Service, machine clock.Machine) *Leftovers {
	return &Leftovers{holders: holders, imports: imports, links: links, machine: machine, next: map[string]time.Time{}}
}

// Look is End, once in a while.
func (v *Leftovers) Look(ctx context.Context, l link.Link) ([]string, error) {
	now := v.machine()
	v.mu.Lock()
	early := now.Before(v.next[l.Pair])
	if !early {
		v.next[l.Pair] = now.Add(leftoverEvery)
	}
	v.mu.Unlock()
	if early {
		return nil, nil
	}
	return v.End(ctx, l)
}

// End ends what is left over and returns whose grants they were. A tenant that tells no grants has none.
func (v *Leftovers) End(ctx context.Context, l link.Link) ([]string, error) {
	if v.links.Available(l) != nil || !l.HasGrants() {
		return nil, nil
	}
	newest, err := v.imports.ListImports(ctx, l.Pair, 1)
	if err != nil {
		return nil, err
	}
	for _, i := range newest {
		if i.State == ImportQueued || i.State == ImportRunning { // its lines may hold grants
			return nil, nil
		}
	}
	intents, err := v.holders.IntentsOf(ctx, l.Pair, ActionGrantEnded) // before the grants are: see audit.Intents
	if err != nil {
		return nil, err
	}
	var subjects []string
	for _, i := range intents {
		subjects = append(subjects, i.Why.Subject)
	}
	held, names, err := v.candidates(ctx, l, subjects)
	if err != nil || held == nil {
		return nil, err
	}
	err = audit.Reconcile(ctx, v.holders, intents, v.links.Now(l), func(i audit.Intent) bool { return !held[fold(i.Why.Subject)] })
	if err != nil || len(names) == 0 {
		return nil, err
	}
	var ended []string
	ids, err := v.ids(ctx, l, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		needed, err := v.holders.GrantNeeded(ctx, l.PackageClientID, l.EID, ids[fold(name)], name)
		if err != nil {
			return ended, err
		}
		if needed {
			continue
		}
		before := intents[name]
		i, err := v.holders.Begin(ctx, audit.Intent{
			Pair: l.Pair, Why: audit.Change{At: v.links.Now(l), Actor: "system", Action: ActionGrantEnded, Subject: name, Reason: "Nothing of the connection worked with it."},
			Before: audit.JSON(grantFacts{name}), After: audit.JSON(nil), Revision: before.Revision,
		})
		if fault.CodeOf(err) == audit.CodeMoved {
			continue // another process is at it
		}
		if err != nil {
			return ended, err
		}
		err = v.links.CallTenant(ctx, l, func(tenant *engagement.Session) error { return tenant.ClearGrant(ctx, name) })
		gone := fault.CodeOf(err) == client.CodeNotFound
		if err != nil && !gone {
			return ended, err // whether it was ended is looked at later
		}
		done := !gone || before.Pending // else somebody ended it in Engagement
		if err := v.holders.Settle(ctx, i, done); err != nil {
			return ended, err
		}
		if done {
			ended = append(ended, name)
		}
	}
	return ended, nil
}

// grantFacts are what the audit chain keeps of a grant.
type grantFacts struct {
	EngagementUsername string `json:"engagement_username"`
}

// candidates are which of the subjects have a grant, by folded name, nil where the tenant tells none; and who has had one for
// a while and is neither mapped under his name nor the API user. There may be as many grants as the tenant has users: no
// more than a page of them is held.
func (v *Leftovers) candidates(ctx context.Context, l link.Link, subjects []string) (held map[string]bool, names []string, err error) {
	asked := make(map[string]bool, len(subjects))
	for _, name := range subjects {
		asked[fold(name)] = true
	}
	old := v.links.Now(l).Add(-leftoverAge)
	err = v.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		held, names = map[string]bool{}, nil
		return tenant.GrantPages(ctx, "", func(page []engagement.Grant) error {
			var aged []string
			for _, g := range page {
				if asked[fold(g.Username)] {
					held[fold(g.Username)] = true
				}
				if g.MadeAt.Before(old) {
					aged = append(aged, g.Username)
				}
			}
			if len(aged) == 0 || len(names) >= leftoversAtOnce {
				return nil
			}
			unknown, err := v.holders.UnknownOf(ctx, l.PackageClientID, l.EID, aged)
			names = append(names, unknown...)
			return err
		})
	})
	if code := fault.CodeOf(err); code == client.CodeRefused || code == client.CodeNotFound {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	names = names[:min(len(names), leftoversAtOnce)]
	slices.Sort(names)
	return held, names, nil
}

// ids are the user ids of Engagement users by folded name: a mapping stays with a user whose name changed.
func (v *Leftovers) ids(ctx context.Context, l link.Link, names []string) (map[string]string, error) {
	filter := engagement.Filter{Property: "UserID", Operator: "IN", Values: names}
	if len(names) == 1 {
		filter.Operator = "equals"
	}
	ids := map[string]string{}
	err := v.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		users, err := tenant.AccountUsers(ctx, &filter)
		for _, u := range users {
			ids[fold(u.Username)] = strconv.FormatInt(u.ID, 10)
		}
		return err
	})
	return ids, err
}

// takeBack blanks what Connect left in the User field of somebody who has no mapping.
func (s *Service) takeBack(ctx context.Context, l link.Link, crmUserID string) error {
	p, err := s.links.Package(ctx, l, false)
	if err != nil || !l.TokenInField(p) {
		return err
	}
	if _, err := s.store.Mapping(ctx, l.Pair, crmUserID); fault.CodeOf(err) != CodeNotFound {
		return err
	}
	values, err := s.fields(ctx, l, []string{crmUserID})
	value := values[crmUserID]
	if err != nil || strings.Trim(value, "*") == "" {
		return err
	}
	key, err := s.keys.Key(ctx, l.Pair)
	if err != nil || !ours(key, l.Pair, crmUserID, value) {
		return err
	}
	return s.write(ctx, l, crmUserID, "")
}
