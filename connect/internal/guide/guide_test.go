package guide_test

import (
	"bufio"
	"context"
	"flag"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/guide"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

var update = flag.Bool("update", false, "write testdata anew")

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is everything that a guide reads.
type world struct {
	look  doctor.Look
	last  *upgrade.Upgrade
	oauth tenantoauth.State
	users map[string]mapping.User
	asked doctor.Question
}

// Glance implements the doctor of guide.Sources.
func (w *world) Glance(_ context.Context, _ link.Link, q doctor.Question) (*doctor.Look, error) {
	w.asked = q
	look := w.look
	if q.User != "" && look.Patient == nil {
		look.Patient = &doctor.Patient{Username: q.User, User: doctor.Got(doctor.OrgUser{})}
	}
	return &look, nil
}

type upgrades struct{ *world }

// Last implements the upgrades of guide.Sources.
func (u upgrades) Last(context.Context, link.Link) (upgrade.Upgrade, error) {
	if u.last == nil {
		return upgrade.Upgrade{}, fault.New(fault.NotFound, upgrade.CodeNotFound, "none")
	}
	return *u.last, nil
}

type oauth struct{ *world }

// Look implements the checks of document 002.
func (o oauth) Look(_ context.Context, l link.Link) (tenantoauth.State, error) {
	return o.world.oauth, l.Ready()
}

// Show implements the users of guide.Sources.
func (w *world) Show(_ context.Context, _ link.Link, name string) (mapping.User, error) {
	u, there := w.users[name]
	if !there {
		return u, fault.New(fault.NotFound, mapping.CodeNotFound, "The org has no user %s.", name)
	}
	return u, nil
}

func (w *world) service() *guide.Service {
	return guide.NewService(guide.Sources{
		Doctor: w, Upgrades: upgrades{w}, TenantOAuth: oauth{w}, Users: w, Now: func(link.Link) time.Time { return now }, Base: "https://connect.example",
	})
}

// connected is a connection by key with everything as the documents want it.
func connected() *world {
	l := link.Link{Pair: "p", Params: link.Params{Standing: link.Embedded, CRMURL: "https://org.example", ConnectedApp: "Salesforce Marketing Cloud", ConsumerKey: "key", AuthURL: "https://tenant.example", EID: 7}}
	l.Org = link.OrgSpan{State: link.SpanUp, Username: "system@org", UserID: "005", OrgID: "00D", Driver: link.JWT}
	l.Tenant = link.TenantSpan{State: link.SpanUp, Username: "api@mc", Driver: link.JWT}
	n := l.Names()
	sets := map[string]doctor.PermissionSet{}
	for _, label := range append([]string{n.ApprovalSet}, n.PackageSets()...) {
		sets[label] = doctor.PermissionSet{ID: label, Name: strings.ReplaceAll(label, " ", "_"), Label: label, Assigned: []string{"maya@org", "system@org"}}
	}
	return &world{look: doctor.Look{
		Link: l, Now: now, Package: doctor.Got(link.Package{Major: 5, Minor: 400}),
		App:      doctor.Got(doctor.App{Exists: true, ID: "0H4", ConnectedApp: crm.ConnectedApp{ConsumerKey: "key", AdminApproved: true, IPRelaxation: "BYPASS", RefreshTokenPolicy: "zero"}}),
		Carriers: doctor.Got([]doctor.Carrier{{SetID: "0PS", Label: n.ApprovalSet}}),
		Sets:     doctor.Got(sets), SystemSets: doctor.Got(slices.Collect(maps.Keys(sets))),
		Settings:     doctor.Got(map[string]string{"OauthOidcSettings.blockOAuthUnPwFlow": "false", "SecuritySettings.enableAdminLoginAsAnyUser": "true"}),
		TokenSection: doctor.Got("Additional Information"),
		Integration:  doctor.Got(integration.Account{Username: "robot@org", State: link.SpanUp}),
		Migration:    doctor.Got(migration.Offer{Code: migration.CodeNobody}),
	}}
}

// ownLink makes the world one of an own link whose app no API shows, in an org without the package.
func (w *world) ownLink() {
	const unseen = "No API tells of an external client app."
	w.look.Link.Standing, w.look.Link.Tenant.Driver = link.OwnLink, link.WebApp
	w.look.Package, w.look.App, w.look.Carriers = doctor.Got(link.Package{}), doctor.Lost[doctor.App](unseen), doctor.Lost[[]doctor.Carrier](unseen)
	w.look.Sets, w.look.SystemSets, w.look.TokenSection = doctor.Got(map[string]doctor.PermissionSet{}), doctor.Got([]string{}), doctor.Got("")
}

// states are the states of a guide's steps by their rows.
func (w *world) states(t *testing.T, name string, q guide.Question) map[string]guide.Step {
	t.Helper()
	g, err := w.service().Read(t.Context(), w.look.Link, name, q)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]guide.Step{}
	for _, s := range g.Sections {
		for _, step := range s.Steps {
			out[step.ID()] = step
			if step.State == guide.NotVisible && step.Why == "" {
				t.Errorf("%s: %s is not visible, and nothing says why", name, step.ID())
			}
			if step.State == "" {
				t.Errorf("%s: %s has no state", name, step.ID())
			}
		}
	}
	return out
}

