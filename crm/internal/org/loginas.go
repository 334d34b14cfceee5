package org

import (
	"context"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeLoginAsOff: an administrator may not log in as that user, now or ever; the message says why.
const CodeLoginAsOff fault.Code = "login_as_off"

// mayLoginAs: managing users, and able to see and change everything they can.
var mayLoginAs = Need{{PermManageUsers}, {PermModifyAllData}}

// CheckLoginAs decides whether the administrator of the session may log in as the user: only while the org's policy
// Administrators Can Log in as Any User is on (document 004), and never from within such a login.
func CheckLoginAs(o Org, admin Session, u User) error {
	refuse := func(text string) error { return fault.New(fault.Denied, CodeLoginAsOff, "%s", text) }
	switch {
	case !mayLoginAs.MetBy(admin.Permissions) || admin.Delegate != "":
		return insufficientAccess(u.ID)
	case !o.Settings.AdminsCanLoginAsAnyUser:
		return refuse("Administrators Can Log in as Any User is off in Security > Login Access Policies.")
	case u.Org != admin.Org:
		return noSuchRecord()
	case u.ID == admin.User:
		return refuse("You are that user already.")
	case !u.Active || u.Frozen:
		return refuse("The user is inactive or frozen.")
	}
	return nil
}

// orgsAndUsers is what a Directory and a Known have in common.
type orgsAndUsers interface {
	OrgByID(ctx context.Context, org ID) (Org, error)
	UserByID(ctx context.Context, org, user ID) (User, error)
}

// stillDelegated reports whether the administrator behind a session may still be logged in as its user.
func stillDelegated(ctx context.Context, d orgsAndUsers, org, admin ID) (bool, error) {
	o, err := d.OrgByID(ctx, org)
	if err != nil || !o.Settings.AdminsCanLoginAsAnyUser {
		return false, err
	}
	u, err := d.UserByID(ctx, org, admin)
	if err != nil {
		return false, err
	}
	return u.Active && !u.Frozen && mayLoginAs.MetBy(u.Permissions), nil
}
