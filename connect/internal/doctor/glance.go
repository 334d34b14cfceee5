package doctor

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// Question says what a glance is about.
type Question struct {
	Eyes
	// SystemUser is the user name of who is to be the system user, for a connection that has none yet; "" takes whoever has
	// the package's permission set for him.
	SystemUser string
	User       string // a user of the org whom it is about; "" for nobody
	// OrgBlind leaves the org alone, unless a session was lent: while an upgrade is under way, each sign-in by a key that is not
	// approved yet would leave a row in the system user's Login History.
	OrgBlind bool
}

// PermissionSet is one of those that document 001 speaks of.
type PermissionSet struct {
	ID, Name, Label string
	Assigned        []string // user names of who has it, in their order; at most maxNamed
	More            bool     // there are more than Assigned names
	// Without are user names of some who have one of the package's boxes and not the set, where at most one user has it.
	Without []string
}

// maxNamed is how many users of a permission set are named.
const maxNamed = 20

// userLayout is the page layout of document 000.
const userLayout = "User-User Layout"

// Glance reads what the steps of the founding documents leave behind, in a number of calls that does not depend on how many
// users there are: about 25 to the org and one to Engagement. Everything else of the Look stays unread.
func (s *Service) Glance(ctx context.Context, l link.Link, q Question) (*Look, error) {
	if err := checkEyes(l, q.Eyes); err != nil {
		return nil, err
	}
	calls := &tally{}
	r := &reader{links: s.links.AlsoMetered(calls), look: &Look{Now: s.links.Now(l), Callbacks: s.back}, eyes: q.Eyes}
	if q.User != "" {
		if err := link.CheckUsername(q.User); err != nil {
			return nil, fault.Of(err).In("user")
		}
		r.look.Patient = &Patient{Username: q.User}
	}
	var orgDown, tenantDown error
	var both sync.WaitGroup
	if !q.OrgBlind {
		both.Go(func() { orgDown = r.links.CheckSpan(ctx, l, link.IntoOrg) })
	}
	both.Go(func() { tenantDown = r.links.CheckSpan(ctx, l, link.IntoTenant) })
	both.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := s.links.Link(ctx, l.Pair)
	if err != nil {
		return nil, err
	}
	r.link, r.look.Link = l, l
	r.look.tried(orgDown, tenantDown)
	if err := r.glanceOwn(ctx, s.own); err != nil {
		return nil, err
	}
	if tenantDown != nil {
		r.look.APIUser.why = reason(tenantDown)
	}
	all := func(org *crm.Session) {
		fetch(&r.look.Package, func() (link.Package, error) { return link.InstalledPackage(ctx, org, l.Names().Namespace) })
		r.readApp(ctx, org)
		r.readSystemUser(ctx, org)
		r.readSets(ctx, org, q.SystemUser)
		r.readSettings(ctx, org)
		r.readTokenSection(ctx, org)
		if err := r.patientIn(ctx, org, &People{ByID: map[string]OrgUser{}}); err != nil && r.look.Patient != nil {
			lose(&r.look.Patient.User, reason(err))
		}
	}
	why := "An upgrade is under way, and Connect does not sign in to the org beside it."
	if !q.OrgBlind {
		why = r.ownOrg(ctx, orgDown, all)
	}
	if why != "" {
		r.lostOrg(why)
	}
	if why := r.lentOrg(ctx, all); why != "" {
		r.lostOrg(why)
	}
	r.look.orgCalls, r.look.tenantCalls = int(calls.org.Load()), int(calls.tenant.Load())
	return r.look, ctx.Err()
}

// CallsMade are how many calls the look made.
func (l *Look) CallsMade() (org, tenant int) { return l.orgCalls, l.tenantCalls }

// Judge makes one of Checks, by its id, on what was read: what it found, or why it could not be made.
func (l *Look) Judge(id string) Outcome {
	all := Checks()
	i := slices.IndexFunc(all, func(c Check) bool { return c.ID == id })
	if i < 0 {
		return unread("There is no check " + id + ".")
	}
	if !all[i].Applies(l.Link.Standing) {
		return Outcome{}
	}
	return all[i].Look(l)
}

// glanceOwn reads what Connect itself knows and the documents ask about.
func (r *reader) glanceOwn(ctx context.Context, own Own) error {
	account, err := own.Integration.Account(ctx, r.link)
	if err != nil && fault.CodeOf(err) != integration.CodeNotFound {
		return err
	}
	r.look.Integration = Got(account)
	offer, err := own.Migrations.Offer(ctx, r.link)
	if err != nil {
		return err
	}
	r.look.Migration = Got(offer)
	return nil
}