// TestEveryRowStandsInItsGuide: whatever a document says, but for page furniture, is in its guide, in the words of some step or note.
func TestEveryRowStandsInItsGuide(t *testing.T) {
	t.Parallel()
	f, err := os.Open("../../../test/seeds/seeds.tsv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	said := map[string]bool{}
	w := connected()
	for _, name := range guide.Names() {
		g, err := w.service().Text(w.look.Link, name)
		if err != nil {
			t.Fatal(err)
		}
		add := func(rows []string, text string) {
			if text == "" || len(rows) == 0 {
				t.Errorf("%s: %v says %q", name, rows, text)
			}
			for _, row := range rows {
				if !strings.HasPrefix(row, "S"+name+"-") {
					t.Errorf("%s has row %s", name, row)
				}
				said[row] = true
			}
		}
		ids := map[string]bool{}
		for _, n := range g.Purpose {
			add(n.Rows, n.Text)
		}
		for _, s := range g.Sections {
			for _, n := range s.Notes {
				add(n.Rows, n.Text)
			}
			for _, step := range s.Steps {
				add(step.Rows, step.Text)
				if ids[step.ID()] {
					t.Errorf("%s: two steps are %s", name, step.ID())
				}
				ids[step.ID()] = true
				if step.Whose != guide.CRMAdmin && step.Whose != guide.EngagementAdmin && step.Whose != guide.User {
					t.Errorf("%s: %s is nobody's", name, step.ID())
				}
			}
		}
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		cells := strings.Split(lines.Text(), "\t")
		if !strings.HasPrefix(cells[0], "S") || strings.Contains(cells[1], "chrome") || said[cells[0]] {
			continue
		}
		if cells[0] == "S002-03" { // the link of the banner, to a page of the vendor's
			continue
		}
		t.Errorf("%s stands in no guide: %s", cells[0], cells[2])
	}
}

// TestCommandsAreKept: every command of the guides, for the test of the command line that parses them.
func TestCommandsAreKept(t *testing.T) {
	t.Parallel()
	w, seen := connected(), map[string]bool{}
	for _, name := range guide.Names() {
		for _, step := range w.states(t, name, guide.Question{}) {
			seen[step.Command] = true
		}
	}
	delete(seen, "")
	text := strings.Join(slices.Sorted(maps.Keys(seen)), "\n") + "\n"
	const path = "testdata/commands.txt"
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != text {
		t.Errorf("%s is not what the guides say: go test ./connect/internal/guide -run TestCommandsAreKept -update", path)
	}
}

// TestStates: what was read decides how steps stand.
func TestStates(t *testing.T) {
	t.Parallel()
	const done, open, unseen = guide.Done, guide.Open, guide.NotVisible
	record := func(state upgrade.State, steps ...upgrade.Record) *upgrade.Upgrade {
		u := &upgrade.Upgrade{Kind: upgrade.ConnectedApp, State: state, OpenedAt: now, Steps: steps}
		u.Window = 2 * time.Hour
		return u
	}
	for name, c := range map[string]struct {
		change func(*world)
		guide  string
		q      guide.Question
		want   map[string]guide.State
	}{
		"all as it should be": {nil, "001", guide.Question{}, map[string]guide.State{"S001-02": done, "S001-07": done, "S001-12": done, "S001-16": done, "S001-22": done, "S001-27": done, "S001-35": done, "S001-44": done, "S001-46": unseen, "S001-51": done, "S001-52": done}},
		"a policy is not": {func(w *world) {
			a, _ := w.look.App.Get()
			a.IPRelaxation = "ENFORCE"
			w.look.App = doctor.Got(a)
		}, "001", guide.Question{}, map[string]guide.State{"S001-12": done, "S001-13": done, "S001-14": open, "S001-15": done, "S001-16": open}},
		"a set without the system user": {func(w *world) {
			w.look.SystemSets = doctor.Got([]string{"Marketing Cloud Connector"})
		}, "001", guide.Question{}, map[string]guide.State{"S001-24": open, "S001-25": done, "S001-34": done, "S001-35": open, "S001-36": open}},
		"an own set carries the app": {func(w *world) {
			w.look.Sets = doctor.Got(map[string]doctor.PermissionSet{})
			w.look.Carriers = doctor.Got([]doctor.Carrier{{SetID: "0PS", Label: "Ours"}})
			w.look.SystemSets = doctor.Got([]string{"Ours"})
		}, "001", guide.Question{}, map[string]guide.State{"S001-21": done, "S001-22": done, "S001-24": open, "S001-34": done, "S001-43": done}},
		"nobody knows the system user": {func(w *world) {
			w.look.Link.Org = link.OrgSpan{State: link.SpanDown}
			w.look.SystemSets = doctor.Lost[[]string]("none")
		}, "001", guide.Question{}, map[string]guide.State{"S001-24": unseen, "S001-34": done, "S001-35": unseen, "S001-52": open}},
		"the org is not read": {func(w *world) {
			const why = "The org refuses."
			w.look.App, w.look.Sets, w.look.Package = doctor.Lost[doctor.App](why), doctor.Lost[map[string]doctor.PermissionSet](why), doctor.Lost[link.Package](why)
			w.look.Carriers = doctor.Lost[[]doctor.Carrier](why)
		}, "001", guide.Question{}, map[string]guide.State{"S001-02": unseen, "S001-12": unseen, "S001-21": unseen, "S001-35": unseen, "S001-43": unseen, "S001-51": done}},
		"nothing to upgrade": {nil, "003", guide.Question{}, map[string]guide.State{"S003-07": done, "S003-21": done, "S003-26": done, "S003-30": done, "S003-39": done, "S003-60": done, "S003-62": unseen}},
		"to be upgraded":     {func(w *world) { w.look.Link.Org.Driver = link.Password }, "003", guide.Question{}, map[string]guide.State{"S003-07": open, "S003-09": unseen, "S003-21": open, "S003-26": open, "S003-30": open, "S003-39": done, "S003-60": open, "S003-61": open}},
		"an upgrade waits for the CRM admin": {func(w *world) {
			w.last = record(upgrade.Waits, upgrade.Record{Step: upgrade.Acknowledge, Status: upgrade.Finished}, upgrade.Record{Step: upgrade.PermissionSet, Status: upgrade.Planned}, upgrade.Record{Step: upgrade.Policies, Status: upgrade.Planned})
			w.last.Waiting = &upgrade.Waiting{For: upgrade.CRMAdmin, Step: upgrade.PermissionSet, Have: "none"}
			w.look.Link.Org.Driver = link.Password
			w.look.Link.Outage = link.Outage{Mode: link.Hold, From: now.Add(-time.Minute), Until: now.Add(time.Hour), Reason: "upgrade in progress"}
		}, "003", guide.Question{}, map[string]guide.State{"S003-07": done, "S003-09": unseen, "S003-21": done, "S003-39": open, "S003-44": open, "S003-60": open}},
		"an upgrade was closed": {func(w *world) {
			w.last = record(upgrade.Watching, upgrade.Record{Step: upgrade.Verify, Status: upgrade.Finished}, upgrade.Record{Step: upgrade.Acknowledge, Status: upgrade.Finished})
		}, "003", guide.Question{}, map[string]guide.State{"S003-07": done, "S003-21": done, "S003-39": done, "S003-60": done, "S003-61": done, "S003-62": open}},
		"users are left to migrate": {func(w *world) {
			w.look.Migration = doctor.Got(migration.Offer{Users: 3, UpgradedAt: now, Until: now.Add(migration.Window)})
		}, "003", guide.Question{}, map[string]guide.State{"S003-30": open, "S003-34": open}},
		"not connected": {func(w *world) {
			w.look.Link.Org, w.look.Link.Tenant = link.OrgSpan{}, link.TenantSpan{}
		}, "003", guide.Question{}, map[string]guide.State{"S003-07": unseen, "S003-21": unseen, "S003-30": unseen, "S003-60": unseen}},
		"002 not connected": {func(w *world) {
			w.look.Link.Org, w.look.Link.Tenant = link.OrgSpan{}, link.TenantSpan{}
		}, "002", guide.Question{}, map[string]guide.State{"S002-18": open, "S002-24": unseen, "S002-26": unseen, "S002-34": unseen}},
		"002 by its checks": {func(w *world) {
			w.look.Link.Tenant.Driver = link.Password
			w.oauth = tenantoauth.State{
				Before: []tenantoauth.Check{{Name: tenantoauth.ScheduledSends, OK: true}, {Name: tenantoauth.APIUser, OK: true}, {Name: tenantoauth.PackageVersion}, {Name: tenantoauth.Setting}},
				After:  []tenantoauth.Check{{Name: tenantoauth.Converted}, {Name: tenantoauth.BusinessUnits, OK: true}},
			}
		}, "002", guide.Question{}, map[string]guide.State{"S002-18": done, "S002-24": done, "S002-26": open, "S002-27": open, "S002-28": open, "S002-31": open, "S002-34": done, "S002-36": done}},
		"000 without a name": {nil, "000", guide.Question{}, map[string]guide.State{"S000-18": unseen, "S000-26": unseen, "S000-28": done, "S000-37": unseen}},
		"000 mapped": {func(w *world) {
			w.users = map[string]mapping.User{"maya": {State: mapping.Stale}}
			w.look.TokenSection = doctor.Got("")
		}, "000", guide.Question{User: "maya"}, map[string]guide.State{"S000-24": open, "S000-26": open, "S000-31": open}},
		"000 cleared": {func(w *world) {
			w.users = map[string]mapping.User{"maya": {State: mapping.Cleared}}
		}, "000", guide.Question{User: "maya"}, map[string]guide.State{"S000-24": done, "S000-26": open}},
		"000 in the protected field": {func(w *world) {
			w.look.Package = doctor.Got(link.Package{Major: 5, Minor: 493})
			w.users = map[string]mapping.User{"maya": {State: mapping.Broken}}
		}, "000", guide.Question{User: "maya"}, map[string]guide.State{"S000-24": unseen, "S000-31": unseen, "S000-37": open, "S000-38": open}},
		"000 nobody of that name": {nil, "000", guide.Question{User: "nobody"}, map[string]guide.State{"S000-24": unseen}},
		"004 connected":           {nil, "004", guide.Question{}, map[string]guide.State{"S004-06": done, "S004-09": done, "S004-17": done, "S004-22": done, "S004-28": unseen}},
		"004 refused": {func(w *world) {
			w.look.Integration = doctor.Got(integration.Account{Username: "robot@org", State: link.SpanBroken, Cause: link.Cause{Code: "invalid_grant"}})
			w.look.Settings = doctor.Got(map[string]string{"OauthOidcSettings.blockOAuthUnPwFlow": "true", "SecuritySettings.enableAdminLoginAsAnyUser": "false"})
		}, "004", guide.Question{}, map[string]guide.State{"S004-06": open, "S004-17": open, "S004-22": open, "S004-28": open}},
		"004 about somebody": {func(w *world) {
			w.look.Patient = &doctor.Patient{Username: "robot@org", User: doctor.Got(doctor.OrgUser{ID: "005", Licence: "Salesforce", Profile: "Standard User"})}
		}, "004", guide.Question{User: "robot@org"}, map[string]guide.State{"S004-09": done, "S004-13": done, "S004-14": open, "S004-16": open}},
		"an own link without the package": {func(w *world) {
			w.ownLink()
		}, "001", guide.Question{}, map[string]guide.State{"S001-02": done, "S001-12": unseen, "S001-21": unseen, "S001-24": unseen, "S001-25": done, "S001-27": done, "S001-35": unseen, "S001-43": unseen, "S001-50": done, "S001-52": done}},
		"an own link has nothing to upgrade":    {(*world).ownLink, "003", guide.Question{}, map[string]guide.State{"S003-07": done, "S003-21": done, "S003-39": done, "S003-60": done}},
		"an own link has no protected settings": {(*world).ownLink, "002", guide.Question{}, map[string]guide.State{"S002-18": done, "S002-27": done, "S002-31": done, "S002-36": done}},
		"an own link has no field":              {(*world).ownLink, "000", guide.Question{}, map[string]guide.State{"S000-24": done, "S000-31": done, "S000-37": unseen}},
		"004 about nobody":                      {nil, "004", guide.Question{User: "robot@org"}, map[string]guide.State{"S004-09": open, "S004-14": open}},
		"004 none": {func(w *world) {
			w.look.Integration = doctor.Got(integration.Account{})
		}, "004", guide.Question{}, map[string]guide.State{"S004-09": unseen, "S004-17": open}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := connected()
			if c.change != nil {
				c.change(w)
			}
			steps := w.states(t, c.guide, c.q)
			for id, want := range c.want {
				if got := steps[id]; got.State != want {
					t.Errorf("%s %q is %s (%s%s), want %s", id, got.Text, got.State, got.Seen, got.Why, want)
				}
			}
		})
	}
}

