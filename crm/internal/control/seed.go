package control

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/org/packages"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/vault"
)

// Licences of a new org, each with how many there are; of the first as many as the org is made with users, where those
// are more. Five of the second come free with a real org (connect-facts 1.1).
var licences = []struct {
	name, key string
	total     int64
}{{"Salesforce", "SFDC", 1000}, {org.IntegrationLicense, "PID_Salesforce_Integration", 5}}

// standardProfile is a profile that a new org has.
type standardProfile struct {
	name, licence string
	permissions   []string
}

// standardProfiles are the profiles that a new org has.
var standardProfiles = []standardProfile{
	{org.AdministratorProfile, "Salesforce", org.AdministratorPermissions()},
	{org.StandardUserProfile, "Salesforce", org.StandardUserPermissions()},
	{org.IntegrationProfile, org.IntegrationLicense, org.IntegrationPermissions()},
}

// CodeBadSpec: the description of an org names what is not there, or lacks what must be.
const CodeBadSpec fault.Code = "bad_org_spec"

func badSpec(format string, args ...any) error {
	return fault.New(fault.Invalid, CodeBadSpec, format, args...)
}

// CreateOrg makes the org that the spec describes, in one transaction. An org whose id exists is left as it is.
func (c *Control) CreateOrg(ctx context.Context, spec org.Spec) error {
	id, err := org.ParseID(spec.ID)
	if err != nil || id.Prefix() != org.PrefixOrganization {
		return badSpec("%q is no org id", spec.ID)
	}
	if exists, err := c.Store.OrgExists(ctx, id); err != nil || exists {
		return err
	}
	p, err := c.plan(ctx, id, spec)
	if err != nil {
		return err
	}
	err = c.Store.WriteTx(ctx, func(tx *sqldb.Tx, records org.RecordTx) error { return p.write(tx, records) })
	if errors.Is(err, org.ErrTaken) {
		// Another process may have made the same org meanwhile.
		if exists, readErr := c.Store.OrgExists(ctx, id); readErr != nil || exists {
			return readErr
		}
		return fault.Wrap(err, fault.Conflict, CodeBadSpec, "org %s: its My Domain name or a consumer key is taken by another org", id)
	}
	if err != nil {
		return err
	}
	c.Changes.SetupChanged(id)
	return nil
}

// DeleteOrg takes an org away with everything in it; one that is not there already is none.
func (c *Control) DeleteOrg(ctx context.Context, id org.ID) error {
	if err := c.Store.DeleteOrg(ctx, id); err != nil {
		return err
	}
	c.Changes.SetupChanged(id)
	return c.readClocks(ctx)
}

// plan is a new org with everything made that a transaction must not wait for: ids, hashes.
type plan struct {
	control  *Control
	spec     org.Spec
	org      org.Org
	session  org.Session // of the administrator, in whose name it all is made
	schema   *org.Schema
	profiles map[string]org.ID // by name
	users    map[string]org.ID // by folded user name
	creds    []org.Credential
	apps     []org.ConnectedApp
	install  *org.Installation // nil where the org is to have no package
	appIDs   map[string]org.ID // by developer name
	sets     []org.ID
}

func (c *Control) plan(ctx context.Context, id org.ID, spec org.Spec) (*plan, error) {
	p := &plan{
		control: c, spec: spec,
		org:      org.Org{ID: id, Name: spec.Name, MyDomain: spec.MyDomain, Sandbox: spec.Sandbox, Settings: org.Settings{AllowUsernamePasswordFlow: spec.UsernamePasswordFlow, DailyAPIRequests: spec.DailyAPIRequests}},
		profiles: map[string]org.ID{}, users: map[string]org.ID{}, appIDs: map[string]org.ID{},
	}
	for _, profile := range standardProfiles {
		p.profiles[profile.name] = org.NewID(org.PrefixProfile)
	}
	if p.org.Name == "" {
		p.org.Name = "Twinspan"
	}
	if p.org.MyDomain == "" {
		p.org.MyDomain = "org-" + strings.ToLower(id.Short())
	}
	if err := p.planPackage(); err != nil {
		return nil, err
	}
	if len(spec.Users) == 0 || spec.Users[0].Profile != org.AdministratorProfile {
		return nil, badSpec("the first user of an org must be there and have the profile %s", org.AdministratorProfile)
	}
	if err := p.planUsers(ctx); err != nil {
		return nil, err
	}
	if err := p.planApps(); err != nil {
		return nil, err
	}
	for range p.spec.PermissionSets {
		p.sets = append(p.sets, org.NewID(org.PrefixPermissionSet))
	}
	return p, nil
}

