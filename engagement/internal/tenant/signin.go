package tenant

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/throttle"
	"github.com/twinspan/twinspan/internal/vault"
)

// SignIns checks user names and passwords, whichever door they come in by, with one count of wrong ones for each user.
// A user whom the count has locked stays so until an admin unlocks him (connect-facts 1.5).
type SignIns struct {
	registry *Registry
	dir      Directory
	users    UserStore
	clock    Clock
	turns    throttle.Turns // by folded user name
	verified *memo[userKey, proof]
	key      [32]byte
	failures *Failures
	serials  *Serials // of the login history
}

// proof remembers, for a short while, that a password was the one of a hash.
type proof struct {
	hash string   // the stored hash it was checked against
	mac  [32]byte // HMAC of the password under a key of this process
}

// NewSignIns makes the service.
func NewSignIns(registry *Registry, dir Directory, users UserStore, clock Clock) *SignIns {
	s := &SignIns{
		registry: registry, dir: dir, users: users, clock: clock,
		verified: newMemo[userKey, proof](5*time.Minute, 1000, clock.Machine),
		failures: NewFailures(clock.Machine), serials: NewSerials(clock.Machine),
	}
	_, _ = rand.Read(s.key[:]) // never fails: crypto/rand ends the program instead
	return s
}

// CodeNoWebServices: the password was right, and opens no web services: the user, or his account, lacks the right to them.
const CodeNoWebServices fault.Code = "no_web_services"

func noWebServices(why string) error {
	return fault.New(fault.Denied, CodeNoWebServices, "%s", why)
}

var errLoginFailed = fault.New(fault.Unauthenticated, CodeLoginFailed, "The user name or password is wrong, or the user is locked or disabled.")

// Check finds the user whom name and password open. Whatever keeps them from opening one is the same Unauthenticated
// fault with CodeLoginFailed, after the same time; a temporary password is CodeMustChangePassword.
func (s *SignIns) Check(ctx context.Context, username, password string) (User, error) {
	user, err := s.check(ctx, username, password)
	if err != nil {
		return User{}, err
	}
	t, err := s.registry.Tenant(ctx, user.Tenant)
	if err != nil {
		return User{}, err
	}
	now := s.clock.Now(user.Tenant)
	if !t.Settings.AllowsUI(AddressOf(ctx)) {
		if err := s.users.Refused(ctx, s.attempt(ctx, user, LoginAddress)); err != nil {
			return User{}, err
		}
		return User{}, errAddressDenied
	}
	if user.MustChange || t.Settings.PasswordExpired(user, now) {
		return User{}, fault.New(fault.Denied, CodeMustChangePassword, "The password is temporary or has expired. Choose a new one.")
	}
	if err := s.users.SignedIn(ctx, s.attempt(ctx, user, LoginSuccess)); err != nil {
		return User{}, err
	}
	s.registry.UserChanged(user.Tenant, user.ID)
	user.FailedLogins, user.LastLogin = 0, now
	return user, nil
}

// check is prove for callers of whose network not too many were wrong of late.
func (s *SignIns) check(ctx context.Context, username, password string) (User, error) {
	var user User
	err := s.failures.Do(ctx, func() (err error) {
		user, err = s.prove(ctx, username, password)
		return err
	}, func(err error) bool { return fault.CodeOf(err) == CodeLoginFailed })
	if err != nil {
		return User{}, err
	}
	return user, nil
}

// prove is Check without the rule about temporary passwords and without a trace of success, but for the count of wrong
// passwords in a row, which it ends. Every refusal costs one hash and one write, whether there is such a user or not.
func (s *SignIns) prove(ctx context.Context, username, password string) (User, error) {
	folded := FoldUsername(username)
	// One check of a name at a time, whether anybody has it or not: otherwise a burst would be evaluated before the first
	// failure is counted, and what it takes would tell who exists.
	name := folded
	if name == "" {
		name = username
	}
	done, err := s.turns.Take(ctx, name)
	if err != nil {
		return User{}, err
	}
	defer done()
	user, err := s.find(ctx, folded)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return User{}, err
	}
	if err != nil || user.IsApp() {
		if err := vault.DummyVerify(ctx, vault.Secret(password)); err != nil {
			return User{}, err
		}
		return User{}, s.refuse(ctx, folded)
	}
	ok, err := vault.VerifyPassword(ctx, user.PasswordHash, vault.Secret(password))
	switch {
	case err != nil:
		return User{}, err
	case !user.May():
		return User{}, s.refuseKnown(ctx, user)
	case !ok:
		if err := s.countFailure(ctx, user); err != nil {
			return User{}, err
		}
		return User{}, errLoginFailed
	}
	if user.FailedLogins > 0 {
		if err := s.users.ClearFailures(ctx, user.Tenant, user.ID); err != nil {
			return User{}, err
		}
		s.registry.UserChanged(user.Tenant, user.ID)
		user.FailedLogins = 0
	}
	return user, nil
}

