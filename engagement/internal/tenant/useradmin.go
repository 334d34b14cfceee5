package tenant

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// CodeMissingUserFields: a new user without all of name, email, user name and password.
const CodeMissingUserFields fault.Code = "missing_user_fields"

// ScopeUsersWrite is the scope of changes of users.
const ScopeUsersWrite = "users_write"

// Limits of what may be said about one user.
const (
	maxUserRoles = 100
	maxUserUnits = 1000
	maxUserField = 254
)

// UserChange is what an administrator says about a user. Nil fields and empty lists are left as they are; the first of
// ID, CustomerKey and Username that is given finds an existing user, and a Username beside another one renames.
type UserChange struct {
	ID          int64
	CustomerKey string
	Username    string

	Name, Email, NotificationEmail *string
	Password                       vault.Secret // "" leaves it
	Active, APIUser, MustChange    *bool
	Unlock                         bool
	DefaultMID                     MID // 0 leaves it
	Locale, TimeZone               *string
	// SalesforceUsername sets what Salesforce.com Status names; "" clears it.
	SalesforceUsername *string
	Roles              []RoleChange
	Permissions        []int // numbers of UserPermissions to give
	NoPermissions      []int // and to take away
}

// RoleChange gives a role, or takes it back.
type RoleChange struct {
	ID, CustomerKey string // either finds the role
	Unit            MID    // the business unit in which; 0 is everywhere
	Remove          bool
}

// unitRolesAlone reports whether the change is one of roles in single business units and of nothing else.
func (c UserChange) unitRolesAlone() bool {
	if len(c.Roles) == 0 || slices.ContainsFunc(c.Roles, func(r RoleChange) bool { return r.Unit == 0 }) {
		return false
	}
	c.ID, c.CustomerKey, c.Username, c.Roles = 0, "", "", nil
	return reflect.DeepEqual(c, UserChange{})
}

// UserEdit is one change of a stored user, decided and ready: what he is from now on, and what goes with it.
type UserEdit struct {
	Old, New      User
	Give, Take    []Assignment
	EndSessions   bool // the password has changed
	EndTokens     bool // and all tokens with the sessions: the user is no longer active
	EndGrants     bool // and the user is an API user: what rests on the old one ends (engagement-wire 5)
	AddMIDs       []MID
	RemoveMIDs    []MID
	AsAdmin       int64 // who did it
	PasswordIsNew bool
}

// UserAdminStore writes what administrators decide.
type UserAdminStore interface {
	// CreateUser stores a new user with his roles. A user name or number that is taken is a Conflict with CodeTaken.
	CreateUser(ctx context.Context, u User, given []Assignment) error
	// EditUser applies a change in one transaction, unless the user was changed by an administrator since e.Old was
	// read, which is a Conflict with CodeChangedMeanwhile.
	EditUser(ctx context.Context, e UserEdit, now time.Time) error
	// UserByKey finds a user of the tenant by customer key, compared without regard to case.
	UserByKey(ctx context.Context, eid EID, key string) (User, error)
}

// CodeChangedMeanwhile: somebody else changed the same thing at this moment.
const CodeChangedMeanwhile fault.Code = "changed_meanwhile"

// Users is the service by which administrators make and change users.
type Users struct {
	Registry  *Registry
	Directory Directory
	Store     UserAdminStore
	Clock     Clock
}

// Create makes a user. One that is there already, found as UserChange says, is changed instead: the real service
// answers both alike, "Account User Updated / Created" (engagement-wire 3).
func (s *Users) Create(ctx context.Context, p Principal, c UserChange) (User, error) {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return User{}, err
	}
	old, err := s.find(ctx, p, c)
	if err == nil {
		return s.edit(ctx, p, old, c)
	}
	if fault.KindOf(err) != fault.NotFound {
		return User{}, err
	}
	return s.create(ctx, p, c)
}

// Update changes a user. One that is not there is made, where all that a new one needs is given.
func (s *Users) Update(ctx context.Context, p Principal, c UserChange) (User, error) {
	return s.Create(ctx, p, c)
}