// TestNext: the first open step is next, with those before it that cannot be seen; a guide that is done has none.
func TestNext(t *testing.T) {
	t.Parallel()
	w := connected()
	w.look.Link.Tenant = link.TenantSpan{State: link.SpanDown}
	g, err := w.service().Read(t.Context(), w.look.Link, "001", guide.Question{})
	if err != nil {
		t.Fatal(err)
	}
	p := g.Progress()
	if p.Next == nil || p.Next.Number != "33" || len(p.Before) != 1 || p.Before[0].ID() != "S001-46" || p.NotVisible != 1 || p.Open != 5 {
		t.Errorf("%+v", p)
	}
	// What cannot be seen is not passed over in silence because something after it is done.
	var steps []guide.Step
	for i, state := range []guide.State{guide.NotVisible, guide.Done, guide.NotVisible, guide.Open, guide.NotVisible, guide.Open} {
		steps = append(steps, guide.Step{Rows: []string{strconv.Itoa(i)}, State: state})
	}
	p = guide.Guide{Sections: []guide.Section{{Steps: steps[:2]}, {Steps: steps[2:]}}}.Progress()
	if p.Next == nil || p.Next.ID() != "3" || len(p.Before) != 1 || p.Before[0].ID() != "2" || len(p.Passed) != 1 || p.Passed[0].ID() != "0" {
		t.Errorf("%+v", p)
	}
	w = connected()
	if g, err = w.service().Read(t.Context(), w.look.Link, "001", guide.Question{}); err != nil || g.Progress().Next != nil {
		t.Errorf("%+v, %v", g.Progress().Next, err)
	}
	if _, err := w.service().Read(t.Context(), w.look.Link, "005", guide.Question{}); fault.CodeOf(err) != guide.CodeUnknown {
		t.Errorf("guide 005: %v", err)
	}
}

// TestNobodySignsInBesideAnUpgrade: while an upgrade to Connected App goes on, the org is left alone.
func TestNobodySignsInBesideAnUpgrade(t *testing.T) {
	t.Parallel()
	for state, blind := range map[upgrade.State]bool{upgrade.Booked: false, upgrade.Running: true, upgrade.Cancelling: true, upgrade.Watching: false} {
		w := connected()
		w.last = &upgrade.Upgrade{Kind: upgrade.ConnectedApp, State: state}
		w.states(t, "003", guide.Question{})
		if w.asked.OrgBlind != blind {
			t.Errorf("%s: blind is %v", state, w.asked.OrgBlind)
		}
	}
}

// TestAddresses: pages of real clouds are said by their way alone.
func TestAddresses(t *testing.T) {
	t.Parallel()
	w := connected()
	w.look.Link.Standing = link.BesidePackage
	for _, name := range guide.Names() {
		for _, step := range w.states(t, name, guide.Question{}) {
			if step.Page != "" && !strings.HasPrefix(step.Page, "https://connect.example/") {
				t.Errorf("%s: %s", step.ID(), step.Page)
			}
		}
	}
}
