package doctor

import (
	"context"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// readTenant reads the tenant as the API user and, what he does not see, through the session that was lent.
func (r *reader) readTenant(ctx context.Context, down error) {
	l, k := r.link, r.look
	all := func(tenant *engagement.Session) {
		if name, why := k.apiUsername(); why != "" {
			lose(&k.APIUser, why)
		} else {
			fetch(&k.APIUser, func() (engagement.UserDetails, error) { return tenant.UserDetails(ctx, name) })
		}
		fetch(&k.Units, func() ([]engagement.BusinessUnit, error) { return tenant.BusinessUnits(ctx) })
		fetch(&k.Members, func() ([]Member, error) { return members(ctx, tenant) })
		fetch(&k.Unnamed, func() ([]engagement.UserDetails, error) { return tenant.DetailsOf(ctx, k.unnamed()) })
		r.patientOut(ctx, tenant)
		if l.Tenant.Driver.KeepsSecrets() {
			lose(&k.Grants, "Users sign in with tokens that Connect keeps for them: whose permissions have changed since shows only when they are used.")
		} else {
			r.readGrants(ctx, tenant)
		}
		fetch(&k.Tenant, func() (map[string]any, error) { return tenant.Settings(ctx) })
		fetch(&k.Packages, func() ([]engagement.Package, error) { return tenant.Packages(ctx) })
		r.readVisits(ctx, tenant)
		fetch(&k.Definitions, func() ([]Definition, error) { return definitions(ctx, tenant) })
	}
	mine := r.ownTenant(ctx, down, all)
	if mine != "" && (r.link.Tenant.Username != "" || r.eyes.TenantToken == "") { // as readOrg
		r.lostTenant(mine)
	}
	if why := r.look.TenantDoor.why; why != "" { // as readOrg
		r.lostTenant(why)
	} else if why := r.lentTenant(ctx, all); why != "" {
		r.lostTenant(why)
	}
	if mine != "" {
		r.lostTenant(mine)
	}
}

// apiUsername is the API user's name, or why there is none to look at. Beside the package the connection's own user in
// Engagement is the one that a package of the customer's reads as, which says nothing of the vendor's.
func (l *Look) apiUsername() (name, why string) {
	switch {
	case l.APIName != "":
		return l.APIName, ""
	case l.Link.Standing == link.OwnLink:
		return "", "Under an own link the customer's installed package works as itself: there is no API user."
	case l.Link.Standing == link.BesidePackage:
		return "", "Which Engagement user the package works as Connect is not told: name him (`twinspan doctor --api-user`)."
	case l.Link.Tenant.Username == "":
		return "", tenantNotConnected(l.Link)
	}
	return l.Link.Tenant.Username, ""
}

// readGrants reads the standing grants of Connect's package.
func (r *reader) readGrants(ctx context.Context, tenant *engagement.Session) {
	fetch(&r.look.Grants, func() (map[string]engagement.Grant, error) {
		all, err := tenant.PackageGrants(ctx, r.link.PackageClientID)
		out := make(map[string]engagement.Grant, len(all))
		for _, g := range all {
			out[fold(g.Username)] = g
		}
		return out, err
	})
}

// lostTenant is lostOrg for the tenant.
func (r *reader) lostTenant(why string) {
	k := r.look
	lose(&k.APIUser, why)
	lose(&k.Units, why)
	lose(&k.Members, why)
	lose(&k.Unnamed, why)
	lose(&k.Grants, why)
	lose(&k.Tenant, why)
	lose(&k.Packages, why)
	lose(&k.Visits, why)
	lose(&k.Definitions, why)
	if k.Patient != nil {
		lose(&k.Patient.Engagement, why)
	}
}

// unnamed are the names of Engagement users who are mapped and whose Salesforce.com Status names nobody, at most [maxSubjects].
func (l *Look) unnamed() []string {
	members, why := l.Members.Get()
	if why != "" {
		return nil
	}
	named := make(map[string]bool, len(members))
	for _, m := range members {
		named[fold(m.Username)] = true
	}
	var out []string
	for _, m := range l.mapped() {
		if !named[fold(m.EngagementUser)] && !link.SameUsername(m.EngagementUser, l.Link.Tenant.Username) && len(out) < maxSubjects {
			out = append(out, m.EngagementUser)
		}
	}
	return out
}

// members are the Engagement users whose Salesforce.com Status is set, with the roles that they have everywhere.
func members(ctx context.Context, tenant *engagement.Session) ([]Member, error) {
	all, err := tenant.IntegratedDetails(ctx)
	out := make([]Member, len(all))
	for i, d := range all {
		u := d.AccountUser
		u.SalesforceUsername = d.SalesforceUsername
		out[i] = Member{AccountUser: u, Locked: d.Locked, MustChange: d.MustChange, Roles: d.Roles}
	}
	return out, err
}

// definitions are what sends when asked, by key: REST tells of some, SOAP of all.
func definitions(ctx context.Context, tenant *engagement.Session) ([]Definition, error) {
	triggered, err := tenant.TriggeredSends(ctx)
	if err != nil {
		return nil, err
	}
	transactional, err := tenant.Definitions(ctx)
	out := make([]Definition, 0, len(triggered))
	seen := map[string]bool{}
	for _, d := range transactional {
		out, seen[strings.ToLower(d.Key)] = append(out, Definition{d.Key, d.Name, d.Status}), true
	}
	for _, d := range triggered {
		if !seen[strings.ToLower(d.Key)] {
			out = append(out, Definition{d.Key, d.Name, d.Status})
		}
	}
	return out, err
}
