package org

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/throttle"
	"github.com/twinspan/twinspan/internal/vault"
)

// Defaults of the password policies (crm-wire 6).
const (
	MaxLoginAttempts = 10
	LockoutInterval  = 15 * time.Minute
)

// maxGiven bounds a password with its security token, in bytes; a longer one is refused before it costs a hash.
const maxGiven = 1024

// HashCredential makes the credential of a user with a password and a security token ("" for none). It takes the time
// of one password hash, so it is never called inside a transaction.
func HashCredential(ctx context.Context, org, user ID, password, token vault.Secret, now time.Time) (Credential, error) {
	hash, err := vault.HashPassword(ctx, password)
	if err != nil {
		return Credential{}, err
	}
	return NewCredential(org, user, hash, token, now), nil
}

// NewCredential makes the credential of a user whose password has the hash and whose security token is token ("" for
// none).
func NewCredential(org, user ID, passwordHash string, token vault.Secret, now time.Time) Credential {
	c := Credential{Org: org, User: user, PasswordHash: passwordHash, PasswordChanged: now}
	if t := token.Reveal(); t != "" {
		c.SecurityTokenHash, c.SecurityTokenLength = vault.HashToken(t), len(t)
	}
	return c
}

// securityTokenLength is how many characters a security token has (crm-wire 6).
const securityTokenLength = 24

// NewSecurityToken makes a security token.
func NewSecurityToken() vault.Secret {
	return vault.Secret(appendSecret(make([]byte, 0, secretLength))[:securityTokenLength])
}

// Passwords decides logins by user name and password, whatever door they come through: one count of failures, one lock.
type Passwords struct {
	known *Known
	store CredentialStore
	clock *clock.Domain
	turns throttle.Turns // by folded user name
}

// NewPasswords returns the service.
func NewPasswords(known *Known, store CredentialStore, domain *clock.Domain) *Passwords {
	return &Passwords{known: known, store: store, clock: domain}
}

// Attempt is a login by user name and password.
type Attempt struct {
	Username string
	Given    vault.Secret
	// API says that Given is the password with the security token appended, as API logins from outside the trusted ranges
	// have it.
	API bool
	IP  string // where it comes from
	// Host was called, with its port.
	Host string
}

// Checked is what an attempt came to.
type Checked struct {
	User   User   // zero where there is none of that name
	Status string // for Login History, also where an error is returned; "" for no row
	// Expired: the password is right and has expired, so that the user may do nothing but choose another.
	Expired bool
	// Shown tells, where Expired, which password it was: Accounts.SetExpired wants it back.
	Shown []byte
}

