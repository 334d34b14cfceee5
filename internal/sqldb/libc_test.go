package sqldb_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The SQLite driver is C translated for one exact version of its C library; another one misbehaves without a word. A
// careless `go get -u` brings another one.
func TestTheDriverHasItsOwnLibc(t *testing.T) {
	t.Parallel()
	list := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "go", append([]string{"list", "-m"}, args...)...).Output()
		if err != nil {
			t.Fatalf("go list -m %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	file := filepath.Join(list("-f", "{{.Dir}}", "modernc.org/sqlite"), "go.mod")
	mod, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wants := regexp.MustCompile(`(?m)^\s*modernc\.org/libc (v\S+)$`).FindStringSubmatch(string(mod))
	if wants == nil {
		t.Fatalf("%s requires no modernc.org/libc", file)
	}
	if ours := list("-f", "{{.Version}}", "modernc.org/libc"); ours != wants[1] {
		t.Errorf("modernc.org/libc is %s, the driver needs %s exactly", ours, wants[1])
	}
}
