package org

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Where the Setup Audit Trail has what becomes of connected apps.
const sectionApps = "Connected Apps"

// appField is a setting or policy of an app as the Setup Audit Trail names it.
type appField struct {
	label string
	// value is what the trail shows of it; nil for what is named and never shown.
	value func(ConnectedApp) string
	same  func(a, b ConnectedApp) bool // where value does not tell
}

// shown is a field whose value the trail shows.
func shown(label string, value func(ConnectedApp) string) appField {
	return appField{label: label, value: value, same: func(a, b ConnectedApp) bool { return value(a) == value(b) }}
}

// flagged is a switch.
func flagged(label string, on func(ConnectedApp) bool) appField {
	return shown(label, func(a ConnectedApp) string { return strconv.FormatBool(on(a)) })
}

// appFields are all settings and policies that somebody may change, in the order in which the trail names them. The
// labels are those of Setup where it has one.
func appFields() []appField {
	return []appField{
		shown("Permitted Users", func(a ConnectedApp) string {
			if a.AdminApproved {
				return "Admin approved users are pre-authorized"
			}
			return "All users may self-authorize"
		}),
		shown("IP Relaxation", func(a ConnectedApp) string { return a.IPRelaxation.Label() }),
		shown("Allow-Listed IP Ranges", func(a ConnectedApp) string {
			if len(a.IPRanges) == 0 {
				return ""
			}
			return rangesText(a.IPRanges)
		}),
		shown("Refresh Token Policy", func(a ConnectedApp) string { return a.RefreshTokenPolicy.Label() }),
		shown("Timeout Value", func(a ConnectedApp) string { return strconv.Itoa(a.SessionTimeoutMinutes) }),
		shown("High Assurance Session", func(a ConnectedApp) string { return string(a.HighAssurance) }),
		flagged("Blocked", func(a ConnectedApp) bool { return a.Blocked }),
		flagged("Installed", func(a ConnectedApp) bool { return a.Installed }),
		shown("Label", func(a ConnectedApp) string { return a.Name }),
		shown("Contact Email", func(a ConnectedApp) string { return a.ContactEmail }),
		shown("Description", func(a ConnectedApp) string { return a.Description }),
		shown("Start URL", func(a ConnectedApp) string { return a.StartURL }),
		shown("Callback URL", func(a ConnectedApp) string { return strings.Join(a.CallbackURLs, " ") }),
		shown("Scopes", func(a ConnectedApp) string { return strings.Join(slices.Sorted(slices.Values(a.Scopes)), " ") }), // a set: their order says nothing
		{label: "Digital Certificate", same: func(a, b ConnectedApp) bool { return a.Certificate == b.Certificate }},
		{label: "Consumer Secret", same: func(a, b ConnectedApp) bool { return slices.Equal(a.SecretHash, b.SecretHash) }},
		flagged("Consumer Secret Optional", func(a ConnectedApp) bool { return a.SecretOptional }),
		flagged("Require Secret for Refresh Token Flow", func(a ConnectedApp) bool { return a.SecretRequiredForRefresh }),
		flagged("Require PKCE", func(a ConnectedApp) bool { return a.PKCERequired }),
		flagged("Client Credentials Flow", func(a ConnectedApp) bool { return a.ClientCredentials }),
		shown("Run As", func(a ConnectedApp) string { return string(a.ClientCredentialsUser) }),
		flagged("Refresh Token Rotation", func(a ConnectedApp) bool { return a.Flows.RotateRefresh }),
		flagged("Introspect All Tokens", func(a ConnectedApp) bool { return a.Flows.IntrospectAll }),
		flagged("User-Agent Flow", func(a ConnectedApp) bool { return a.Flows.UserAgent }),
		flagged("Device Flow", func(a ConnectedApp) bool { return a.Flows.Device }),
		flagged("Strict", func(a ConnectedApp) bool { return a.Flows.Strict }),
	}
}

// Label is the policy in the words of Setup.
func (p IPRelaxation) Label() string {
	switch p {
	case IPEnforce:
		return "Enforce IP restrictions"
	case IPBypass:
		return "Relax IP restrictions"
	case IPBypass2Factor:
		return "Relax IP restrictions for activated devices"
	case IPEnforceRelaxRefresh:
		return "Enforce IP restrictions, but relax for refresh tokens"
	}
	return string(p)
}

// Label is the policy in the words of Setup.
func (p RefreshTokenPolicy) Label() string {
	switch p {
	case RefreshInfinite, "":
		return "Refresh token is valid until revoked"
	case RefreshZero:
		return "Immediately expire refresh token"
	}
	kind, period, _ := strings.Cut(string(p), ":")
	n, unit, _ := strings.Cut(period, ":")
	if kind == "specific_inactivity" {
		return "Expire refresh token if not used for " + n + " " + strings.ToLower(unit)
	}
	return "Expire refresh token after " + n + " " + strings.ToLower(unit)
}

// auditApp notes in the Setup Audit Trail what a change made of an app, with the permission sets and profiles that
// came and went, and how many users lose access by it. A change that changes nothing leaves no row.
func auditApp(tx RecordTx, s Session, at time.Time, was, now ConnectedApp, carriers []string, access Access) error {
	var parts []string
	for _, f := range appFields() {
		switch {
		case f.same(was, now):
		case f.value == nil:
			parts = append(parts, f.label)
		default:
			parts = append(parts, f.label+" from "+orNone(f.value(was))+" to "+orNone(f.value(now)))
		}
	}
	parts = append(parts, carriers...)
	if len(parts) == 0 {
		return nil
	}
	display := "Changed connected app " + now.Name + ": " + access.count() + strings.Join(parts, ", ")
	return Audit(tx, s, at, "changedConnectedApp", sectionApps, display)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// count says for the trail how many users lose access; "" where nobody does. It stands before what else is said, which
// may be too long to be kept whole.
func (a Access) count() string {
	if len(a.Losing) == 0 {
		return ""
	}
	return fmt.Sprintf("%d users lose access, %d of whom use it now; ", len(a.Losing), a.LosingUsing)
}

// auditRevoke notes that an administrator took back an app's tokens: all, or those of one user.
func auditRevoke(tx RecordTx, s Session, at time.Time, app ConnectedApp, username string) error {
	whose := "all users"
	if username != "" {
		whose = "user " + username
	}
	return Audit(tx, s, at, "revokedConnectedApp", sectionApps, "Revoked the tokens of connected app "+app.Name+" of "+whose)
}
