package org

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeAppBlocked: an administrator blocked the app for everybody.
const CodeAppBlocked fault.Code = "app_blocked"

// CodeNotInstalled: the app is merely used in the org, and the user lacks both permissions for that (connect-facts 10.1).
const CodeNotInstalled fault.Code = "app_not_installed"

// CodeAssurance: the app's session policy asks for a session of high assurance.
const CodeAssurance fault.Code = "session_level"

// Login History statuses of those three; the real ones are not public.
const (
	StatusAppBlocked   = "Failed: Connected app blocked"
	StatusNotInstalled = "Failed: Connected app not installed"
	StatusAssurance    = "Failed: Session level too low"
)

// AllowedByPolicies decides what holds of an app before Permitted Users is asked: that it is not blocked, that it is
// installed or the user may use any, and that its session policy takes sessions of standard level, the only ones there
// are until second factors exist.
func (k *Known) AllowedByPolicies(ctx context.Context, u User, app *App) error {
	switch {
	case app.Blocked:
		return fault.New(fault.Denied, CodeAppBlocked, "this app is blocked by admin")
	case app.HighAssurance != AssuranceNone:
		return fault.New(fault.Denied, CodeAssurance, "this app requires a high assurance session")
	case app.Installed || u.Permissions.Any(PermApproveUninstalledApp, PermUseAnyAPIClient):
		return nil
	}
	approved, err := k.ApprovedScopes(ctx, u.Org, u.ID, app.ID) // who used it earlier goes on
	if err != nil || approved != nil {
		return err
	}
	return fault.New(fault.Denied, CodeNotInstalled, "this app is not installed in the org")
}

// AppUser is an active user as an app's policies see him.
type AppUser struct {
	ID       ID
	Username string
	Approved bool // his profile or a permission set of his carries the app
	Using    bool // he has approved the app himself, and that still stands
}

// may reports whether the user may use the app under its policy Permitted Users.
func (u AppUser) may(adminApproved bool) bool { return u.Approved || !adminApproved }

// Access is what a change does to who may use an app.
type Access struct {
	// Losing are the user names of those who may use the app before the change and not after it, by name; those who use
	// it now come first.
	Losing []string
	// LosingUsing is how many of them use it now.
	LosingUsing int
	// Allowed is how many active users may use the app after the change.
	Allowed int
}

// maxNamed bounds the names in a warning.
const maxNamed = 10

// Warning words the access for whoever saves the change; "" where nobody loses anything.
func (a Access) Warning() string { return a.warning("this app") }

func (a Access) warning(app string) string {
	if len(a.Losing) == 0 {
		return ""
	}
	names := a.Losing
	more := ""
	if len(names) > maxNamed {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", len(a.Losing)-maxNamed)
	}
	text := fmt.Sprintf("%d users lose access to %s, %d of whom use it now: %s%s.", len(a.Losing), app, a.LosingUsing, strings.Join(names, ", "), more)
	if len(a.Losing) == 1 {
		text = fmt.Sprintf("%s loses access to %s%s.", names[0], app, map[bool]string{true: ", which he uses now"}[a.LosingUsing == 1])
	}
	if a.Allowed == 0 {
		text += " Nobody is left who may use it: nobody has a profile or permission set that carries it."
	}
	return text
}

func accessChange(before, after []AppUser, wasAdminApproved, adminApproved bool) Access {
	could := map[ID]bool{}
	for _, u := range before {
		could[u.ID] = u.may(wasAdminApproved)
	}
	var a Access
	var rest []string
	for _, u := range after {
		switch {
		case u.may(adminApproved):
			a.Allowed++
		case could[u.ID] && u.Using:
			a.Losing = append(a.Losing, u.Username)
			a.LosingUsing++
		case could[u.ID]:
			rest = append(rest, u.Username)
		}
	}
	a.Losing = append(a.Losing, rest...)
	return a
}

// AppUsage is one user's use of an app.
type AppUsage struct {
	User     ID
	Username string
	Tokens   int // live approvals and refresh tokens
	Sessions int // live access tokens
	Uses     int // refreshes
	First    time.Time
	Last     time.Time
}

// UsageStore keeps what the OAuth usage of an app is made of.
type UsageStore interface {
	// AppUsage lists the users of an app whose approvals or access tokens live at the domain time, by user name.
	AppUsage(ctx context.Context, org, app ID, at time.Time) ([]AppUsage, error)
	// EndAppUse revokes an app's grants and ends its sessions at the domain time, of all users or of one, and keeps what
	// note writes beside it.
	EndAppUse(ctx context.Context, org, app, user ID, at time.Time, note func(RecordTx) error) error
}

// Usage lists who uses an app.
func (a *Apps) Usage(ctx context.Context, s Session, name string) ([]AppUsage, error) {
	app, err := a.Find(ctx, s, name)
	if err != nil {
		return nil, err
	}
	return a.Uses.AppUsage(ctx, s.Org, app.ID, a.Clock.Now(string(s.Org)))
}

// Revoke takes back all tokens of an app: of the user, or of everybody where the user name is "".
func (a *Apps) Revoke(ctx context.Context, s Session, name, username string) error {
	app, err := a.changeable(ctx, s, name)
	if err != nil {
		return err
	}
	var user ID
	if username != "" {
		u, err := a.Users.UserByUsername(ctx, username)
		if err == nil && u.Org != s.Org {
			err = fault.New(fault.NotFound, CodeNotFound, "")
		}
		if fault.KindOf(err) == fault.NotFound {
			return fault.New(fault.NotFound, CodeNotFound, "no User named %s found", clip(username))
		}
		if err != nil {
			return err
		}
		user = u.ID
	}
	at := a.Clock.Now(string(s.Org))
	err = a.Uses.EndAppUse(ctx, s.Org, app.ID, user, at, func(tx RecordTx) error { return auditRevoke(tx, s, at, app.ConnectedApp, username) })
	if err != nil {
		return err
	}
	a.Changes.SetupChanged(s.Org)
	return nil
}

// changeable finds an app that the session's user may change.
func (a *Apps) changeable(ctx context.Context, s Session, name string) (AppRecord, error) {
	app, err := a.Find(ctx, s, name)
	if err == nil && !mayChangeApps.MetBy(s.Permissions) {
		err = insufficientAccess(app.ID)
	}
	return app, err
}
