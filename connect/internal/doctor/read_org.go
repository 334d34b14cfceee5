package doctor

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// readOrg reads the org as the system user and, what he does not see, through the session that was lent. Where neither
// sees anything, why is remembered for everything of it.
func (r *reader) readOrg(ctx context.Context, down error) {
	all := func(org *crm.Session) {
		fetch(&r.look.Package, func() (link.Package, error) { return link.InstalledPackage(ctx, org, r.link.Names().Namespace) })
		r.readApp(ctx, org)
		r.readSystemUser(ctx, org)
		r.readPeople(ctx, org)
		r.readLogins(ctx, org)
		r.readSetup(ctx, org)
		r.readPackage(ctx, org)
	}
	own := func(org *crm.Session) {
		r.own = true
		all(org)
		r.own = false
	}
	if why := r.ownOrg(ctx, down, own); why != "" {
		r.lostOrg(why)
	}
	if why := r.lentOrg(ctx, all); why != "" {
		r.lostOrg(why)
	}
}

// codeNotTold: no API tells what was asked.
const codeNotTold fault.Code = "not_told"

// lostOrg remembers why the org was not read, where nothing says so yet.
func (r *reader) lostOrg(why string) {
	k := r.look
	lose(&k.Package, why)
	lose(&k.App, why)
	lose(&k.AppOfOrg, why)
	lose(&k.Carriers, why)
	lose(&k.SystemUser, why)
	lose(&k.SystemSets, why)
	lose(&k.People, why)
	lose(&k.Logins, why)
	lose(&k.Refused, why)
	lose(&k.Limits, why)
	lose(&k.Settings, why)
	lose(&k.LoginRules, why)
	lose(&k.Sites, why)
	lose(&k.Senders, why)
	lose(&k.OrgUnits, why)
	lose(&k.PackageConf, why)
	lose(&k.Sandbox, why)
	lose(&k.Sets, why)
	lose(&k.TokenSection, why)
	if k.Patient != nil {
		lose(&k.Patient.User, why)
		lose(&k.Patient.Logins, why)
		lose(&k.Patient.Rules, why)
	}
}

func lose[T any](into *Read[T], why string) {
	if !into.read && into.why == "" {
		*into = Lost[T](why)
	}
}

func (r *reader) readApp(ctx context.Context, org *crm.Session) {
	l, k := r.link, r.look
	fetch(&k.App, func() (App, error) {
		apps, err := org.ReadConnectedApps(ctx, l.Names().AppFullNames()...)
		if err != nil {
			return App{}, err
		}
		rows, err := org.Query(ctx, "SELECT Id, Name FROM ConnectedApplication WHERE Name = "+crm.Literal(l.ConnectedApp)+" LIMIT 1")
		if err != nil {
			return App{}, err
		}
		var a App
		for _, one := range apps {
			if !a.Exists || one.ConsumerKey == l.ConsumerKey {
				a.Exists, a.ConnectedApp = true, one
			}
		}
		if !a.Exists && len(rows) == 0 && l.Standing == link.OwnLink && l.Org.State == link.SpanUp {
			return App{}, fault.New(fault.Unavailable, codeNotTold, "Neither SOQL nor the Metadata API's ConnectedApp tells of an external client app; that the system user is let in shows that it is there. See Setup > External Client App Manager.")
		}
		if len(rows) > 0 {
			a.ID = rows[0].String("Id")
		}
		return a, nil
	})
	a, why := k.App.Get()
	switch {
	case why != "":
		lose(&k.Carriers, why)
	case a.ID == "":
		lose(&k.Carriers, "The org has no connected app "+l.ConnectedApp+".")
	default:
		fetch(&k.Carriers, func() ([]Carrier, error) {
			rows, err := org.Query(ctx, "SELECT ParentId, Parent.Label, Parent.IsOwnedByProfile FROM SetupEntityAccess WHERE SetupEntityId = "+crm.Literal(a.ID)+" LIMIT 200")
			out := make([]Carrier, 0, len(rows))
			for _, row := range rows {
				p := row.Related("Parent")
				out = append(out, Carrier{row.String("ParentId"), p.String("Label"), p.Bool("IsOwnedByProfile")})
			}
			return out, err
		})
	}
	if l.Standing == link.Embedded {
		fetch(&k.AppOfOrg, func() (crm.App, error) { return org.App(ctx, or(a.FullName, l.Names().AppFullNames()[0])) })
	} else {
		lose(&k.AppOfOrg, "No API of a real org tells it: see Setup > Apps > Connected Apps > Connected Apps OAuth Usage.")
	}
}

