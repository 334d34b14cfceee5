package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client/connect"
)

// runsOfUpgrade are the migrations that belong together with the newest one, in the order of their beginning: the users of an upgrade,
// and those of them who were tried again.
func runsOfUpgrade(all []connect.Migration) []connect.Migration {
	if len(all) == 0 || all[0].Upgrade == "" {
		return all[:min(len(all), 1)]
	}
	runs := slices.DeleteFunc(slices.Clone(all), func(m connect.Migration) bool { return m.Upgrade != all[0].Upgrade || m.State == "undone" })
	slices.Reverse(runs)
	return runs
}

// usersOfRuns are the users of migrations that belong together, each with what became of him last. result "" is everybody.
func usersOfRuns(ctx context.Context, cl *connect.Client, runs []connect.Migration, result string) ([]connect.MigratedUser, error) {
	users, at := []connect.MigratedUser{}, map[string]int{}
	only := result
	if len(runs) > 1 { // a later one decides
		only = ""
	}
	for _, run := range runs {
		err := cl.MigratedUsers(ctx, run.ID, only, func(page []connect.MigratedUser) error {
			for _, u := range page {
				if i, before := at[u.CRMUserID]; before {
					users[i] = u
					continue
				}
				at[u.CRMUserID] = len(users)
				users = append(users, u)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(users, func(u connect.MigratedUser) bool { return result != "" && u.Result != result }), nil
}

// csvOfRuns writes a list of several migrations that belong together as one: a user's line is from the last one that tried him.
func csvOfRuns(ctx context.Context, cl *connect.Client, runs []connect.Migration, list string, to io.Writer) error {
	last := map[string]string{} // of those tried again
	for _, run := range runs[1:] {
		if err := cl.MigratedUsers(ctx, run.ID, "", func(page []connect.MigratedUser) error {
			for _, u := range page {
				last[u.CRMUserID] = run.ID
			}
			return nil
		}); err != nil {
			return err
		}
	}
	out := csv.NewWriter(to)
	for i, run := range runs {
		read, write := io.Pipe()
		go func() { _ = write.CloseWithError(cl.MigrationReport(ctx, run.ID, list, write)) }() // the reader is told
		lines, err := csv.NewReader(read), error(nil)
		id := -1 // column of the user's id
		for line := []string(nil); err == nil; {
			if line, err = lines.Read(); err != nil {
				break
			}
			if id < 0 {
				if id = slices.Index(line, "crm_user_id"); id < 0 {
					err = fmt.Errorf("the report of migration %s has no column crm_user_id", oneLine(run.ID))
				} else if i == 0 {
					err = out.Write(line)
				}
			} else if by, again := last[line[id]]; !again || by == run.ID {
				err = out.Write(line)
			}
		}
		_ = read.Close() // whoever writes ends, too
		if !errors.Is(err, io.EOF) {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// runLines name the migrations of a report.
func runLines(runs []connect.Migration) string {
	var b strings.Builder
	for _, m := range runs {
		what := "migration"
		if m.Retry {
			what = "retry"
		}
		fmt.Fprintf(&b, "%-9s %s: %d users, %d reconnected, %d failed, %s; `twinspan upgrade report %s`\n", what, oneLine(m.ID), m.Total, m.Reconnected, m.Failed, oneLine(m.State), oneLine(m.ID))
	}
	return b.String()
}
