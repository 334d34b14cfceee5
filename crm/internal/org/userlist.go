package org

import (
	"context"
	"time"
)

// UserEntry is a user in a list.
type UserEntry struct {
	ID                                              ID
	LastName, Name, Alias, Username, Email, Profile string
	Active                                          bool
	LastLogin                                       time.Time // domain time; zero for never
}

// UserFilter says which users a list has, and where in it to begin. Lists are in the order of last names, and of ids where
// those are the same.
type UserFilter struct {
	Text   string // in the name, user name, email or alias, whatever its case; "" for all
	Letter string // that the last name begins with, whatever its case; "" for all
	Active bool   // only those
	// Set keeps to those who have a permission set, or with Without to those who do not; "" for all.
	Set     ID
	Without bool
	// AfterName and AfterID are the last name and id of the user before the first; both "" for the beginning.
	AfterName string
	AfterID   ID
	Limit     int
	// Reach is at most how many users are looked at for a page of those who do not have a set: a set that nearly all have would
	// be looked for in vain among all of them. 0 looks at all.
	Reach int
}

// UserPage is a page of a list of users.
type UserPage struct {
	Users []UserEntry // at most as many as the filter's Limit
	// More is whether the list goes on, after NextName and NextID: the last of Users, or further on the last user who was
	// looked at.
	More     bool
	NextName string
	NextID   ID
	// Short is whether fewer than Limit are there because the filter's Reach was over.
	Short bool
}

// UserLister lists users for a page. What it costs does not grow with the users of the org where Text is "", and for those
// without a set with Reach.
type UserLister interface {
	UserList(ctx context.Context, org ID, f UserFilter) (UserPage, error)
}