func (s *Users) create(ctx context.Context, p Principal, c UserChange) (User, error) {
	if c.ID != 0 {
		return User{}, invalidUser("ID", "There is no user with that ID.")
	}
	if empty(c.Name) || empty(c.Email) || c.Username == "" || c.Password == "" {
		return User{}, fault.New(fault.Invalid, CodeMissingUserFields, "Name, Email, UserID, and Password are required fields when creating a new user.")
	}
	now := s.Clock.Now(p.Tenant)
	u := User{
		Tenant: p.Tenant, CustomerKey: c.CustomerKey, Username: c.Username, Active: true, DefaultMID: p.MID, Locale: "en-US", TimeZone: "America/Chicago",
		MustChange: c.APIUser == nil || !*c.APIUser, PasswordChanged: now, Created: now, Modified: now, ModifiedBy: p.UserID,
	}
	if err := s.freeKey(ctx, &u); err != nil {
		return User{}, err
	}
	given, _, err := s.apply(ctx, p, &u, c)
	if err != nil {
		return User{}, err
	}
	units, err := s.Registry.Units(ctx, p.Tenant)
	if err != nil {
		return User{}, err
	}
	for _, unit := range units { // as with fixtures: the top as default opens all, a child itself alone
		if (u.DefaultMID == MID(u.Tenant) || unit.MID == u.DefaultMID) && p.Reaches(unit.MID) {
			u.MIDs = append(u.MIDs, unit.MID)
		}
	}
	if u.PasswordHash, err = s.hash(ctx, u, c.Password); err != nil {
		return User{}, err
	}
	const tries = 8
	for i := 1; ; i++ { // a number that is taken is drawn anew
		u.ID = 10_000_000 + randomBelow(90_000_000)
		for j := range given {
			given[j].UserID = u.ID
		}
		if _, err := s.Directory.UserByID(ctx, u.Tenant, u.ID); err == nil && i < tries {
			continue
		}
		break
	}
	if err := s.Store.CreateUser(ctx, u, given); err != nil {
		return User{}, err
	}
	s.Registry.userRenamed()
	s.Registry.UserChanged(u.Tenant, u.ID)
	return u, nil
}

func (s *Users) edit(ctx context.Context, p Principal, old User, c UserChange) (User, error) {
	if err := s.mayTouch(ctx, p, old, c); err != nil {
		return User{}, err
	}
	now := later(s.Clock.Now(p.Tenant).Truncate(time.Millisecond), old.Modified)
	e := UserEdit{Old: old, New: old, AsAdmin: p.UserID}
	e.New.Permissions = slices.Clone(old.Permissions)
	e.New.Modified, e.New.ModifiedBy = now, p.UserID
	if c.Username != "" {
		e.New.Username = c.Username
	}
	if c.CustomerKey != "" && c.CustomerKey != old.CustomerKey {
		e.New.CustomerKey = c.CustomerKey
		if err := s.freeKey(ctx, &e.New); err != nil {
			return User{}, err
		}
	}
	var err error
	if e.Give, e.Take, err = s.apply(ctx, p, &e.New, c); err != nil {
		return User{}, err
	}
	if !e.New.MayUse(e.New.DefaultMID) {
		e.AddMIDs = append(e.AddMIDs, e.New.DefaultMID)
		e.New.MIDs = append(slices.Clone(old.MIDs), e.New.DefaultMID)
	}
	if old.IsApp() && (c.Password != "" || e.New.Username != old.Username || e.New.APIUser != old.APIUser || e.New.MustChange) {
		return User{}, invalidUser("UserID", "The user belongs to an installed package; nobody signs in as it.")
	}
	if c.Password != "" {
		if e.New.PasswordHash, err = s.hash(ctx, e.New, c.Password); err != nil {
			return User{}, err
		}
		// By the clock, and not after the last change: a clock that was moved back does not make a password of the future.
		e.New.PasswordChanged = s.Clock.Now(p.Tenant).Truncate(time.Millisecond)
		e.PasswordIsNew, e.EndSessions, e.EndGrants = true, true, old.APIUser
		if c.MustChange == nil {
			e.New.MustChange = !e.New.APIUser
		}
	}
	if old.Active && !e.New.Active {
		e.EndSessions, e.EndTokens = true, true
	}
	err = s.Store.EditUser(ctx, e, now)
	s.Registry.UserChanged(old.Tenant, old.ID)
	s.Registry.userRenamed()
	if e.EndSessions || !e.New.Active {
		s.Registry.issuedChanged()
	}
	return e.New, err
}

