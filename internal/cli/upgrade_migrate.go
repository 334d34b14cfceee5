package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// upgradeMigrateCmd is "Migrate Existing Users".
type upgradeMigrateCmd struct {
	connectFlags
	By     string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
	NoWait bool   `help:"Return when the work has begun; --follow picks it up." env:"-"`
	Follow string `help:"Wait for this migration, which was started before." placeholder:"ID" env:"-" xor:"what"`
	Cancel string `help:"End this migration; who has an outcome keeps it." placeholder:"ID" env:"-" xor:"what"`
	Offer  bool   `help:"Say whether existing users can be migrated, and until when; exit code 3 where they cannot." env:"-" xor:"what"`
}

// Help is what `twinspan upgrade migrate --help` says beneath the flags' summary.
func (*upgradeMigrateCmd) Help() string {
	return `Document 003, steps 9 to 11. Everybody who was mapped before the upgrade is reconnected without a password; it can be selected for 14 days after the upgrade. Who is not
approved for the connected app waits: assign him the app, and call this again, which proves him. Who is still not approved then has failed. What became of whom is in
"upgrade report" and, where "My Documents in Content" is enabled, in two files there. Exit code 1 where somebody failed, 3 where somebody waits.`
}

// Run starts, proves, follows or cancels a migration.
func (c *upgradeMigrateCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	if c.Offer {
		return c.offer(ctx, a, cl)
	}
	key := oauth.NewToken(24)
	var m connect.Migration
	switch {
	case c.Cancel != "":
		m, err = cl.CancelMigration(ctx, c.Cancel, a.who(c.By), key)
	case c.Follow != "":
		m, err = cl.Migration(ctx, c.Follow)
	default:
		m, err = startOrProve(ctx, cl, a.who(c.By), key)
	}
	return a.migrated(ctx, cl, m, err, c.NoWait || c.Cancel != "")
}

// startOrProve proves those who wait for approval, and else starts.
func startOrProve(ctx context.Context, cl *connect.Client, by, key string) (connect.Migration, error) {
	_, all, err := cl.Migrations(ctx)
	if err != nil {
		return connect.Migration{}, err
	}
	if len(all) > 0 && all[0].State == "waiting" {
		return cl.ProveMigration(ctx, all[0].ID, by, key)
	}
	return cl.StartMigration(ctx, by, key)
}

func (c *upgradeMigrateCmd) offer(ctx context.Context, a *app, cl *connect.Client) error {
	o, _, err := cl.Migrations(ctx)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(o)
	} else {
		var b strings.Builder
		fmt.Fprintf(&b, "users    %d mapped before the upgrade and not reconnected\n", o.Users)
		if o.Until != nil {
			fmt.Fprintf(&b, "until    %s\n", o.Until.Format(time.RFC3339))
		}
		if !o.Available {
			fmt.Fprintf(&b, "why not  %s\n", oneLine(o.Message))
		}
		err = a.print(b.String())
	}
	if err == nil && !o.Available {
		err = errNo
	}
	return err
}

// upgradeRetryCmd migrates those again who failed.
type upgradeRetryCmd struct {
	connectFlags
	By     string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
	NoWait bool   `help:"Return when the work has begun; upgrade migrate --follow picks it up." env:"-"`
}

// Run starts the retry.
func (c *upgradeRetryCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	m, err := cl.RetryMigration(ctx, a.who(c.By), oauth.NewToken(24))
	return a.migrated(ctx, cl, m, err, c.NoWait)
}

// migrated waits for a migration's end, unless it is not to be waited for, and prints it.
func (a *app) migrated(ctx context.Context, cl *connect.Client, m connect.Migration, err error, asItIs bool) error {
	if err != nil {
		return err
	}
	if !asItIs {
		if m, err = a.followMigration(ctx, cl, m); err != nil {
			return err
		}
	}
	if err := a.printMigration(m); err != nil || asItIs {
		return err
	}
	switch {
	case m.State == "stopped":
		return fmt.Errorf("the connection does not work: %s; the same command goes on where it stopped", oneLine(m.Error))
	case m.Failed > 0:
		return fmt.Errorf("%d of %d users failed", m.Failed, m.Total)
	case m.Waiting > 0:
		return errNo
	}
	return nil
}

