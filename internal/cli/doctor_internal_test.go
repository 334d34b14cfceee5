package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/twinspan/twinspan/internal/client/connect"
)

// TestTheDoctorsCommandsParse: what the doctor says to type, in findings and in its guide, is understood, and what the guides of
// the documents say.
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
	fixed, last := 0, ""
	for _, line := range read("../../docs/troubleshoot-connected-app.md") {
		if _, command, ok := strings.Cut(line, "- **Command:** `"); ok {
			last = strings.TrimSuffix(command, "`")
		}
		if strings.HasPrefix(line, "- **`doctor --fix`:**") {
			if fixed++; !mayRun(shellWords(last)[1:]) {
				t.Errorf("the guide says that --fix runs %s, and it does not", last)
			}
		}
	}
	if fixed < 11 {
		t.Errorf("%d checks are mended", fixed)
	}
	for _, never := range []string{"org permset assign A b c", "org permset assign --org-url=http://evil x", "org user update u Password=x", "org app policies A --permitted-users self-authorize", "tenant settings inactive_days=0", "business-units remove 1", "business-units add 1", ""} {
		if mayRun(shellWords(never)) {
			t.Errorf("--fix would run %q", never)
		}
	}
	commands := read("../../connect/internal/doctor/testdata/commands.txt")
	commands = append(commands, read("../../connect/internal/guide/testdata/commands.txt")...)
	for _, line := range read("../../docs/troubleshoot-connected-app.md") {
		if _, command, ok := strings.Cut(line, "- **Command:** `"); ok {
			commands = append(commands, strings.ReplaceAll(strings.TrimSuffix(command, "`"), "business-units add NAME", "business-units add 123"))
		}
	}
	if len(commands) < 60 {
		t.Errorf("%d commands", len(commands))
	}
	for _, command := range commands {
		args := shellWords(strings.ReplaceAll(command, " MID", " 123"))
		if len(args) < 2 || args[0] != "twinspan" {
			t.Errorf("%q is no command of ours", command)
			continue
		}
		if _, err := k.Parse(args[1:]); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
}

// TestJUnitCountsBySeverity: what does not count for the exit code fails no test of the report, and is told in it.
func TestJUnitCountsBySeverity(t *testing.T) {
	t.Parallel()
	d := connect.Diagnosis{Findings: []connect.Ailment{{Check: "D36", Severity: "notice", Seen: "turned away"}, {Check: "D01", Severity: "error", Seen: "no app"}}}
	for severity, want := range map[string]string{"error": `failures="1"`, "notice": `failures="2"`} {
		c := &doctorLookCmd{Severity: severity}
		out, err := junit(d, c.counts)
		if err != nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), "turned away") {
			t.Errorf("%s: %v\n%s", severity, err, out)
		}
	}
}
