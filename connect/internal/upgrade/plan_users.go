package upgrade

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// Why a user's mapping will not be reconnected, or not as it should be.
const (
	CRMUserGone        = "crm_user_gone"
	CRMUserInactive    = "crm_user_inactive"
	CRMUserFrozen      = "crm_user_frozen"
	EngagementGone     = "engagement_user_gone"
	EngagementDisabled = "engagement_user_disabled"
	MappingBroken      = "mapping_broken"
	LeftOut            = "left_out"
	// MappingStale: he is reconnected, and works with the permissions that his token has.
	MappingStale = "mapping_stale"
)

var reasons = map[string]string{
	CRMUserGone:        "The org has no such user any more.",
	CRMUserInactive:    "The user is inactive in the org, which signs in active users alone.",
	CRMUserFrozen:      "The user is frozen in the org.",
	EngagementGone:     "Engagement has no such user any more.",
	EngagementDisabled: "The user is disabled in Engagement.",
	MappingBroken:      "login denied: Engagement refuses the user's token; clear the mapping, and let him integrate again.",
	LeftOut:            "Not to be assigned to the connected app: the org will say that he is not approved.",
	MappingStale:       "His permissions in Engagement have changed since his token was made; he is reconnected with the old ones.",
}

// Affected is a user whose reconnection fails, or is not as it should be.
type Affected struct {
	CRMUsername    string
	EngagementUser string
	Code           string
	Reason         string
	Fails          bool
}

// Reconnection is who is mapped, and how it will go with them.
type Reconnection struct {
	Mapped   int // users who are mapped today
	Looked   int // of these, who were looked at, by user name; the rest is not
	Approved int // of those looked at, who are assigned to the connected app already
	Fails    int // of those looked at, whose reconnection will fail
	// Told are those who fail or are stale, at most maxTold.
	Told []Affected
	// By counts them by code.
	By map[string]int
}

// usersAtOnce is how many users one query of each cloud names; engagement's grants are asked for in parts of it.
const usersAtOnce = 200

// readUsers looks at who is mapped. Where both clouds can be asked, it is asked of each page of users what stands in the way
// of their reconnection, by a fixed number of queries a page.
func (s *Planner) readUsers(ctx context.Context, p *Plan, l link.Link, ask bool) error {
	var err error
	if p.Users.Mapped, err = s.Counts.CountMappings(ctx, l.Pair); err != nil {
		return err
	}
	p.Users.By = map[string]int{}
	for after := ""; ask && p.Users.Looked < maxLooked; {
		var page []mapping.User
		if page, after, err = s.Users.List(ctx, l, mapping.Filter{After: after, Limit: usersAtOnce}); err != nil {
			return err
		}
		page = slices.DeleteFunc(page, func(u mapping.User) bool { return u.State == mapping.Cleared })
		if len(page) > 0 {
			facts, err := s.lookUp(ctx, p, l, page)
			if err != nil {
				return err
			}
			p.take(page, facts)
		}
		if after == "" {
			break
		}
	}
	if p.Users.Looked < p.Users.Mapped {
		p.find(Notes, "users_not_looked_at", "%d of %d mapped users were looked at.", p.Users.Looked, p.Users.Mapped)
	}
	p.assignments(l.Names().ApprovalSet)
	p.estimate()
	return nil
}

// stances is what both clouds say of the users of a page, by what identifies them there.
type stances struct {
	active   map[string]bool // by CRM user id; absent for who is gone
	frozen   map[string]bool // by CRM user id
	approved map[string]bool // by CRM user id
	tenant   map[string]engagement.AccountUser
}

func (s *Planner) lookUp(ctx context.Context, p *Plan, l link.Link, page []mapping.User) (stances, error) {
	f := stances{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]engagement.AccountUser{}}
	ids := make([]string, len(page))
	names := make([]string, len(page))
	for i, u := range page {
		ids[i], names[i] = crm.Literal(u.CRMUserID), u.EngagementUser
	}
	in := " IN (" + strings.Join(ids, ", ") + ")"
	err := s.Links.CallOrg(ctx, l, func(org *crm.Session) error {
		users, err := org.Query(ctx, "SELECT Id, IsActive FROM User WHERE Id"+in)
		if err != nil {
			return err
		}
		for _, r := range users {
			f.active[r.String("Id")] = r.Bool("IsActive")
		}
		frozen, err := org.Query(ctx, "SELECT UserId FROM UserLogin WHERE IsFrozen = TRUE AND UserId"+in)
		if err = p.once(err); err != nil {
			return err
		}
		for _, r := range frozen {
			f.frozen[r.String("UserId")] = true
		}
		if len(p.access.sets) == 0 {
			return nil
		}
		sets := make([]string, len(p.access.sets))
		for i, id := range p.access.sets {
			sets[i] = crm.Literal(id)
		}
		assigned, err := org.Query(ctx, "SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId IN ("+strings.Join(sets, ", ")+") AND AssigneeId"+in)
		for _, r := range assigned {
			f.approved[r.String("AssigneeId")] = true
		}
		return p.once(err)
	})
	if err != nil {
		return f, err
	}
	filter := engagement.Filter{Property: "UserID", Operator: "IN", Values: names}
	if len(names) == 1 { // IN wants more than one
		filter.Operator = "equals"
	}
	return f, s.Links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		if p.tenantTrip == 0 {
			begun := s.Machine()
			if _, err := tenant.UserInfo(ctx); err != nil {
				return err
			}
			p.tenantTrip = s.Machine().Sub(begun)
		}
		people, err := tenant.AccountUsers(ctx, &filter)
		for _, u := range people {
			f.tenant[strings.ToLower(u.Username)] = u
		}
		return err
	})
}

