package org

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// CodeLinkEnded: a link that was used, is too old, or has been replaced by a later one.
const CodeLinkEnded fault.Code = "link_ended"

// How long mailed links live, in domain time.
const (
	inviteLife = 7 * 24 * time.Hour
	resetLife  = 24 * time.Hour
)

// Letter is a mail to a user that says what nobody else may read. It is queued in the transaction that makes what it says
// true, and leaves when the mail server takes it.
type Letter struct {
	ID     string    `json:"id"`     // Message-ID, "local@domain"
	Sealed []byte    `json:"sealed"` // the mail, encrypted by the vault
	Until  time.Time `json:"until"`  // machine time after which it is not worth sending
}

// Mailer writes letters. Where there is no way to mail, its error says so before anything is changed.
type Mailer interface {
	// Welcome gives a new user the link to verify his address and set his password.
	Welcome(o Org, u User, code vault.Secret, life time.Duration) (Letter, error)
	// PasswordLink gives the link to set a new password by.
	PasswordLink(o Org, u User, code vault.Secret, life time.Duration) (Letter, error)
	// TemporaryPassword gives a password that the org chose.
	TemporaryPassword(o Org, u User, password vault.Secret) (Letter, error)
	// SecurityToken gives a new security token.
	SecurityToken(o Org, u User, token vault.Secret) (Letter, error)
}

// Accounts looks after users' credentials: links, passwords, security tokens. Passwords are hashed and letters are written
// before a transaction begins; in it the letters are queued.
type Accounts struct {
	Known     *Known
	Passwords *Passwords
	// Throttle bounds what costs a hash; logins count there too.
	Throttle    *Throttle
	Credentials CredentialStore
	Store       AccountStore
	Clock       *clock.Domain
	Changes     Changes
	Mail        Mailer
	Log         *slog.Logger
}

// Invite queues for a new user, in the transaction that makes him, the letter with the link by which he verifies his address
// and sets his first password. The user is made whether there is a way to mail or not; resetting the password mails another
// link.
func (a *Accounts) Invite(tx RecordTx, o Org, u User) error {
	code := linkCode(u)
	letter, err := a.Mail.Welcome(o, u, code, inviteLife)
	if err != nil {
		a.Log.Error("a new user is not mailed the link to set his password", "org", o.ID, "user", u.ID, "error", err)
		return nil
	}
	c, err := tx.Credential(u.Org, u.ID)
	if err != nil {
		return err
	}
	c.LinkHash, c.LinkExpires, c.Unverified = vault.HashToken(code.Reveal()), a.Clock.Now(string(u.Org)).Add(inviteLife), true
	if err := tx.PutCredential(c); err != nil {
		return err
	}
	return tx.Post(letter)
}

// linkCode makes the code of a link for the user.
func linkCode(u User) vault.Secret {
	return vault.Secret(u.Org.Short() + u.ID.Short() + string(appendSecret(nil)))
}

// MailLink mails the user a link to set a new password by, as an administrator's reset does. The password that he has
// stays until he follows it, and so does his security token.
func (a *Accounts) MailLink(ctx context.Context, s Session, user ID) error {
	if err := a.mayReset(s, user); err != nil {
		return err
	}
	return a.mailLink(ctx, s, user, a.Mail.PasswordLink, resetLife, func(tx RecordTx, c *Credential) error {
		c.Failures, c.LockedUntil = 0, time.Time{}
		return a.audit(tx, s, "resetpassword", "Manage Users", "Password reset for user "+userLabel(ctx, a, s.Org, user))
	})
}

// Forgot mails a link to the user of that name, where there is an active one; nobody is told whether there is, neither by
// words nor by the time that it takes.
func (a *Accounts) Forgot(ctx context.Context, username string) {
	u, err := a.Known.UserByUsername(ctx, username)
	switch {
	case err == nil && u.Active && !u.Frozen:
		err = a.mailLink(ctx, Session{Org: u.Org, User: u.ID}, u.ID, a.Mail.PasswordLink, resetLife, func(RecordTx, *Credential) error { return nil })
	case err == nil || fault.KindOf(err) == fault.NotFound:
		if _, err = a.Mail.PasswordLink(Org{}, User{Username: username}, vault.Secret(appendSecret(nil)), resetLife); err == nil { // to nobody
			err = a.Credentials.CountNobody(ctx, a.Clock.Machine())
		}
	}
	if err != nil {
		a.Log.ErrorContext(ctx, "a link to set a password was not mailed", "org", u.Org, "user", u.ID, "error", err)
	}
}

