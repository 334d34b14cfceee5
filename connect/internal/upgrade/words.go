// Package upgrade is how a connection that signs in by stored passwords becomes one that signs in by key: the plan that is
// read before, the outage in which it happens, and the steps themselves (documents 002 and 003).
package upgrade

import "github.com/twinspan/twinspan/internal/fault"

// CodeInvalid: a kind, order or time that an upgrade cannot have.
const CodeInvalid fault.Code = "invalid_upgrade"

// Kind says which span an upgrade takes from Password to JWT.
type Kind string

// The kinds.
const (
	ConnectedApp Kind = "connected_app" // document 003: the way into the org
	TenantOAuth  Kind = "tenant_oauth"  // document 002: the way into Engagement
)

// ParseKind reads a kind; "" stays "": whichever the connection needs.
func ParseKind(text string) (Kind, error) {
	switch k := Kind(text); k {
	case "", ConnectedApp, TenantOAuth:
		return k, nil
	}
	return "", fault.New(fault.Invalid, CodeInvalid, "kind is connected_app or tenant_oauth.").In("kind")
}

// Order is the order of an upgrade's steps.
type Order string

// The orders. Documented migrates users (steps 9 to 11 of document 003) before anybody is approved for the app (steps 20 to
// 35), and the org refuses who is not approved; Safe, the default and ours, approves first.
const (
	Safe       Order = "safe"
	Documented Order = "documented"
)

// ParseOrder reads an order; "" is Safe.
func ParseOrder(text string) (Order, error) {
	switch o := Order(text); o {
	case "":
		return Safe, nil
	case Safe, Documented:
		return o, nil
	}
	return "", fault.New(fault.Invalid, CodeInvalid, "order is safe or documented.").In("order")
}
