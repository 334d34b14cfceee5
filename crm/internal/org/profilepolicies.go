package org

import (
	"slices"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// checkProfile refuses policies that a profile may not have: what the org may not have, and a history of none beside
// passwords that expire (Metadata API, ProfilePasswordPolicy).
func (p PasswordPolicies) checkProfile() error {
	if err := p.Check(); err != nil {
		return err
	}
	if r := p.Resolved(); *r.History == 0 && r.Expiration != "Never" {
		return fault.New(fault.Invalid, CodeInvalidSetting, "passwordExpiration must be 0 where passwordHistory is 0")
	}
	return nil
}

// ProfilePolicy is one number of a profile's password policies as the Metadata type ProfilePasswordPolicy has it.
type ProfilePolicy struct {
	Name string // of its element
	get  func(PasswordPolicies) int
	set  func(*PasswordPolicies, int) bool // false for a number that it does not take
}

// Get is the number of the policies.
func (d ProfilePolicy) Get(p PasswordPolicies) int { return d.get(p.Resolved()) }

// Set sets it from its text.
func (d ProfilePolicy) Set(p *PasswordPolicies, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || !d.set(p, n) {
		return fault.New(fault.Invalid, CodeInvalidSetting, "'%s' is not a valid value for %s", clip(text), d.Name)
	}
	return nil
}

// ProfilePolicies are the numbers, in the order of the type's elements; a profile must name all of them when it gets
// policies of its own.
func ProfilePolicies() []ProfilePolicy {
	word := func(name string, values map[string]int, field func(*PasswordPolicies) *string) ProfilePolicy {
		return ProfilePolicy{
			name, func(p PasswordPolicies) int { return values[*field(&p)] },
			func(p *PasswordPolicies, n int) bool {
				for word, v := range values {
					if v == n {
						*field(p) = word
						return true
					}
				}
				return false
			},
		}
	}
	minutes := map[string]int{}
	for name, d := range lockouts {
		minutes[name] = int(d / time.Minute)
	}
	levels := map[string]int{}
	for i, name := range complexities {
		levels[name] = i
	}
	return []ProfilePolicy{
		word("lockoutInterval", minutes, func(p *PasswordPolicies) *string { return &p.LockoutInterval }),
		word("maxLoginAttempts", attempts, func(p *PasswordPolicies) *string { return &p.MaxLoginAttempts }),
		{"minimumPasswordLength", func(p PasswordPolicies) int { return p.MinimumLength }, func(p *PasswordPolicies, n int) bool {
			p.MinimumLength = n
			return n >= 5 && n <= 50
		}},
		word("passwordComplexity", levels, func(p *PasswordPolicies) *string { return &p.Complexity }),
		word("passwordExpiration", expirations, func(p *PasswordPolicies) *string { return &p.Expiration }),
		{"passwordHistory", func(p PasswordPolicies) int { return *p.History }, func(p *PasswordPolicies, n int) bool {
			p.History = &n
			return n >= 0 && n <= 24
		}},
	}
}

// ProfilePolicyNames are the names of ProfilePolicies.
func ProfilePolicyNames() []string {
	var out []string
	for _, d := range ProfilePolicies() {
		out = append(out, d.Name)
	}
	return slices.Clip(out)
}
