package org

import (
	"github.com/twinspan/twinspan/internal/fault"
)

// The objects by which administrators stop a user's logins and end sessions.
const (
	ObjectUserLogin   = "UserLogin"
	ObjectAuthSession = "AuthSession"
)

// Codes of refusals about them.
const (
	CodeFreezeSelf fault.Code = "freeze_self"
	CodeLockUser   fault.Code = "lock_user"
)

// userLoginObject can be changed by who manages users: IsFrozen either way, IsPasswordLocked to false alone (crm-wire 5.2).
func userLoginObject() *Object {
	return &Object{
		Name: ObjectUserLogin, Label: "User Login", Plural: "User Login", KeyPrefix: PrefixUserLogin, Setup: true,
		Updateable: true, View: Need{{PermManageUsers}}, Update: Need{{PermManageUsers}},
		Fields: fields(idField(),
			reference("UserId", "User ID", "User", "", ObjectUser).filled().readOnly(),
			boolean("IsFrozen", "Frozen").updateOnly(),
			boolean("IsPasswordLocked", "Password Locked").updateOnly(),
			typed("LastModifiedDate", "Last Modified Date", TypeDateTime, 0).filled().readOnly(),
			reference("LastModifiedById", "Last Modified By ID", "LastModifiedBy", "", ObjectUser).filled().readOnly()),
	}
}

// updateUserLogin freezes, thaws and unlocks. A frozen user keeps his sessions and grants, and none of them works until
// he is thawed.
func updateUserLogin(c *change) error {
	user := c.old.ID("UserId")
	if c.changes("IsFrozen") && c.values["IsFrozen"] == true && user == c.session.User {
		return fault.New(fault.Invalid, CodeFreezeSelf, "You cannot freeze yourself.").In("IsFrozen")
	}
	if c.changes("IsPasswordLocked") && c.values["IsPasswordLocked"] == true {
		return fault.New(fault.Invalid, CodeLockUser, "A user cannot be locked out; freeze him instead.").In("IsPasswordLocked")
	}
	if c.changes("IsFrozen") && c.values["IsFrozen"] == true {
		if err := c.checkLastFrozen(user); err != nil {
			return err
		}
	}
	cred, err := c.tx.Credential(c.session.Org, user)
	if err != nil {
		return err
	}
	if v, ok := c.values["IsFrozen"].(bool); ok {
		cred.Frozen = v
	}
	if c.changes("IsPasswordLocked") {
		cred.Failures, cred.LockedUntil = 0, zeroTime
	}
	return c.tx.PutCredential(cred)
}

// checkLastFrozen refuses to freeze the last administrator whose logins work, which others than administrators could do.
func (c *change) checkLastFrozen(user ID) error {
	u, err := c.related(ObjectUser, user)
	if err != nil || !u.Flag("IsActive") {
		return err
	}
	last, err := c.lastAdmin(user, u.ID("ProfileId"))
	if err == nil && last {
		err = fault.New(fault.Invalid, CodeLastAdmin, "You cannot freeze the last administrator of the organization.").In("IsFrozen")
	}
	return err
}

// authSessionObject shows the sessions that are live; deleting one ends it (crm-wire 5.1).
func authSessionObject() *Object {
	o := &Object{
		Name: ObjectAuthSession, Label: "Auth Session", Plural: "Auth Sessions", KeyPrefix: PrefixAuthSession, Setup: true,
		Deletable: true, View: Need{{PermManageUsers}}, Delete: Need{{PermManageUsers}},
		Fields: fields(idField(),
			reference("UsersId", "User ID", "Users", "", ObjectUser).filled(),
			typed("CreatedDate", "Created", TypeDateTime, 0).filled(),
			typed("LastModifiedDate", "Updated", TypeDateTime, 0).filled(),
			typed("NumSecondsValid", "Valid For", TypeInt, 0).filled(),
			picklist("UserType", "User Type", true, values("Standard")...).filled(),
			text("SourceIp", "Source IP", 39),
			picklist("LoginType", "Login Type", false, values(LoginTypeApplication, LoginTypeSOAP, LoginTypeOAuth)...),
			picklist("SessionType", "Session Type", true, values(SessionUI, SessionAPI, SessionOAuth2, SessionSubstitute)...).filled(),
			picklist("SessionSecurityLevel", "Session Security Level", true, values("LOW", "STANDARD", "HIGH_ASSURANCE")...),
			reference("LoginHistoryId", "Login History ID", "LoginHistory", "", ObjectLoginHistory),
			// The Object Reference: a session without a parent has its own id here; LogoutUrl is of sites and single sign-on.
			reference("ParentId", "Parent ID", "Parent", "", ObjectAuthSession).filled(),
			typed("LogoutUrl", "Logout URL", TypeURL, 1500).computed(),
			notFilterable(typed(FieldIsCurrent, "Is Current", TypeBoolean, 0).filled().computed())),
	}
	for _, f := range o.Fields {
		f.readOnly()
	}
	return o
}

// FieldIsCurrent is AuthSession.IsCurrent: the session is the one that asks. The store knows no session and says no;
// [Session.IsCurrent] is the truth.
const FieldIsCurrent = "IsCurrent"

// IsCurrent reports whether a record of AuthSession is the session itself.
func (s Session) IsCurrent(record ID) bool {
	return s.ID != 0 && record == NumberID(PrefixAuthSession, s.ID)
}

// removeAuthSession ends the session that the record is of.
func removeAuthSession(c *change) error {
	n := parseNumber(c.id.Short()[4:])
	if n < 0 {
		return noSuchRecord()
	}
	if err := c.tx.EndSession(c.session.Org, n, c.at); err != nil {
		return err
	}
	whose := c.old.Text("UsersId")
	if u, err := c.related(ObjectUser, c.old.ID("UsersId")); err == nil { // a session outlives no user
		whose = u.Text("Username")
	}
	return Audit(c.tx, c.session, c.at, "endsession", "Session Management", "Ended a session of user "+whose)
}
