package org

import (
	"context"
	"net"
	"net/netip"
	"strings"
)

// Origin is where a request comes from.
type Origin struct {
	IP   string // address of the sender, without a port
	Host string // that was called, with or without a port
}

// SessionSettings are Security > Session Settings beside the timeout (crm-wire 6, sessionSettings). The zero value is a new
// org's: the three that are on there are kept by what turns them off.
type SessionSettings struct {
	// FenceRequests, enforceIpRangesEveryRequest: the login IP ranges of a user's profile hold for each request.
	FenceRequests bool `json:"fence_requests,omitempty"`
	// LockToIP, lockSessionsToIp: a session works from the address alone that it was made from.
	LockToIP bool `json:"lock_to_ip,omitempty"`
	// AnyDomain turns lockSessionsToDomain off, by which a browser's session works at the host alone that it was made at.
	AnyDomain bool `json:"any_domain,omitempty"`
	// KeepAdmin turns forceRelogin off: whoever leaves a login as another user is then himself again without a password.
	KeepAdmin bool `json:"keep_admin,omitempty"`
	// LeavePages turns forceLogoutOnSessionTimeout off, by which a page gives way to the login page when its session times out.
	LeavePages bool `json:"leave_pages,omitempty"`
}

// mayComeFrom decides whether a session may be used from there, as the settings, the profile and the app's policy are now.
func (s *Sessions) mayComeFrom(ctx context.Context, e *Session, set SessionSettings, u User, app *App, from Origin) (bool, error) {
	if set.LockToIP && !sameAddress(e.From.IP, from.IP) {
		return false, nil
	}
	// A session without a host is a program's, or was made before hosts were kept.
	if !set.AnyDomain && e.From.Host != "" && e.Browser() && hostName(e.From.Host) != hostName(from.Host) {
		return false, nil
	}
	if !set.FenceRequests && (app == nil || app.IPRelaxation != IPEnforce) { // ENFORCE applies to every use (crm-wire 5.4)
		return true, nil
	}
	if e.Delegate != "" { // an administrator keeps to his own ranges, not to those of the user whom he is logged in as
		admin, err := s.known.UserByID(ctx, e.Org, e.Delegate)
		if err != nil {
			return false, err
		}
		u = admin
	}
	return withinRanges(u, app, from.IP, e.Subtype), nil
}

// withinRanges reports whether the login IP ranges of the user's profile, or what relaxes them, let the address in.
func withinRanges(u User, app *App, ip, subtype string) bool {
	return len(u.LoginIPRanges) == 0 || inRanges(u.LoginIPRanges, ip) || app != nil && app.relaxes(ip, subtype)
}

// sameAddress compares two addresses in whatever spelling; one that is not known is nobody's.
func sameAddress(a, b string) bool {
	if a == b {
		return a != ""
	}
	one, err := netip.ParseAddr(a)
	two, err2 := netip.ParseAddr(b)
	return err == nil && err2 == nil && one.Unmap() == two.Unmap()
}

// maxHost is how many characters a host's name has.
const maxHost = 253

// hostName is a host without its port, in small letters.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host[:min(len(host), maxHost)])
}
