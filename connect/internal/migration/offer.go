package migration

import (
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of why existing users cannot be migrated.
const (
	// CodeNotUpgraded: the connection was not upgraded from stored passwords to a key.
	CodeNotUpgraded fault.Code = "not_upgraded"
	// CodeNobody: no user who was mapped before the upgrade is without a connection.
	CodeNobody fault.Code = "nobody_to_migrate"
	// CodeOver: the time in which users are reconnected is over.
	CodeOver fault.Code = "migration_over"
)

// Window is how long after the upgrade users are reconnected, its last second included (document 003: 14 days).
const Window = 14 * 24 * time.Hour

// Offer says whether "Migrate Existing Users" can be selected: while users who were mapped before the upgrade are not
// reconnected, and within Window.
type Offer struct {
	Code       fault.Code // why not; "" where it can
	Users      int        // mapped before the upgrade, and not reconnected
	UpgradedAt time.Time  // when Connect Account succeeded, domain time; zero where it did not
	Until      time.Time  // the last second in which it can be selected; zero likewise
}

// Decide makes the offer of a link at a time; users are those who are not reconnected.
func Decide(l link.Link, users int, now time.Time) Offer {
	if l.Org.Driver != link.JWT {
		return Offer{Code: CodeNotUpgraded}
	}
	o := Offer{Users: users, UpgradedAt: l.UpgradedAt}
	if !l.UpgradedAt.IsZero() {
		o.Until = l.UpgradedAt.Add(Window)
	}
	switch {
	case users == 0:
		o.Code = CodeNobody
	case o.Until.IsZero():
		o.Code = CodeNotUpgraded
	case now.Sub(l.UpgradedAt).Truncate(time.Second) > Window:
		o.Code = CodeOver
	}
	return o
}

// Available reports whether users can be migrated.
func (o Offer) Available() bool { return o.Code == "" }

// Refusal is why users cannot be migrated; nil where they can.
func (o Offer) Refusal() error {
	switch o.Code {
	case "":
		return nil
	case CodeNobody:
		return fault.New(fault.Conflict, CodeNobody, "Nobody is left who was mapped before the upgrade and is not reconnected.")
	case CodeOver:
		return fault.New(fault.Conflict, CodeOver, "Auto-connection is available for 14 days after the upgrade; it ended at %s. Users integrate anew on the Marketing Cloud tab.", o.Until.UTC().Format(time.RFC3339))
	}
	return fault.New(fault.Conflict, CodeNotUpgraded, "Existing users are migrated after the connection into the org was upgraded from the system user's password to Connected App authentication.")
}
