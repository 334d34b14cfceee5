package cli

import (
	"time"
)

// upgradeCmd holds the commands of documents 002 and 003.
type upgradeCmd struct {
	Start    upgradeStartCmd    `cmd:"" help:"Begin an upgrade, or go on with it: do what is yours to do."`
	Watch    upgradeWatchCmd    `cmd:"" help:"Watch the upgrade until it is over."`
	Cancel   upgradeCancelCmd   `cmd:"" help:"Undo everything that was begun, so that the connection is as it was before."`
	Migrate  upgradeMigrateCmd  `cmd:"" help:"Migrate existing users: reconnect without a password who was mapped before the upgrade."`
	Retry    upgradeRetryCmd    `cmd:"" help:"Migrate those again who failed, within the 14 days."`
	Report   upgradeReportCmd   `cmd:"" help:"Say what became of an upgrade: its steps, its outage, the sends of it, and each user who was migrated."`
	Schedule upgradeScheduleCmd `cmd:"" help:"Book the outage of an upgrade, move it, take it back; or propose an hour."`
	Plan     upgradePlanCmd     `cmd:"" help:"Say what an upgrade would change, who would fail, and what stands against it; nothing is changed."`
}

// outageFlags say when an outage is to be, and what becomes of sends.
type outageFlags struct {
	At     string        `help:"When the outage is to open, by the connection's clock: an RFC 3339 time." placeholder:"TIME" env:"-"`
	Window time.Duration `help:"How long it is to be: 2h as document 003 has it, at most 72h." placeholder:"DURATION" env:"-"`
	Mode   string        `help:"hold: sends wait and go out afterwards in their order (the default). fail: they fail, as document 003 has it." enum:"hold,fail," default:"" placeholder:"MODE" env:"-"`
	Order  string        `help:"safe: users are approved for the app before they are migrated (the default). documented: as document 003 has it." enum:"safe,documented," default:"" placeholder:"ORDER" env:"-"`
	Kind   string        `help:"connected-app: document 003. tenant-oauth: document 002. The one that the connection needs, where not given." enum:"connected-app,tenant-oauth," default:"" placeholder:"KIND" env:"-"`
}

// at is the time that was given; zero for none.
func (f *outageFlags) at() (time.Time, error) {
	if f.At == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, f.At)
	if err != nil {
		return at, usagef("--at: %q is no time such as 2026-12-24T18:00:00Z", f.At)
	}
	return at, nil
}
