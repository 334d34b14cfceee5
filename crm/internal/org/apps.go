package org

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// AppRecord is a connected app with what its administrators see beside it.
type AppRecord struct {
	ConnectedApp
	// PermissionSets and Profiles carry the app; sets by full name ("et4ae5__Connector"), profiles by name.
	PermissionSets     []string
	Profiles           []string
	RunAs              string // user name of the client-credentials user; "" for none
	Created, Modified  time.Time
	CreatedBy          ID
	CreatedByName      string
	LastModifiedBy     ID
	LastModifiedByName string
}

// FullName is the app's name in the Metadata API, with the namespace of the package that brought it.
func (a ConnectedApp) FullName() string { return fullName(a.Namespace, a.DeveloperName) }

func fullName(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "__" + name
}

// called reports whether the app goes by the full name; without its namespace it is found too, as clients that know
// the package's own metadata call it.
func (a ConnectedApp) called(name string) bool {
	return strings.EqualFold(a.FullName(), name) || strings.EqualFold(a.DeveloperName, name)
}

// AppChange is what an administrator changes of an app; nil fields stay as they are.
type AppChange struct {
	Name, Description, ContactEmail, StartURL *string
	CallbackURLs, Scopes                      *[]string
	Certificate                               *string // PEM, already checked; "" takes it away
	ConsumerKey                               *string // may only repeat what it is
	SecretHash                                []byte
	AdminApproved, SecretOptional             *bool
	SecretRequiredForRefresh, PKCERequired    *bool
	ClientCredentials                         *bool
	ClientCredentialsUser                     *string // user name; "" for none
	IPRelaxation                              *IPRelaxation
	IPRanges                                  *[]IPRange // replace the whole list
	RefreshTokenPolicy                        *RefreshTokenPolicy
	SessionTimeoutMinutes                     *int
	HighAssurance                             *HighAssurance
	Installed, Blocked                        *bool
	PermissionSets, Profiles                  *[]string // replace all of the kind
	Flows                                     FlowChange
}

// AppStore keeps connected apps.
type AppStore interface {
	// AppRecords lists the org's apps by developer name.
	AppRecords(ctx context.Context, org ID) ([]AppRecord, error)
	SetupStore
}

// Apps reads and changes connected apps as the Metadata API does.
type Apps struct {
	Store   AppStore
	Uses    UsageStore
	Users   Directory
	Clock   *clock.Domain
	Changes Changes
}

// Who may change an app's policies, and who decides which profiles and permission sets carry it (connect-facts 2.2).
var (
	mayChangeApps = Need{{PermCustomizeApplication}, {PermModifyAllData, PermManageConnectedApps}}
	mayCarryApps  = Need{{PermCustomizeApplication}, {PermModifyAllData}, {PermManageProfiles}}
)

// mayMake refuses a change of who carries the app to those who may change no more than its policies: of the profiles and
// permission sets, of the user whom it runs as, and, of an app that is there, of what it proves itself by, for with that
// goes to act for all who are approved for it.
func (c AppChange) mayMake(s Session, app ID) error {
	runs := c.ClientCredentialsUser != nil && *c.ClientCredentialsUser != ""
	proves := app != "" && (c.SecretHash != nil || c.Certificate != nil && *c.Certificate != "")
	if (c.PermissionSets != nil || c.Profiles != nil || runs || proves) && !mayCarryApps.MetBy(s.Permissions) {
		return insufficientAccess(app)
	}
	return nil
}

// MayUseMetadata refuses those who may not use the Metadata API.
func MayUseMetadata(s Session) error {
	if (Need{{PermModifyAllData, PermModifyMetadata}}).MetBy(s.Permissions) {
		return nil
	}
	return fault.New(fault.Denied, CodeInsufficientAccess, "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions")
}

// List lists the apps of the caller's org.
func (a *Apps) List(ctx context.Context, s Session) ([]AppRecord, error) {
	if err := MayUseMetadata(s); err != nil {
		return nil, err
	}
	return a.Store.AppRecords(ctx, s.Org)
}

// Find finds an app by full name.
func (a *Apps) Find(ctx context.Context, s Session, name string) (AppRecord, error) {
	list, err := a.List(ctx, s)
	if err != nil {
		return AppRecord{}, err
	}
	// The exact full name first: a package's app and the org's own may share the developer name.
	for _, app := range list {
		if strings.EqualFold(app.FullName(), name) {
			return app, nil
		}
	}
	for _, app := range list {
		if app.called(name) {
			return app, nil
		}
	}
	return AppRecord{}, noSuchComponent(typeConnectedApp, name)
}

// typeConnectedApp is what the Metadata API calls apps.
const typeConnectedApp = "ConnectedApp"