// readSets reads the four permission sets of document 001 and who has them, and, where the connection has no system user yet,
// which of them the one has who is to be him.
func (r *reader) readSets(ctx context.Context, org *crm.Session, named string) {
	k, n := r.look, r.link.Names()
	fetch(&k.Sets, func() (map[string]PermissionSet, error) {
		labels := append([]string{n.ApprovalSet}, n.PackageSets()...)
		rows, err := org.Query(ctx, "SELECT Id, Name, Label, NamespacePrefix FROM PermissionSet WHERE Label IN ("+literals(labels)+") LIMIT 20")
		if err != nil {
			return nil, err
		}
		sets := map[string]PermissionSet{}
		for _, row := range rows {
			if !meant(n, row) {
				continue
			}
			set := PermissionSet{ID: row.String("Id"), Name: row.String("Name"), Label: row.String("Label")}
			// Some of those who have it: in the order of names the org would read all of them first.
			who, err := org.Query(ctx, "SELECT Assignee.Username FROM PermissionSetAssignment WHERE PermissionSetId = "+crm.Literal(set.ID)+" AND Assignee.IsActive = TRUE LIMIT 21")
			if err != nil {
				return nil, err
			}
			for i, one := range who {
				if set.More = i == maxNamed; !set.More {
					set.Assigned = append(set.Assigned, one.Related("Assignee").String("Username"))
				}
			}
			slices.Sort(set.Assigned)
			if set.Label == n.ApprovalSet && len(set.Assigned) == 1 && r.link.Standing != link.OwnLink {
				if set.Without, err = r.without(ctx, org, set.ID); err != nil {
					return nil, err
				}
			}
			sets[set.Label] = set
		}
		return sets, nil
	})
	sets, why := k.Sets.Get()
	if why != "" || k.SystemSets.read {
		return
	}
	if named == "" && len(sets[n.SystemUserSet].Assigned) == 1 {
		named = sets[n.SystemUserSet].Assigned[0]
	}
	if named == "" {
		return
	}
	k.SystemName = named
	fetch(&k.SystemSets, func() ([]string, error) {
		return r.setsOf(ctx, org, "Assignee.Username = "+crm.Literal(named))
	})
}

// without are some of those who use the package and do not have a permission set.
func (r *reader) without(ctx context.Context, org *crm.Session, set string) ([]string, error) {
	n := r.link.Names()
	rows, err := org.Query(ctx, "SELECT Username FROM User WHERE IsActive = TRUE AND ("+n.UserBoxName()+" = TRUE OR "+n.AdminBoxName()+" = TRUE) AND Id NOT IN (SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId = "+
		crm.Literal(set)+") ORDER BY Username LIMIT 5")
	if fault.CodeOf(err) == client.CodeRefused { // before the package is installed there is no such box
		return nil, nil
	}
	names := make([]string, 0, len(rows))
	for _, row := range rows {
		names = append(names, row.String("Username"))
	}
	return names, err
}

// readTokenSection reads where the layout of users shows the mapping's token.
func (r *reader) readTokenSection(ctx context.Context, org *crm.Session) {
	fetch(&r.look.TokenSection, func() (string, error) {
		layout, err := org.ReadLayout(ctx, userLayout)
		if err != nil {
			return "", err
		}
		return layout.Shows(r.link.Names().TokenFieldName()), nil
	})
}

// checkEyes refuses sessions of other clouds than the connection's, and names that nobody can have.
func checkEyes(l link.Link, eyes Eyes) error {
	for field, name := range map[string]string{"system_user": eyes.SystemUser, "api_user": eyes.APIUser} {
		if name == "" {
			continue
		}
		if err := link.CheckUsername(name); err != nil {
			return fault.Of(err).In(field)
		}
	}
	for _, base := range []struct{ of, named string }{{l.CRMURL, eyes.OrgInstanceURL}, {l.AuthURL, eyes.TenantRESTURL}, {l.AuthURL, eyes.TenantSOAPURL}} {
		if base.named != "" && !client.SameSite(base.of, base.named) {
			return fault.New(fault.Invalid, CodeWrongEyes, "The session that was lent is of another cloud than this connection's.").In("sessions")
		}
	}
	return nil
}

// Among reports whether a user, by name, is among those who have the set; known is false where the list was cut before him.
func (p PermissionSet) Among(username string) (among, known bool) {
	among = slices.ContainsFunc(p.Assigned, func(name string) bool { return strings.EqualFold(name, username) })
	return among, among || !p.More
}
