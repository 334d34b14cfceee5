package doctor

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/explain"
)

// Chapter is a part of the guide.
type Chapter struct {
	Title  string
	Checks []Check // by id
}

// Chapters are all checks, as the guide has them: their texts with the names that the vendor ships, and words in capital
// letters where each connection has names of its own.
func Chapters() []Chapter {
	all := []Chapter{
		{"The connected app, the users, the API user, the mappings", Checks()}, {"One user", userChecks()}, {"Before a change", beforeChecks()},
	}
	for _, c := range all {
		slices.SortStableFunc(c.Checks, func(a, b Check) int { return strings.Compare(a.ID, b.ID) })
		for i := range c.Checks {
			k := &c.Checks[i]
			k.Wants, k.Why, k.Click, k.Command = spelled(k.Wants, plain), spelled(k.Why, plain), spelled(k.Click, plain), spelled(k.Command, quote)
			k.See = spelled(k.See, quote)
			if onlyLooks(k.Command) {
				k.Command, k.See = "", k.Command
			}
		}
	}
	return all
}

// spelled puts into a check's text what stands there for whoever has no finding before him.
func spelled(text string, word func(string) string) string {
	n := link.StandardNames()
	return strings.NewReplacer(
		"{user_box}", n.UserBoxName(), "{admin_box}", n.AdminBoxName(), "{user_box_label}", n.UserBoxLabel, "{admin_box_label}", n.AdminBoxLabel, "{token_label}", n.TokenLabel,
		"{clear}", "package older than 5.493: "+clearByField(n)+"; from 5.493 on: "+clearByHimself,
		"{package_sets}", strings.Join(n.PackageSets(), ", "), "{reset}", n.ResetApex(), "{app}", word(n.App),
		"{user}", "USERNAME", "{subject}", "NAME", "{value}", "VALUE", "{system}", "SYSTEM-USER", "{set}", "PERMISSION-SET",
	).Replace(text)
}

// GuidePath is where the guide lies in the repository; refusals and pages name it.
const GuidePath = "docs/troubleshoot-connected-app.md"

// mendedBy are the persons in the guide.
var mendedBy = map[Person]string{OrgAdmin: "an administrator of the org", EngagementAdmin: "an administrator of Engagement", ConnectAdmin: "an administrator of Connect"}

// commonest are the causes that come up most, the likeliest first: the order in which to look where nothing is known yet
// (connect-facts 5.1 and 9).
var commonest = []struct{ sign, checks string }{
	{"Nobody can sign in through the app, or one who was just added cannot", "D02 D05 D06 D07"},
	{"\"Insufficient User Permissions\", or the Marketing Cloud tab stays closed to a user", "D12 D13 D11"},
	{"\"login denied\", or a user is asked to sign in again and again", "D30 D29 D26"},
	{"Sends fail since somebody changed or reset the API user", "D22 D18 D19 D33"},
	{"It worked yesterday and nobody changed anything", "D23 T09 T08 D25 D35 D37"},
	{"It fails from one place, or at one time of day", "D25 D24 D03"},
	{"A triggered send or a journey is silent", "D33 D37 D38"},
	{"After a sandbox was refreshed", "D34 D40 D15"},
	{"After the upgrade", "D39 D32 D16"},
}