// Change changes an app by full name, all of it or nothing, and tells who loses access by it. A dry run tells the same
// and saves nothing.
func (a *Apps) Change(ctx context.Context, s Session, name string, c AppChange, dryRun bool) (Access, error) {
	app, err := a.changeable(ctx, s, name)
	if err != nil {
		return Access{}, err
	}
	var access Access
	err = a.Store.WriteSetup(ctx, func(tx SetupTx) error {
		var err error
		if access, err = a.changeIn(tx, s, app.ID, c); err == nil && dryRun {
			err = errUndone
		}
		return err
	})
	if dryRun && errors.Is(err, errUndone) {
		return access, nil
	}
	if err != nil {
		return Access{}, err
	}
	a.Changes.SetupChanged(s.Org)
	return access, nil
}

// changeIn changes an app and tells who loses access by it.
func (a *Apps) changeIn(tx SetupTx, s Session, id ID, c AppChange) (Access, error) {
	var access Access
	if err := c.mayMake(s, id); err != nil {
		return access, err
	}
	at := a.Clock.Now(string(s.Org))
	err := tx.ChangeApp(s.Org, id, s.User, at, func(app *ConnectedApp) error {
		before, err := tx.AppUsers(app.Org, app.ID, "")
		if err != nil {
			return err
		}
		was := *app
		if err := c.apply(app); err != nil {
			return err
		}
		w := appWriter{tx: tx, schema: StandardSchema(), app: app, at: at}
		if err := w.write(c); err != nil {
			return err
		}
		after, err := tx.AppUsers(app.Org, app.ID, "")
		if err != nil {
			return err
		}
		access = accessChange(before, after, was.AdminApproved, app.AdminApproved)
		if err := auditApp(tx, s, at, was, *app, w.carriers, access); err != nil {
			return err
		}
		if c.Blocked != nil && *c.Blocked {
			// For good: what has no grant, as a JWT bearer token, would come back when the app is unblocked.
			if _, err = tx.RevokeGrants(app.Org, app.ID, "", at); err == nil {
				err = tx.EndAppSessions(app.Org, app.ID, "", at)
			}
		}
		return err
	})
	return access, err
}

// Bounds of an app's texts.
const (
	maxAppLabel     = 80
	maxCallbackURLs = 100
	maxAppURL       = 2000
	maxSessionTime  = 24 * 60 // minutes
)

func (c AppChange) apply(app *ConnectedApp) error {
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidValue, format, args...).In(field)
	}
	if c.ConsumerKey != nil && *c.ConsumerKey != app.ConsumerKey {
		return bad("consumerKey", "The consumer key can be set only when the app is created.")
	}
	if c.Name != nil {
		if *c.Name == "" || len([]rune(*c.Name)) > maxAppLabel {
			return bad("label", "label must have 1 to %d characters", maxAppLabel)
		}
		app.Name = *c.Name
	}
	if c.ContactEmail != nil {
		if !ValidEmail(*c.ContactEmail) {
			return fault.New(fault.Invalid, CodeInvalidEmail, "contactEmail: invalid email address: %s", clip(*c.ContactEmail)).In("contactEmail")
		}
		app.ContactEmail = *c.ContactEmail
	}
	if c.CallbackURLs != nil {
		if len(*c.CallbackURLs) == 0 || len(*c.CallbackURLs) > maxCallbackURLs {
			return bad("callbackUrl", "callbackUrl must hold 1 to %d URLs", maxCallbackURLs)
		}
		app.CallbackURLs = slices.Clone(*c.CallbackURLs)
	}
	if c.Scopes != nil {
		app.Scopes = slices.Clone(*c.Scopes)
	}
	if c.StartURL != nil && len(*c.StartURL) > maxAppURL {
		return bad("startUrl", "startUrl: data value too large (max length=%d)", maxAppURL)
	}
	if c.SessionTimeoutMinutes != nil && (*c.SessionTimeoutMinutes < 0 || *c.SessionTimeoutMinutes > maxSessionTime) {
		return bad("sessionTimeout", "sessionTimeout must be 0 to %d minutes", maxSessionTime)
	}
	if c.IPRanges != nil {
		if err := CheckRanges(*c.IPRanges); err != nil {
			return err
		}
		app.IPRanges = slices.Clone(*c.IPRanges)
	}
	if c.SecretHash != nil {
		app.SecretHash = c.SecretHash
	}
	set(&app.Description, c.Description)
	set(&app.StartURL, c.StartURL)
	set(&app.Certificate, c.Certificate)
	set(&app.AdminApproved, c.AdminApproved)
	set(&app.SecretOptional, c.SecretOptional)
	set(&app.SecretRequiredForRefresh, c.SecretRequiredForRefresh)
	set(&app.PKCERequired, c.PKCERequired)
	set(&app.ClientCredentials, c.ClientCredentials)
	set(&app.IPRelaxation, c.IPRelaxation)
	set(&app.RefreshTokenPolicy, c.RefreshTokenPolicy)
	set(&app.SessionTimeoutMinutes, c.SessionTimeoutMinutes)
	c.Flows.apply(&app.Flows)
	set(&app.HighAssurance, c.HighAssurance)
	set(&app.Installed, c.Installed)
	set(&app.Blocked, c.Blocked)
	return nil
}

