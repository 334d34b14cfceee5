package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
)

// auditCmd holds the commands about the record of changes.
type auditCmd struct {
	List   auditListCmd   `cmd:"" help:"List what was changed in the connection, by whom, when and why."`
	Verify auditVerifyCmd `cmd:"" help:"Say whether the record is as it was written; exit code 3 where it is not."`
}

// Help is what `twinspan audit list --help` says beneath the flags' summary.
func (*auditListCmd) Help() string {
	return "Of what was before and after a change its own members are shown, cut to a line's width; --json has the whole."
}

// auditListCmd lists entries.
type auditListCmd struct {
	connectFlags
	After int64 `help:"Only entries after this number." placeholder:"NUMBER" env:"-"`
}

// Run prints a line an entry; exit code 3 where there are none.
func (c *auditListCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	all := []connect.AuditEntry{}
	err = cl.Audit(ctx, c.After, func(page []connect.AuditEntry) error {
		all = append(all, page...)
		return nil
	})
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(all)
	} else if len(all) > 0 {
		rows := make([][]string, len(all))
		for i, e := range all {
			before, after := changed(e.Before, e.After)
			rows[i] = []string{strconv.FormatInt(e.Seq, 10), e.At.Format(time.RFC3339), e.Actor, e.Action, e.Subject, e.Reason, cut(before), cut(after)}
		}
		err = a.printTable([]string{"no", "at", "actor", "action", "about", "because", "before", "after"}, rows)
	}
	if err == nil && len(all) == 0 {
		err = errNo
	}
	return err
}

// maxChange is how much of what was before and after is shown in a line; --json has the whole.
const maxChange = 200

// changed is before and after without the members that are alike in both.
func changed(before, after json.RawMessage) (was, is string) {
	var b, a map[string]json.RawMessage
	if json.Unmarshal(before, &b) != nil || json.Unmarshal(after, &a) != nil || b == nil || a == nil {
		return string(before), string(after) // one of the two is none: it is shown whole
	}
	for name, value := range b {
		if other, both := a[name]; both && bytes.Equal(value, other) {
			delete(b, name)
			delete(a, name)
		}
	}
	return compact(b), compact(a)
}

func compact(members map[string]json.RawMessage) string {
	text, err := json.Marshal(members)
	if err != nil {
		return "?" // not reached: each member was read as JSON
	}
	return string(text)
}

// cut shortens what is too long for a column.
func cut(s string) string {
	if all := []rune(s); len(all) > maxChange {
		return string(all[:maxChange-1]) + "…"
	}
	return s
}

// auditVerifyCmd verifies the chain.
type auditVerifyCmd struct {
	connectFlags
	Head string `help:"A head that an earlier verification printed: entries cut off since then show by it." placeholder:"HEAD" env:"-"`
}

// Run prints the verdict.
func (c *auditVerifyCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	v, err := cl.VerifyAudit(ctx, c.Head)
	if err != nil {
		return err
	}
	switch {
	case a.json:
		err = a.printJSON(v)
	case v.OK:
		err = a.print(fmt.Sprintf("as written: %d entries\nhead        %s\n", v.Entries, oneLine(v.Head)))
	default:
		err = a.print(fmt.Sprintf("not as written: entry %d: %s\nup to there     %d entries, head %s\n", v.Seq, oneLine(v.Problem), v.Entries, oneLine(v.Head)))
	}
	if err == nil && !v.OK {
		err = errNo
	}
	return err
}