// userFields are the fields of a user that the checks want.
func (r *reader) userFields() string {
	n := r.link.Names()
	fields := "Id, Username, Name, IsActive, ProfileId, Profile.Name, Profile.UserLicense.Name, UserPermissionsMarketingUser, LastLoginDate, LastPasswordChangeDate, " + n.UserBoxName() + ", " + n.AdminBoxName()
	if r.look.release().TokenInField() {
		fields += ", " + n.TokenFieldName()
	}
	return fields
}

func (r *reader) orgUser(row crm.Record) OrgUser {
	n := r.link.Names()
	p := row.Related("Profile")
	return OrgUser{
		ID: row.String("Id"), Username: row.String("Username"), Name: row.String("Name"), Active: row.Bool("IsActive"), Profile: p.String("Name"), ProfileID: row.String("ProfileId"),
		Licence: p.Related("UserLicense").String("Name"), Marketing: row.Bool("UserPermissionsMarketingUser"), User: row.Bool(n.UserBoxName()), Admin: row.Bool(n.AdminBoxName()),
		Token: row.String(n.TokenFieldName()), Approved: true, LastPasswordChange: row.Time("LastPasswordChangeDate"), Logged: row.Time("LastLoginDate"),
	}
}

func (r *reader) readSystemUser(ctx context.Context, org *crm.Session) {
	l, k := r.link, r.look
	if l.Org.UserID == "" {
		why := notConnected("org", "system user")
		lose(&k.SystemUser, why)
		lose(&k.SystemSets, why)
		lose(&k.LoginRules, why)
		return
	}
	fetch(&k.SystemUser, func() (OrgUser, error) {
		rows, err := org.Query(ctx, "SELECT "+r.userFields()+" FROM User WHERE Id = "+crm.Literal(l.Org.UserID))
		if err != nil || len(rows) == 0 {
			return OrgUser{}, err
		}
		u := r.orgUser(rows[0])
		logins, err := org.Query(ctx, "SELECT IsFrozen, IsPasswordLocked FROM UserLogin WHERE UserId = "+crm.Literal(u.ID))
		for _, row := range logins {
			u.Frozen, u.Locked = row.Bool("IsFrozen"), row.Bool("IsPasswordLocked")
		}
		return u, err
	})
	fetch(&k.SystemSets, func() ([]string, error) {
		rows, err := org.Query(ctx, "SELECT PermissionSet.Label, PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = "+crm.Literal(l.Org.UserID)+" LIMIT 500")
		sets := make([]string, 0, len(rows))
		for _, row := range rows {
			sets = append(sets, row.Related("PermissionSet").String("Label"))
		}
		return sets, err
	})
	u, why := k.SystemUser.Get()
	if why != "" {
		lose(&k.LoginRules, why)
		return
	}
	fetch(&k.LoginRules, func() (crm.LoginRules, error) { return org.ProfileLogin(ctx, u.Profile) })
}

// atOnce is how many ids stand in one query.
const atOnce = 400

func (r *reader) readPeople(ctx context.Context, org *crm.Session) {
	l, k := r.link, r.look
	mappings, _ := k.Mappings.Get()
	fetch(&k.People, func() (People, error) {
		p := People{ByID: map[string]OrgUser{}, Gone: map[string]bool{}}
		boxes := r.link.Names().UserBoxName() + " = TRUE OR " + r.link.Names().AdminBoxName() + " = TRUE"
		rows, err := org.Query(ctx, "SELECT "+r.userFields()+" FROM User WHERE "+boxes+" ORDER BY Username LIMIT "+strconv.Itoa(maxPeople+1))
		if err != nil {
			return p, err
		}
		p.Cut = len(rows) > maxPeople
		for _, row := range rows {
			u := r.orgUser(row)
			p.ByID[u.ID] = u
		}
		// Who is mapped and has no box is not among them.
		var others []string
		for _, m := range mappings {
			if _, there := p.ByID[m.CRMUserID]; !there {
				others = append(others, m.CRMUserID)
			}
		}
		p.Cut = p.Cut || len(others) > atOnce
		others = others[:min(len(others), atOnce)]
		among := ""
		if len(others) > 0 {
			among = " OR Id IN (" + literals(others) + ")"
			if rows, err = org.Query(ctx, "SELECT "+r.userFields()+" FROM User WHERE Id IN ("+literals(others)+")"); err != nil {
				return p, err
			}
			for _, id := range others {
				p.Gone[id] = true
			}
			for _, row := range rows {
				u := r.orgUser(row)
				p.ByID[u.ID] = u
				delete(p.Gone, u.ID)
			}
		}
		if err := r.patientIn(ctx, org, &p); err != nil {
			return p, err
		}
		if k.Patient != nil {
			if u, why := k.Patient.User.Get(); why == "" && u.ID != "" {
				among += " OR Id = " + crm.Literal(u.ID)
			}
		}
		if rows, err = org.Query(ctx, "SELECT UserId, IsFrozen, IsPasswordLocked FROM UserLogin WHERE IsFrozen = TRUE OR IsPasswordLocked = TRUE LIMIT 2000"); err != nil {
			return p, err
		}
		for _, row := range rows {
			if u, there := p.ByID[row.String("UserId")]; there {
				u.Frozen, u.Locked = row.Bool("IsFrozen"), row.Bool("IsPasswordLocked")
				p.ByID[u.ID] = u
			}
		}
		return p, r.readApprovals(ctx, org, &p, "("+boxes+" OR Id = "+crm.Literal(or(l.Org.UserID, "005000000000000AAA"))+among+")")
	})
}

