package org

import "context"

// Directory answers who and what a login concerns. Every method reports a missing thing as a NotFound fault with
// CodeNotFound.
type Directory interface {
	// OrgByID reads one org.
	OrgByID(ctx context.Context, org ID) (Org, error)
	// UserByUsername finds a user of any org by user name, without regard to case.
	UserByUsername(ctx context.Context, username string) (User, error)
	// UserByID reads one user of the org.
	UserByID(ctx context.Context, org, user ID) (User, error)
	// AppByConsumerKey finds a connected app of any org by its consumer key, compared exactly.
	AppByConsumerKey(ctx context.Context, key string) (ConnectedApp, error)
	// AppByID reads one connected app of the org.
	AppByID(ctx context.Context, org, app ID) (ConnectedApp, error)
	// AppsToStart lists the apps of the org that have a Start URL and are not blocked, by name, at most limit of them.
	AppsToStart(ctx context.Context, org ID, limit int) ([]ConnectedApp, error)
	// AdminApproved reports whether the user's profile or one of his permission sets carries the app
	// (SetupEntityAccess, crm-wire 5.2).
	AdminApproved(ctx context.Context, org, user, app ID) (bool, error)
	// Shared reports whether other processes may write to the same database, so that nothing read from it may be
	// kept longer than a second.
	Shared() bool
}

// Changes tells caches that setup of an org (users, assignments, apps, settings) changed in this process.
type Changes interface {
	// SetupChanged is called after the change is committed and before the caller is answered.
	SetupChanged(org ID)
}
