package org

import (
	"context"

	"github.com/twinspan/twinspan/internal/fault"
)

// JobSession is the session that a job's steps have: that of who began it, with what he may do now; of was it takes org,
// user, app and delegate. A user who may not use the API any more, whose app was blocked,
// or whose administrator may not be logged in as him any more, is a NotFound fault.
func JobSession(ctx context.Context, d Directory, was Session) (Session, error) {
	u, err := d.UserByID(ctx, was.Org, was.User)
	if err != nil {
		return Session{}, err
	}
	if !u.Active || u.Frozen || !u.Permissions[PermAPIEnabled] {
		return Session{}, noSuchRecord()
	}
	if was.App != "" {
		if app, err := d.AppByID(ctx, was.Org, was.App); err == nil && app.Blocked {
			return Session{}, noSuchRecord()
		} else if err != nil && fault.KindOf(err) != fault.NotFound { // PlatformCLI is in no org
			return Session{}, err
		}
	}
	if was.Delegate != "" {
		if ok, err := stillDelegated(ctx, d, was.Org, was.Delegate); err != nil {
			return Session{}, err
		} else if !ok {
			return Session{}, noSuchRecord()
		}
	}
	o, err := d.OrgByID(ctx, was.Org)
	if err != nil {
		return Session{}, err
	}
	return Session{Org: was.Org, User: was.User, App: was.App, Delegate: was.Delegate}.may(u, o), nil
}
