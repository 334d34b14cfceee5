package doctor

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

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
		r.readHolders(ctx, org)
		r.readPeople(ctx, org)
		r.readLogins(ctx, org)
		r.readSelfAuthorized(ctx, org)
		r.readSetup(ctx, org)
		r.readPackage(ctx, org)
	}
	own := func(org *crm.Session) {
		r.own = true
		all(org)
		r.own = false
	}
	mine := r.ownOrg(ctx, down, own)
	if mine != "" && (r.link.Org.Username != "" || r.eyes.OrgToken == "") {
		r.lostOrg(mine)
	}
	if why := r.look.OrgDoor.why; why != "" { // whoever lends his eyes gets no answer either
		r.lostOrg(why)
	} else if why := r.lentOrg(ctx, all); why != "" {
		r.lostOrg(why)
	}
	if mine != "" { // which says less than what the lent session met, where nobody is connected
		r.lostOrg(mine)
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
	lose(&k.Holders, why)
	lose(&k.SelfAuthorized, why)
	lose(&k.SystemUser, why)
	lose(&k.SystemSets, why)
	lose(&k.People, why)
	lose(&k.Logins, why)
	lose(&k.Day, why)
	lose(&k.Sessions, why)
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
		rows, err := org.Query(ctx, "SELECT Id, Name FROM ConnectedApplication WHERE Name = "+crm.Literal(l.ConnectedApp)+" LIMIT 2")
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
		if a.Namesakes = len(rows) > 1; a.Namesakes && l.Standing == link.Embedded { // our own org tells them apart
			one, err := org.App(ctx, a.FullName)
			if err != nil {
				return a, err
			}
			a.ID, a.Namesakes = one.ID, false
		}
		return a, nil
	})
	a, why := k.App.Get()
	switch {
	case why != "":
		lose(&k.Carriers, why)
	case a.Namesakes:
		lose(&k.Carriers, "The org has two apps of the label "+l.ConnectedApp+", and no API tells what carries which.")
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
	fields := "Id, Username, Name, IsActive, ProfileId, Profile.Name, Profile.UserLicense.Name, UserPermissionsMarketingUser, LastLoginDate, LastPasswordChangeDate"
	if r.link.Standing == link.OwnLink { // the boxes and the field are the package's
		return fields
	}
	fields += ", " + n.UserBoxName() + ", " + n.AdminBoxName()
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
	if l.Org.UserID == "" && k.SystemName == "" {
		why := orgNotConnected(l)
		if l.Standing == link.BesidePackage {
			why = "Which user of the org the package works as Connect is not told: name him (`twinspan doctor --system-user`)."
		}
		lose(&k.SystemUser, why)
		lose(&k.SystemSets, why)
		lose(&k.LoginRules, why)
		return
	}
	who := "Id = " + crm.Literal(l.Org.UserID)
	if k.SystemName != "" {
		who = "Username = " + crm.Literal(k.SystemName)
	}
	fetch(&k.SystemUser, func() (OrgUser, error) {
		rows, err := org.Query(ctx, "SELECT "+r.userFields()+" FROM User WHERE "+who+" LIMIT 1")
		if err != nil && r.own && client.Remote(err) != nil { // what hides the package's fields from him may be his profile
			if plain, plainErr := org.Query(ctx, "SELECT Id, Profile.Name, Profile.UserLicense.Name FROM User WHERE "+who+" LIMIT 1"); plainErr == nil && len(plain) == 1 {
				p := plain[0].Related("Profile")
				k.SystemProfile, k.SystemLicence = p.String("Name"), p.Related("UserLicense").String("Name")
			}
		}
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
		return r.setsOf(ctx, org, "AssigneeId = "+crm.Literal(or(k.systemID(), noID)))
	})
	u, why := k.SystemUser.Get()
	if why != "" {
		lose(&k.LoginRules, why)
		return
	}
	fetch(&k.LoginRules, func() (crm.LoginRules, error) { return org.ProfileLogin(ctx, u.Profile) })
}

// noID is an id that no user has.
const noID = "005000000000000AAA"

