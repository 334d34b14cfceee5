package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/twinspan/twinspan/internal/client/control"
)

// pairsCmd are the pairs of a program: each an org, a tenant and their connection, isolated from the others.
type pairsCmd struct {
	List   pairsListCmd   `cmd:"" help:"Show the pairs."`
	Create pairsCreateCmd `cmd:"" help:"Make a pair, and write its ready file."`
	Delete pairsDeleteCmd `cmd:"" help:"Delete a pair with everything in it."`
}

type pairsListCmd struct{ clientFlags }

// Run prints a line for each pair, the first one first.
func (c *pairsListCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.control()
	if err != nil {
		return err
	}
	list, err := cl.Pairs(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(list)
	}
	rows := make([][]string, len(list))
	for i, p := range list {
		rows[i] = []string{p.ID, p.Fixture, p.AccountType, p.OrgID, strconv.FormatInt(p.EID, 10)}
	}
	return a.printTable([]string{"id", "fixture", "account type", "org", "eid"}, rows)
}

type pairsCreateCmd struct {
	clientFlags
	Out         string `help:"New file for the pair's ready file: its passwords, keys and tokens, which reach that pair alone. With it as TWINSPAN_READY_FILE all commands are about the pair." required:"" placeholder:"FILE" type:"path" env:"-"`
	Fixture     string `help:"What it is made from: demo, new-org, legacy; the program's own where it is not said." placeholder:"FIXTURE" env:"-"`
	Users       int    `help:"Make so many more users in both clouds." name:"fixture-users" placeholder:"N" env:"-"`
	AccountType string `help:"Edition of the tenant." enum:",enterprise-2,core,lock-publish" default:"" placeholder:"enterprise-2|core|lock-publish" env:"-"`
	Package     string `help:"Version of the managed package." placeholder:"VERSION" env:"-"`
	Sandbox     bool   `help:"Make the org a sandbox." env:"-"`
}

// Run makes the pair. The file is made first, so that nothing is made whose secrets nobody gets.
func (c *pairsCreateCmd) Run(ctx context.Context, a *app) (err error) {
	cl, err := c.control()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: name a new file", c.Out)
	}
	if err != nil {
		return err
	}
	written := false
	defer func() {
		err = errors.Join(err, file.Close())
		if !written {
			err = errors.Join(err, os.Remove(c.Out))
		}
	}()
	made, err := cl.CreatePair(ctx, control.NewPair{Fixture: c.Fixture, FixtureUsers: c.Users, AccountType: c.AccountType, Package: c.Package, Sandbox: c.Sandbox})
	if err != nil {
		return err
	}
	ready, err := readyFileOf(made.Ready)
	if err == nil {
		_, err = file.Write(ready)
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil { // nobody could use it
		return errors.Join(err, cl.DeletePair(ctx, made.ID))
	}
	written = true
	if a.json {
		return a.printJSON(map[string]string{"id": made.ID, "ready_file": c.Out})
	}
	return a.print(fmt.Sprintf("pair %s is made; its ready file is %s\n", made.ID, c.Out))
}

// readyFileOf is the control API's answer as the ready file: without the id, which it does not have.
func readyFileOf(answer json.RawMessage) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(answer, &members); err != nil {
		return nil, fmt.Errorf("the control API's answer: %w", err)
	}
	delete(members, "id")
	compact, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = json.Indent(&out, compact, "", "  ")
	return append(out.Bytes(), '\n'), err
}

type pairsDeleteCmd struct {
	clientFlags
	ID  string `arg:"" help:"The pair's id, as pairs list shows it."`
	Yes bool   `help:"Do it: its org, tenant and connection are gone with all they hold." env:"-"`
}

// Run deletes the pair.
func (c *pairsDeleteCmd) Run(ctx context.Context, a *app) error {
	if !c.Yes {
		return usagef("This deletes the org, the tenant and the connection of pair %s with all they hold. Say --yes to do it.", c.ID)
	}
	cl, err := c.control()
	if err != nil {
		return err
	}
	if err := cl.DeletePair(ctx, c.ID); err != nil {
		return err
	}
	return a.print(fmt.Sprintf("pair %s is deleted\n", c.ID))
}