// mailLink makes a link for the user, in place of any that he has, and queues the letter that gives it to him.
func (a *Accounts) mailLink(ctx context.Context, s Session, user ID, write func(Org, User, vault.Secret, time.Duration) (Letter, error), life time.Duration,
	also func(RecordTx, *Credential) error,
) error {
	o, u, err := a.subject(ctx, s.Org, user)
	if err != nil {
		return err
	}
	code := linkCode(u)
	letter, err := write(o, u, code, life)
	if err != nil {
		return err
	}
	now := a.Clock.Now(string(u.Org))
	return a.Store.ChangeCredential(ctx, u.Org, u.ID, func(tx RecordTx, c *Credential) error {
		// Who follows the link has the address: it must be the one that the user has when the link begins to work.
		schema := StandardSchema()
		same, err := tx.Find(schema.must(ObjectUser), u.Org, Values{"Id": string(u.ID), "Email": u.Email}, 1)
		if err != nil {
			return err
		}
		if len(same) == 0 {
			return fault.New(fault.Conflict, "email_changed", "The user's address was changed meanwhile.")
		}
		c.LinkHash, c.LinkExpires = vault.HashToken(code.Reveal()), now.Add(life)
		return also(tx, c)
	}, letter)
}

// linkOwner finds the org and the user in a link's code.
func linkOwner(code string) (ID, ID, error) {
	if len(code) == 2*orgShort+secretLength {
		o, err := ParseID(code[:orgShort])
		u, err2 := ParseID(code[orgShort : 2*orgShort])
		if err == nil && err2 == nil && o.Prefix() == PrefixOrganization && u.Prefix() == PrefixUser {
			return o, u, nil
		}
	}
	return "", "", linkEnded()
}

func linkEnded() error {
	return fault.New(fault.Denied, CodeLinkEnded, "This link has been used or is too old. Ask for a new one.")
}

// Link finds whom a link's code is for. The code is not used up.
func (a *Accounts) Link(ctx context.Context, code vault.Secret) (Org, User, error) {
	o, u, _, err := a.link(ctx, code)
	return o, u, err
}

func (a *Accounts) link(ctx context.Context, code vault.Secret) (o Org, u User, c Credential, err error) {
	orgID, user, err := linkOwner(code.Reveal())
	if err != nil {
		return o, u, c, err
	}
	c, err = a.Credentials.Credential(ctx, orgID, user)
	if err == nil && !a.linkLive(c, code) {
		err = linkEnded()
	}
	if err == nil {
		o, u, err = a.subject(ctx, orgID, user)
	}
	if fault.KindOf(err) == fault.NotFound {
		err = linkEnded()
	}
	if err == nil && !u.Active {
		err = linkEnded()
	}
	return o, u, c, err
}

func (a *Accounts) linkLive(c Credential, code vault.Secret) bool {
	return len(c.LinkHash) > 0 && sameHash([32]byte(vault.HashToken(code.Reveal())), c.LinkHash) && a.Clock.Now(string(c.Org)).Before(c.LinkExpires)
}

// SetByLink sets the password of the link's user; the link is used up, and the address is verified where it was not.
func (a *Accounts) SetByLink(ctx context.Context, code, password vault.Secret) error {
	o, u, c, err := a.link(ctx, code)
	if err != nil {
		return err
	}
	return a.set(ctx, Session{Org: u.Org, User: u.ID}, o, u, c, password, setting{
		audit: "changedpassword", ends: true, refresh: true, // who forgot his password may have lost it
		before: func(c *Credential) error {
			if !a.linkLive(*c, code) {
				return linkEnded()
			}
			c.Unverified = false
			return nil
		},
	})
}