// mappedPeople are those whom an own link knows, all of them mapped, and whom the look is about: there is no box of the
// package's that says for whom the connection is.
func (r *reader) mappedPeople(ctx context.Context, org *crm.Session) (People, error) {
	p := People{ByID: map[string]OrgUser{}, Gone: map[string]bool{}}
	mappings, _ := r.look.Mappings.Get()
	var ids []string
	for _, m := range mappings {
		ids = append(ids, m.CRMUserID)
	}
	if p.Cut = len(ids) > maxOwnPeople; p.Cut {
		ids = ids[:maxOwnPeople]
	}
	for chunk := range slices.Chunk(ids, atOnce) {
		if err := r.readUsers(ctx, org, &p, chunk); err != nil {
			return p, err
		}
	}
	if err := r.patientIn(ctx, org, &p); err != nil {
		return p, err
	}
	if err := r.readShut(ctx, org, &p); err != nil {
		return p, err
	}
	carriers, why := r.look.Carriers.Get()
	if why != "" {
		return p, nil // the checks say so
	}
	approved := map[string]bool{}
	if len(carriers) > 0 {
		rows, err := org.Query(ctx, "SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId IN ("+setIDs(carriers)+") LIMIT "+strconv.Itoa(maxPeople+1))
		if err != nil {
			return p, err
		}
		if len(rows) > maxPeople { // who is beyond would pass for somebody whom nothing approves
			return p, fault.New(fault.Unavailable, codeNotTold, "More than %d users have what carries the app.", maxPeople)
		}
		for _, row := range rows {
			approved[row.String("AssigneeId")] = true
		}
	}
	for id, u := range p.ByID {
		u.Approved = approved[id]
		p.ByID[id] = u
	}
	if u, why := r.look.SystemUser.Get(); why == "" && u.ID != "" {
		u.Approved = approved[u.ID]
		r.look.SystemUser = Got(u)
	}
	return p, nil
}

// readUsers reads users by id, at most atOnce; whom the org does not have is Gone.
func (r *reader) readUsers(ctx context.Context, org *crm.Session, p *People, ids []string) error {
	rows, err := org.Query(ctx, "SELECT "+r.userFields()+" FROM User WHERE Id IN ("+literals(ids)+")")
	if err != nil {
		return err
	}
	for _, id := range ids {
		p.Gone[id] = true
	}
	for _, row := range rows {
		u := r.orgUser(row)
		p.ByID[u.ID] = u
		delete(p.Gone, u.ID)
	}
	return nil
}

// readShut reads who is frozen or locked.
func (r *reader) readShut(ctx context.Context, org *crm.Session, p *People) error {
	rows, err := org.Query(ctx, "SELECT UserId, IsFrozen, IsPasswordLocked FROM UserLogin WHERE IsFrozen = TRUE OR IsPasswordLocked = TRUE LIMIT "+strconv.Itoa(maxPeople+1))
	p.Cut = p.Cut || len(rows) > maxPeople
	for _, row := range rows {
		if u, there := p.ByID[row.String("UserId")]; there {
			u.Frozen, u.Locked = row.Bool("IsFrozen"), row.Bool("IsPasswordLocked")
			p.ByID[u.ID] = u
		}
	}
	return err
}

// setIDs are the ids of the carriers' permission sets, as a query has them.
func setIDs(carriers []Carrier) string {
	ids := make([]string, len(carriers))
	for i, c := range carriers {
		ids[i] = c.SetID
	}
	return literals(ids)
}

// readHolders reads who holds refresh tokens of the app.
func (r *reader) readHolders(ctx context.Context, org *crm.Session) {
	fetch(&r.look.Holders, func() ([]string, error) {
		if err := r.hidden(); err != nil { // who administers nothing sees his own alone
			return nil, err
		}
		rows, err := org.Query(ctx, "SELECT UserId, AppName FROM OauthToken WHERE AppName = "+crm.Literal(r.link.ConnectedApp)+" LIMIT 500")
		ids := make([]string, 0, len(rows))
		for _, row := range rows {
			ids = append(ids, row.String("UserId"))
		}
		return ids, err
	})
}

