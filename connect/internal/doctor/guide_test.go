package doctor_test

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/doctor"
)

var update = flag.Bool("update", false, "write the guide anew")

// TestGuide: the page that people read is what the checks say.
// seed:page S002-39
func TestGuide(t *testing.T) {
	t.Parallel()
	for path, made := range map[string]string{doctor.GuidePath: doctor.Guide(), doctor.CheckTablePath: doctor.CheckTable()} {
		path = "../../../" + path
		if *update {
			if err := os.WriteFile(path, []byte(made), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != made {
			t.Errorf("%s is not what the checks say: go test ./connect/internal/doctor -run TestGuide -update", path)
		}
	}
}

// TestCommands: what findings say to type is kept in a file, which the command line's own test parses line by line.
func TestCommands(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	add := func(r doctor.Report) {
		for _, f := range r.Findings {
			seen[f.Command], seen[f.See] = true, true
			if doctor.OnlyLooks(f.Command) {
				t.Errorf("%s: %s is printed as if it mended, and only looks", f.Check, f.Command)
			}
			if f.See != "" && !doctor.OnlyLooks(f.See) {
				t.Errorf("%s: %s is printed as a look, and changes something", f.Check, f.See)
			}
			if f.Command+f.Click == "" {
				t.Errorf("%s: %s has no way to mend it", f.Check, f.Seen)
			}
		}
	}
	for _, b := range broken() {
		l := about("maya@org")
		b.how(l)
		add(doctor.Examine(l, doctor.Checks()))
		add(doctor.ForPatient(l))
		for _, change := range []doctor.Change{doctor.BeforeConnect, doctor.BeforeUpgrade, doctor.BeforeAPIUser, doctor.BeforeDisconnect, doctor.BeforeSandbox} {
			add(l.Before(change))
		}
	}
	delete(seen, "")
	text := strings.Join(slices.Sorted(maps.Keys(seen)), "\n") + "\n"
	const path = "testdata/commands.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != text {
		t.Errorf("%s is not what findings say: go test ./connect/internal/doctor -run TestCommands -update", path)
	}
}
