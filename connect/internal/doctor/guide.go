package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/explain"
)

// Chapter is a part of the guide.
type Chapter struct {
	Title  string
	Checks []Check // by id
}

// Chapters are all checks, as the guide has them.
func Chapters() []Chapter {
	all := []Chapter{
		{"The connected app, the users, the API user, the mappings", Checks()}, {"One user", userChecks()}, {"Before a change", beforeChecks()},
	}
	for _, c := range all {
		slices.SortStableFunc(c.Checks, func(a, b Check) int { return strings.Compare(a.ID, b.ID) })
	}
	return all
}

// GuidePath is where the guide lies in the repository; refusals and pages name it.
const GuidePath = "docs/troubleshoot-connected-app.md"

// mendedBy are the persons in the guide.
var mendedBy = map[Person]string{OrgAdmin: "an administrator of the org", EngagementAdmin: "an administrator of Engagement", ConnectAdmin: "an administrator of Connect"}

// Guide is the text of "Troubleshoot Connected App", the page that document 002 links: made of the checks and of what
// refusals mean, so that it cannot say otherwise than the doctor does.
func Guide() string {
	var b strings.Builder
	b.WriteString(`# Troubleshoot Connected App

<!-- Made of the checks of connect/internal/doctor and of internal/explain: go test ./connect/internal/doctor -run TestGuide -update -->

Start here when a user cannot sign in, a send fails, or the connection is down:

` + "```sh" + `
twinspan doctor                      # what is wrong, why, where to click, what to type
twinspan doctor --user USERNAME      # why this user cannot sign in or send
twinspan doctor --before upgrade     # what stands against a change: connect, upgrade, reset-api-user, disconnect, sandbox-refresh
twinspan doctor --fix                # mends what is safe to mend, after showing a plan and asking
twinspan doctor explain TEXT         # what a code or a text of a cloud means
` + "```" + `

Nothing is changed by looking. What could not be checked is said with the reason and never counts as healthy. The exit code is 3 where something is found
that is as bad as ` + "`--severity`" + ` says. Words in braces stand for what was found: {app} for the connected app, {set} for the permission set that carries it, {system} for the system
user, {user_box}, {admin_box}, {token_label} and their like for what the connection's settings call those fields.

` + "`doctor --fix`" + ` makes a mend only where it is safe: it gives what the documents ask for to whom they ask it for, takes nothing from anybody, sends nothing, and doing it twice is doing it once.
It works in the sessions of whoever asks for it (Connect holds no administrator's credentials), puts the plan on record before and what Connect reads back afterwards, and exits with 0 where nothing
is left, 1 where a mend failed, 3 where something is left for a person or nothing was done. What came out of a person's decision, a user who is inactive or an app that is blocked, it only prints, with the clicks and the command.

`)
	for _, chapter := range Chapters() {
		fmt.Fprintf(&b, "## %s\n\n", chapter.Title)
		for _, c := range chapter.Checks {
			fmt.Fprintf(&b, "### %s %s\n\n", c.ID, c.Name)
			fmt.Fprintf(&b, "- **Wanted:** %s (%s)\n- **Why:** %s\n", c.Wants, c.Severity, c.Why)
			if c.Click != "" {
				fmt.Fprintf(&b, "- **Click:** %s\n", c.Click)
			}
			if c.Command != "" {
				fmt.Fprintf(&b, "- **Command:** `%s`\n", c.Command)
			}
			if c.Mend.Safe() {
				fmt.Fprintf(&b, "- **`doctor --fix`:** mends it as %s. %s\n", mendedBy[c.Mend.By], c.Mend.Effect)
			}
			fmt.Fprintf(&b, "- **Document:** %s\n\n", c.Document)
		}
	}
	b.WriteString("| before | checks |\n| --- | --- |\n")
	for _, change := range []Change{BeforeConnect, BeforeUpgrade, BeforeAPIUser, BeforeDisconnect, BeforeSandbox} {
		fmt.Fprintf(&b, "| %s | %s |\n", change, strings.Join(before[change], ", "))
	}
	b.WriteString("\n## What refusals mean\n\n| code | text | who says it | cause | what mends it | checks |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, e := range explain.All() {
		code := e.Code
		if code != "" {
			code = "`" + code + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", code, cell(e.Text), e.Where, cell(e.Cause), cell(e.Mend), strings.Join(e.Checks, ", "))
	}
	return b.String()
}

// cell is a text in a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