// readSelfAuthorized reads who would be shut out if the app asked for an administrator's approval: whoever has authorized it or holds a
// refresh token, and who signed in through it in the last day, which is all that shows of an authorization without either.
func (r *reader) readSelfAuthorized(ctx context.Context, org *crm.Session) {
	k := r.look
	app, why := k.App.Get()
	holders, holdersWhy := k.Holders.Get()
	rows, dayWhy := k.Day.Get()
	carriers, carriersWhy := k.Carriers.Get()
	if why == "" && (!app.Exists || app.AdminApproved) {
		return // nobody asks
	}
	if why := cmp.Or(why, holdersWhy, dayWhy, carriersWhy); why != "" {
		lose(&k.SelfAuthorized, why)
		return
	}
	fetch(&k.SelfAuthorized, func() ([]string, error) {
		ids := slices.Clone(holders)
		for _, row := range rows {
			if row.app(r.link) && row.Status == statusSuccess && row.SubType != subtypeJWT { // by key comes who is approved, or holds a refresh token
				ids = append(ids, row.UserID)
			}
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		switch {
		case len(ids) == 0:
			return []string{}, nil
		case len(ids) > atOnce: // who is beyond would not be told of
			return nil, fault.New(fault.Unavailable, codeNotTold, "More than %d users come through the app.", atOnce)
		}
		where := "IsActive = TRUE AND Id IN (" + literals(ids) + ")"
		if len(carriers) > 0 {
			where += " AND Id NOT IN (SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId IN (" + setIDs(carriers) + "))"
		}
		found, err := org.Query(ctx, "SELECT Username FROM User WHERE "+where+" ORDER BY Username")
		names := make([]string, len(found))
		for i, row := range found {
			names[i] = row.String("Username")
		}
		return names, err
	})
}

// atOnce is how many ids stand in one query.
const atOnce = 400

func (r *reader) readPeople(ctx context.Context, org *crm.Session) {
	k := r.look
	mappings, _ := k.Mappings.Get()
	if r.link.Standing == link.OwnLink {
		fetch(&k.People, func() (People, error) { return r.mappedPeople(ctx, org) })
		return
	}
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
			if err := r.readUsers(ctx, org, &p, others); err != nil {
				return p, err
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
		if err := r.readShut(ctx, org, &p); err != nil {
			return p, err
		}
		return p, r.readApprovals(ctx, org, &p, "("+boxes+" OR Id = "+crm.Literal(or(k.systemID(), noID))+among+")")
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
		where += " AND Id NOT IN (SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId IN (" + setIDs(carriers) + "))"
	}
	rows, err := org.Query(ctx, "SELECT Id FROM User WHERE "+where+" LIMIT "+strconv.Itoa(maxPeople+1))
	p.Cut = p.Cut || len(rows) > maxPeople
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
		if err != nil || !slices.ContainsFunc(out, func(s Sender) bool { return s.noReply() && !proven(out, s.domain()) }) {
			return out, err
		}
		rows, err = org.Query(ctx, "SELECT Id, Domain, DomainMatch FROM EmailDomainKey WHERE IsActive = TRUE LIMIT 500")
		if remote := client.Remote(err); remote != nil && remote.Code == "INVALID_TYPE" { // our own org has no DKIM keys, and who may not see them is told the same
			return out, nil
		}
		for _, row := range rows {
			out = append(out, Sender{Name: row.String("Domain"), Purpose: row.String("DomainMatch"), Domain: true, Verified: true})
		}
		return out, err
	})
	fetch(&k.Sandbox, func() (bool, error) {
		rows, err := org.Query(ctx, sandboxQuery)
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
	if u, why := r.look.SystemUser.Get(); r.own && (why != "" || u.ID != "" && (u.Profile != "System Administrator" || u.ID != r.link.Org.UserID)) { // or may not even see who he is
		return fault.New(fault.Denied, client.CodeRefused, "The system user %s is no System Administrator (D10), and may not see the package's records.", r.link.Org.Username)
	}
	return nil
}

func (r *reader) readPackage(ctx context.Context, org *crm.Session) {
	k, n := r.look, r.link.Names()
	if r.link.Standing == link.OwnLink {
		const why = "Under an own link there is no managed package."
		lose(&k.OrgUnits, why)
		lose(&k.PackageConf, why)
		return
	}
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

// meant reports whether a row of PermissionSet is the set that its label names here: the package's sets stand in the package's
// namespace, and anybody may give a set of his own the same label.
func meant(n link.Names, set crm.Record) bool {
	return !slices.Contains(link.StandardNames().PackageSets(), set.String("Label")) || strings.EqualFold(set.String("NamespacePrefix"), n.Namespace)
}

// setsOf are the labels of the permission sets of some assignments. Where one of the package's is not among them, the API names of
// the package's are read besides: by them a command finds a set whatever else has its label.
func (r *reader) setsOf(ctx context.Context, org *crm.Session, where string) ([]string, error) {
	k, n := r.look, r.link.Names()
	rows, err := org.Query(ctx, "SELECT PermissionSet.Label, PermissionSet.NamespacePrefix, PermissionSetId FROM PermissionSetAssignment WHERE "+where+" LIMIT 500")
	if err != nil {
		return nil, err
	}
	sets := make([]string, 0, len(rows))
	k.SetNames, k.Namesakes = map[string]string{}, nil
	for _, row := range rows {
		if set := row.Related("PermissionSet"); meant(n, set) {
			sets = append(sets, set.String("Label"))
		} else {
			k.Namesakes = append(k.Namesakes, set.String("Label"))
		}
	}
	if r.link.Standing == link.OwnLink || !slices.ContainsFunc(n.PackageSets(), func(label string) bool { return !slices.Contains(sets, label) }) {
		return sets, nil
	}
	rows, err = org.Query(ctx, "SELECT Name, Label, NamespacePrefix FROM PermissionSet WHERE Label IN ("+literals(n.PackageSets())+") LIMIT 20")
	for _, set := range rows {
		if name := set.String("Name"); meant(n, set) && set.String("NamespacePrefix") != "" {
			k.SetNames[set.String("Label")] = set.String("NamespacePrefix") + "__" + name
		}
	}
	return sets, err
}
