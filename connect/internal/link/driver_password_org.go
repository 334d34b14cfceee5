package link

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// passwordOrg signs the system user in by SOAP login with name, password and security token (crm-wire 2).
type passwordOrg struct {
	s *Service
	// last is the last session of a pair's system user: while it lives it can read why he no longer signs in.
	last *cache[lastSession]
}

// lastSession is a session and when it began, domain time.
type lastSession struct {
	token crm.Token
	since time.Time
}

func newPasswordOrg(s *Service) *passwordOrg {
	return &passwordOrg{s: s, last: newCache[lastSession](1000)}
}

func (d *passwordOrg) session(ctx context.Context, l Link, username string) (crm.Token, error) {
	if !SameUsername(username, l.Org.Username) {
		return crm.Token{}, fault.New(fault.Conflict, CodeNeedsConnectedApp,
			"This must be done in the org as %s, and Connect signs in there by the system user's password, with which nobody else can be impersonated: upgrade to Connected App authentication.", username)
	}
	c, err := d.s.credential(ctx, l, IntoOrg, "")
	if err != nil {
		return crm.Token{}, err
	}
	token, err := d.login(ctx, l, l.Org.Username, vault.Secret(c.Password), vault.Secret(c.SecurityToken))
	if err != nil {
		return crm.Token{}, d.refused(ctx, l, err)
	}
	d.keep(l, token)
	return token, nil
}

// keep remembers the session, for longer than it is used.
func (d *passwordOrg) keep(l Link, t crm.Token) {
	now := d.s.Now(l)
	d.last.put(d.lastKey(l), item[lastSession]{lastSession{t, now}, now.AddDate(1, 0, 0)}, now)
}

func (d *passwordOrg) lastKey(l Link) string { return l.Pair + "|" + l.CRMURL }

func (d *passwordOrg) login(ctx context.Context, l Link, username string, password, securityToken vault.Secret) (crm.Token, error) {
	org, err := d.s.OrgClient(l)
	if err != nil {
		return crm.Token{}, err
	}
	token, err := org.Login(ctx, username, password+securityToken)
	return token, passing(err)
}

// passing tells refusals of a moment, which SOAP writes as faults too, from decisions about the user (crm-wire 2.4).
func passing(err error) error {
	r := client.Remote(err)
	if r == nil || fault.CodeOf(err) != client.CodeRefused {
		return err
	}
	switch r.Code {
	case "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION":
		return fault.Wrap(r, fault.Unavailable, client.CodeFailed, "The org cannot sign anybody in now: %s.", r.Code)
	case "REQUEST_LIMIT_EXCEEDED":
		return fault.Wrap(r, fault.Limited, client.CodeLimited, "The org takes no more logins now: %s.", r.Code)
	}
	return err
}

// holder is the system user, for the search for what became of his credentials.
func (d *passwordOrg) holder(l Link) Holder {
	return Holder{Title: "The system user", Username: l.Org.Username, Since: l.Org.GivenAt, Now: d.s.Now(l), Renew: "connect renew --kind org"}
}

// refused is the refusal of a login with its cause named; err itself where it is none.
func (d *passwordOrg) refused(ctx context.Context, l Link, err error) error {
	r := client.Remote(err)
	if r == nil || fault.CodeOf(err) != client.CodeRefused {
		return err
	}
	who := d.holder(l)
	known := func(status string) error {
		cause, _ := who.statusCause(status)
		return cause.fault()
	}
	switch r.Code {
	case crm.CodePasswordExpired:
		return who.expired().fault()
	case "LOGIN_DURING_RESTRICTED_DOMAIN":
		return known("Restricted IP")
	case "LOGIN_DURING_RESTRICTED_TIME":
		return known("Restricted Login Hours")
	case "PASSWORD_LOCKOUT":
		return known("Password Lockout")
	case "INVALID_LOGIN", "LOGIN_MUST_USE_SECURITY_TOKEN", "INACTIVE_OWNER_OR_USER":
	default: // the org's own word, such as API_DISABLED_FOR_ORG
		return err
	}
	if cause := d.explain(ctx, l, who); cause != (Cause{}) {
		return cause.fault()
	}
	switch r.Code {
	case "LOGIN_MUST_USE_SECURITY_TOKEN":
		return known("Failed: API security token required")
	case "INACTIVE_OWNER_OR_USER":
		return known("User is Inactive")
	}
	return fault.New(fault.Denied, CodeCredentialsRefused, "The org refuses the system user's password and security token, or he is locked out. His Login History in Setup says more; give new ones to `%s`.", who.Renew)
}

// explain reads why the system user is refused: by his last session, which outlives most changes of his credentials, or by
// key, where the connected app lets him in already.
func (d *passwordOrg) explain(ctx context.Context, l Link, who Holder) Cause {
	org, err := d.s.OrgClient(l)
	if err != nil {
		return Cause{}
	}
	now := d.s.Now(l)
	last, known := d.last.look(d.lastKey(l), now)
	if known {
		cause, err := who.Explain(ctx, org.Session(last.token))
		if cause != (Cause{}) {
			return cause
		}
		known = fault.CodeOf(err) == client.CodeUnauthorized
	}
	if token, err := (jwtOrg{d.s}).session(ctx, l, l.Org.Username); err == nil {
		if cause, err := who.Explain(ctx, org.Session(token)); err == nil && cause != (Cause{}) {
			return cause
		}
	}
	if known && now.Before(last.since.Add(orgTokenLife)) { // what ends a session before its time is a change of the password
		return who.changed("")
	}
	return Cause{}
}