// Guide is the text of "Troubleshoot Connected App", the page that document 002 links: made of the checks and of what
// refusals mean, so that it cannot say otherwise than the doctor does.
func Guide() string {
	var b strings.Builder
	b.WriteString(`# Troubleshoot Connected App

<!-- Made of the checks of connect/internal/doctor and of internal/explain: go test ./connect/internal/doctor -run TestGuide -update -->

Begin with what you have:

| you have | do this | without a terminal |
| --- | --- | --- |
| an error message | ` + "`twinspan doctor explain 'THE WHOLE MESSAGE'`" + ` | Connect > Troubleshoot Connected App, paste it there |
| one user who cannot sign in or send | ` + "`twinspan doctor --user USERNAME`" + ` | Connect > Doctor > Why can this user not sign in or send? |
| a connection that is down, or sends that fail | ` + "`twinspan doctor`" + `, and mend the first error | Connect > Doctor > Look now |
| a change ahead of you | ` + "`twinspan doctor --before upgrade`" + `, or connect, reset-api-user, disconnect, sandbox-refresh | Connect > Doctor > What stands against a change? |
| findings, and want them mended | ` + "`twinspan doctor --fix`" + `: it shows what it would do, and asks | Connect > Doctor > Mend what is safe |

Looking changes nothing. A finding says what was seen, what should be there, where to click and what to type. Mend errors first, from the top: one cause often explains the rest.
What could not be checked is listed with the reason, and is not healthy. The exit code is 3 where something is found that is as bad as ` + "`--severity`" + ` says.

**What may be mended while you are half asleep:** ` + "`--fix`" + ` gives people what the documents ask for, takes nothing from anybody, sends nothing, and doing it twice is doing it once. It works in the sessions of whoever
asks for it, because Connect holds no administrator's; it puts the plan on record, looks again afterwards, and exits with 0 where nothing is left, 1 where a mend failed, 3 where something is left for a person.
**What to leave until somebody is awake:** a user who is inactive, an app that is blocked, a password or secret to change, a send that is held. Somebody decided that, and the doctor only prints the way.

Names in this guide are those that the vendor ships. "Salesforce Marketing Cloud" stands for your connected app, whatever it is called. USERNAME, NAME, VALUE, SYSTEM-USER and PERMISSION-SET stand
for names of yours: ` + "`twinspan doctor`" + ` prints each command with the right ones in it.

## The likeliest causes

| what people say | look at, in this order |
| --- | --- |
`)
	chapters := Chapters()
	named := map[string]string{}
	for _, chapter := range chapters {
		for _, c := range chapter.Checks {
			named[c.ID] = "[" + c.ID + " " + c.Name + "](#" + anchor(c.ID+" "+c.Name) + ")"
		}
	}
	for _, one := range commonest {
		ways := strings.Fields(one.checks)
		for i, id := range ways {
			ways[i] = named[id]
		}
		fmt.Fprintf(&b, "| %s | %s |\n", one.sign, strings.Join(ways, ", "))
	}
	b.WriteString("\nFor everything else: all checks below, and [what refusals mean](#what-refusals-mean).\n\n")
	for _, chapter := range chapters {
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
			if c.See != "" {
				fmt.Fprintf(&b, "- **See:** `%s`, which shows and mends nothing\n", c.See)
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
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", code, cell(strings.ReplaceAll(e.Text, "{}", "…")), e.Where, cell(meaning(e)), cell(mending(e)), strings.Join(e.Checks, ", "))
	}
	return b.String()
}

// CheckTablePath is where the table of the checks lies in the repository, by which a refusal's explanation says where to click.
const CheckTablePath = "internal/explain/checks.tsv"

// CheckTable is the table: id, name, what is wanted, click, command and what shows more of each check, a line each.
func CheckTable() string {
	var b strings.Builder
	b.WriteString("# Made of the checks: go test ./connect/internal/doctor -run TestGuide -update\n")
	for _, chapter := range Chapters() {
		for _, c := range chapter.Checks {
			b.WriteString(strings.Join([]string{c.ID, c.Name, c.Wants, c.Click, c.Command, c.See}, "\t") + "\n")
		}
	}
	return b.String()
}

// anchor is where a heading lies in a page of Markdown.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// cell is a text in a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// meaning is what a refusal means, with its likely causes in order.
func meaning(e explain.Explanation) string {
	text := e.Cause
	for i, cause := range e.Causes {
		text += fmt.Sprintf(" %d. %s.", i+1, strings.TrimSuffix(cause, "."))
	}
	return text
}

// mending is what mends what a refusal was for.
func mending(e explain.Explanation) string {
	text := e.Mend
	if e.Click != "" {
		text += " " + e.Click + "."
	}
	if e.Command != "" {
		text += " `" + e.Command + "`"
	}
	return text
}
