package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/internal/client/connect"
)

// guideCmd prints a founding document as a guide.
type guideCmd struct {
	connectFlags
	Name       string `arg:"" optional:"" help:"000, 001, 002, 003 or 004; without it, they are listed."`
	User       string `help:"User of the org: whose mapping guide 000 is about, or which integration user guide 004." placeholder:"USERNAME" env:"-"`
	SystemUser string `help:"Who is to be the Salesforce system user, before he is connected; the ready file's, where not given." placeholder:"USERNAME"`
	OrgURL     string `help:"URL of the org, with an administrator's access token in TWINSPAN_ORG_TOKEN, who lends his eyes; instead of the ready file's." placeholder:"URL"`
	OrgUser    string `help:"User name of the org's administrator, instead of the ready file's; as the org commands have it." placeholder:"USERNAME"`
	Alone      bool   `help:"Look as Connect's own users alone. Otherwise the ready file's administrator of the org lends his eyes, which see also what Connect does not before it is connected." env:"-"`
}

// Help is what `twinspan guide --help` says beneath the flags' summary.
func (*guideCmd) Help() string {
	return `How a step stands is read from both clouds and from Connect; nothing is changed by looking, and nobody ticks anything off. "not visible" says that nothing which a public API tells shows whether it was done, and why.
Connect's page /guides/NAME shows the same.`
}

// Run prints the guide, or lists them.
func (c *guideCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	if c.Name == "" {
		return c.list(ctx, a, cl)
	}
	q := connect.GuideQuestion{User: c.User, SystemUser: c.SystemUser}
	if r, err := c.ready(); c.URL == "" && err == nil {
		q.SystemUser = cmp.Or(q.SystemUser, r.CRM.SystemUser.Username)
	}
	if !c.Alone {
		eyes, done, err := a.orgEyes(ctx, orgFlags{clientFlags: c.clientFlags, OrgURL: c.OrgURL, OrgUser: c.OrgUser}, c.URL != "")
		if err != nil {
			return err
		}
		defer done()
		q.Eyes = eyes
	}
	g, err := cl.Guide(ctx, c.Name, q)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(g)
	}
	return a.print(guideText(g))
}

func (c *guideCmd) list(ctx context.Context, a *app, cl *connect.Client) error {
	all, err := cl.Guides(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(all)
	}
	rows := make([][]string, len(all))
	for i, g := range all {
		rows[i] = []string{g.Name, g.Title, g.Article}
	}
	return a.printTable([]string{"guide", "title", "knowledge article"}, rows)
}

// owners are whose step it is, for people.
var owners = map[string]string{"crm_admin": "Sales or Service Cloud admin", "engagement_admin": "Engagement admin", "user": "user"}

// guideText is a guide in lines. What is next stands on top.
func guideText(g connect.Guide) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", oneLine(g.Name), oneLine(g.Title))
	if g.Article != "" {
		fmt.Fprintf(&b, "Knowledge Article Number %s\n", oneLine(g.Article))
	}
	fmt.Fprintf(&b, "%d done, %d open, %d not visible\n", g.Done, g.Open, g.NotVisible)
	b.WriteString(nextText(g))
	if g.Next == "" {
		b.WriteString("\nNo step is open.\n")
	}
	b.WriteString("\n")
	for _, n := range g.Purpose {
		fmt.Fprintf(&b, "%s\n", oneLine(n.Text))
	}
	for _, s := range g.Sections {
		fmt.Fprintf(&b, "\n== %s\n", oneLine(s.Title))
		for _, n := range s.Notes {
			fmt.Fprintf(&b, "%s\n", oneLine(n.Text))
		}
		for _, one := range s.Steps {
			b.WriteString(stepText(one, false))
		}
	}
	return b.String()
}

// nextText is the first step that is open; where it only leads to the one that a command does, that one too.
func nextText(g connect.Guide) string {
	var b strings.Builder
	for _, s := range g.Sections {
		found := false
		for _, one := range s.Steps {
			switch {
			case one.ID == g.Next:
				found = true
				fmt.Fprintf(&b, "\nNext step, %s\n%s", oneLine(owners[one.Owner]), stepText(one, true))
			case found && one.State == "open" && one.Command != "":
				b.WriteString(stepText(one, true))
			}
			if found && one.Command != "" {
				return b.String()
			}
		}
		if found {
			break
		}
	}
	return b.String()
}

// stepText is a step in lines; the one that is next has whose it is in its heading.
func stepText(s connect.GuideStep, next bool) string {
	var b strings.Builder
	line := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%14s%-8s %s\n", "", title, oneLine(text))
		}
	}
	if s.Warning != "" {
		fmt.Fprintf(&b, "Warning: %s\n", oneLine(s.Warning))
	}
	text := oneLine(s.Text)
	if s.Number != "" {
		text = oneLine(s.Number) + ". " + text
	}
	fmt.Fprintf(&b, "%-13s %s\n", "["+oneLine(words(s.State))+"]", text)
	if !next {
		line("whose", owners[s.Owner])
	}
	line("read", s.Seen)
	line("because", s.Why)
	if s.State != "done" {
		line("click", s.Click)
		line("page", s.Page)
		line("command", s.Command)
	}
	return b.String()
}
