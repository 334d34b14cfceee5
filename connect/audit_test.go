package connect_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// entries are the chain's entries: "actor action subject".
func (w *world) entries(t *testing.T) []string {
	t.Helper()
	status, a := w.call(t, "/api/v1/audit?limit=1000", "", nil)
	list, ok := a["entries"].([]any)
	if status != 200 || !ok {
		t.Fatalf("audit: %d %v", status, a)
	}
	out := make([]string, len(list))
	for i, e := range list {
		e := e.(map[string]any)
		if e["seq"] != float64(i+1) {
			t.Fatalf("entry %d: %v", i+1, e)
		}
		out[i] = strings.TrimSpace(fmt.Sprintf("%v %v %v", e["actor"], e["action"], linktest.Text(e, "subject")))
	}
	return out
}

func (w *world) wantEntries(t *testing.T, want ...string) {
	t.Helper()
	got := w.entries(t)
	want = append([]string{"system connection.put"}, want...) // how each chain begins
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		_, a := w.call(t, "/api/v1/audit?limit=1000", "", nil)
		t.Logf("%v", a)
		t.Fatalf("the chain has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestAudit: every change has its entry with actor, before and after, and what changes nothing has none.
func TestAudit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.wantEntries(t)
		w.connectBoth(t)
		w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username, "by": "olga"}, 200, "org.org_id", linktest.OrgID)
		w.mapUser(t, ann, annMC)
		w.mapUser(t, ann, annMC)
		w.wantCall(t, "/api/v1/users/clear", "", map[string]any{"users": []string{ann.Username}, "reason": "why not", "by": "olga"}, 200, "next", "")
		w.org.Approve(system.Username, false) // a span that is found broken is nobody's change
		w.org.DropTokens()
		w.call(t, "/api/v1/sends/triggered", "", map[string]any{"contact_id": contact, "definition_key": "welcome"})
		w.wantEntries(t, "API connection.org", apiUser.Username+" connection.engagement", ann.Username+" user.mapped "+ann.Username, "API: olga user.cleared "+ann.Username)
		_, a := w.call(t, "/api/v1/audit?after=3&limit=1", "", nil)
		e := a["entries"].([]any)[0].(map[string]any)
		if linktest.Text(e, "after.engagement_username") != annMC.Username || e["before"] != nil || linktest.Text(a, "next") != "4" {
			t.Errorf("mapped: %v", a)
		}
		_, a = w.call(t, "/api/v1/audit?after=4", "", nil)
		e = a["entries"].([]any)[0].(map[string]any)
		if linktest.Text(e, "before.engagement_username") != annMC.Username || e["after"] != nil || e["reason"] != "why not" || a["next"] != nil {
			t.Errorf("cleared: %v", a)
		}
		verdict := w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", "")
		if verdict["ok"] != true || verdict["entries"] != 5.0 || !strings.HasPrefix(linktest.Text(verdict, "head"), "5:") {
			t.Errorf("verdict: %v", verdict)
		}
		w.wantCall(t, "/api/v1/audit/verify?head="+linktest.Text(verdict, "head"), "", nil, 200, "problem", "")
		w.wantCall(t, "/api/v1/audit/verify?head=5:00", "", nil, 400, "error.code", "invalid_head")
		w.noSecrets(t)
	})
}