// apply puts the fields of the change into u and gives the role assignments that it adds and takes.
func (s *Users) apply(ctx context.Context, p Principal, u *User, c UserChange) (give, take []Assignment, err error) {
	if !ValidUsername(u.Username) && !u.IsApp() {
		return nil, nil, invalidUser("UserID", "The user name is 3 to %d visible ASCII characters without quotes, brackets and slashes.", MaxUsername)
	}
	for _, f := range []struct {
		name  string
		value *string
		to    *string
	}{
		{"CustomerKey", &u.CustomerKey, nil},
		{"Name", c.Name, &u.Name},
		{"Email", c.Email, &u.Email},
		{"NotificationEmailAddress", c.NotificationEmail, &u.NotificationEmail},
		{"Locale", c.Locale, &u.Locale},
		{"TimeZone", c.TimeZone, &u.TimeZone},
		{"SalesforceUsername", c.SalesforceUsername, &u.SalesforceUsername},
	} {
		if f.value == nil {
			continue
		}
		v := strings.TrimSpace(*f.value)
		if len(v) > maxUserField || oneLine(v) != v || hasNUL(v) {
			return nil, nil, invalidUser(f.name, "%s is one line of at most %d bytes.", f.name, maxUserField)
		}
		if f.to != nil {
			*f.to = v
		}
	}
	switch {
	case u.Name == "":
		return nil, nil, invalidUser("Name", "The user needs a name.")
	case c.Email != nil && !ValidAddress(u.Email):
		return nil, nil, invalidUser("Email", "The email address is not valid.")
	case u.NotificationEmail != "" && !ValidAddress(u.NotificationEmail):
		return nil, nil, invalidUser("NotificationEmailAddress", "The notification email address is not valid.")
	case c.SalesforceUsername != nil && !p.Can(PermSalesforceStatus) && !p.Can(PermConnectWrite):
		return nil, nil, insufficient(PermSalesforceStatus)
	}
	set(&u.Active, c.Active)
	set(&u.APIUser, c.APIUser)
	set(&u.MustChange, c.MustChange)
	if c.Unlock {
		u.Locked, u.FailedLogins = time.Time{}, 0
	}
	if c.DefaultMID != 0 {
		u.DefaultMID = c.DefaultMID
	}
	if c.DefaultMID != 0 || u.ID == 0 {
		if err := s.mayPlace(ctx, p, "DefaultBusinessUnit", u.DefaultMID); err != nil {
			return nil, nil, err
		}
	}
	return s.roles(ctx, p, u, c)
}

// roles finds the roles that a change names, those behind its numbered permissions too.
func (s *Users) roles(ctx context.Context, p Principal, u *User, c UserChange) (give, take []Assignment, err error) {
	if len(c.Roles) > maxUserRoles || len(c.Permissions)+len(c.NoPermissions) > maxUserRoles {
		return nil, nil, invalidUser("Roles", "At most %d roles and permissions can be changed at once.", maxUserRoles)
	}
	plus, plusRoles, unknown := grantable(c.Permissions)
	minus, minusRoles, unknown2 := grantable(c.NoPermissions)
	if unknown != 0 || unknown2 != 0 {
		return nil, nil, invalidUser("UserPermissions", "There is no user permission %d.", max(unknown, unknown2))
	}
	for _, changed := range [][]int{plus, minus} {
		own := User{Tenant: u.Tenant, Permissions: changed}.IndividualRole()
		own.Allow = append(own.Allow, own.Deny...) // a denial taken away is given, too
		if err := mayAssignIn(p, 0, own); err != nil {
			return nil, nil, err
		}
	}
	u.Permissions = slices.DeleteFunc(append(slices.Clone(u.Permissions), plus...), func(id int) bool { return slices.Contains(minus, id) })
	slices.Sort(u.Permissions)
	u.Permissions = slices.Compact(u.Permissions)
	wanted := slices.Clone(c.Roles)
	for _, key := range plusRoles {
		wanted = append(wanted, RoleChange{CustomerKey: key})
	}
	for _, key := range minusRoles {
		wanted = append(wanted, RoleChange{CustomerKey: key, Remove: true})
	}
	if len(wanted) == 0 {
		return nil, nil, nil
	}
	all, err := s.Directory.Roles(ctx, u.Tenant)
	if err != nil {
		return nil, nil, err
	}
	own := u.IndividualRole().ID
	for _, want := range wanted {
		if want.ID != "" && strings.EqualFold(want.ID, own) && u.ID != 0 {
			continue // clients send back the individual role that they read
		}
		i := slices.IndexFunc(all, func(r Role) bool {
			return want.ID != "" && strings.EqualFold(r.ID, want.ID) || want.ID == "" && strings.EqualFold(r.CustomerKey, want.CustomerKey)
		})
		if i < 0 {
			return nil, nil, invalidUser("Roles", "There is no role %q.", clip(want.ID+want.CustomerKey))
		}
		if want.Unit != 0 {
			if !p.Reaches(want.Unit) {
				return nil, nil, errNoUnit("Roles", want.Unit)
			}
			if _, err := s.Registry.Unit(ctx, p.Tenant, want.Unit); err != nil {
				return nil, nil, absent(err, errNoUnit("Roles", want.Unit))
			}
		}
		if err := mayAssignIn(p, want.Unit, all[i]); err != nil {
			return nil, nil, err
		}
		a := Assignment{Tenant: u.Tenant, UserID: u.ID, MID: want.Unit, RoleID: all[i].ID}
		if want.Remove {
			take = append(take, a)
		} else {
			give = append(give, a)
		}
	}
	return give, take, nil
}