// refuse costs what counting a wrong password costs, where there is nobody whose it is.
func (s *SignIns) refuse(ctx context.Context, name string) error {
	if err := s.users.CountNobody(ctx, name); err != nil {
		return err
	}
	return errLoginFailed
}

func (s *SignIns) find(ctx context.Context, folded string) (User, error) {
	if folded == "" || strings.IndexByte(folded, 0) >= 0 { // no database keeps a NUL
		return User{}, fault.New(fault.NotFound, CodeNotFound, "There is no such user.")
	}
	return s.dir.UserByUsername(ctx, folded)
}

// Within is the user name to check at a door that is the tenant's own: one that nobody can have where the user belongs to
// another tenant, so that he is as unknown there as anybody, and nothing is done for him. EID 0 is a door of all tenants.
func (s *SignIns) Within(ctx context.Context, eid EID, username string) (string, error) {
	if eid == 0 {
		return username, nil
	}
	user, err := s.find(ctx, FoldUsername(username))
	if err != nil {
		return username, absent(err, nil)
	}
	if user.Tenant == eid {
		return username, nil
	}
	return FoldUsername(username) + `"`, nil // see ValidUsername
}

func (s *SignIns) countFailure(ctx context.Context, user User) error {
	t, err := s.registry.Tenant(ctx, user.Tenant)
	if err != nil {
		return err
	}
	_, err = s.users.CountFailure(ctx, s.attempt(ctx, user, LoginWrong), t.Settings.Lockout())
	s.registry.UserChanged(user.Tenant, user.ID)
	return err
}

// CheckAPI is Check for the password of a web service call: for API users alone, where the account allows it, and
// without counting as a login. A password that was right is remembered for up to five minutes, as its HMAC, for as
// long as the stored hash stays the same, since every call brings it again.
func (s *SignIns) CheckAPI(ctx context.Context, username, password string) (User, error) {
	if user, err := s.registry.UserByName(ctx, username); err == nil && user.May() {
		key, mac := userKey{user.Tenant, user.ID}, s.mac(password)
		known, err := s.verified.get(key, func() (proof, error) {
			checked, err := s.check(ctx, username, password)
			return proof{checked.PasswordHash, mac}, err
		})
		if err != nil {
			return User{}, err
		}
		if known.hash == user.PasswordHash && subtle.ConstantTimeCompare(known.mac[:], mac[:]) == 1 {
			return s.mayCallByPassword(ctx, user)
		}
		s.verified.drop(key) // another password than last time, or changed since: look again
	}
	user, err := s.check(ctx, username, password)
	if err != nil {
		return User{}, err
	}
	return s.mayCallByPassword(ctx, user)
}

func (s *SignIns) mayCallByPassword(ctx context.Context, user User) (User, error) {
	t, err := s.registry.Tenant(ctx, user.Tenant)
	if err != nil {
		return User{}, err
	}
	now := s.clock.Now(user.Tenant)
	switch {
	case !t.Settings.AllowsAPI(AddressOf(ctx)):
		return User{}, errAddressDenied
	case user.MustChange || t.Settings.PasswordExpired(user, now) || t.Settings.LoginExpired(user, now):
		return User{}, errLoginFailed
	case !user.APIUser:
		return User{}, noWebServices("The user is no API user; others use the web services with a token.")
	case t.Settings.NoSOAPPasswords:
		return User{}, noWebServices("Enable Username and Password for Web Services is off in this account.")
	}
	return user, nil
}

func (s *SignIns) mac(password string) [32]byte {
	h := hmac.New(sha256.New, s.key[:])
	h.Write([]byte(password))
	return [32]byte(h.Sum(nil))
}

// ChangePassword replaces a password by a new one, given the old one. It ends the user's browser sessions; a change of
// an API user's password also ends his grants and tokens, as the real one severs Connect (engagement-wire 5).
func (s *SignIns) ChangePassword(ctx context.Context, username, old, fresh string) error {
	user, err := s.check(ctx, username, old)
	if err != nil {
		return err
	}
	t, err := s.registry.Tenant(ctx, user.Tenant)
	if err != nil {
		return err
	}
	if !t.Settings.AllowsUI(AddressOf(ctx)) {
		return errAddressDenied
	}
	if err := CheckNewPassword(username, old, fresh); err != nil {
		return err
	}
	hash, err := vault.HashPassword(ctx, vault.Secret(fresh))
	if err != nil {
		return err
	}
	done, err := s.users.SetPassword(ctx, user.Tenant, user.ID, user.PasswordHash, hash, user.APIUser, s.clock.Now(user.Tenant))
	s.registry.UserChanged(user.Tenant, user.ID)
	s.registry.issuedChanged()
	s.verified.drop(userKey{user.Tenant, user.ID})
	if err == nil && !done {
		return errLoginFailed // changed by somebody else at this moment: the old one is no longer right
	}
	return err
}

// Unlock lets a locked user sign in again.
func (s *SignIns) Unlock(ctx context.Context, eid EID, userID int64) error {
	err := s.users.Unlock(ctx, eid, userID, s.clock.Now(eid))
	s.registry.UserChanged(eid, userID)
	return err
}
