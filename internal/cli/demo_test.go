package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/journey"
)

// walk makes the demo's steps on a new pair and returns how they went.
func walk(t *testing.T, setup journey.OrgSetup) []result {
	t.Helper()
	free := twinspan.HouseConfig{Addr: "127.0.0.1:0"}
	d := &demo{setup: setup, config: twinspan.Config{
		Ephemeral: true, Fixture: twinspan.FixtureNewOrg, CRM: free, Engagement: free, Connect: free, ControlAddr: "127.0.0.1:0",
	}}
	t.Cleanup(func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	var out, errs bytes.Buffer
	a := &app{Env: Env{Stdout: &out, Stderr: &errs, Lookup: os.LookupEnv}}
	results := newProgress(a).run(ctx, d.steps())
	if err := a.printResults(results); err != nil {
		t.Error(err)
	}
	t.Log(out.String())
	return results
}

// The journey's steps are made over HTTP with the credentials of the person whose step it is, and read back.
//
// seed:api S001-12 S001-14 S001-15 S001-16 S001-17 S001-20 S001-21 S001-22 S001-23 S001-24 S001-32 S001-33 S001-34
// seed:api S001-35 S001-36 S001-42 S001-43 S001-44 S001-48 S001-49 S001-50 S001-51 S001-52 S002-11 S002-12
// seed:api S002-18
func TestTheJourneyWorks(t *testing.T) {
	t.Parallel()
	for _, r := range walk(t, journey.OrgSetup{}) {
		if r.err != nil {
			t.Errorf("step %d, %s: %v", r.number, r.title, r.err)
		}
	}
}

// Nothing in the demo is hard-coded: without the assignment of step 2, the org refuses the system user in step 3 with
// the code and text of DESIGN 5.3, and nothing after it is tried.
func TestWithoutTheAssignmentStepThreeFails(t *testing.T) {
	t.Parallel()
	results := walk(t, journey.OrgSetup{LeaveOutAssignments: true})
	for _, r := range results {
		switch {
		case r.number < 3:
			if r.err != nil {
				t.Errorf("step %d: %v", r.number, r.err)
			}
		case r.number == 3:
			if r.err == nil || !strings.Contains(r.say(), "invalid_app_access: user is not admin approved to access this app") {
				t.Errorf("step 3: %s", r.say())
			}
		default:
			if r.say() != "not run" {
				t.Errorf("step %d: %s", r.number, r.say())
			}
		}
	}
}