func (a *app) printMigration(m connect.Migration) error {
	if a.json {
		return a.printJSON(m)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "migration    %s\nstate        %s\nusers        %d\nreconnected  %d\nwaiting      %d\nfailed       %d\n", oneLine(m.ID), oneLine(m.State), m.Total, m.Reconnected, m.Waiting, m.Failed)
	if m.Working() {
		fmt.Fprintf(&b, "done         %.1f %%, %.0f users a second, %s left\n", m.Percent, m.Rate, time.Duration(m.SecondsLeft*float64(time.Second)).Round(time.Second))
	}
	for _, f := range m.Files {
		switch f.State {
		case "written":
			fmt.Fprintf(&b, "file         %s\nfile         %s\n", oneLine(f.Success), oneLine(f.Failures))
		case "off":
			b.WriteString("file         none: My Documents in Content is not enabled\n")
		case "failed":
			fmt.Fprintf(&b, "file         not written: %s\n", oneLine(f.Error))
		}
	}
	if m.State == "waiting" {
		b.WriteString("next         assign those who wait the connected app in the org, then call upgrade migrate again\n")
	}
	return a.print(b.String())
}

// followMigration waits until nothing happens any more; on a terminal a bar moves meanwhile.
func (a *app) followMigration(ctx context.Context, cl *connect.Client, m connect.Migration) (connect.Migration, error) {
	bar := &progress.Tracker{Message: "migrating users", Total: int64(m.Total)}
	if a.moves() {
		stop := a.render(bar, func(w progress.Writer) { w.Style().Visibility.Speed, w.Style().Visibility.ETA = true, true })
		defer func() {
			bar.MarkAsDone()
			stop()
		}()
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for m.Working() {
		select {
		case <-ctx.Done():
			return m, fmt.Errorf("migration %s goes on without this command; upgrade migrate --follow %s picks it up: %w", m.ID, m.ID, ctx.Err())
		case <-tick.C:
		}
		now, err := cl.Migration(ctx, m.ID)
		if err != nil {
			return m, err
		}
		m = now
		bar.UpdateTotal(int64(m.Total))
		bar.UpdateMessage(fmt.Sprintf("migrating users, %d failed", m.Failed))
		bar.SetValue(int64(m.Reconnected + m.Failed + m.Waiting))
	}
	return m, nil
}

// upgradeReportCmd tells what became of an upgrade, and of users.
type upgradeReportCmd struct {
	connectFlags
	ID     string `arg:"" optional:"" help:"Migration; the last upgrade with its retries, each user as he stands last, where not given."`
	CSV    string `name:"csv" help:"Write success or failures to standard output, as the files in My Documents have it." enum:"success,failures," default:"" placeholder:"LIST" env:"-"`
	Result string `help:"Only users with this result: reconnected, waiting, failed or planned." enum:"reconnected,waiting,failed,planned,intended," default:"" placeholder:"RESULT" env:"-"`
}

// Run prints the upgrade and a line a user; exit code 3 where there is neither.
func (c *upgradeReportCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	var whole connect.UpgradeReport
	runs := []connect.Migration{{ID: c.ID}}
	if c.ID == "" {
		_, all, err := cl.Migrations(ctx)
		if err != nil {
			return err
		}
		if c.CSV == "" && c.Result == "" {
			if whole, err = cl.UpgradeReport(ctx); err != nil {
				return err
			}
		}
		runs = runsOfUpgrade(all)
	}
	if c.CSV != "" && len(runs) > 0 {
		out := bufio.NewWriter(a.Stdout)
		if len(runs) == 1 {
			err = cl.MigrationReport(ctx, runs[0].ID, c.CSV, out)
		} else {
			err = csvOfRuns(ctx, cl, runs, c.CSV, out)
		}
		if err != nil {
			return err
		}
		return out.Flush()
	}
	users, err := usersOfRuns(ctx, cl, runs, c.Result)
	if err != nil {
		return err
	}
	if c.ID != "" {
		runs = nil
	}
	return a.reported(whole, runs, users)
}
