package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sheet"
)

// maxImportFile is the largest list in bytes, as Connect takes it.
const maxImportFile = 8 << 20

// usersImportCmd maps the users of a list.
type usersImportCmd struct {
	connectFlags
	File    string `arg:"" optional:"" help:"CSV list with the head crm_username,engagement_username,mid; - is standard input. Without it, the imports so far are listed."`
	Results string `help:"File for what became of each user; FILE with -results before its ending, where not given." placeholder:"FILE" env:"-"`
	By      string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
	NoWait  bool   `help:"Return when Connect has the list; --follow picks it up." env:"-"`
	Follow  string `help:"Wait for this import, which was started before, and write its results." placeholder:"ID" env:"-"`
	Cancel  string `help:"End this import; users who are mapped stay mapped." placeholder:"ID" env:"-"`
}

// Help is what `twinspan users import --help` says beneath the flags' summary.
func (*usersImportCmd) Help() string {
	return `No passwords: an Engagement administrator has set Salesforce.com Status of each Engagement user to the CRM user, and the API user makes the
grants. Every user ends mapped, or failed with the reason. Importing the same list again finishes the rest. Exit code 1 where somebody failed.`
}

// Run starts or follows an import.
func (c *usersImportCmd) Run(ctx context.Context, a *app) error {
	given := 0
	for _, s := range []string{c.File, c.Follow, c.Cancel} {
		if s != "" {
			given++
		}
	}
	if given > 1 {
		return usagef("one of FILE, --follow and --cancel")
	}
	if c.overwrites() {
		return usagef("--results: %s is the list itself; the results go to another file", c.Results)
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	var i connect.Import
	switch {
	case given == 0:
		return c.list(ctx, a, cl)
	case c.Cancel != "":
		if i, err = cl.CancelImport(ctx, c.Cancel, a.who(c.By), oauth.NewToken(24)); err != nil {
			return err
		}
		return a.printImport(i)
	case c.Follow != "":
		i, err = cl.Import(ctx, c.Follow)
	default:
		i, err = c.start(ctx, a, cl)
	}
	if err != nil {
		return err
	}
	if c.NoWait {
		return a.printImport(i)
	}
	if i, err = a.follow(ctx, cl, i); err != nil {
		return err
	}
	results := c.results(i.ID)
	if err := writeResults(ctx, cl, i.ID, results); err != nil {
		return err
	}
	if err := a.printImport(i); err != nil {
		return err
	}
	if !a.json {
		if err := a.print("results  " + results + "\n"); err != nil {
			return err
		}
	}
	switch {
	case i.State == "stopped":
		return fmt.Errorf("the connection does not work: %s; %d users are left for another import of the same list", oneLine(i.Error), i.Total-i.Mapped-i.Failed)
	case i.Failed > 0:
		return fmt.Errorf("%d of %d users could not be mapped", i.Failed, i.Total)
	}
	return nil
}

// overwrites reports whether the results would take the place of the list.
func (c *usersImportCmd) overwrites() bool {
	list, err := os.Stat(c.File)
	if err != nil {
		return false
	}
	results, err := os.Stat(c.Results)
	return err == nil && os.SameFile(list, results)
}

func (c *usersImportCmd) start(ctx context.Context, a *app, cl *connect.Client) (connect.Import, error) {
	in := a.stdin()
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return connect.Import{}, err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxImportFile+1))
	if err != nil {
		return connect.Import{}, err
	}
	if len(text) > maxImportFile {
		return connect.Import{}, fmt.Errorf("%s is larger than %d bytes; import it in parts", c.File, maxImportFile)
	}
	return cl.StartImport(ctx, string(text), a.who(c.By), oauth.NewToken(24))
}

// results is where the results go.
func (c *usersImportCmd) results(id string) string {
	switch {
	case c.Results != "":
		return c.Results
	case c.File == "" || c.File == "-":
		return "import-" + id + "-results.csv"
	}
	return strings.TrimSuffix(c.File, ".csv") + "-results.csv"
}

func (c *usersImportCmd) list(ctx context.Context, a *app, cl *connect.Client) error {
	all, err := cl.Imports(ctx)
	if err != nil {
		return err
	}
	if a.json {
		if all == nil {
			all = []connect.Import{}
		}
		err = a.printJSON(all)
	} else if len(all) > 0 {
		rows := make([][]string, len(all))
		for n, i := range all {
			rows[n] = []string{i.ID, i.State, strconv.Itoa(i.Total), strconv.Itoa(i.Mapped), strconv.Itoa(i.Failed), i.CreatedAt.Format(time.RFC3339), i.StartedBy}
		}
		err = a.printTable([]string{"import", "state", "users", "mapped", "failed", "started", "by"}, rows)
	}
	if err == nil && len(all) == 0 {
		err = errNo
	}
	return err
}

func (a *app) printImport(i connect.Import) error {
	if a.json {
		return a.printJSON(i)
	}
	return a.print(fmt.Sprintf("import   %s\nstate    %s\nusers    %d\nmapped   %d\nfailed   %d\n", oneLine(i.ID), oneLine(i.State), i.Total, i.Mapped, i.Failed))
}

// followEvery is how often a running import is asked for.
const followEvery = 500 * time.Millisecond

// follow waits until an import is over; on a terminal a bar moves meanwhile.
func (a *app) follow(ctx context.Context, cl *connect.Client, i connect.Import) (connect.Import, error) {
	bar := &progress.Tracker{Message: "mapping users", Total: int64(i.Total)}
	if a.moves() {
		stop := a.render(bar, nil)
		defer func() {
			bar.MarkAsDone()
			stop()
		}()
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for !i.Over() {
		select {
		case <-ctx.Done():
			return i, fmt.Errorf("import %s goes on without this command; --follow %s picks it up: %w", i.ID, i.ID, ctx.Err())
		case <-tick.C:
		}
		now, err := cl.Import(ctx, i.ID)
		if err != nil {
			return i, fmt.Errorf("import %s goes on without this command; --follow %s picks it up: %w", i.ID, i.ID, err)
		}
		i = now
		bar.SetValue(int64(i.Mapped + i.Failed))
	}
	return i, nil
}

// writeResults writes what became of each line into a file that its owner alone may read.
func writeResults(ctx context.Context, cl *connect.Client, id, path string) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() { // one that was there already keeps its mode
		if err := file.Chmod(0o600); err != nil {
			return err
		}
	}
	buffered := bufio.NewWriter(file)
	out := csv.NewWriter(buffered)
	if err := out.Write([]string{"crm_username", "engagement_username", "mid", "result", "code", "reason"}); err != nil {
		return err
	}
	err = cl.ImportLines(ctx, id, func(lines []connect.ImportLine) error {
		for _, l := range lines {
			result := map[string]string{"done": "mapped", "failed": "failed"}[l.Status]
			if err := out.Write([]string{sheet.Cell(l.CRMUsername), sheet.Cell(l.EngagementUsername), unit(l.AccountID), cmp.Or(result, "waiting"), l.Code, sheet.Cell(l.Reason)}); err != nil {
				return err
			}
		}
		return nil
	})
	out.Flush()
	return errors.Join(err, out.Error(), buffered.Flush())
}