func literals(ids []string) string {
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = crm.Literal(id)
	}
	return strings.Join(quoted, ", ")
}

// readApprovals finds which of the people no permission set and no profile approves for the app.
func (r *reader) readApprovals(ctx context.Context, org *crm.Session, p *People, who string) error {
	carriers, why := r.look.Carriers.Get()
	if why != "" {
		return nil // the checks say so
	}
	where := who
	if len(carriers) > 0 {
		sets := make([]string, len(carriers))
		for i, c := range carriers {
			sets[i] = c.SetID
		}
		where += " AND Id NOT IN (SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId IN (" + literals(sets) + "))"
	}
	rows, err := org.Query(ctx, "SELECT Id FROM User WHERE "+where+" LIMIT 2000")
	for _, row := range rows {
		id := row.String("Id")
		if u, there := p.ByID[id]; there {
			u.Approved = false
			p.ByID[id] = u
		}
		if u, why := r.look.SystemUser.Get(); why == "" && u.ID == id {
			u.Approved = false
			r.look.SystemUser = Got(u)
		}
	}
	return err
}

func (r *reader) readLogins(ctx context.Context, org *crm.Session) {
	k := r.look
	const fields = "SELECT Id, UserId, LoginTime, LoginType, LoginSubType, Status, Application, SourceIp FROM LoginHistory "
	people, _ := k.People.Get()
	read := func(rest string) ([]LoginRow, error) {
		rows, err := org.Query(ctx, fields+rest)
		out := make([]LoginRow, 0, len(rows))
		for _, row := range rows {
			id := row.String("UserId")
			out = append(out, LoginRow{
				UserID: id, Username: people.ByID[id].Username, Status: row.String("Status"), Type: row.String("LoginType"), SubType: row.String("LoginSubType"), Application: row.String("Application"),
				Address: row.String("SourceIp"), At: row.Time("LoginTime"),
			})
		}
		return out, err
	}
	r.patientLogins(ctx, org, read)
	if r.link.Org.UserID == "" {
		lose(&k.Logins, notConnected("org", "system user"))
	} else {
		fetch(&k.Logins, func() ([]LoginRow, error) {
			return read("WHERE UserId = " + crm.Literal(r.link.Org.UserID) + " ORDER BY LoginTime DESC LIMIT 100")
		})
	}
	fetch(&k.Refused, func() ([]LoginRow, error) {
		all, err := read("WHERE LoginTime > " + k.Now.Add(-24*time.Hour).Format("2006-01-02T15:04:05Z") + " ORDER BY LoginTime DESC LIMIT 2000")
		newest, out := map[string]bool{}, []LoginRow{}
		for _, row := range all {
			if row.Application != r.link.ConnectedApp || newest[row.UserID] {
				continue
			}
			if newest[row.UserID] = true; row.Status == notApproved {
				out = append(out, row)
			}
		}
		return out, err
	})
}

// notApproved is the Status of Login History that document 003 and connect-facts 5.4 name.
const notApproved = "Failed: Not approved for access"

