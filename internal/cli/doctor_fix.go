package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Whose session a mend needs, in the API's words, and for people.
const (
	byOrgAdmin        = "org_admin"
	byEngagementAdmin = "engagement_admin"
	byConnectAdmin    = "connect_admin"
)

var persons = map[string]string{
	byOrgAdmin: "an administrator of the org", byEngagementAdmin: "an administrator of Engagement", byConnectAdmin: "you, over Connect's API",
}

// mendable are the forms of the commands that --fix runs; * is one word that is no flag, and what is before a = in one is
// part of the form. What Connect proposes beyond them is never run here, whoever answers in its name.
var mendable = [][]string{
	{"org", "app", "policies", "*", "--permitted-users", "admin-approved"},
	{"org", "app", "policies", "*", "--ip-relaxation", "relax"},
	{"org", "app", "policies", "*", "--refresh-token", "immediately"},
	{"org", "permset", "assign", "*", "*"},
	{"org", "permset", "attach", "*", "*"},
	{"org", "user", "update", "*", "*=true"},
	{"tenant", "user", "update", "*", "--crm-username", "*"},
}

// mayRun reports whether a command's words, without the program's name, have one of the forms.
func mayRun(words []string) bool {
	return slices.ContainsFunc(mendable, func(form []string) bool {
		if len(form) != len(words) {
			return false
		}
		for i, want := range form {
			end, any := strings.CutPrefix(want, "*")
			if got := words[i]; any && (got == "" || strings.HasPrefix(got, "-") || !strings.HasSuffix(got, end)) || !any && got != want {
				return false
			}
		}
		return true
	})
}

// maxMends is how many mends one fix has at most; the rest is the next one's.
const maxMends = 200

// fixPlan is what --fix would do, and what it leaves to people.
type fixPlan struct {
	Mends  []plannedMend     `json:"mends"`
	ByHand []connect.Ailment `json:"by_hand"`
	More   int               `json:"more,omitempty"` // mends of the next fix
}

// plannedMend is one that would be made.
type plannedMend struct {
	connect.Ailment
	words []string
}

// plan parts what is safe to mend from here from what a person has to do; the mends that come last stand last.
func (c *doctorLookCmd) plan(found []connect.Ailment) fixPlan {
	p := fixPlan{Mends: []plannedMend{}, ByHand: []connect.Ailment{}}
	for _, f := range found {
		words := c.withoutOrg(shellWords(f.Command))
		// Without a ready file nobody is known who could sign in to Engagement.
		if f.Mend == nil || len(words) < 2 || words[0] != "twinspan" || !mayRun(words[1:]) || c.URL != "" && f.Mend.By == byEngagementAdmin || c.URL != "" && f.Mend.By == byOrgAdmin && c.OrgURL == "" {
			p.ByHand = append(p.ByHand, f)
			continue
		}
		p.Mends = append(p.Mends, plannedMend{f, words[1:]})
	}
	slices.SortStableFunc(p.Mends, func(a, b plannedMend) int {
		return map[bool]int{true: 1}[a.Mend.Last] - map[bool]int{true: 1}[b.Mend.Last]
	})
	if len(p.Mends) > maxMends {
		p.More, p.Mends = len(p.Mends)-maxMends, p.Mends[:maxMends]
	}
	return p
}

// withoutOrg is a command without the address of the org at its end, where that is the one that this command was given: in whose
// session a mend is made whose says.
func (c *doctorLookCmd) withoutOrg(words []string) []string {
	if n := len(words); c.OrgURL != "" && n > 2 && words[n-2] == "--org-url" && client.SameSite(c.OrgURL, words[n-1]) {
		return words[:n-2]
	}
	return words
}

// String is the plan for people.
func (p fixPlan) String() string {
	var b strings.Builder
	for _, m := range p.Mends {
		fmt.Fprintf(&b, "mend    %s %s%s\n  seen      %s\n  command   %s\n  by        %s\n  effect    %s\n", m.Check, oneLine(m.Name), about(m.Subject), oneLine(m.Seen), oneLine(m.Command), persons[m.Mend.By], oneLine(m.Mend.Effect))
	}
	for _, f := range p.ByHand {
		fmt.Fprintf(&b, "by hand %s %s%s\n  seen      %s\n", f.Check, oneLine(f.Name), about(f.Subject), oneLine(f.Seen))
		for _, line := range [][2]string{{"click", f.Click}, {"command", f.Command}, {"see", f.See}} {
			if line[1] != "" {
				fmt.Fprintf(&b, "  %-9s %s\n", line[0], oneLine(line[1]))
			}
		}
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "%d more can be mended after these\n", p.More)
	}
	return b.String()
}

func about(subject string) string {
	if subject == "" {
		return ""
	}
	return ": " + oneLine(subject)
}