func set[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}

// appWriter resolves the names in a change to records.
type appWriter struct {
	tx     RecordTx
	schema *Schema
	app    *ConnectedApp
	at     time.Time
	// carriers say what came to carry the app and what no longer does, for the Setup Audit Trail.
	carriers []string
}

func (w *appWriter) write(c AppChange) error {
	if c.ClientCredentialsUser != nil {
		w.app.ClientCredentialsUser = ""
		if *c.ClientCredentialsUser != "" {
			found, err := w.tx.Find(w.schema.must(ObjectUser), w.app.Org, Values{"Username": *c.ClientCredentialsUser}, 1)
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return w.missing("oauthClientCredentialUser", "User", *c.ClientCredentialsUser)
			}
			w.app.ClientCredentialsUser = found[0].ID("Id")
		}
	}
	if c.PermissionSets != nil {
		if err := w.access(false, *c.PermissionSets, w.permissionSet); err != nil {
			return err
		}
	}
	if c.Profiles != nil {
		return w.access(true, *c.Profiles, w.profileSet)
	}
	return nil
}

func (w *appWriter) missing(field, kind, name string) error {
	return fault.New(fault.Invalid, CodeInvalidReference, "In field: %s - no %s named %s found", field, kind, clip(name)).In(field)
}

// permissionSet finds a set by full name.
func (w *appWriter) permissionSet(name string) (ID, error) {
	namespace, local, ok := strings.Cut(name, "__")
	match := Values{"Name": local, "NamespacePrefix": namespace, "IsOwnedByProfile": false}
	if !ok {
		match = Values{"Name": name, "NamespacePrefix": nil, "IsOwnedByProfile": false}
	}
	return w.one(ObjectPermissionSet, match, "permissionSetName", "PermissionSet", name)
}

// profileSet finds the set that a profile owns. The Metadata API calls two standard profiles by shorter names.
func (w *appWriter) profileSet(name string) (ID, error) {
	label := name
	switch name {
	case "Admin":
		label = AdministratorProfile
	case "Standard":
		label = StandardUserProfile
	}
	profile, err := w.one(ObjectProfile, Values{"Name": label}, "profileName", "Profile", name)
	if err != nil {
		return "", err
	}
	return w.one(ObjectPermissionSet, Values{"ProfileId": string(profile)}, "profileName", "Profile", name)
}

func (w *appWriter) one(object string, match Values, field, kind, name string) (ID, error) {
	found, err := w.tx.Find(w.schema.must(object), w.app.Org, match, 1)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", w.missing(field, kind, name)
	}
	return found[0].ID("Id"), nil
}

// carrier is how the trail names a set that carries an app: by its profile where one owns it.
func (w *appWriter) carrier(set Values) (string, error) {
	if !set.Flag("IsOwnedByProfile") {
		return fullName(set.Text("NamespacePrefix"), set.Text("Name")), nil
	}
	found, err := w.tx.Find(w.schema.must(ObjectProfile), w.app.Org, Values{"Id": set.Text("ProfileId")}, 1)
	if err != nil || len(found) == 0 {
		return set.Text("ProfileId"), err
	}
	return found[0].Text("Name"), nil
}

// maxAppParents bounds how many sets carry one app.
const maxAppParents = 1500

// access makes the sets of one kind that carry the app be those of the names.
func (w *appWriter) access(ofProfiles bool, names []string, find func(string) (ID, error)) error {
	kind := "permission set "
	if ofProfiles {
		kind = "profile "
	}
	wanted := map[ID]string{}
	for _, n := range names {
		id, err := find(n)
		if err != nil {
			return err
		}
		wanted[id] = n
	}
	entity := w.schema.must(ObjectSetupEntityAccess)
	rows, err := w.tx.Find(entity, w.app.Org, Values{"SetupEntityId": string(w.app.ID)}, maxAppParents)
	if err != nil {
		return err
	}
	for _, row := range rows {
		parent := row.ID("ParentId")
		set, err := w.tx.Lock(w.schema.must(ObjectPermissionSet), w.app.Org, parent)
		if err != nil {
			return err
		}
		if set.Flag("IsOwnedByProfile") != ofProfiles {
			continue
		}
		if _, ok := wanted[parent]; ok {
			delete(wanted, parent)
			continue
		}
		name, err := w.carrier(set)
		if err != nil {
			return err
		}
		w.carriers = append(w.carriers, kind+name+" taken off")
		if _, err := w.tx.Remove(entity, w.app.Org, Values{"Id": row.Text("Id")}); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		w.carriers = append(w.carriers, kind+wanted[id]+" added")
		err := w.tx.Insert(entity, w.app.Org, Values{
			"Id": string(NewID(PrefixSetupEntityAccess)), "ParentId": string(id), "SetupEntityId": string(w.app.ID),
			"SetupEntityType": ObjectConnectedApplication, "SystemModstamp": w.at,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
