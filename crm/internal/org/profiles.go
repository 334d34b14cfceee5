package org

import (
	"context"
	"strings"
	"time"

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
	// ChangeProfile keeps new rules, and what fn writes beside them.
	ChangeProfile(ctx context.Context, org, by ID, at time.Time, p ProfileRules, fn func(RecordTx) error) error
}

// Profiles reads and changes the login rules of profiles.
type Profiles struct {
	Store   ProfileStore
	Clock   *clock.Domain
	Changes Changes
}

// standardProfiles are the Metadata API's names of the profiles that every org has.
var standardProfiles = map[string]string{"Admin": AdministratorProfile, "Standard": StandardUserProfile}

// Find finds a profile by its full name in the Metadata API, or by its label.
func (p *Profiles) Find(ctx context.Context, s Session, name string) (ProfileRules, error) {
	if err := mayUseMetadata(s); err != nil {
		return ProfileRules{}, err
	}
	label := name
	for full, l := range standardProfiles {
		if strings.EqualFold(full, name) {
			label = l
		}
	}
	found, err := p.Store.ProfileByName(ctx, s.Org, label)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return found, fault.New(fault.NotFound, CodeNotFound, "In field: fullName - no Profile named %s found", clip(name))
	}
	for full, l := range standardProfiles {
		if l == found.FullName {
			found.FullName = full
		}
	}
	return found, err
}

// Change changes the login rules of a profile.
func (p *Profiles) Change(ctx context.Context, s Session, name string, c ProfileChange) error {
	rules, err := p.Find(ctx, s, name)
	if err != nil {
		return err
	}
	if !(Need{{PermManageProfiles}, {PermManageIPAddresses}}).MetBy(s.Permissions) {
		return insufficientAccess(rules.ID)
	}
	display := "Changed profile " + rules.FullName + ":"
	if c.Ranges != nil {
		if err := CheckRanges(*c.Ranges); err != nil {
			return err
		}
		rules.Ranges = *c.Ranges
		display += " login IP ranges to " + rangesText(rules.Ranges) + "."
	}
	if c.Hours != nil {
		if err := c.Hours.Check(); err != nil {
			return err
		}
		rules.Hours = *c.Hours
		display += " login hours."
	}
	at := p.Clock.Now(string(s.Org))
	err = p.Store.ChangeProfile(ctx, s.Org, s.User, at, rules, func(tx RecordTx) error {
		return Audit(tx, s, at, "changedprofile", "Manage Users", display)
	})
	if err == nil {
		p.Changes.SetupChanged(s.Org)
	}
	return err
}