// fix mends what is safe to mend, after it has shown a plan and was told to; then Connect looks again and says what became of it.
func (c *doctorLookCmd) fix(ctx context.Context, a *app, cl *connect.Client, d connect.Diagnosis, eyes connect.Eyes) error {
	p := c.plan(d.Findings)
	if len(p.Mends) == 0 {
		if a.json {
			if err := a.printJSON(map[string]any{"plan": p, "diagnosis": d}); err != nil {
				return err
			}
		} else if err := a.print(p.String() + unchecked(d.Unchecked) + "nothing to mend by itself\n"); err != nil {
			return err
		}
		return c.verdict(d)
	}
	if !a.json {
		if err := a.print(p.String()); err != nil {
			return err
		}
	}
	if !c.Yes {
		if a.person() == nil || a.json {
			if a.json {
				if err := a.printJSON(map[string]any{"plan": p}); err != nil {
					return err
				}
			}
			a.errorf("nothing was done; --yes does it")
			return errNo
		}
		answer, err := a.askFor(ctx, fmt.Sprintf("Make %s? [y/N]", plural(len(p.Mends), "mend")))
		if err != nil {
			return err
		}
		if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
			a.errorf("nothing was done")
			return errNo
		}
	}
	mends := make([]connect.Mending, len(p.Mends))
	for i, m := range p.Mends {
		mends[i] = connect.Mending{Check: m.Check, Subject: m.Subject, Seen: m.Seen, Command: m.Command}
	}
	begun, err := cl.BeginFix(ctx, mends, a.who(c.By), oauth.NewToken(24))
	if err != nil {
		return err
	}
	failed, err := c.make(ctx, a, cl, p.Mends, eyes)
	if err != nil {
		return err
	}
	fixed, err := cl.EndFix(ctx, begun.ID, failed, eyes, a.who(c.By), oauth.NewToken(24))
	if err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	if a.json {
		err = a.printJSON(map[string]any{"plan": p, "fix": fixed.Fix, "diagnosis": fixed.Diagnosis})
	} else {
		err = a.print(mended(fixed))
	}
	if err == nil && slices.ContainsFunc(fixed.Fix.Mends, func(m connect.Mending) bool { return m.State == "failed" }) {
		err = errors.New("not everything could be mended")
	}
	if err == nil {
		err = c.verdict(fixed.Diagnosis)
	}
	return err
}

// make runs the commands, the last ones only where nobody would be shut out by them.
func (c *doctorLookCmd) make(ctx context.Context, a *app, cl *connect.Client, all []plannedMend, eyes connect.Eyes) (failed []connect.Unmended, err error) {
	looked, against := false, ""
	for _, m := range all {
		if m.Mend.Last && !looked {
			if against, err = shutOut(ctx, cl, eyes); err != nil {
				return nil, err
			}
			looked = true
		}
		if m.Mend.Last && against != "" {
			failed = append(failed, connect.Unmended{Check: m.Check, Subject: m.Subject, Why: against})
			continue
		}
		printed, err := a.typed(ctx, slices.Concat(m.words, c.whose(m.Mend.By)))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil && !errors.Is(err, errNo) {
			failed = append(failed, connect.Unmended{Check: m.Check, Subject: m.Subject, Why: strings.TrimSpace(oneLine(printed) + " " + oneLine(forPeople(err).Error()))})
		}
	}
	return failed, nil
}

// shutOut says why a mend that comes last may not be made now; "" where it may.
func shutOut(ctx context.Context, cl *connect.Client, eyes connect.Eyes) (string, error) {
	d, err := cl.Doctor(ctx, connect.Question{}, eyes)
	if err != nil {
		return "", err
	}
	waits := []string{"D05", "D06", "D07"}
	for _, f := range d.Findings {
		if slices.Contains(waits, f.Check) {
			return fmt.Sprintf("not made, because it would shut somebody out: %s %s%s", f.Check, f.Name, about(f.Subject)), nil
		}
	}
	for _, u := range d.Unchecked {
		if slices.Contains(waits, u.Check) {
			return fmt.Sprintf("not made, because nobody knows whether it would shut somebody out: %s %s", u.Check, u.Because), nil
		}
	}
	return "", nil
}

// whose are the flags with which a command works in the session that it needs.
func (c *doctorLookCmd) whose(person string) []string {
	var flags []string
	add := func(name, value string) {
		if value != "" {
			flags = append(flags, name+"="+value)
		}
	}
	add("--ready-file", c.ReadyFile)
	switch person {
	case byOrgAdmin:
		add("--org-url", c.OrgURL)
		add("--org-user", c.OrgUser)
	case byConnectAdmin:
		add("--url", c.URL)
		add("--by", c.By)
	}
	return flags
}

// values are variables of the environment that commands write into a cloud. Who asks for a fix may have them set for other
// commands; a fix writes what its plan shows and no more.
var values = []string{"TWINSPAN_PASSWORD", "TWINSPAN_NEW_PASSWORD"}

// typed runs a command of ours as if it had been typed here, without [values], and gives what it printed.
func (a *app) typed(ctx context.Context, args []string) (printed string, err error) {
	var out bytes.Buffer
	one := &app{Env: a.Env, args: args}
	one.Lookup = func(name string) (string, bool) {
		if slices.Contains(values, name) {
			return "", false
		}
		return a.Lookup(name)
	}
	one.Stdout, one.Stderr, one.Stdin, one.Terminal = &out, &out, nil, false
	var g grammar
	k, err := one.parser(ctx, &g)
	if err != nil {
		return "", err
	}
	one.model = k.Model
	parsed, err := k.Parse(args)
	if err != nil {
		return out.String(), err
	}
	err = parsed.Run()
	return out.String(), err
}

// mended says what became of each mend, and what is left.
func mended(f connect.Fixed) string {
	var b strings.Builder
	b.WriteString("\n")
	for _, m := range f.Fix.Mends {
		fmt.Fprintf(&b, "%-7s %s%s: %s\n", oneLine(m.State), oneLine(m.Check), about(m.Subject), oneLine(m.Command))
		if m.Why != "" {
			fmt.Fprintf(&b, "  why       %s\n", oneLine(m.Why))
		}
	}
	return b.String() + "\n" + diagnosis(f.Diagnosis)
}

// shellWords splits a command line as a shell does, as far as single quotes and backslashes go.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	quoted, escaped, any := false, false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && !quoted:
			escaped, any = true, true
		case r == '\'':
			quoted, any = !quoted, true
		case r == ' ' && !quoted:
			if any || word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteRune(r)
		}
	}
	if any || word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}
