package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestTheDoctorsCommandsParse: what the doctor says to type, in findings and in its guide, is understood.
func TestTheDoctorsCommandsParse(t *testing.T) {
	t.Parallel()
	k, err := kong.New(&grammar{}, kong.Name("twinspan"), kong.Vars{"default_ready": "ready.json", "user_states": states}, kong.DefaultEnvars("TWINSPAN"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(path string) []string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	commands := read("../../connect/internal/doctor/testdata/commands.txt")
	for _, line := range read("../../docs/troubleshoot-connected-app.md") {
		if _, command, ok := strings.Cut(line, "- **Command:** `"); ok {
			commands = append(commands, strings.NewReplacer("{subject}", "123", "{", "", "}", "").Replace(strings.TrimSuffix(command, "`")))
		}
	}
	if len(commands) < 60 {
		t.Errorf("%d commands", len(commands))
	}
	for _, command := range commands {
		args := shellWords(command)
		if len(args) < 2 || args[0] != "twinspan" {
			t.Errorf("%q is no command of ours", command)
			continue
		}
		if _, err := k.Parse(args[1:]); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
}

// shellWords splits a command line as a shell does, as far as single quotes go.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	quoted, any := false, false
	for _, r := range line {
		switch {
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
