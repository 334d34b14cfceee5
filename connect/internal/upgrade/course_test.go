package upgrade_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// crowd are mapped users, called u00000 and so on.
type crowd int

// Known implements upgrade.Mapped.
func (c crowd) Known(_ context.Context, _, after string, limit int) ([]mapping.Known, error) {
	first := 0
	if after != "" {
		if _, err := fmt.Sscanf(after, "u%05d", &first); err != nil {
			return nil, err
		}
		first++
	}
	var page []mapping.Known
	for i := first; i < int(c) && len(page) < limit; i++ {
		page = append(page, mapping.Known{Mapping: mapping.Mapping{CRMUserID: fmt.Sprintf("005%012dAAA", i), CRMUsername: fmt.Sprintf("u%05d", i)}})
	}
	return page, nil
}

// connected is a link whose spans are both up by key, and the fake org at its end.
func connected(t *testing.T) (*link.Service, link.Link, *linktest.Org) {
	t.Helper()
	store := sqlstore.New(sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}))
	system, api := linktest.Person{ID: "005000000099999AAA", Username: "system@org.example"}, linktest.Person{ID: "7", Username: "api"}
	org, tenant := linktest.NewOrg(t, []linktest.Person{system}, system.Username), linktest.NewTenant(t, []linktest.Person{api})
	links := link.NewService(store, link.NewKeyring(store, linktest.PutKeys(t, store)), http.DefaultClient, time.Now)
	var err error
	org.Certificate, tenant.Certificate, err = links.Certificates(t.Context(), linktest.Pair)
	noError(t, err)
	org.ConsumerKey, tenant.ClientID = "key", "package"
	tenant.Grant(api.Username, true)
	noError(t, links.Put(t.Context(), linktest.Pair, vault.HashToken("t"), link.Params{Standing: link.Embedded, CRMURL: org.URL, ConsumerKey: "key", ConsoleClientID: "c", AuthURL: tenant.URL, PackageClientID: "package", EID: linktest.EID}))
	_, err = links.ConnectOrg(t.Context(), linktest.Pair, system.Username, "test")
	noError(t, err)
	l, err := links.ConnectTenant(t.Context(), linktest.Pair, api.Username, 0, "test")
	noError(t, err)
	return links, l, org
}

// stepOf finds a step of the safe order.
func stepOf(c upgrade.Course, n upgrade.Name) upgrade.Step {
	steps := c.Steps[upgrade.Safe]
	return steps[slices.IndexFunc(steps, func(s upgrade.Step) bool { return s.Name == n })]
}

var named = regexp.MustCompile(`'(005[0-9]{12}AAA)'`)

// Everybody is looked at before the assignments are done, however many they are; those who were found assigned are not
// asked about again.
func TestAssignmentsOfManyUsers(t *testing.T) {
	t.Parallel()
	const users = 10_400
	links, l, org := connected(t)

	var missing atomic.Bool // the last user has no permission set
	var queries atomic.Int64
	missing.Store(true)
	org.Before(func(w http.ResponseWriter, r *http.Request) bool {
		q := r.URL.Query().Get("q")
		var records []map[string]any
		switch {
		case q == "":
			return false
		case strings.Contains(q, "FROM ConnectedApplication"):
			records = []map[string]any{{"Id": "0H4000000000001AAA"}}
		case strings.Contains(q, "FROM SetupEntityAccess"):
		case strings.Contains(q, "FROM PermissionSet "):
			records = []map[string]any{{"Id": "0PS000000000001AAA"}}
		case strings.Contains(q, "Assignee.Username"):
			records = []map[string]any{{"Id": "0Pa000000000001AAA"}}
		default:
			queries.Add(1)
			for _, m := range named.FindAllStringSubmatch(q, -1) {
				if id := m[1]; strings.Contains(q, "FROM User ") || !missing.Load() || id != fmt.Sprintf("005%012dAAA", users-1) {
					records = append(records, map[string]any{"Id": id, "AssigneeId": id, "Username": "u" + id[10:15]})
				}
			}
		}
		linktest.Answer(w, http.StatusOK, map[string]any{"totalSize": len(records), "done": true, "records": slices.Concat([]map[string]any{}, records)})
		return true
	})
	step := stepOf(upgrade.NewConnectedApp(upgrade.Parts{Links: links, Mapped: crowd(users)}), upgrade.Assignments)
	look := func() upgrade.Reading {
		t.Helper()
		f, err := step.Look(t.Context(), upgrade.Work{Link: l, Upgrade: upgrade.Upgrade{ID: "one"}, Now: time.Now()})
		noError(t, err)
		return f
	}
	if f := look(); f.Done || !strings.Contains(f.Have, "not to u10399") {
		t.Fatalf("one of many is missing: %+v", f)
	}
	before := queries.Load()
	missing.Store(false)
	if f := look(); !f.Done {
		t.Errorf("assigned to everybody: %+v", f)
	}
	if n := queries.Load() - before; before < 2*users/200 || n > 4 {
		t.Errorf("%d queries at first, %d afterwards", before, n)
	}
	// What is assigned between the booking and the beginning is none of the upgrade's.
	now := time.Now()
	stood, err := step.Stood(t.Context(), upgrade.Work{Link: l, Upgrade: upgrade.Upgrade{ID: "one", CreatedAt: now.Add(-72 * time.Hour)}, Now: now})
	noError(t, err)
	text, err := json.Marshal(stood)
	noError(t, err)
	var kept struct{ Since time.Time }
	noError(t, json.Unmarshal(text, &kept))
	if kept.Since.After(now) || kept.Since.Before(now.Add(-time.Second)) {
		t.Errorf("assignments are the upgrade's since %v, which was read at %v", kept.Since, now)
	}
}