// once is soften for a question that is asked of every page: one finding tells it.
func (p *Plan) once(err error) error {
	if err != nil && slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Code == "not_readable" }) {
		if said, _ := told(err); said {
			return nil
		}
	}
	return p.soften(err, "the org")
}

// take decides about the users of a page.
func (p *Plan) take(page []mapping.User, f stances) {
	for _, u := range page {
		p.Users.Looked++
		if f.approved[u.CRMUserID] {
			p.Users.Approved++
		}
		code := p.decide(u, f)
		if code == "" {
			continue
		}
		p.Users.By[code]++
		fails := code != MappingStale
		if fails {
			p.Users.Fails++
		}
		if len(p.Users.Told) < maxTold {
			p.Users.Told = append(p.Users.Told, Affected{u.CRMUsername, u.EngagementUser, code, reasons[code], fails})
		}
	}
}

// decide says what stands in the way of a user; "" where nothing does. The org is asked first, as the migration does.
func (p *Plan) decide(u mapping.User, f stances) string {
	active, there := f.active[u.CRMUserID]
	e, known := f.tenant[strings.ToLower(u.EngagementUser)]
	left := p.Kind == ConnectedApp && slices.ContainsFunc(p.LeaveOut, func(name string) bool { return link.SameUsername(name, u.CRMUsername) })
	switch {
	case !there:
		return CRMUserGone
	case !active:
		return CRMUserInactive
	case f.frozen[u.CRMUserID]:
		return CRMUserFrozen
	case left:
		return LeftOut
	case !known || strconv.FormatInt(e.ID, 10) != u.EngagementUserID:
		return EngagementGone
	case !e.Active:
		return EngagementDisabled
	case u.State == mapping.Broken:
		return MappingBroken
	case u.State == mapping.Stale:
		return MappingStale
	}
	return ""
}

// assignments tells how many users the permission set is to be assigned to.
func (p *Plan) assignments(set string) {
	if p.Kind != ConnectedApp {
		return
	}
	p.Changes = append(p.Changes, Change{
		"assignments", set, fmt.Sprintf("%d of %d mapped users looked at are assigned to the app", p.Users.Approved, p.Users.Looked),
		"the system user and everybody with access to Marketing Cloud Connect" + map[bool]string{true: fmt.Sprintf(", but for %d", len(p.LeaveOut))}[len(p.LeaveOut) > 0], "crm_admin",
	})
}

// reconnectedAtOnce is how many users are reconnected at the same time, each by callsForUser calls of each cloud: a sign-in
// and the question who it is.
const (
	reconnectedAtOnce = 16
	callsForUser      = 2
	// mostASecond is how many users a second Connect was measured to reconnect on two cores (docs/testing.md): where the clouds answer
	// fast, signing and storing take the time.
	mostASecond = 100
)

// estimate says how long the users take, by the time that one call of each cloud took a moment ago.
func (p *Plan) estimate() {
	p.Estimate = Estimate{Users: p.Users.Mapped, Within: true}
	if p.Users.Mapped == 0 {
		p.Estimate.How = "nobody is mapped"
		return
	}
	one := callsForUser * (p.orgTrip + p.tenantTrip)
	if one <= 0 {
		p.Estimate.How, p.Estimate.Within = "not estimated: the clouds were not asked", false
		return
	}
	p.Estimate.Rate = min(reconnectedAtOnce/one.Seconds(), mostASecond)
	p.Estimate.Takes = time.Duration(float64(p.Users.Mapped) / p.Estimate.Rate * float64(time.Second))
	p.Estimate.Within = p.Estimate.Takes <= p.Window
	p.Estimate.How = fmt.Sprintf("%d users, %d at a time, %d calls of each cloud for each, and at most %d a second; one call took %s in the org and %s in Engagement a moment ago. Signing in takes a cloud longer than that call, and the admins' own steps come on top.",
		p.Users.Mapped, reconnectedAtOnce, callsForUser, mostASecond, p.orgTrip.Round(100*time.Microsecond), p.tenantTrip.Round(100*time.Microsecond))
}