// ChangeOwn changes the password of the session's user, who shows that he knows the old one.
func (a *Accounts) ChangeOwn(ctx context.Context, s Session, old, password vault.Secret) error {
	if s.Delegate != "" {
		return fault.New(fault.Denied, CodeInsufficientAccess, "An administrator who is logged in as another user cannot change that user's password here.")
	}
	o, u, err := a.subject(ctx, s.Org, s.User)
	if err != nil {
		return err
	}
	c, right, err := a.Passwords.Confirm(ctx, o, u, old)
	if err != nil {
		return err
	}
	if !right {
		return fault.New(fault.Invalid, CodeInvalidOldPassword, "Your old password is invalid.")
	}
	now := a.Clock.Now(string(u.Org))
	if PoliciesOf(o, u).MinimumLifetime && !c.MustChange && now.Before(c.PasswordChanged.Add(24*time.Hour)) {
		return fault.New(fault.Invalid, CodeInvalidNewPassword, "You must wait at least one day before you change your password again.")
	}
	return a.set(ctx, s, o, u, c, password, setting{audit: "changedpassword", ends: true})
}

// ShownPassword says that somebody showed the right password of a user and found that it had expired.
type ShownPassword struct {
	Password []byte    // Checked.Shown
	At       time.Time // machine time
}

// SetExpired sets the password of a user who has shown the one that he has. Where that was set anew meanwhile, by himself or
// by an administrator, or where the user is locked out, frozen or inactive, the proof is spent.
func (a *Accounts) SetExpired(ctx context.Context, s Session, shown ShownPassword, password vault.Secret) error {
	o, u, err := a.subject(ctx, s.Org, s.User)
	if err != nil {
		return err
	}
	c, err := a.credential(ctx, u)
	if err != nil {
		return err
	}
	stands := func(c *Credential) error {
		now := a.Clock.Now(string(u.Org))
		if c.PasswordHash == "" || !sameHash([32]byte(c.fingerprint()), shown.Password) || c.LockedUntil.After(now) || c.Frozen || !passwordExpired(o, u, *c, now) {
			return linkEnded()
		}
		return nil
	}
	if err := stands(&c); err != nil {
		return err
	}
	if !u.Active || a.Clock.Machine().Sub(shown.At) > expiredLife {
		return linkEnded()
	}
	return a.set(ctx, s, o, u, c, password, setting{audit: "changedpassword", ends: true, before: stands})
}

// Guarded runs a change of a password that a session asks for over an API, limited as that user's logins are.
func (a *Accounts) Guarded(ctx context.Context, s Session, ip string, do func() error) error {
	self, err := a.Known.UserByID(ctx, s.Org, s.User)
	if err != nil {
		return err
	}
	return a.Throttle.Guard(ctx, self.Username, ip, do)
}

// expiredLife is how long who showed an expired password may take to choose another, in machine time.
const expiredLife = 15 * time.Minute

// SetFor sets a user's password, one's own or, with Reset Passwords, another's (crm-wire 2.5, 3.9).
func (a *Accounts) SetFor(ctx context.Context, s Session, user ID, password vault.Secret) error {
	if err := a.mayReset(s, user); err != nil {
		return err
	}
	o, u, err := a.subject(ctx, s.Org, user)
	if err != nil {
		return err
	}
	c, err := a.credential(ctx, u)
	if err != nil {
		return err
	}
	own, all := user == s.User && s.Delegate == "", o.Settings.EndSessionsOnReset
	return a.set(ctx, s, o, u, c, password, setting{audit: "changedpassword", ends: own || all, refresh: !own && all})
}