func (r *reader) readSetup(ctx context.Context, org *crm.Session) {
	k := r.look
	fetch(&k.Limits, func() (crm.Limits, error) { return org.Limits(ctx) })
	r.readSettings(ctx, org)
	fetch(&k.Sites, func() ([]Site, error) {
		rows, err := org.ToolingQuery(ctx, "SELECT Id, SiteName, EndpointUrl, IsActive FROM RemoteProxy LIMIT 1000")
		out := make([]Site, 0, len(rows))
		for _, row := range rows {
			out = append(out, Site{row.String("SiteName"), row.String("EndpointUrl"), row.Bool("IsActive")})
		}
		return out, err
	})
	fetch(&k.Senders, func() ([]Sender, error) {
		var out []Sender
		rows, err := org.Query(ctx, "SELECT Id, Address, Purpose, IsVerified FROM OrgWideEmailAddress LIMIT 500")
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			out = append(out, Sender{Name: row.String("Address"), Purpose: row.String("Purpose"), Verified: row.Bool("IsVerified")})
		}
		rows, err = org.ToolingQuery(ctx, "SELECT Id, DomainName, IsDomainOwnershipVerified FROM AuthorizedEmailDomain LIMIT 500")
		for _, row := range rows {
			out = append(out, Sender{Name: row.String("DomainName"), Domain: true, Verified: row.Bool("IsDomainOwnershipVerified")})
		}
		return out, err
	})
	fetch(&k.Sandbox, func() (bool, error) {
		rows, err := org.Query(ctx, "SELECT Id, IsSandbox FROM Organization LIMIT 1")
		return err == nil && len(rows) > 0 && rows[0].Bool("IsSandbox"), err
	})
}

func (r *reader) readSettings(ctx context.Context, org *crm.Session) {
	fetch(&r.look.Settings, func() (map[string]string, error) {
		all, err := org.ReadSettings(ctx)
		out := map[string]string{}
		for _, s := range all {
			out[s.Type+"."+s.Path] = s.Value
		}
		return out, err
	})
}

// hidden says why what the system user sees of the package's records says nothing: where he is no administrator, rows and fields
// are kept from him without a word. nil where he sees them.
func (r *reader) hidden() error {
	if u, why := r.look.SystemUser.Get(); r.own && (why != "" || u.ID != "" && u.Profile != "System Administrator") { // or may not even see who he is
		return fault.New(fault.Denied, client.CodeRefused, "The system user %s is no System Administrator (D10), and may not see the package's records.", r.link.Org.Username)
	}
	return nil
}

func (r *reader) readPackage(ctx context.Context, org *crm.Session) {
	k, n := r.look, r.link.Names()
	q := func(name string) string { return n.Of(name + "__c") }
	fetch(&k.OrgUnits, func() ([]OrgUnit, error) {
		if err := r.hidden(); err != nil {
			return nil, err
		}
		rows, err := org.Query(ctx, "SELECT Id, Name, "+n.UnitMID()+", "+n.UnitEnabled()+", "+n.UnitSaved()+" FROM "+n.UnitObject()+" LIMIT 2000")
		out := make([]OrgUnit, 0, len(rows))
		for _, row := range rows {
			mid, bad := strconv.ParseInt(row.String(n.UnitMID()), 10, 64)
			out = append(out, OrgUnit{MID: mid, Name: or(row.String("Name"), row.String(n.UnitMID())), Enabled: row.Bool(n.UnitEnabled()), Saved: row.Bool(n.UnitSaved()), Invalid: bad != nil})
		}
		return out, err
	})
	fetch(&k.PackageConf, func() (PackageConf, error) {
		fields := []string{"Id", q("Username"), q("Password"), q("Parent_Account_MID")}
		if !r.look.release().Before(link.TenantOAuthSince) {
			fields = append(fields, q("Auth_API_URL"), q("Root_Rest_API_URL"), q("Root_SOAP_API_URL"))
		}
		var c PackageConf
		if err := r.hidden(); err != nil {
			return c, err
		}
		rows, err := org.Query(ctx, "SELECT "+strings.Join(fields, ", ")+" FROM "+n.Of(n.Configuration)+" LIMIT 1")
		if err != nil {
			return c, err
		}
		for _, row := range rows {
			c = PackageConf{
				Exists: true, Username: row.String(q("Username")), Password: row.String(q("Password")) != "", ParentMID: row.String(q("Parent_Account_MID")),
				Auth: row.String(q("Auth_API_URL")), REST: row.String(q("Root_Rest_API_URL")), SOAP: row.String(q("Root_SOAP_API_URL")),
				HasSetting: slices.Contains(fields, q("Auth_API_URL")),
			}
		}
		rows, err = org.Query(ctx, "SELECT Id, "+q("Remote_Site_Setting_Added")+" FROM "+q("ET4AE_Config")+" LIMIT 1")
		for _, row := range rows {
			c.SiteAdded = row.Bool(q("Remote_Site_Setting_Added"))
		}
		return c, err
	})
}