// spent is what a connection cost, hour by hour.
type spent []usage.Row

// Report implements upgrade.Usage.
func (s spent) Report(context.Context, link.Link) (usage.Report, error) {
	return usage.Report{Rows: s}, nil
}

// After the closing the API usage is looked at twice: the hour before beside the hour after, then 24 hours, where calls that
// count against the org's limit are a finding.
func TestCallsThatStillCount(t *testing.T) {
	t.Parallel()
	closed := time.Date(2016, 5, 2, 9, 20, 0, 0, time.UTC)
	hour := closed.Truncate(time.Hour).Add(time.Hour)
	for name, c := range map[string]struct {
		standing link.Standing
		want     []string
	}{
		"the app's own key": {link.OwnLink, []string{
			"api_usage_hour: Calls of Connect that count against the org's limit: 7 in the hour before the upgrade, 3 in the hour after.",
			"api_usage_day: In the 24 hours after the upgrade 12 calls of Connect counted against the org's limit. 4 of them are Bulk calls, which no app is exempt from.",
			"calls_still_count: 8 calls of the connected app still count against the org's limit after the upgrade: `twinspan usage` says which.",
		}},
		"the vendor's app": {link.Embedded, []string{
			"api_usage_hour: Calls of Connect that count against the org's limit: 7 in the hour before the upgrade, 0 in the hour after.",
			"api_usage_day: In the 24 hours after the upgrade 4 calls of Connect counted against the org's limit. 4 of them are Bulk calls, which no app is exempt from.",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			course := upgrade.NewConnectedApp(upgrade.Parts{Usage: spent{
				{Hour: hour, Cloud: link.IntoOrg, API: usage.REST, Calls: 3},
				{Hour: hour.Add(23 * time.Hour), Cloud: link.IntoOrg, API: usage.REST, Calls: 5},
				{Hour: hour.Add(24 * time.Hour), Cloud: link.IntoOrg, API: usage.REST, Calls: 100},
				{Hour: hour, Cloud: link.IntoTenant, API: usage.REST, Calls: 100},
				{Hour: hour.Add(2 * time.Hour), Cloud: link.IntoOrg, API: usage.Bulk, Calls: 4},
			}})
			w := upgrade.Work{Link: link.Link{Params: link.Params{Standing: c.standing}}, Upgrade: upgrade.Upgrade{Steps: []upgrade.Record{
				{Step: upgrade.Verify, Kept: []byte(`{"hour_before":7}`)}, {Step: upgrade.CloseDown, EndedAt: closed},
			}}}
			look := func(now time.Time) upgrade.Outcome {
				t.Helper()
				w.Now = now
				out, err := course.Watch(t.Context(), w)
				noError(t, err)
				w.Upgrade.Findings = append(w.Upgrade.Findings, out.Found...)
				return out
			}
			if out := look(hour.Add(59 * time.Minute)); out.Done || !out.Until.Equal(hour.Add(time.Hour)) || len(out.Found) != 0 {
				t.Errorf("too early: %+v", out)
			}
			if out := look(hour.Add(time.Hour)); out.Done || !out.Until.Equal(hour.Add(24*time.Hour)) {
				t.Errorf("an hour later: %+v", out)
			}
			if out := look(hour.Add(23 * time.Hour)); out.Done || len(out.Found) != 0 {
				t.Errorf("before the day is over: %+v", out)
			}
			if out := look(hour.Add(24 * time.Hour)); !out.Done {
				t.Errorf("a day later: %+v", out)
			}
			var got []string
			for _, f := range w.Upgrade.Findings {
				got = append(got, f.Code+": "+f.Text)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("found:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