func (p *plan) planUsers(ctx context.Context) error {
	if err := p.checkSeats(); err != nil {
		return err
	}
	for i, u := range p.spec.Users {
		key := org.Fold(u.Username)
		if _, twice := p.users[key]; twice {
			return badSpec("user %s comes twice", u.Username)
		}
		if _, ok := p.profiles[u.Profile]; !ok {
			return badSpec("user %s: no profile is called %q", u.Username, u.Profile)
		}
		id := org.NewID(org.PrefixUser)
		p.users[key] = id
		if i == 0 {
			p.session = org.Session{Org: p.org.ID, User: id, Package: p.org.Package}
		}
		switch {
		case u.PasswordHash != "":
			p.creds = append(p.creds, org.NewCredential(p.org.ID, id, u.PasswordHash, u.SecurityToken, time.Time{})) // the time is write's
		case u.Password != "":
			cred, err := org.HashCredential(ctx, p.org.ID, id, u.Password, u.SecurityToken, time.Time{})
			if err != nil {
				return err
			}
			p.creds = append(p.creds, cred)
		}
	}
	return nil
}

// checkSeats counts the users of each licence; of the first there are as many as are needed.
func (p *plan) checkSeats() error {
	used := map[string]int64{}
	for _, u := range p.spec.Users {
		for _, profile := range standardProfiles {
			if profile.name == u.Profile {
				used[profile.licence]++
			}
		}
	}
	for _, l := range licences[1:] {
		if used[l.name] > l.total {
			return fault.New(fault.Invalid, org.CodeLicenseLimit, "License Limit Exceeded: %d users of the %d of %s", used[l.name], l.total, l.name)
		}
	}
	return nil
}

func emailOf(u org.UserSpec) string {
	if u.Email != "" {
		return u.Email
	}
	return u.Username
}

func (p *plan) planApps() error {
	for _, s := range p.spec.ConnectedApps {
		a := org.ConnectedApp{
			Org: p.org.ID, ID: org.NewID(org.PrefixConnectedApplication), Name: s.Name, DeveloperName: s.DeveloperName, Namespace: s.Namespace,
			ContactEmail: s.ContactEmail, ConsumerKey: s.ConsumerKey, CallbackURLs: s.CallbackURLs, StartURL: s.StartURL, Scopes: s.Scopes, Certificate: s.Certificate,
			AdminApproved: s.AdminApproved, PKCERequired: s.PKCERequired, SecretOptional: s.SecretOptional,
			SecretRequiredForRefresh: s.Secret != "" && !s.SecretOptional, Installed: true,
			IPRelaxation: org.IPEnforce, RefreshTokenPolicy: org.RefreshInfinite, Flows: s.Flows,
		}
		var err error
		if s.IPRelaxation != "" {
			if a.IPRelaxation, err = org.ParseIPRelaxation(s.IPRelaxation); err != nil {
				return badSpec("connected app %s: %v", s.Name, err)
			}
		}
		if s.RefreshTokenPolicy != "" {
			if a.RefreshTokenPolicy, err = org.ParseRefreshTokenPolicy(s.RefreshTokenPolicy); err != nil {
				return badSpec("connected app %s: %v", s.Name, err)
			}
		}
		for _, u := range s.CallbackURLs {
			if err = oauth.CheckRedirect(u); err != nil {
				return badSpec("connected app %s: callback URL %s: %v", s.Name, u, err)
			}
		}
		if s.Certificate != "" {
			if _, err = oauth.ParseCertificate(s.Certificate); err != nil {
				return badSpec("connected app %s: %v", s.Name, err)
			}
		}
		if a.DeveloperName == "" {
			a.DeveloperName = org.APIName(s.Name)
		}
		if !org.ValidAPIName(a.DeveloperName) {
			return badSpec("connected app %q has no valid API name", s.Name)
		}
		if a.ConsumerKey == "" {
			a.ConsumerKey = "3MVG9" + oauth.NewToken(60)
		}
		if a.ContactEmail == "" {
			a.ContactEmail = emailOf(p.spec.Users[0])
		}
		if s.Secret != "" {
			a.SecretHash = vault.HashToken(s.Secret.Reveal())
		}
		if s.ClientCredentialsUser != "" {
			user, ok := p.users[org.Fold(s.ClientCredentialsUser)]
			if !ok {
				return badSpec("connected app %s: no user is called %s", s.Name, s.ClientCredentialsUser)
			}
			a.ClientCredentials, a.ClientCredentialsUser = true, user
		}
		if _, twice := p.appIDs[a.DeveloperName]; twice {
			return badSpec("connected app %s comes twice", a.DeveloperName)
		}
		p.appIDs[a.DeveloperName] = a.ID
		if a.Namespace == packages.Namespace {
			p.install.App = a
			continue
		}
		p.apps = append(p.apps, a)
	}
	if p.install != nil && p.install.App.ID == "" {
		p.install.App = org.NewPackageApp(p.org.ID, emailOf(p.spec.Users[0]))
		p.appIDs[p.install.App.DeveloperName] = p.install.App.ID
	}
	return nil
}

