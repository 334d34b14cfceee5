package org

import (
	"context"
	"strings"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// ProfileRules are what a profile says about when and from where its users log in.
type ProfileRules struct {
	ID       ID
	FullName string // of the Metadata API: "Admin" is System Administrator
	Ranges   []IPRange
	Hours    LoginHours
}

// ProfileChange is what somebody changes of them; nil stays as it is.
type ProfileChange struct {
	Ranges *[]IPRange
	Hours  *LoginHours
}

// ProfileStore keeps the login rules of profiles.
type ProfileStore interface {
	// ProfileByName reads a profile's; no such profile is a NotFound fault.
	ProfileByName(ctx context.Context, org ID, name string) (ProfileRules, error)
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
	if err := MayUseMetadata(s); err != nil {
		return Saved{}, err
	}
	found, err := tx.ProfileByName(s.Org, profileLabel(name))
	rules, err := shownProfile(found, name, err)
	if err != nil {
		return Saved{}, err
	}
	if !(Need{{PermManageProfiles}, {PermManageIPAddresses}}).MetBy(s.Permissions) {
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
		display += " login hours."
	}
	at := p.Clock.Now(string(s.Org))
	if err := tx.PutProfile(s.Org, s.User, at, rules); err != nil {
		return Saved{}, err
	}
	return Saved{ID: rules.ID, Changed: c.Ranges != nil || c.Hours != nil}, Audit(tx, s, at, "changedprofile", "Manage Users", display)
}
