package login

import (
	"context"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// codeAPIOnly: the user may log in through the API only. codeOtherOrgApp: the app is another org's.
const (
	codeAPIOnly     fault.Code = "api_only"
	codeOtherOrgApp fault.Code = "other_org_app"
)

// admitBrowser decides what holds for every door by which a browser gets a session, once it is known who comes: the user's
// state, his profile's hours and addresses, the host that he calls, that he may use a browser, and the app that he comes for,
// nil for none. status is the refusal's in Login History; "" where it leaves no row.
func (s *Server) admitBrowser(ctx context.Context, u org.User, app *org.App, from caller, subtype string) (status string, err error) {
	switch {
	case !u.Active:
		err = fault.New(fault.Denied, org.CodeUserInactive, "user is inactive")
	case u.Frozen:
		err = fault.New(fault.Denied, org.CodeUserFrozen, "user is inactive")
	default:
		err = s.ip.AllowLogin(ctx, u, app, from.ip, subtype)
	}
	if err != nil {
		return refusalStatus[fault.CodeOf(err)], err
	}
	if err := s.checkMyDomain(ctx, u, from.host, false); err != nil {
		if fault.CodeOf(err) == org.CodeOtherMyDomain {
			status = org.StatusNoAccess
		}
		return status, err
	}
	switch {
	case u.Permissions[org.PermAPIUserOnly]:
		return org.StatusNoAccess, fault.New(fault.Denied, codeAPIOnly, textAPIOnly)
	case app != nil && app.In(u.Org).Org != u.Org:
		return org.StatusNotApproved, fault.New(fault.Denied, codeOtherOrgApp, textWrongOrgApp)
	}
	return org.StatusSuccess, nil
}

// refusedAtDoor is what a person reads where admitBrowser, or the check of his password, refused him; "" for other errors. Who
// showed who he is may hear of the wrong host or app, so that nobody learns names by guessing; all else reads the same.
func refusedAtDoor(err error, other string) string {
	switch fault.CodeOf(err) {
	case org.CodeOtherMyDomain, codeAPIOnly, codeOtherOrgApp:
		return fault.Of(err).Message
	case org.CodeBadCredentials, org.CodeUserInactive, org.CodeUserFrozen, org.CodeIPRestricted, org.CodeLoginHours:
		return other
	}
	return ""
}

// textNotNow is for those who came by a link or with a new password.
const textNotNow = "You cannot log in now, or not from where you are. Ask your administrator."

// knockAgain is admitBrowser at a door to which no password is shown: a refusal leaves its row, and is a page.
func (s *Server) knockAgain(ctx context.Context, u org.User, app *org.App, from caller, subtype string, e org.LoginEvent) error {
	status, err := s.admitBrowser(ctx, u, app, from, subtype)
	text := refusedAtDoor(err, textNotNow)
	if text == "" {
		return err
	}
	s.noteRefused(ctx, e, status)
	return fault.New(fault.Denied, codeTransactionClosed, "%s", text)
}
