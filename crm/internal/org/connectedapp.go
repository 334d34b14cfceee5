package org

import (
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// Validity is the policy as the ConnectedApplication object shows it (crm-wire 5.2): hours after which a refresh token
// expires, counted from its last use where inactivity is true. -1 hours means until revoked, 0 at once. Months count
// as 30 days. A policy that is not well-formed never keeps a token: 0.
func (p RefreshTokenPolicy) Validity() (inactivity bool, hours int) {
	switch p {
	case RefreshInfinite, "":
		return false, -1
	case RefreshZero:
		return false, 0
	}
	kind, rest, _ := strings.Cut(string(p), ":")
	count, unit, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxPolicyCount {
		return false, 0
	}
	return kind == "specific_inactivity", n * hoursPer[unit]
}

// maxPolicyCount bounds the N of a policy, as Setup does with its input of up to five digits.
const maxPolicyCount = 99999

var hoursPer = map[string]int{"HOURS": 1, "DAYS": 24, "MONTHS": 30 * 24}

// ParseRefreshTokenPolicy checks a policy in the spelling of the Metadata API.
func ParseRefreshTokenPolicy(s string) (RefreshTokenPolicy, error) {
	bad := fault.New(fault.Invalid, CodeInvalidValue, "Invalid refresh token policy: %s", clip(s)).In("refreshTokenPolicy")
	switch p := RefreshTokenPolicy(s); p {
	case RefreshInfinite, RefreshZero:
		return p, nil
	}
	parts := strings.Split(s, ":")
	if len(parts) != 3 || parts[0] != "specific_lifetime" && parts[0] != "specific_inactivity" || hoursPer[parts[2]] == 0 {
		return "", bad
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n < 1 || n > maxPolicyCount || strconv.Itoa(n) != parts[1] {
		return "", bad
	}
	return RefreshTokenPolicy(s), nil
}

// RefreshPolicyOf is the inverse of Validity.
func RefreshPolicyOf(inactivity bool, hours int) RefreshTokenPolicy {
	switch {
	case hours < 0:
		return RefreshInfinite
	case hours == 0:
		return RefreshZero
	case inactivity:
		return RefreshTokenPolicy("specific_inactivity:" + strconv.Itoa(hours) + ":HOURS")
	}
	return RefreshTokenPolicy("specific_lifetime:" + strconv.Itoa(hours) + ":HOURS")
}

// IPRelaxations are the values of the IP policy, in the order of Setup.
func IPRelaxations() []IPRelaxation {
	return []IPRelaxation{IPEnforce, IPEnforceRelaxRefresh, IPBypass2Factor, IPBypass}
}

// ParseIPRelaxation checks an IP policy in the spelling of the Metadata API.
func ParseIPRelaxation(s string) (IPRelaxation, error) {
	switch p := IPRelaxation(s); p {
	case IPEnforce, IPBypass, IPBypass2Factor, IPEnforceRelaxRefresh:
		return p, nil
	}
	return "", fault.New(fault.Invalid, CodeInvalidValue, "Invalid IP relaxation: %s", clip(s)).In("ipRelaxation")
}