// Reset gives a user a password that the org chooses, returns it and mails it to him; it is good for one sign-in
// (crm-wire 2.5, 3.9).
func (a *Accounts) Reset(ctx context.Context, s Session, user ID) (vault.Secret, error) {
	if err := a.mayReset(s, user); err != nil {
		return "", err
	}
	o, u, err := a.subject(ctx, s.Org, user)
	if err != nil {
		return "", err
	}
	c, err := a.credential(ctx, u)
	if err != nil {
		return "", err
	}
	password := PoliciesOf(o, u).temporaryPassword()
	letter, err := a.Mail.TemporaryPassword(o, u, password)
	if err != nil {
		return "", err
	}
	if err := a.set(ctx, s, o, u, c, password, setting{audit: "resetpassword", mustChange: true, letters: []Letter{letter}, ends: o.Settings.EndSessionsOnReset, refresh: o.Settings.EndSessionsOnReset}); err != nil {
		return "", err
	}
	return password, nil
}

// PasswordExpired reports whether a user must choose a new password before he can do anything else.
func (a *Accounts) PasswordExpired(ctx context.Context, s Session, user ID) (bool, error) {
	if err := a.mayReset(s, user); err != nil {
		return false, err
	}
	o, u, err := a.subject(ctx, s.Org, user)
	if err != nil {
		return false, err
	}
	c, err := a.credential(ctx, u)
	if err != nil {
		return false, err
	}
	return passwordExpired(o, u, c, a.Clock.Now(string(u.Org))), nil
}

// passwordExpired decides whether a password has expired (crm-wire 6): at once where another chose it, else by the
// org's policy, unless a permission set or the profile says that the user's never does.
func passwordExpired(o Org, u User, c Credential, now time.Time) bool {
	if c.MustChange {
		return true
	}
	end := PoliciesOf(o, u).expires(c.PasswordChanged)
	return !end.IsZero() && !u.Permissions[PermPasswordNeverExpires] && !now.Before(end)
}

// setting says what a change of a password is besides the password.
type setting struct {
	audit      string
	mustChange bool
	letters    []Letter                  // to queue with it, beside the one with the new security token
	before     func(c *Credential) error // in the transaction, on what the store holds then
	// ends: the user's sessions end, but for the one that asks; refresh: and his refresh tokens.
	ends, refresh bool
}

// set sets a password: policies, history, a new security token, the end of locks, links and sessions. The old token dies with the
// old password, and the new one is mailed to the address that the user has now (document 004).
func (a *Accounts) set(ctx context.Context, s Session, o Org, u User, was Credential, password vault.Secret, how setting) error {
	policies := PoliciesOf(o, u).Resolved()
	if err := policies.CheckPassword(u, password); err != nil {
		return err
	}
	past := was.History
	if was.PasswordHash != "" {
		past = append([]string{was.PasswordHash}, past...)
	}
	past = past[:min(len(past), *policies.History)]
	for _, hash := range past {
		same, err := vault.VerifyPassword(ctx, hash, password)
		if err != nil {
			return err
		}
		if same {
			return fault.New(fault.Invalid, CodeInvalidNewPassword, "invalid repeated password")
		}
	}
	now := a.Clock.Now(string(u.Org))
	token := a.newToken(u)
	made, err := HashCredential(ctx, u.Org, u.ID, password, token, now)
	if err != nil {
		return err
	}
	if token != "" {
		letter, err := a.Mail.SecurityToken(o, u, token)
		if err != nil { // the password is set all the same: a token that nobody has is replaced by the next reset
			a.Log.ErrorContext(ctx, "a new security token is not mailed", "org", u.Org, "user", u.ID, "error", err)
		} else {
			how.letters = append(how.letters, letter)
		}
	}
	err = a.Store.ChangeCredential(ctx, u.Org, u.ID, func(tx RecordTx, c *Credential) error {
		if c.PasswordHash != was.PasswordHash {
			return fault.New(fault.Conflict, "password_changed", "The password was changed meanwhile.")
		}
		if how.before != nil {
			if err := how.before(c); err != nil {
				return err
			}
		}
		c.PasswordHash, c.PasswordChanged, c.History = made.PasswordHash, now, past
		c.SecurityTokenHash, c.SecurityTokenLength = made.SecurityTokenHash, made.SecurityTokenLength
		c.MustChange, c.Failures, c.LockedUntil, c.LinkHash = how.mustChange, 0, time.Time{}, nil
		schema := StandardSchema()
		_, err := tx.Update(schema.must(ObjectUser), u.Org, Values{"Id": string(u.ID)}, Values{"LastPasswordChangeDate": now})
		if err != nil {
			return err
		}
		if how.ends {
			if err := tx.EndOtherSessions(s, u.ID, how.refresh, now); err != nil {
				return err
			}
		}
		verb := "Changed password for user "
		if how.audit == "resetpassword" {
			verb = "Password reset for user "
		}
		return a.audit(tx, s, how.audit, "Manage Users", verb+u.Username)
	}, how.letters...)
	if err != nil {
		return err
	}
	a.Changes.SetupChanged(u.Org)
	return nil
}

