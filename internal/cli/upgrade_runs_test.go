package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/cli"
)

// The report of an upgrade has all its migrations: each user once, as he stands after the last one that tried him, in the table and in
// both lists; those of another upgrade are left out.
func TestReportOfSeveralMigrations(t *testing.T) {
	t.Parallel()
	const head = "date,engagement_user,crm_username,crm_user_id,business_unit,result,reason\n"
	answers := map[string]string{
		"upgrade/report":                 `{}`,
		"upgrade/migrations":             `{"migrations":[{"id":"three","upgrade":"u","retry":true,"state":"done","total":2,"reconnected":1,"failed":1},{"id":"gone","upgrade":"u","state":"undone"},{"id":"one","upgrade":"u","state":"done","total":3,"reconnected":1,"failed":2},{"id":"old","upgrade":"o","state":"done"}]}`,
		"upgrade/migrations/one/users":   `{"users":[{"crm_user_id":"1","crm_username":"ann","result":"reconnected"},{"crm_user_id":"2","crm_username":"bob","result":"failed"},{"crm_user_id":"3","crm_username":"cat","result":"failed"}]}`,
		"upgrade/migrations/three/users": `{"users":[{"crm_user_id":"2","crm_username":"bob","result":"reconnected"},{"crm_user_id":"3","crm_username":"cat","result":"failed","reason":"again"}]}`,
		"one success":                    head + "d,a,ann,1,7,reconnected,\n",
		"three success":                  head + "d,b,bob,2,7,reconnected,\n",
		"one failures":                   head + "d,b,bob,2,7,failed,no\nd,c,cat,3,7,failed,no\n",
		"three failures":                 head + "d,c,cat,3,7,failed,again\n",
	}
	connect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/api/v1/")
		w.Header().Set("Content-Type", "application/json")
		if list := r.URL.Query().Get("report"); list != "" {
			path = strings.Split(path, "/")[2] + " " + list
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		}
		answer, known := answers[path]
		if !known {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer connect.Close()
	ready := readyFile(t, "", connect.URL)
	report := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := run(t, nil, append([]string{"upgrade", "report", "--ready-file", ready}, args...)...)
		if code != cli.ExitDone {
			t.Fatalf("%v: exit %d, %s", args, code, stderr)
		}
		return stdout
	}
	if got := report("--csv", "success"); got != head+"d,a,ann,1,7,reconnected,\nd,b,bob,2,7,reconnected,\n" {
		t.Errorf("success: %q", got)
	}
	if got := report("--csv", "failures"); got != head+"d,c,cat,3,7,failed,again\n" {
		t.Errorf("failures: %q", got)
	}
	if got := report("--result", "failed"); strings.Contains(got, "bob") || strings.Count(got, "cat") != 1 || !strings.Contains(got, "again") {
		t.Errorf("failed: %s", got)
	}
	if got := report(); strings.Count(got, "bob") != 1 || strings.Count(got, "reconnected") != 2 {
		t.Errorf("all: %s", got)
	}
	if got := report("--json"); !strings.Contains(got, `"id": "three"`) && !strings.Contains(got, `"id":"three"`) {
		t.Errorf("the ids: %s", got)
	}
}