// SetUnits gives a user access to business units or takes it back, and leaves him his default one.
func (s *Users) SetUnits(ctx context.Context, p Principal, c UserChange, mids []MID, remove bool) (User, error) {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return User{}, err
	}
	old, err := s.find(ctx, p, c)
	if err != nil {
		return User{}, absent(err, invalidUser("ID", "There is no such user."))
	}
	if len(mids) == 0 || len(mids) > maxUserUnits {
		return User{}, invalidUser("BusinessUnitIds", "The assignment names 1 to %d business units.", maxUserUnits)
	}
	if remove { // it keeps him out, as a change of his default does
		if err := s.Registry.mayOutrank(ctx, p, old); err != nil {
			return User{}, err
		}
	}
	e := UserEdit{Old: old, New: old, AsAdmin: p.UserID}
	e.New.MIDs = slices.Clone(old.MIDs)
	e.New.Modified, e.New.ModifiedBy = later(s.Clock.Now(p.Tenant).Truncate(time.Millisecond), old.Modified), p.UserID
	for _, mid := range mids {
		if err := s.mayPlace(ctx, p, "BusinessUnitIds", mid); err != nil {
			return User{}, err
		}
		switch has := e.New.MayUse(mid); {
		case remove && mid == old.DefaultMID:
			return User{}, invalidUser("BusinessUnitIds", "Business unit %d is the user's default; choose another default first.", mid)
		case remove && has:
			e.RemoveMIDs = append(e.RemoveMIDs, mid)
			e.New.MIDs = slices.DeleteFunc(e.New.MIDs, func(m MID) bool { return m == mid })
		case !remove && !has:
			e.AddMIDs = append(e.AddMIDs, mid)
			e.New.MIDs = append(e.New.MIDs, mid)
		}
	}
	err = s.Store.EditUser(ctx, e, e.New.Modified)
	s.Registry.UserChanged(old.Tenant, old.ID)
	return e.New, err
}

// freeKey refuses a customer key that another user of the tenant has, in whichever unit: commands find users by it. A new
// user without one gets his name, or where that is somebody's key, one that is nobody's.
func (s *Users) freeKey(ctx context.Context, u *User) error {
	given := u.CustomerKey != ""
	if !given {
		u.CustomerKey = u.Username
	}
	other, err := s.Store.UserByKey(ctx, u.Tenant, u.CustomerKey)
	switch {
	case err != nil:
		return absent(err, nil)
	case other.ID == u.ID:
		return nil
	case given:
		return fault.New(fault.Conflict, CodeTaken, "The customer key is taken.").In("CustomerKey")
	}
	u.CustomerKey = NewGUID()
	return nil
}

// mayPlace refuses a unit that the tenant does not have, or that the caller may not let anybody work in.
func (s *Users) mayPlace(ctx context.Context, p Principal, field string, mid MID) error {
	if !p.mayGiveUnit(mid) {
		return errNoUnit(field, mid)
	}
	_, err := s.Registry.Unit(ctx, p.Tenant, mid)
	return absent(err, errNoUnit(field, mid))
}

// find finds the user that a change means, fresh from the store; a NotFound fault where there is none that the caller has
// to do with.
func (s *Users) find(ctx context.Context, p Principal, c UserChange) (User, error) {
	u, err := s.named(ctx, p.Tenant, c)
	if err == nil && !p.sees(u) {
		return User{}, fault.New(fault.NotFound, CodeNotFound, "There is no such user.")
	}
	return u, err
}

// named is find in the whole tenant.
func (s *Users) named(ctx context.Context, eid EID, c UserChange) (User, error) {
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such user.")
	if c.ID != 0 {
		return s.Directory.UserByID(ctx, eid, c.ID)
	}
	if c.CustomerKey != "" {
		u, err := s.Store.UserByKey(ctx, eid, c.CustomerKey)
		if err == nil || fault.KindOf(err) != fault.NotFound {
			return u, err
		}
	}
	folded := FoldUsername(c.Username)
	if folded == "" {
		return User{}, none
	}
	u, err := s.Directory.UserByUsername(ctx, folded)
	if err == nil && u.Tenant != eid {
		return User{}, none // making it will tell that the name is taken, and no more
	}
	return u, err
}

func (s *Users) hash(ctx context.Context, u User, password vault.Secret) (string, error) {
	if err := CheckNewPassword(u.Username, "", password.Reveal()); err != nil {
		return "", err
	}
	return vault.HashPassword(ctx, password)
}

func set(to, value *bool) {
	if value != nil {
		*to = *value
	}
}

func empty(s *string) bool { return s == nil || strings.TrimSpace(*s) == "" }

func invalidUser(field, format string, args ...any) error {
	return fault.New(fault.Invalid, CodeInvalidUser, format, args...).In(field)
}