// TestAuditTampering: whoever can write to the database, and has not the key file, is found out.
func TestAuditTampering(t *testing.T) {
	for name, c := range map[string]struct {
		statements []string
		seq        float64
		problem    string
	}{
		"actor":        {[]string{`UPDATE audit_entry SET actor = 'somebody else' WHERE seq = 3`}, 3, "not as it was written"},
		"before":       {[]string{`UPDATE audit_entry SET before_json = '{}' WHERE seq = 4`}, 4, "not as it was written"},
		"time":         {[]string{`UPDATE audit_entry SET at = at + 1 WHERE seq = 2`}, 2, "not as it was written"},
		"taken out":    {[]string{`DELETE FROM audit_entry WHERE seq = 3`}, 3, "the entry is missing; the next one there is has number 4"},
		"closed up":    {[]string{`DELETE FROM audit_entry WHERE seq = 3`, `UPDATE audit_entry SET seq = 3 WHERE seq = 4`}, 3, "not as it was written"},
		"exchanged":    {[]string{`UPDATE audit_entry SET seq = 99 WHERE seq = 3`, `UPDATE audit_entry SET seq = 3 WHERE seq = 4`, `UPDATE audit_entry SET seq = 4 WHERE seq = 99`}, 3, "not as it was written"},
		"end cut off":  {[]string{`DELETE FROM audit_entry WHERE seq = 5`}, 5, "the entry is missing"},
		"cut off, too": {[]string{`DELETE FROM audit_entry WHERE seq = 5`, `UPDATE audit_head SET seq = 4, signature = (SELECT signature FROM audit_entry WHERE seq = 4)`}, 5, "whose head was noted, are missing"},
		"all of it":    {[]string{`DELETE FROM audit_entry`, `DELETE FROM audit_head`}, 1, "whose head was noted, are missing"},
		"copied":       {[]string{`INSERT INTO audit_entry SELECT pair_id, 6, at, actor, action, subject, reason, before_json, after_json, signature FROM audit_entry WHERE seq = 5`, `UPDATE audit_head SET seq = 6`}, 6, "not as it was written"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.connectBoth(t)
				w.mapUser(t, ann, annMC)
				w.mapUser(t, bob, bobMC)
				head := linktest.Text(w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", ""), "head")
				w.tamper(t, c.statements...)
				_, v := w.call(t, "/api/v1/audit/verify?head="+head, "", nil)
				if v["ok"] != false || v["seq"] != c.seq || !strings.Contains(linktest.Text(v, "problem"), c.problem) {
					t.Errorf("found %v, want %q at %v", v, c.problem, c.seq)
				}
			})
		})
	}
}

// tamper changes the database behind the bridge's back; on SQLite, which one process may open, between two of its lives.
func (w *world) tamper(t *testing.T, statements ...string) {
	t.Helper()
	postgres := strings.HasPrefix(w.dsn, "postgres")
	if !postgres {
		if err := w.bridge.Close(); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqldb.Open(t.Context(), sqldb.Options{DSN: w.dsn, Migrations: []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}, Relaxed: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(s); return err }); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if !postgres {
		w.open(t)
	}
}

// TestTwoProcesses: two Connect processes on one database, told the same thing at once, end with one connection, one
// mapping, and one entry for each change.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgres")
	urls := w.both(t)
	// Both are told, three times each, at the same moment.
	atOnce := func(tell func(ctx context.Context, url string) error) {
		t.Helper()
		atOnce(t, 6, func(n int) error { return tell(t.Context(), urls[n%2]) })
	}
	call := func(path string, body map[string]any, statuses ...int) func(context.Context, string) error {
		return func(_ context.Context, url string) error {
			status, a := linktest.Call(t, url, apiToken, path, "", body)
			for _, s := range statuses {
				if s == status {
					return nil
				}
			}
			return fmt.Errorf("%s answered %d %v", path, status, a)
		}
	}
	w.tenant.Grant(apiUser.Username, true)
	atOnce(call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 200))
	atOnce(call("/api/v1/connection/engagement", map[string]any{"api_user": apiUser.Username}, 200))
	w.wantEntries(t, "API connection.org", "API connection.engagement")
	want := []string{"API connection.org", "API connection.engagement"}
	for round := range 5 {
		if round%2 == 1 {
			w.org.Install(5, 400) // mappings leave handles, and two at once must leave one
		} else {
			w.org.Install(220, 0)
		}
		atOnce(func(ctx context.Context, url string) error {
			page, err := browser.New(nil).Visit(ctx, url+"/marketing-cloud", browser.Errand{
				Logins: map[string]browser.Credentials{w.org.URL: {Username: ann.Username, Password: ann.Password}, w.tenant.URL: {Username: annMC.Username, Password: annMC.Password}},
				Press:  []string{"Connect to Marketing Cloud", "Yes, connect me"},
			})
			if err != nil || page.Status != 200 || !strings.Contains(page.Text, "Connected as ann.mc.") {
				return fmt.Errorf("visit: %v %v", page, err)
			}
			return nil
		})
		want = append(want, ann.Username+" user.mapped "+ann.Username)
		w.wantEntries(t, want...)
		w.wantUsers(t, "", ann.Username, "mapped")
		atOnce(call("/api/v1/users/check", map[string]any{}, 200))
		w.wantUsers(t, "", ann.Username, "mapped")
		atOnce(call("/api/v1/users/clear", map[string]any{"users": []string{ann.Username}, "reason": "again"}, 200))
		want = append(want, "API user.cleared "+ann.Username)
		w.wantEntries(t, want...)
	}
	w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", "")
}
