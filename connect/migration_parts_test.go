package connect_test

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
)

// A list that is larger than a document may be comes in parts, each of which is a file by itself: the head and whole lines. Everybody
// is in one line of one of them, as in the report, which is whole.
func TestLargeReportsComeInParts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		id := linktest.Text(w.migrate(t, "", "waiting"), "id")
		const reason = 3 << 20 // bytes: two lines are more than a document takes
		w.tamper(t,
			fmt.Sprintf(`UPDATE migration_user SET status = 'failed', pass = 1, settled_at = 1, reason = '%s'`, strings.Repeat("why, \"so\"\n", reason/10)),
			`UPDATE migration_run SET phase = 'writing', failed = 2, waiting = 0`, `DELETE FROM job`)
		m := w.migrate(t, "", "done")
		files := w.tenant.Documents()
		first := firstFile(m, "failures")
		second := strings.TrimSuffix(first, ".csv") + ".2.csv"
		if len(files) != 3 || files[first] == "" || files[second] == "" || firstFile(m, "state") != "written" {
			names := []string{}
			for name := range files {
				names = append(names, name)
			}
			t.Fatalf("the files: %q, %v", names, m["files"])
		}
		whole, err := csv.NewReader(strings.NewReader(w.report(t, id, "failures"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var users [][]string
		for _, name := range []string{first, second} {
			if len(files[name]) > 5<<20 {
				t.Errorf("%s has %d bytes", name, len(files[name]))
			}
			lines, err := csv.NewReader(strings.NewReader(files[name])).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(lines[0], whole[0]) || len(lines) != 2 {
				t.Errorf("%s has %d lines, and begins with %q", name, len(lines), lines[0])
			}
			users = append(users, lines[1:]...)
		}
		if !slices.EqualFunc(users, whole[1:], slices.Equal) {
			t.Error("the parts are not the report")
		}
	})
}
