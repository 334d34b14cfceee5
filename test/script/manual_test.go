package script_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestManual: what a manual says to type is what a script runs, in its order: a command that changes takes its manual with it.
func TestManual(t *testing.T) {
	t.Parallel()
	for _, m := range []struct{ manual, section, script string }{
		{"docs/upgrade.md", "Try one, from nothing", "upgrade_try"},
		{"README.md", "Upgrade a connection", "upgrade_try"},
	} {
		text, err := os.ReadFile("../../" + m.manual)
		if err != nil {
			t.Fatal(err)
		}
		script, err := os.ReadFile("testdata/" + m.script + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		ran := commandsOf(string(script))
		typed := typedIn(section(string(text), m.section))
		if len(typed) < 5 {
			t.Errorf("%s: %q has %d commands", m.manual, m.section, len(typed))
		}
		for _, command := range typed {
			at := -1
			for i, one := range ran {
				if one == command {
					at = i
					break
				}
			}
			if at < 0 {
				t.Errorf("%s says to type %q, which %s.txtar does not run at that point", m.manual, command, m.script)
				continue
			}
			ran = ran[at+1:]
		}
	}
}

// section is what stands under a heading of a page, up to the next one.
func section(page, heading string) string {
	_, text, _ := strings.Cut(page, "\n## "+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

var shell = regexp.MustCompile("(?s)```sh\n(.*?)```")

// typedIn are the commands of a text's blocks for the shell, without their comments. That the same variable is set in another shell too
// is no command of its own.
func typedIn(text string) []string {
	var all []string
	set := map[string]bool{}
	for _, block := range shell.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(line, " #")
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") || set[line] {
				continue
			}
			set[line] = strings.HasPrefix(line, "export ")
			all = append(all, line)
		}
	}
	return all
}

// commandsOf are the commands of a script as a person types them.
func commandsOf(script string) []string {
	var all []string
	for line := range strings.Lines(script) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "! ")
		switch verb, rest, _ := strings.Cut(line, " "); verb {
		case "env":
			all = append(all, "export "+rest)
		case "exec":
			rest, _, _ = strings.Cut(rest, " &")
			all = append(all, rest)
		}
	}
	return all
}