func (p *plan) write(tx *sqldb.Tx, records org.RecordTx) error {
	at := p.control.Clock.Now(string(p.org.ID))
	if err := sqlstore.InsertOrg(tx, p.org, p.session.User, at); err != nil {
		return err
	}
	if err := p.writeProfiles(records, at); err != nil {
		return err
	}
	if p.install != nil {
		if err := org.InstallPackage(records, p.org.ID, p.session.User, *p.install, at); err != nil {
			return err
		}
	}
	for _, u := range p.spec.Users {
		if err := p.control.Records.CreateIn(records, p.session, org.ObjectUser, p.users[org.Fold(u.Username)], p.userValues(u)); err != nil {
			return err
		}
	}
	for _, c := range p.creds {
		c.PasswordChanged = at
		if err := sqlstore.PutCredential(tx, c); err != nil {
			return err
		}
	}
	for _, a := range p.apps {
		if err := sqlstore.InsertApp(tx, a, p.session.User, at); err != nil {
			return err
		}
	}
	for i, s := range p.spec.PermissionSets {
		if err := p.writeSet(records, p.sets[i], s); err != nil {
			return err
		}
	}
	for _, c := range p.spec.Contacts {
		err := p.control.Records.CreateIn(records, p.session, org.ObjectContact, org.NewID(org.PrefixContact), map[string]any{
			"FirstName": c.FirstName, "LastName": c.LastName, "Email": c.Email, "Phone": c.Phone,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeProfiles adds the licences and the profiles, each with the permission set that it owns.
func (p *plan) writeProfiles(records org.RecordTx, at time.Time) error {
	ids := map[string]string{}
	for i, l := range licences {
		if i == 0 {
			l.total = max(l.total, int64(len(p.spec.Users)))
		}
		ids[l.name] = string(org.NewID(org.PrefixUserLicense))
		err := records.Insert(p.schema.Object(org.ObjectUserLicense, org.Permissions{org.PermViewSetup: true}), p.org.ID, org.Values{
			"Id": ids[l.name], "LicenseDefinitionKey": l.key, "Name": l.name, "MasterLabel": l.name, "Status": "Active",
			"TotalLicenses": l.total, "CreatedDate": at, "LastModifiedDate": at, "SystemModstamp": at,
		})
		if err != nil {
			return err
		}
	}
	for _, profile := range standardProfiles {
		id := p.profiles[profile.name]
		values := org.Values{"Id": string(id), "Name": profile.name, "UserLicenseId": ids[profile.licence], "UserType": "Standard"}
		p.stamp(values, at)
		if err := records.Insert(p.schema.Object(org.ObjectProfile, nil), p.org.ID, values); err != nil {
			return err
		}
		own := "X" + id.Short()
		values = org.Values{
			"Id": string(org.NewID(org.PrefixPermissionSet)), "Name": own, "Label": own, "ProfileId": string(id), "IsOwnedByProfile": true,
			"IsCustom": true, "HasActivationRequired": false, "Type": "Profile",
		}
		for _, perm := range profile.permissions {
			values["Permissions"+perm] = true
		}
		p.stamp(values, at)
		if err := records.Insert(p.schema.Object(org.ObjectPermissionSet, nil), p.org.ID, values); err != nil {
			return err
		}
		if err := p.writeAccess(records, profile.name, values.Text("Id"), at); err != nil {
			return err
		}
	}
	return nil
}

// writeAccess adds what the set that a profile owns allows of objects.
func (p *plan) writeAccess(records org.RecordTx, profile, set string, at time.Time) error {
	for _, r := range org.NewProfileAccess(profile) {
		values := org.Values{
			"Id": string(org.NewID(org.PrefixObjectPermissions)), "ParentId": set, "SobjectType": r.Object, "PermissionsCreate": r.Allows.Create,
			"PermissionsRead": r.Allows.Read, "PermissionsEdit": r.Allows.Edit, "PermissionsDelete": r.Allows.Delete,
			"PermissionsViewAllRecords": r.Allows.ViewAll, "PermissionsModifyAllRecords": r.Allows.ModifyAll,
		}
		p.stamp(values, at)
		if err := records.Insert(p.schema.Object(org.ObjectObjectPermissions, nil), p.org.ID, values); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) stamp(v org.Values, at time.Time) {
	v["CreatedDate"], v["LastModifiedDate"], v["SystemModstamp"] = at, at, at
	v["CreatedById"], v["LastModifiedById"] = string(p.session.User), string(p.session.User)
}

func (p *plan) userValues(u org.UserSpec) map[string]any {
	last := u.LastName
	if last == "" {
		last, _, _ = strings.Cut(u.Username, "@")
	}
	alias := []rune(strings.ToLower(last))
	v := map[string]any{
		"Username": u.Username, "Email": emailOf(u), "FirstName": u.FirstName, "LastName": last, "Alias": string(alias[:min(len(alias), 8)]),
		"TimeZoneSidKey": "America/Los_Angeles", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8",
		"ProfileId": string(p.profiles[u.Profile]), "UserPermissionsMarketingUser": u.MarketingUser,
	}
	for name, value := range u.Custom {
		v[name] = value
	}
	return v
}

// planPackage decides which release the org has. p.schema is its schema.
func (p *plan) planPackage() error {
	of := func(namespace string) bool { return namespace == packages.Namespace }
	if p.spec.Package == "" && (slices.ContainsFunc(p.spec.ConnectedApps, func(a org.ConnectedAppSpec) bool { return of(a.Namespace) }) ||
		slices.ContainsFunc(p.spec.PermissionSets, func(s org.PermissionSetSpec) bool { return of(s.Namespace) })) {
		p.spec.Package = packages.Current
	}
	if p.spec.Package != "" {
		release, err := org.CheckPackage(p.spec.Package, "")
		if err != nil {
			return badSpec("the managed package: %v", err)
		}
		p.org.Package = release.Version
		p.install = &org.Installation{Release: release, Security: org.SecurityNone}
	}
	p.schema = org.SchemaWith(p.org.Package, false)
	return nil
}

func (p *plan) writeSet(records org.RecordTx, id org.ID, s org.PermissionSetSpec) error {
	values := map[string]any{"Label": s.Label, "Name": s.Name}
	for _, perm := range s.Permissions {
		values["Permissions"+perm] = true
	}
	var err error
	if s.Namespace == "" {
		err = p.control.Records.CreateIn(records, p.session, org.ObjectPermissionSet, id, values)
	} else {
		id, err = p.packageSet(records, s)
	}
	if err != nil {
		return err
	}
	for _, name := range s.Assignees {
		user, ok := p.users[org.Fold(name)]
		if !ok {
			return badSpec("permission set %s: no user is called %s", s.Label, name)
		}
		err := p.control.Records.CreateIn(records, p.session, org.ObjectPermissionSetAssignment, org.NewID(org.PrefixPermissionSetAssignment),
			map[string]any{"PermissionSetId": string(id), "AssigneeId": string(user)})
		if err != nil {
			return err
		}
	}
	for _, name := range s.Apps {
		app, ok := p.appIDs[name]
		if !ok {
			return badSpec("permission set %s: no connected app is called %s", s.Label, name)
		}
		err := p.control.Records.CreateIn(records, p.session, org.ObjectSetupEntityAccess, org.NewID(org.PrefixSetupEntityAccess),
			map[string]any{"ParentId": string(id), "SetupEntityId": string(app)})
		if err != nil {
			return err
		}
	}
	return nil
}

// packageSet finds a set that the package brought and gives it what the spec adds.
func (p *plan) packageSet(records org.RecordTx, s org.PermissionSetSpec) (org.ID, error) {
	sets := p.schema.Object(org.ObjectPermissionSet, nil)
	match := org.Values{"Label": s.Label, "NamespacePrefix": s.Namespace}
	found, err := records.Find(sets, p.org.ID, match, 1)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", badSpec("permission set %s: no package brings it", s.Label)
	}
	more := org.Values{}
	for _, perm := range s.Permissions {
		if sets.Field("Permissions"+perm) == nil {
			return "", badSpec("permission set %s: no permission is called %q", s.Label, perm)
		}
		more["Permissions"+perm] = true
	}
	_, err = records.Update(sets, p.org.ID, match, more)
	return found[0].ID("Id"), err
}
