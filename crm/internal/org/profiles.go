package org

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// ProfileRules are what a profile says about when and from where its users log in, and in place of the org's policies.
type ProfileRules struct {
	ID       ID
	FullName string // of the Metadata API: "Admin" is System Administrator
	Ranges   []IPRange
	Hours    LoginHours
	// Passwords are the profile's own policies; nil where the org's hold.
	Passwords *PasswordPolicies
	// SessionTimeoutMinutes is how long a session lives unused; 0 where the org's setting holds.
	SessionTimeoutMinutes int
}

// ProfileChange is what somebody changes of them; nil stays as it is.
type ProfileChange struct {
	Ranges *[]IPRange
	Hours  *LoginHours
	// Passwords replaces the profile's policies; one that holds nil takes them away.
	Passwords **PasswordPolicies
	// SessionTimeoutMinutes is one of the values of the Metadata API; 0 takes the profile's timeout away.
	SessionTimeoutMinutes *int
}

// ProfileStore keeps the login rules of profiles.
type ProfileStore interface {
	// ProfileByName reads a profile's; no such profile is a NotFound fault.
	ProfileByName(ctx context.Context, org ID, name string) (ProfileRules, error)
	// Profiles reads those of all profiles of the org, by label.
	Profiles(ctx context.Context, org ID) ([]ProfileRules, error)
	SetupStore
}

// Profiles reads and changes the login rules of profiles.
type Profiles struct {
	Store   ProfileStore
	Clock   *clock.Domain
	Changes Changes
}

// standardProfiles are the Metadata API's names of the profiles that every org has.
var standardProfiles = map[string]string{"Admin": AdministratorProfile, "Standard": StandardUserProfile}

// profileLabel is the label of a profile whose full name in the Metadata API, or whose label, is given.
func profileLabel(name string) string {
	for full, label := range standardProfiles {
		if strings.EqualFold(full, name) {
			return label
		}
	}
	return name
}

// profileFullName is what the Metadata API calls a profile.
func profileFullName(label string) string {
	for full, l := range standardProfiles {
		if l == label {
			return full
		}
	}
	return label
}

// Find finds a profile by its full name in the Metadata API, or by its label.
func (p *Profiles) Find(ctx context.Context, s Session, name string) (ProfileRules, error) {
	if err := MayUseMetadata(s); err != nil {
		return ProfileRules{}, err
	}
	found, err := p.Store.ProfileByName(ctx, s.Org, profileLabel(name))
	return shownProfile(found, name, err)
}

// FindIn is Find inside a transaction.
func (p *Profiles) FindIn(tx SetupTx, s Session, name string) (ProfileRules, error) {
	if err := MayUseMetadata(s); err != nil {
		return ProfileRules{}, err
	}
	found, err := tx.ProfileByName(s.Org, profileLabel(name))
	return shownProfile(found, name, err)
}

// List lists the profiles of the caller's org by label.
func (p *Profiles) List(ctx context.Context, s Session) ([]ProfileRules, error) {
	if err := MayUseMetadata(s); err != nil {
		return nil, err
	}
	all, err := p.Store.Profiles(ctx, s.Org)
	for i := range all {
		all[i].FullName = profileFullName(all[i].FullName)
	}
	return all, err
}

// shownProfile is what the API shows of what the store found, or says of what it did not find.
func shownProfile(found ProfileRules, name string, err error) (ProfileRules, error) {
	if fault.CodeOf(err) == CodeNotFound {
		return found, noSuchComponent("Profile", name)
	}
	found.FullName = profileFullName(found.FullName)
	return found, err
}

// Change changes the login rules of a profile.
func (p *Profiles) Change(ctx context.Context, s Session, name string, c ProfileChange) error {
	err := p.Store.WriteSetup(ctx, func(tx SetupTx) error {
		_, err := p.SaveIn(tx, s, name, c)
		return err
	})
	if err == nil {
		p.Changes.SetupChanged(s.Org)
	}
	return err
}

// SaveIn is Change as one of the works of a transaction, whose owner tells the caches.
func (p *Profiles) SaveIn(tx SetupTx, s Session, name string, c ProfileChange) (Saved, error) {
	rules, err := p.FindIn(tx, s, name)
	if err != nil {
		return Saved{}, err
	}
	need := Need{{PermManageProfiles}, {PermManageIPAddresses}}
	if c.Passwords != nil || c.SessionTimeoutMinutes != nil {
		need = Need{{PermManageProfiles}, {PermManagePasswords}}
	}
	if !need.MetBy(s.Permissions) {
		return Saved{}, insufficientAccess(rules.ID)
	}
	display := "Changed profile " + rules.FullName + ":"
	if c.Ranges != nil {
		if err := CheckRanges(*c.Ranges); err != nil {
			return Saved{}, err
		}
		rules.Ranges = *c.Ranges
		display += " login IP ranges to " + rangesText(rules.Ranges) + "."
	}
	if c.Hours != nil {
		if err := c.Hours.Check(); err != nil {
			return Saved{}, err
		}
		rules.Hours = *c.Hours
		display += " login hours to " + rules.Hours.String() + "."
	}
	if c.Passwords != nil {
		if *c.Passwords != nil {
			if err := (*c.Passwords).checkProfile(); err != nil {
				return Saved{}, err
			}
		}
		rules.Passwords = *c.Passwords
		display += " password policies."
	}
	if c.SessionTimeoutMinutes != nil {
		if n := *c.SessionTimeoutMinutes; n != 0 && !slices.ContainsFunc(sessionTimeouts, func(t sessionTimeoutName) bool { return t.minutes == n }) {
			return Saved{}, fault.New(fault.Invalid, CodeInvalidSetting, "sessionTimeout takes 0, 15, 30, 60, 90, 120, 240, 480, 720 or 1440")
		}
		rules.SessionTimeoutMinutes = *c.SessionTimeoutMinutes
		display += " session timeout to " + strconv.Itoa(rules.SessionTimeoutMinutes) + " minutes."
	}
	at := p.Clock.Now(string(s.Org))
	if err := tx.PutProfile(s.Org, s.User, at, rules); err != nil {
		return Saved{}, err
	}
	return Saved{ID: rules.ID, Changed: c != ProfileChange{}}, Audit(tx, s, at, "changedprofile", "Manage Users", display)
}