// newToken makes a security token; "" for users whose profile has login IP ranges, who have none.
func (a *Accounts) newToken(u User) vault.Secret {
	if len(u.LoginIPRanges) > 0 {
		return ""
	}
	return NewSecurityToken()
}

// CodeNoSecurityToken: users of a profile with login IP ranges have no security token.
const CodeNoSecurityToken fault.Code = "no_security_token"

// ResetToken gives the session's user a new security token and mails it to his own address, also where an administrator
// is logged in as him. The old one dies at once (document 004).
func (a *Accounts) ResetToken(ctx context.Context, s Session) (User, error) {
	o, u, err := a.subject(ctx, s.Org, s.User)
	if err != nil {
		return u, err
	}
	token := a.newToken(u)
	if token == "" {
		return u, fault.New(fault.Invalid, CodeNoSecurityToken, "Users of a profile with login IP ranges have no security token.")
	}
	letter, err := a.Mail.SecurityToken(o, u, token)
	if err != nil {
		return u, err
	}
	hash := vault.HashToken(token.Reveal())
	return u, a.Store.ChangeCredential(ctx, u.Org, u.ID, func(tx RecordTx, c *Credential) error {
		c.SecurityTokenHash, c.SecurityTokenLength = bytes.Clone(hash), len(token.Reveal())
		return a.audit(tx, s, "resetsecuritytoken", "Manage Users", "Security token reset for user "+u.Username)
	}, letter)
}

// mayReset: one's own password, or with Reset Passwords or Manage Users another's. Who is logged in as a user has that
// user's permissions, and may not reset his password by them.
func (a *Accounts) mayReset(s Session, user ID) error {
	if user == s.User && s.Delegate == "" || user != s.User && s.Permissions.Any(PermResetPasswords, PermManageUsers, PermManageInternalUsers) {
		return nil
	}
	return fault.New(fault.Denied, CodePasswordAccess, "You do not have permission to view this record.")
}

// CodePasswordAccess: a user's password is nothing that the caller may look at or change.
const CodePasswordAccess fault.Code = "password_access"

func (a *Accounts) subject(ctx context.Context, orgID, user ID) (Org, User, error) {
	u, err := a.Known.UserByID(ctx, orgID, user)
	if err != nil {
		return Org{}, u, err
	}
	o, err := a.Known.OrgByID(ctx, orgID)
	return o, u, err
}

// credential reads a user's credential; one who has none has an empty one.
func (a *Accounts) credential(ctx context.Context, u User) (Credential, error) {
	c, err := a.Credentials.Credential(ctx, u.Org, u.ID)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return Credential{Org: u.Org, User: u.ID}, nil
	}
	return c, err
}

// Note adds a row to the Setup Audit Trail about what a user did that changes no record.
func (a *Accounts) Note(ctx context.Context, s Session, action, section, display string) error {
	return a.Store.ChangeCredential(ctx, s.Org, s.User, func(tx RecordTx, _ *Credential) error {
		return a.audit(tx, s, action, section, display)
	})
}

func (a *Accounts) audit(tx RecordTx, s Session, action, section, display string) error {
	return Audit(tx, s, a.Clock.Now(string(s.Org)), action, section, display)
}

// userLabel is how the trail names a user.
func userLabel(ctx context.Context, a *Accounts, orgID, user ID) string {
	u, err := a.Known.UserByID(ctx, orgID, user)
	if err != nil {
		return strings.TrimSpace(string(user))
	}
	return u.Username
}
