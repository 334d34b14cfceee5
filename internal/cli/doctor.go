package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/vault"
)

// doctorCmd names the cause of what does not work.
type doctorCmd struct {
	Look    doctorLookCmd    `cmd:"" default:"withargs" help:"Look at both clouds and Connect, and say what is wrong, why, and where to mend it."`
	Rounds  doctorRoundsCmd  `cmd:"" help:"What was found when the connection was looked at by itself, the newest first."`
	Watch   doctorWatchCmd   `cmd:"" help:"How often the connection is looked at by itself, and whom a change of state is told; show or change it."`
	Explain doctorExplainCmd `cmd:"" help:"Say what a code or a text means that a cloud or Connect refused with."`
}

// doctorLookCmd looks.
type doctorLookCmd struct {
	connectFlags
	User     string `help:"Say why this user of the org cannot sign in or send, in one answer." placeholder:"USERNAME" env:"-"`
	Before   string `help:"Say what stands against a change: connect, upgrade, reset-api-user, disconnect or sandbox-refresh." enum:"connect,upgrade,reset-api-user,disconnect,sandbox-refresh," default:"" env:"-"`
	Severity string `help:"Exit code 3 where something as bad as this, or worse, is found: error, warning or notice." enum:"error,warning,notice" default:"warning" env:"-"`
	JUnit    string `name:"junit" help:"Write a report for CI in JUnit's XML to this file." placeholder:"FILE" type:"path" env:"-"`
	Alone    bool   `help:"Look as Connect's own users alone. Otherwise the ready file's administrators lend their eyes, which see also what a broken span hides." env:"-"`
	Fix      bool   `help:"Mend what is safe to mend, after showing a plan and asking: each thing by its command, in the session of whoever may. Then look again. What a person has to decide is printed with the clicks." env:"-"`
	Yes      bool   `help:"With --fix: do not ask." env:"-"`
	By       string `help:"With --fix: who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
	OrgURL   string `help:"URL of the org, with an administrator's access token in TWINSPAN_ORG_TOKEN, who lends his eyes and, with --fix, mends; instead of the ready file's." placeholder:"URL"`
	OrgUser  string `help:"User name of the org's administrator, instead of the ready file's; as the org commands have it." placeholder:"USERNAME"`
	// Whom the package works as, where the connection has nobody of its own for it.
	SystemUser string `help:"User name of whom the package works as in the org, where the connection does not know: beside the package, and before it is connected." placeholder:"USERNAME" env:"-"`
	APIUser    string `name:"api-user" help:"The same in Engagement." placeholder:"USERNAME" env:"-"`
}

// doctorExplainCmd explains a refusal.
type doctorExplainCmd struct {
	Text []string `arg:"" help:"The code, the text, or the whole line, as it was met."`
}

// Run prints what it means; exit code 3 where nobody knows it, with what is near.
func (c *doctorExplainCmd) Run(a *app) error {
	met := strings.Join(c.Text, " ")
	all := explain.Find(met)
	if a.json {
		if all == nil {
			all = []explain.Explanation{}
		}
		if err := a.printJSON(all); err != nil {
			return err
		}
	} else {
		for i, e := range all {
			if i > 0 {
				if err := a.print("\n"); err != nil {
					return err
				}
			}
			if err := a.print(explained(e)); err != nil {
				return err
			}
		}
	}
	if len(all) > 0 {
		return nil
	}
	a.errorf("nobody knows this code or text; give it as the cloud wrote it")
	if near := explain.Near(met); len(near) > 0 {
		heads := make([]string, len(near))
		for i, e := range near {
			heads[i] = "  " + e.Head()
		}
		a.errorf("near are:\n%s", strings.Join(heads, "\n"))
	}
	return errNo
}

// explained says what a refusal means, its likely causes in order, and for each of the doctor's checks where to click and what
// to type.
func explained(e explain.Explanation) string {
	var b strings.Builder
	line := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-9s %s\n", title, text)
		}
	}
	b.WriteString(e.Head() + "\n")
	line("where", e.Where)
	line("cause", e.Cause)
	for i, cause := range e.Causes {
		line(map[bool]string{true: "likely"}[i == 0], fmt.Sprintf("%d. %s", i+1, cause))
	}
	line("mend", e.Mend)
	line("click", e.Click)
	line("command", e.Command)
	if len(e.Checks) > 0 {
		line("checks", strings.Join(e.Checks, ", ")+" of twinspan doctor")
	}
	for _, look := range e.Looks {
		line(look.Check, look.Name+": "+look.Wants)
		line(" click", look.Click)
		line(" command", look.Command)
		line(" see", look.See)
	}
	line("source", e.Source)
	return b.String()
}

// Help is what `twinspan doctor --help` says beneath the flags' summary.
func (*doctorLookCmd) Help() string {
	return `Nothing is changed by looking. What could not be checked is listed with the reason, and is never counted as healthy. docs/troubleshoot-connected-app.md has all checks.`
}

// severities are the severities that there are, the worst first.
var severities = []string{"error", "warning", "notice"}

// Run prints what was found.
func (c *doctorLookCmd) Run(ctx context.Context, a *app) error {
	if c.User != "" && c.Before != "" {
		return usagef("--user and --before cannot go together")
	}
	if c.Fix && c.Before != "" {
		return usagef("--fix and --before cannot go together: what stands against a change is mended before it, one by one")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	eyes, done, err := c.eyes(ctx, a)
	if err != nil {
		return err
	}
	defer done()
	eyes.SystemUser, eyes.APIUser = c.SystemUser, c.APIUser
	d, err := cl.Doctor(ctx, connect.Question{User: c.User, Before: c.Before}, eyes)
	if err != nil {
		return err
	}
	if token, _ := a.Lookup("TWINSPAN_ORG_TOKEN"); token != "" && eyes.OrgToken == vault.Secret(token) &&
		slices.ContainsFunc(d.Unchecked, func(u connect.Unchecked) bool {
			return strings.Contains(u.Because, "The session that was lent is not taken")
		}) {
		a.errorf("%s", staleToken("TWINSPAN_ORG_TOKEN"))
	}
	if c.JUnit != "" {
		report, err := junit(d, c.counts)
		if err == nil {
			err = os.WriteFile(c.JUnit, report, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if c.Fix {
		return c.fix(ctx, a, cl, d, eyes)
	}
	if a.json {
		err = a.printJSON(d)
	} else {
		err = a.print(diagnosis(d))
	}
	if err == nil {
		err = c.verdict(d)
	}
	return err
}

// verdict is errNo where something is found that is as bad as --severity says.
func (c *doctorLookCmd) verdict(d connect.Diagnosis) error {
	if slices.ContainsFunc(d.Findings, c.counts) {
		return errNo
	}
	return nil
}

// counts reports whether a finding is as bad as --severity says.
func (c *doctorLookCmd) counts(f connect.Ailment) bool {
	return slices.Index(severities, f.Severity) <= slices.Index(severities, c.Severity)
}

// eyes are the sessions of the ready file's administrators, as far as they are let in. done ends them.
func (c *doctorLookCmd) eyes(ctx context.Context, a *app) (eyes connect.Eyes, done func(), err error) {
	if c.Alone {
		return eyes, func() {}, nil
	}
	eyes, done, err = a.orgEyes(ctx, orgFlags{clientFlags: c.clientFlags, OrgURL: c.OrgURL, OrgUser: c.OrgUser}, c.URL != "")
	if err != nil || c.URL != "" {
		return eyes, done, err
	}
	r, err := c.ready()
	if err != nil {
		return eyes, done, nil
	}
	p := r.Engagement.InstalledPackage
	if tenant, err := engagement.New(engagement.Options{AuthURL: r.Engagement.AuthURL}); err == nil && p.ClientID != "" {
		token, err := tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: p.ClientID, Secret: vault.Secret(p.ClientSecret), MID: p.AccountID})
		if err != nil {
			a.errorf("looking at Engagement as Connect's own user alone, because the installed package is not let in: %v", forPeople(err))
		} else {
			eyes.TenantToken, eyes.TenantRESTURL, eyes.TenantSOAPURL = token.AccessToken, token.RESTURL, token.SOAPURL
		}
	}
	return eyes, done, nil
}

// orgEyes is a session of an administrator of the org: the one of TWINSPAN_ORG_TOKEN or, unless only that is asked for, one
// of the user that the flags or the ready file name, as far as he is let in. done ends it.
// An address at --org-url to which nothing is lent is refused.
func (a *app) orgEyes(ctx context.Context, flags orgFlags, tokenAlone bool) (eyes connect.Eyes, done func(), err error) {
	done = func() {}
	if lent, _ := a.Lookup("TWINSPAN_ORG_TOKEN"); lent != "" && flags.OrgURL != "" {
		if _, err := a.lend(flags.OrgURL); err != nil {
			return eyes, done, err
		}
		eyes.OrgToken, eyes.OrgInstanceURL = vault.Secret(lent), flags.OrgURL
		return eyes, done, nil
	}
	if tokenAlone {
		return eyes, done, nil
	}
	base, admin, err := flags.login(a)
	if err != nil || admin.Username == "" {
		return eyes, done, nil
	}
	org, err := flags.client(a, base)
	if err != nil {
		return eyes, done, err
	}
	refused := refusedPath(flags.ReadyFile)
	if at, before := refusedBefore(refused, base, admin); before { // each try is a wrong password more, and the fifth locks him out
		a.errorf("looking at the org as Connect's own user alone: %s was refused with this very password on %s, and is not tried with it again; put the present one into TWINSPAN_ORG_PASSWORD, or an access token into TWINSPAN_ORG_TOKEN", oneLine(admin.Username), at.Format("2 January 2006, 15:04 MST"))
		return eyes, done, nil
	}
	token, err := org.Login(ctx, admin.Username, vault.Secret(admin.Password+admin.SecurityToken))
	if kept := rememberRefused(refused, base, admin, err, time.Now()); kept != nil {
		a.errorf("whether %s is let in is not remembered: %v", oneLine(admin.Username), kept)
	}
	if err != nil {
		a.errorf("looking at the org as Connect's own user alone, because %s is not let in: %v", oneLine(admin.Username), forPeople(err))
		return eyes, done, nil
	}
	eyes.OrgToken, eyes.OrgInstanceURL = token.AccessToken, token.InstanceURL
	session := org.Session(token)
	return eyes, func() { _ = session.Logout(context.WithoutCancel(ctx)) }, nil // a session left behind expires by itself
}

// diagnosis says it in lines.
func diagnosis(d connect.Diagnosis) string {
	var b strings.Builder
	line := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-9s %s\n", title, oneLine(text))
		}
	}
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%-7s %s %s", f.Severity, oneLine(f.Check), oneLine(f.Name))
		if f.Subject != "" {
			fmt.Fprintf(&b, ": %s", oneLine(f.Subject))
		}
		b.WriteString("\n")
		line("seen", f.Seen)
		line("expected", f.Expected)
		line("why", f.Why)
		line("click", f.Click)
		line("command", f.Command)
		line("see", f.See)
		line("document", f.Document)
	}
	if len(d.Findings) > 0 {
		b.WriteString("\n")
	}
	b.WriteString(unchecked(d.Unchecked))
	counts := map[string]int{}
	for _, f := range d.Findings {
		counts[f.Severity]++
	}
	switch {
	case d.Healthy:
		fmt.Fprintf(&b, "healthy: all %d checks passed\n", len(d.Passed))
	case len(d.Findings) == 0:
		fmt.Fprintf(&b, "nothing found by %d checks; %d could not be made, so this is not the whole story\n", len(d.Passed), len(d.Unchecked))
	default:
		fmt.Fprintf(&b, "%s, %s, %s; %d checks passed, %d could not be made\n", plural(counts["error"], "error"), plural(counts["warning"], "warning"), plural(counts["notice"], "notice"), len(d.Passed), len(d.Unchecked))
	}
	return b.String()
}

// unchecked lists the checks that could not be made, those of one reason together.
func unchecked(all []connect.Unchecked) string {
	var b strings.Builder
	var reasons []string
	by := map[string][]string{}
	for _, u := range all {
		if by[u.Because] == nil {
			reasons = append(reasons, u.Because)
		}
		by[u.Because] = append(by[u.Because], u.Check+" "+u.Name)
	}
	for _, reason := range reasons {
		fmt.Fprintf(&b, "not checkable: %s\n  because   %s\n", oneLine(strings.Join(by[reason], ", ")), oneLine(reason))
	}
	return b.String()
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
