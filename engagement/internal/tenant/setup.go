package tenant

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Scopes of setup calls.
const (
	ScopeAccountsRead  = "accounts_read"
	ScopeAccountsWrite = "accounts_write"
	ScopeUsersRead     = "users_read"
)

const (
	// CodeNoStagedSecret: a package without a staged secret that could be activated.
	CodeNoStagedSecret fault.Code = "no_staged_secret"
	// CodeStagedSecret: a package that has one already.
	CodeStagedSecret fault.Code = "staged_secret"
)

// SetupStore writes what Setup decides.
type SetupStore interface {
	// SetSettings stores the tenant's settings, unless they are no longer old, which is a Conflict with
	// CodeChangedMeanwhile.
	SetSettings(ctx context.Context, eid EID, old, fresh Settings) error
	// Packages lists the tenant's packages by name.
	Packages(ctx context.Context, eid EID) ([]Package, error)
	// AddPackage stores a package with the user on whose behalf it acts.
	AddPackage(ctx context.Context, p Package, users []User) error
	// ChangePackage stores a changed package and ends what is to end with it, unless it is no longer old, which is a Conflict
	// with CodeChangedMeanwhile.
	ChangePackage(ctx context.Context, old, fresh Package, end PackageEnd) (PackageEnded, error)
	// RemovePackage deletes a package, ends what was issued to it, and disables the user that it is; a NotFound fault where
	// somebody else was quicker.
	RemovePackage(ctx context.Context, p Package, end PackageEnd) error
	// StageSecret gives a package a second secret beside the one in force; false where it has one in date already, unless
	// that is to be replaced.
	StageSecret(ctx context.Context, clientID string, hash [32]byte, replace bool, expires, now time.Time) (bool, error)
	// ActivateSecret puts the staged secret in force and ends the other one; false where none is staged.
	ActivateSecret(ctx context.Context, clientID string, now time.Time) (bool, error)
	// LiveSessions lists the tenant's browser sessions that have not ended and were used after the time given, newest first:
	// at most limit before the number given, from the newest where it is 0.
	LiveSessions(ctx context.Context, eid EID, seen time.Time, before int64, limit int) ([]UserSession, error)
	// SessionByID reads a browser session.
	SessionByID(ctx context.Context, id int64) (Session, error)
}

// Setup is the service behind the tenant's Setup: settings, packages and other people's sessions.
type Setup struct {
	Registry  *Registry
	Directory Directory
	Store     SetupStore
	Sessions  *Sessions
	Serials   *Serials
	Clock     Clock
}

// Settings reads the tenant's settings.
func (s *Setup) Settings(ctx context.Context, p Principal) (Settings, error) {
	if err := mayRead(p, ScopeAccountsRead, ScopeAccountsWrite); err != nil {
		return Settings{}, err
	}
	t, err := s.Directory.Tenant(ctx, p.Tenant)
	return t.Settings, err
}

// ChangeSettings lets edit change the settings and stores them where they are valid.
func (s *Setup) ChangeSettings(ctx context.Context, p Principal, edit func(*Settings)) (Settings, error) {
	if err := mayWrite(p, ScopeAccountsWrite); err != nil {
		return Settings{}, err
	}
	if err := mayTenantWide(p); err != nil {
		return Settings{}, err
	}
	t, err := s.Directory.Tenant(ctx, p.Tenant)
	if err != nil {
		return Settings{}, err
	}
	fresh := t.Settings
	edit(&fresh)
	if err := fresh.Validate(); err != nil {
		return Settings{}, err
	}
	switch from := AddressOf(ctx); {
	case p.ClientID == "" && !fresh.AllowsUI(from): // a page
		return Settings{}, fault.New(fault.Invalid, CodeInvalidSettings, "The UI allowlist would shut you out: you come from %s.", from).In("ui_addresses")
	case p.ClientID != "" && !fresh.AllowsAPI(from):
		return Settings{}, fault.New(fault.Invalid, CodeInvalidSettings, "The API allowlist would shut out the address that this call comes from.").In("api_addresses")
	}
	err = s.Store.SetSettings(ctx, p.Tenant, t.Settings, fresh)
	s.Registry.SetupChanged()
	return fresh, err
}

// Packages lists the tenant's installed packages.
func (s *Setup) Packages(ctx context.Context, p Principal) ([]Package, error) {
	if err := mayRead(p, ScopeAccountsRead, ScopeAccountsWrite); err != nil {
		return nil, err
	}
	return s.Store.Packages(ctx, p.Tenant)
}

