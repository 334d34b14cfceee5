package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/twinspan/twinspan"
)

// upCmd starts the parts and stays up.
type upCmd struct {
	serveFlags
}

// Help is what `twinspan up --help` says beneath the flags' summary.
func (*upCmd) Help() string {
	return `Without --data or --ephemeral the folder is ` + defaultData + ` of the working folder. A new folder is filled with the fixture ` + "`demo`" + `, a
connected pair with mapped users; later starts find it as its users left it. Every flag can stand in TWINSPAN_NAME or in
twinspan.yaml. The addresses are 127.0.0.1:8080 (org), 8081 (tenant), 8082 (Connect) and 8083 (control API).`
}

// Run starts, prints the addresses, and waits until it is asked to stop.
func (c *upCmd) Run(ctx context.Context, a *app) error {
	if c.Data == "" && !c.Ephemeral {
		c.Data = defaultData
	}
	c.readyInData()
	cfg, err := c.config(a, "", "info")
	if err != nil {
		return err
	}
	p, err := twinspan.New(ctx, cfg)
	if err != nil {
		return stopped(ctx, err)
	}
	defer func() { _ = p.Close() }() // Run closes; this is for a failure to print
	if err := a.printReady(p.Ready(), cfg.ReadyFile); err != nil {
		return err
	}
	if err := a.printDoors(ctx, p); err != nil {
		return stopped(ctx, err)
	}
	return p.Run(ctx)
}

// printDoors says how the console and the workbench are opened. A link makes its bearer an administrator: it is made for who
// starts the program first, or sits at a terminal, and not at each start into whatever keeps the output.
func (a *app) printDoors(ctx context.Context, p *twinspan.Program) error {
	switch {
	case a.json:
		return nil
	case !p.FirstStart() && !a.Terminal:
		return a.print("console      `twinspan tokens link` makes a one-time link to it\nworkbench    letters, requests, faults, clock and pairs; the control API's token opens it\n")
	}
	link, err := p.ConsoleLink(ctx)
	if err != nil {
		return err
	}
	return a.print("console      " + link + "\nthe console's link works once, for an hour; `twinspan tokens link` makes another\n" +
		"workbench    " + p.WorkbenchLink() + "\nthe workbench has letters, requests, faults, clock and pairs; its link works once, for an hour, and the control API's token opens it too\n")
}

// readyInData puts the ready file into the data folder where no other place is named.
func (f *serveFlags) readyInData() {
	if f.ReadyFile == "" && f.Data != "" {
		f.ReadyFile = filepath.Join(f.Data, "ready.json")
	}
}

// stopped turns the error of a start that a signal broke off into no error.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// printReady says where everything answers.
func (a *app) printReady(r twinspan.Ready, readyFile string) error {
	if a.json {
		return a.printJSON(withoutSecrets(r))
	}
	var b strings.Builder
	if r.CRM.URL != "" { // else the clouds are elsewhere
		fmt.Fprintf(&b, "org          %s\n", r.CRM.URL)
		fmt.Fprintf(&b, "tenant       %s\n", strings.TrimSuffix(r.Engagement.AuthURL, "/"))
	}
	fmt.Fprintf(&b, "Connect      %s/marketing-cloud\n", r.Connect.URL)
	fmt.Fprintf(&b, "control API  %s\n", r.Control.URL)
	for _, tls := range []string{r.CRM.TLSURL, r.Engagement.TLSURL, r.Connect.TLSURL} {
		if tls != "" {
			fmt.Fprintf(&b, "https        %s\n", tls)
		}
	}
	switch {
	case readyFile != "" && r.CRM.URL == "":
		fmt.Fprintf(&b, "the token of Connect's API is in %s; `twinspan connect --standing own-link` or `--standing beside-package` says where the clouds are\n", readyFile)
	case readyFile != "":
		fmt.Fprintf(&b, "users, passwords and clients are in %s\n", readyFile)
	}
	return a.print(b.String())
}

// withoutSecrets is what may be printed without being asked for credentials.
func withoutSecrets(r twinspan.Ready) map[string]string {
	if r.CRM.URL == "" {
		return map[string]string{"connect": r.Connect.URL, "control": r.Control.URL}
	}
	return map[string]string{
		"crm": r.CRM.URL, "engagement": r.Engagement.AuthURL, "connect": r.Connect.URL, "control": r.Control.URL,
		"org_id": r.CRM.OrgID, "eid": fmt.Sprint(r.Engagement.EID),
	}
}
