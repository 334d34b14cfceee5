// Package upgrade is the durable job that brings a connection from stored passwords to keys: to Connected App
// authentication (document 003), and to tenant-specific OAuth (document 002). An upgrade is a row that says how far it has
// come, and a list of steps, each of somebody: the Engagement admin, the CRM admin, or Connect itself. The plan is what is read before.
//
// Connect holds no admin's credentials. What an admin does, he does in his own session, by click or by the command line;
// Connect reads it back through the system user's session and goes on. Meanwhile the upgrade waits, and says for whom, at
// which step, what was read and what is wanted.
//
// Every step is idempotent: it is written down before it is done, what came of it afterwards, and whatever breaks off in
// between is done again. Until the last one before "close" is over, an upgrade can be cancelled, and each step that was begun is
// undone in turn.
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