// StageSecret makes a new client secret for a package. Both are good until the new one is activated. The secret is told
// this once. One that is staged already, and that clients may have, ends only where it is to be replaced.
func (s *Setup) StageSecret(ctx context.Context, p Principal, clientID string, replace bool) (secret string, expires time.Time, err error) {
	pkg, err := s.mine(ctx, p, clientID)
	if err != nil {
		return "", time.Time{}, err
	}
	if err := mayHandOut(p, pkg.Scopes); err != nil {
		return "", time.Time{}, err
	}
	if !pkg.NeedsSecret() {
		return "", time.Time{}, fault.New(fault.Invalid, CodeInvalidPackage, "A package of type %s has no secret.", pkg.Type)
	}
	t, err := s.Registry.Tenant(ctx, p.Tenant)
	if err != nil {
		return "", time.Time{}, err
	}
	now := s.Clock.Now(p.Tenant)
	secret, expires = oauth.NewToken(32), t.Settings.SecretExpires(now)
	done, err := s.Store.StageSecret(ctx, clientID, sha256.Sum256([]byte(secret)), replace, expires, now)
	s.Registry.SetupChanged()
	if err == nil && !done {
		return "", time.Time{}, fault.New(fault.Conflict, CodeStagedSecret, "The package has a staged secret already, which clients may use. Activate it, or replace it.")
	}
	return secret, expires, err
}

// ActivateSecret puts a package's staged secret in force; the old one is good no longer.
func (s *Setup) ActivateSecret(ctx context.Context, p Principal, clientID string) error {
	if _, err := s.mine(ctx, p, clientID); err != nil {
		return err
	}
	done, err := s.Store.ActivateSecret(ctx, clientID, s.Clock.Now(p.Tenant))
	s.Registry.SetupChanged()
	if err == nil && !done {
		return fault.New(fault.Conflict, CodeNoStagedSecret, "The package has no staged secret.")
	}
	return err
}

// mine finds a package of the caller's tenant, which he may change.
func (s *Setup) mine(ctx context.Context, p Principal, clientID string) (Package, error) {
	if err := mayWrite(p, ScopeAccountsWrite); err != nil {
		return Package{}, err
	}
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such package.")
	pkg, err := s.Registry.Package(ctx, clientID)
	if err != nil {
		return Package{}, absent(err, none)
	}
	if pkg.Tenant != p.Tenant {
		return Package{}, none
	}
	if !p.holds(pkg) {
		return Package{}, insufficient("access to the package's business units")
	}
	return pkg, nil
}

// UserSessions lists the live browser sessions of a user, by name.
func (s *Setup) UserSessions(ctx context.Context, p Principal, username string) ([]Session, error) {
	if err := mayRead(p, ScopeUsersRead, ScopeUsersWrite); err != nil {
		return nil, err
	}
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such user.")
	user, err := s.Registry.UserByName(ctx, username)
	if err != nil {
		return nil, absent(err, none)
	}
	if user.Tenant != p.Tenant || !p.sees(user) {
		return nil, none
	}
	return s.Sessions.List(ctx, user)
}

// EndSession ends a browser session of the tenant, with the tokens that do not outlive it.
func (s *Setup) EndSession(ctx context.Context, p Principal, id int64) error {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return err
	}
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such session.")
	session, err := s.Store.SessionByID(ctx, id)
	if err != nil {
		return absent(err, none)
	}
	if session.Tenant != p.Tenant || !session.Ended.IsZero() {
		return none
	}
	user, err := s.Registry.User(ctx, session.Tenant, session.UserID)
	if err != nil {
		return absent(err, none)
	}
	if !p.sees(user) {
		return none
	}
	if p.UserID != user.ID && !p.encloses(user) {
		return insufficient("access to all business units in which the user works")
	}
	return s.Sessions.End(ctx, session)
}

// ConnectPage is where Connect's page for this tenant is: the login endpoint of the installed package of type connect; "" where
// it names none. Everybody may know: who may do what there, Connect decides.
func (s *Setup) ConnectPage(ctx context.Context, p Principal) (string, error) {
	all, err := s.Store.Packages(ctx, p.Tenant)
	if err != nil {
		return "", err
	}
	for _, k := range all {
		if k.Type == ConnectIntegration && k.Active && k.LoginEndpoint != "" {
			return k.LoginEndpoint, nil
		}
	}
	return "", nil
}
