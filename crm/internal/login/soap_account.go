package login

import (
	"context"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/vault"
)

// maxInvalidate is how many sessions one invalidateSessions ends (crm-wire 2.5).
const maxInvalidate = 200

// account runs the operations on users' passwords and sessions (crm-wire 2.5).
func (h soapAPI) account(ctx context.Context, req *soapRequest, session org.Session) ([]byte, error) {
	op, accounts := req.operation, h.s.accounts
	text := func(name string) (string, error) {
		e, err := op.One(name)
		if err != nil {
			return "", err
		}
		if e == nil {
			return "", &soapFault{element: "UnexpectedErrorFault", code: "UNKNOWN_EXCEPTION", message: op.Local + " needs " + name, client: true}
		}
		return e.Text, nil
	}
	user := func() (org.ID, error) {
		t, err := text("userId")
		if err != nil {
			return "", err
		}
		id, err := org.ParseID(strings.TrimSpace(t))
		if err == nil && id.Prefix() != org.PrefixUser {
			err = fault.New(fault.NotFound, org.CodeNotFound, "no such user")
		}
		return id, err
	}
	if op.Local == "invalidateSessions" {
		return h.invalidate(ctx, op, session)
	}
	guarded := func(do func() error) error { return accounts.Guarded(ctx, session, req.caller.ip, do) }
	switch op.Local {
	case "setPassword":
		id, err := user()
		if err != nil {
			return nil, err
		}
		// Who has shown an expired password changes that one (crm-wire 2.3, security PW-06).
		if session.Scopes != nil && session.HasScope(org.ScopePasswordChange) && id != session.User {
			return nil, errExpiredPassword()
		}
		password, err := text("password")
		if err != nil {
			return nil, err
		}
		if err := guarded(func() error { return accounts.SetFor(ctx, session, id, vault.Secret(password)) }); err != nil {
			return nil, err
		}
		return h.respond(op.Local, func(*soap.Writer) {})
	case "changeOwnPassword":
		old, err := text("oldPassword")
		if err != nil {
			return nil, err
		}
		password, err := text("newPassword")
		if err != nil {
			return nil, err
		}
		if err := guarded(func() error { return accounts.ChangeOwn(ctx, session, vault.Secret(old), vault.Secret(password)) }); err != nil {
			return nil, err
		}
		return h.respond(op.Local, func(*soap.Writer) {})
	case "resetPassword":
		id, err := user()
		if err != nil {
			return nil, err
		}
		var password vault.Secret
		err = guarded(func() (err error) {
			password, err = accounts.Reset(ctx, session, id)
			return err
		})
		if err != nil {
			return nil, err
		}
		return h.respond(op.Local, func(x *soap.Writer) { x.Text("password", password.Reveal()) })
	}
	return nil, noOperation(op)
}

// invalidate ends the sessions of the caller's org that are named by their tokens; those of others need Manage Users.
func (h soapAPI) invalidate(ctx context.Context, op *soap.Element, session org.Session) ([]byte, error) {
	ids := op.All("sessionIds")
	if len(ids) == 0 || len(ids) > maxInvalidate {
		return nil, unexpectedFault("LIMIT_EXCEEDED", "LIMIT_EXCEEDED: invalidateSessions takes 1 to 200 session ids")
	}
	ended := make([]bool, len(ids))
	for i, id := range ids {
		token := strings.TrimSpace(id.Text)
		other, err := h.s.sessions.Find(ctx, token)
		switch {
		case fault.CodeOf(err) == org.CodeInvalidSession:
			continue
		case err != nil:
			return nil, err
		case other.Org != session.Org, other.User != session.User && !session.Permissions[org.PermManageUsers]:
			continue
		}
		if err := h.s.sessions.End(ctx, token); err != nil {
			return nil, err
		}
		ended[i] = true
	}
	return h.respondMany(op.Local, len(ids), func(x *soap.Writer, i int) {
		if !ended[i] {
			x.Open("errors")
			x.Text("message", "Invalid session ID")
			x.Text("statusCode", "INVALID_SESSION_ID")
			x.Close()
		}
		x.Text("success", map[bool]string{true: "true", false: "false"}[ended[i]])
	})
}