// Check decides a login. Refusals are Unauthenticated faults with CodeBadCredentials, and CodeUserInactive where the
// credentials are right; all of them take the time of one hash.
func (p *Passwords) Check(ctx context.Context, a Attempt) (Checked, error) {
	bad := fault.New(fault.Unauthenticated, CodeBadCredentials, "Invalid username, password, security token; or user locked out.")
	// One at a time for one name, whether anybody has it or not: a burst of guesses gets no more tries than the limit, costs
	// one slot of hashing, and learns nothing from how long it takes.
	done, err := p.turns.Take(ctx, Fold(a.Username))
	if err != nil {
		return Checked{}, err
	}
	defer done()
	u, err := p.known.UserByUsername(ctx, a.Username)
	if err != nil {
		if fault.KindOf(err) != fault.NotFound {
			return Checked{}, err
		}
		if err := p.refuseSlowly(ctx, a.Given); err != nil {
			return Checked{}, err
		}
		return Checked{}, bad
	}
	o, err := p.known.OrgByID(ctx, u.Org)
	if err != nil {
		return Checked{User: u}, err
	}
	c, err := p.store.Credential(ctx, u.Org, u.ID)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return Checked{User: u}, err
	}
	now := p.clock.Now(string(u.Org))
	locked := c.LockedUntil.After(now)
	if err != nil || c.PasswordHash == "" || locked || len(a.Given) > maxGiven {
		if err := p.refuseSlowly(ctx, a.Given); err != nil {
			return Checked{User: u}, err
		}
		if locked {
			return Checked{User: u, Status: StatusPasswordLockout}, bad
		}
		return Checked{User: u, Status: StatusInvalidPassword}, bad
	}
	password, tokenRight := a.Given, true
	if a.API {
		password, tokenRight = c.split(a.Given)
		// Nothing is asked for inside the trusted ranges, nor of users whose profile says where they may come from.
		tokenRight = tokenRight || o.Settings.Trusted(a.IP) || len(u.LoginIPRanges) > 0
	}
	right, err := vault.VerifyPassword(ctx, c.PasswordHash, password)
	switch {
	case err != nil:
		return Checked{User: u}, err
	case !right || !tokenRight:
		if err := p.countFailure(ctx, o, u, now); err != nil {
			return Checked{User: u}, err
		}
		if right {
			return Checked{User: u, Status: StatusNeedSecurityToken}, bad
		}
		return Checked{User: u, Status: StatusInvalidPassword}, bad
	}
	if c.Failures > 0 || !c.LockedUntil.IsZero() {
		if err := p.store.ClearFailures(ctx, u.Org, u.ID); err != nil {
			return Checked{User: u}, err
		}
	}
	switch {
	case !u.Active:
		return Checked{User: u, Status: StatusUserInactive}, fault.New(fault.Unauthenticated, CodeUserInactive, "user is inactive")
	case u.Frozen:
		return Checked{User: u, Status: StatusUserFrozen}, bad
	}
	checked := Checked{User: u, Status: StatusSuccess, Expired: passwordExpired(o, u, c, now)}
	if checked.Expired {
		checked.Shown = c.fingerprint()
	}
	return checked, nil
}

// countFailure counts a wrong password and locks the user out as the policies that hold for him say. Where they set no
// limit the write is made all the same, since a name that nobody has costs one too.
func (p *Passwords) countFailure(ctx context.Context, o Org, u User, now time.Time) error {
	limit, until := PoliciesOf(o, u).lock(now)
	if limit == 0 {
		return p.store.CountNobody(ctx, p.clock.Machine())
	}
	return p.store.CountFailure(ctx, u.Org, u.ID, limit, now, until)
}

// split cuts the security token off; where what stands there is not the user's token, everything is password, so that
// one hash tells a forgotten token from a wrong password in Login History.
func (c Credential) split(given vault.Secret) (vault.Secret, bool) {
	n := len(given) - c.SecurityTokenLength
	if c.SecurityTokenHash == nil || n < 0 || !sameHash(sha256.Sum256([]byte(given[n:])), c.SecurityTokenHash) {
		return given, false
	}
	return given[:n], true
}

// refuseSlowly does the work of a wrong password: one hash and one write.
func (p *Passwords) refuseSlowly(ctx context.Context, given vault.Secret) error {
	if len(given) <= maxGiven {
		if err := vault.DummyVerify(ctx, given); err != nil {
			return err
		}
	}
	return p.store.CountNobody(ctx, p.clock.Machine())
}

// Confirm checks the password of a user who is logged in and says it again. A wrong one counts as at a login, and a
// lockout refuses the right one too.
func (p *Passwords) Confirm(ctx context.Context, o Org, u User, given vault.Secret) (c Credential, right bool, err error) {
	done, err := p.turns.Take(ctx, Fold(u.Username))
	if err != nil {
		return c, false, err
	}
	defer done()
	c, err = p.store.Credential(ctx, u.Org, u.ID)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return c, false, err
	}
	now := p.clock.Now(string(u.Org))
	if err != nil || c.PasswordHash == "" || len(given) > maxGiven || c.LockedUntil.After(now) {
		return c, false, p.refuseSlowly(ctx, given)
	}
	if right, err = vault.VerifyPassword(ctx, c.PasswordHash, given); err != nil || right {
		return c, right, err
	}
	return c, false, p.countFailure(ctx, o, u, now)
}
