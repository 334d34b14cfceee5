package org

import "time"

// Flows are the OAuth settings of an app that are off until its administrator turns them on. The Metadata API has its own
// names for the first two; the others are names of this org.
type Flows struct {
	RotateRefresh bool // isRefreshTokenRotationEnabled: each refresh gives a new refresh token (crm-wire 1.13)
	IntrospectAll bool // isIntrospectAllTokens: the app may ask about other apps' tokens of its org (crm-wire 1.10)
	UserAgent     bool // isUserAgentFlowEnabled: tokens in the fragment of the redirect (RFC 6749 section 4.2)
	Device        bool // isDeviceFlowEnabled: a code typed on another machine (RFC 8628)
	// Strict, isStrict, holds the app to RFC 9700: PKCE for every code, refresh tokens that rotate, no password, no
	// user-agent flow, no device flow, assertions of one audience, ours, that live five minutes at most, and refresh tokens
	// that end after 90 days whatever their use. The org can demand the same of all its apps (Settings.Strict).
	Strict bool
}

// FlowChange is a change of Flows; nil fields stay as they are.
type FlowChange struct {
	RotateRefresh, IntrospectAll, UserAgent, Device, Strict *bool
}

func (c FlowChange) apply(f *Flows) {
	set(&f.RotateRefresh, c.RotateRefresh)
	set(&f.IntrospectAll, c.IntrospectAll)
	set(&f.UserAgent, c.UserAgent)
	set(&f.Device, c.Device)
	set(&f.Strict, c.Strict)
}

// MustPKCE reports whether an authorization request needs a code challenge.
func (a ConnectedApp) MustPKCE() bool { return a.PKCERequired || a.Flows.Strict }

// Rotates reports whether a refresh gives a new refresh token.
func (a ConnectedApp) Rotates() bool { return a.Flows.RotateRefresh || a.Flows.Strict }

// GivesRefresh reports whether the app may have refresh tokens at all. The well-known public client keeps its first one
// (crm-wire 0.15), so where tokens must rotate it gets none.
func (a ConnectedApp) GivesRefresh() bool { return a.ConsumerKey != PlatformCLIKey || !a.Flows.Strict }

// strictRefreshLife is the most that a refresh token lives where RFC 9700 is kept to, whatever its use and its policy.
const strictRefreshLife = 90 * 24 * time.Hour

// RefreshExpired decides a refresh token by the app's policy as it is now (crm-wire 1.13). The successors of a token that
// rotates are as old as the first.
func (a ConnectedApp) RefreshExpired(created, lastUsed, now time.Time) bool {
	return a.RefreshTokenPolicy.Expired(created, lastUsed, now) || !a.GivesRefresh() || a.Flows.Strict && !now.Before(created.Add(strictRefreshLife))
}

// MayUserAgent reports whether the app gets tokens in a fragment.
func (a ConnectedApp) MayUserAgent() bool { return a.Flows.UserAgent && !a.Flows.Strict }

// MayDevice reports whether the app's users sign in on another machine.
func (a ConnectedApp) MayDevice() bool { return a.Flows.Device && !a.Flows.Strict }

// MayPassword reports whether the app may send a user's password, as far as the app is concerned.
func (a ConnectedApp) MayPassword() bool { return !a.Flows.Strict }
