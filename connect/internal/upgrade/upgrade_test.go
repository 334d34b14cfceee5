package upgrade_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// world is a store with one link and an upgrade service whose steps a test makes up.
type world struct {
	store    *sqlstore.Store
	upgrades *sqlstore.Upgrades
	links    *link.Service
	link     link.Link
	queue    *jobs.Queue
	service  *upgrade.Service

	mu     sync.Mutex
	offset time.Duration
	did    []string         // what the steps did, in order
	refuse map[string]error // by the name of a step: its answer
	ready  map[string]bool  // what people did
	fail   func(point string) error
}

func each(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := &world{refuse: map[string]error{}, ready: map[string]bool{}}
			w.store = sqlstore.New(sqldbtest.Open(t, sqldbtest.DSN(t, kind), []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}))
			w.links = link.NewService(w.store, link.NewKeyring(w.store, linktest.PutKeys(t, w.store)), http.DefaultClient, w.now)
			w.link = linktest.Put(t, w.store, "a", 1)
			w.open(t)
			test(t, w)
		})
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += d
}

// open makes a queue and a service on the store, as another process has them.
func (w *world) open(t *testing.T) *upgrade.Service {
	t.Helper()
	queue := w.store.Queue(jobs.Options{Poll: 10 * time.Millisecond, Lease: time.Second})
	w.upgrades = sqlstore.NewUpgrades(w.store, queue)
	s := upgrade.NewService(upgrade.Options{
		Store: w.upgrades, Links: w.links, Queue: queue, Look: 10 * time.Millisecond, Tallies: w.upgrades,
		Courses: map[upgrade.Kind]upgrade.Course{upgrade.ConnectedApp: w.course(), upgrade.TenantOAuth: w.outageCourse()},
		Fail: func(_ context.Context, point string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.fail == nil {
				return nil
			}
			return w.fail(point)
		},
	})
	w.queue, w.service = queue, s
	queue.Start(t.Context())
	t.Cleanup(func() { w.stop(t, queue) })
	return s
}

func (w *world) stop(t *testing.T, queue *jobs.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := queue.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// course is one step of each owner: told by the Engagement admin, Connect's own at its hour, the CRM admin's, and the end.
func (w *world) course() upgrade.Course {
	did := func(what string) (upgrade.Outcome, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.did = append(w.did, what)
		name, _, _ := strings.Cut(what, " ")
		return upgrade.Outcome{Reading: upgrade.Reading{Done: true, Have: what}}, w.refuse[name]
	}
	do := func(_ context.Context, work upgrade.Work) (upgrade.Outcome, error) {
		return did(string(work.Record.Step) + " done")
	}
	undo := func(_ context.Context, work upgrade.Work) (upgrade.Outcome, error) {
		return did(string(work.Record.Step) + " undone")
	}
	person := func(name string, want bool) upgrade.Reading {
		w.mu.Lock()
		defer w.mu.Unlock()
		return upgrade.Reading{Done: w.ready[name] == want, Have: fmt.Sprint(w.ready[name]), Want: fmt.Sprint(want), Click: "Setup", Command: "twinspan"}
	}
	return upgrade.Course{
		Span: link.IntoOrg,
		Steps: map[upgrade.Order][]upgrade.Step{upgrade.Safe: {
			{Name: "told", Owner: upgrade.EngagementAdmin, Title: "Told", Told: true, Do: do, Undo: undo},
			{Name: "timed", Owner: upgrade.Connect, Title: "Timed", Do: do, Undo: undo, Look: func(_ context.Context, work upgrade.Work) (upgrade.Reading, error) {
				if work.Now.Before(work.Upgrade.At) {
					return upgrade.Reading{For: upgrade.Time, Until: work.Upgrade.At}, nil
				}
				return upgrade.Reading{}, nil
			}},
			{
				Name: "person", Owner: upgrade.CRMAdmin, Title: "Person",
				Stood: func(context.Context, upgrade.Work) (any, error) {
					w.mu.Lock()
					defer w.mu.Unlock()
					return map[string]bool{"ready": false}, w.refuse["stood"]
				},
				Look: func(context.Context, upgrade.Work) (upgrade.Reading, error) { return person("person", true), nil },
				Undo: func(context.Context, upgrade.Work) (upgrade.Outcome, error) {
					return upgrade.Outcome{Reading: person("person", false)}, nil
				},
			},
			{
				Name: "browser", Owner: upgrade.EngagementAdmin, Title: "Browser",
				Stood: func(context.Context, upgrade.Work) (any, error) { return map[string]bool{"ready": false}, nil },
				Look:  func(context.Context, upgrade.Work) (upgrade.Reading, error) { return person("unfit", false), nil },
				Undo: func(_ context.Context, work upgrade.Work) (upgrade.Outcome, error) {
					if !w.changed() {
						return upgrade.Outcome{Reading: upgrade.Reading{Done: true}}, nil
					}
					return did(string(work.Record.Step) + " undone")
				},
			},
			{Name: "last", Owner: upgrade.Connect, Title: "Last", Do: do, Undo: undo},
		}},
		Watch: func(_ context.Context, work upgrade.Work) (upgrade.Outcome, error) {
			return upgrade.Outcome{Reading: upgrade.Reading{Done: work.Now.After(work.Upgrade.CreatedAt.Add(24 * time.Hour)), Until: work.Upgrade.CreatedAt.Add(24 * time.Hour)}}, nil
		},
	}
}

// changed reports whether somebody did in his browser what Connect has not looked at yet, and forgets it.
func (w *world) changed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.ready["browser"]
	w.ready["browser"] = false
	return was
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) done() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.did)
}

// await waits until the upgrade is as it should be.
func (w *world) await(t *testing.T, what string, ok func(upgrade.Upgrade) bool) upgrade.Upgrade {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		u, err := w.service.Last(t.Context(), w.link)
		if err == nil && ok(u) {
			return u
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: it is %+v, waits %+v, %v; done %v", what, u, u.Waiting, err, w.done())
		}
	}
}

func (w *world) awaitState(t *testing.T, s upgrade.State, step upgrade.Name) upgrade.Upgrade {
	t.Helper()
	return w.await(t, string(s)+" at "+string(step), func(u upgrade.Upgrade) bool { return u.State == s && u.Step == step })
}

func (w *world) start(t *testing.T, r upgrade.StartRequest) upgrade.Upgrade {
	t.Helper()
	u, err := w.service.Start(t.Context(), w.link, r)
	noError(t, err)
	return u
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Fatalf("%v, want %s", err, code)
	}
}

// TestStates: from every state, every event leads where the drawing says, or is refused.
func TestStates(t *testing.T) {
	t.Parallel()
	states := []upgrade.State{upgrade.Booked, upgrade.Running, upgrade.Waits, upgrade.Cancelling, upgrade.Cancelled, upgrade.Watching, upgrade.Done}
	events := []upgrade.Event{upgrade.Begin, upgrade.Wait, upgrade.GoOn, upgrade.Cancel, upgrade.Undid, upgrade.Close, upgrade.Looked}
	want := map[upgrade.State]map[upgrade.Event]upgrade.State{
		upgrade.Booked:     {upgrade.Begin: upgrade.Running, upgrade.Cancel: upgrade.Cancelling},
		upgrade.Running:    {upgrade.Wait: upgrade.Waits, upgrade.Cancel: upgrade.Cancelling, upgrade.Close: upgrade.Watching},
		upgrade.Waits:      {upgrade.GoOn: upgrade.Running, upgrade.Cancel: upgrade.Cancelling},
		upgrade.Cancelling: {upgrade.Undid: upgrade.Cancelled},
		upgrade.Watching:   {upgrade.Looked: upgrade.Done},
	}
	for _, s := range states {
		for _, e := range events {
			next, err := s.Next(e)
			if to, known := want[s][e]; known && (err != nil || next != to) {
				t.Errorf("%s at %q: %s, %v; want %s", s, e, next, err, to)
			} else if !known && (fault.CodeOf(err) != upgrade.CodeOver || next != s) {
				t.Errorf("%s at %q: %s, %v; want a refusal", s, e, next, err)
			}
		}
		if s.Live() && s.Over() {
			t.Errorf("%s is live and over", s)
		}
	}
}

// TestWayForward: an upgrade goes from step to step, waits for its hour and for each admin, says for whom, and is looked at once
// more after it was closed.
func TestWayForward(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		at := w.now().Add(time.Hour)
		w.start(t, upgrade.StartRequest{By: "olga", Booking: upgrade.Booking{At: at}})
		u := w.awaitState(t, upgrade.Waits, "told")
		if u.Waiting.For != upgrade.EngagementAdmin || u.Record("person").Stood == nil || len(w.done()) != 0 {
			t.Fatalf("at first: %+v, %+v", u, u.Waiting)
		}
		_, err := w.service.Start(t.Context(), w.link, upgrade.StartRequest{By: "eve"})
		wantCode(t, err, upgrade.CodeRunning)
		_, err = w.service.Tell(t.Context(), w.link, "timed", upgrade.Telling{By: "olga"})
		wantCode(t, err, upgrade.CodeNotNow)
		_, err = w.service.Tell(t.Context(), w.link, "none", upgrade.Telling{By: "olga"})
		wantCode(t, err, upgrade.CodeNotFound)
		_, err = w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "carl", As: upgrade.CRMAdmin})
		wantCode(t, err, upgrade.CodeOthersStep)
		_, err = w.service.Tell(t.Context(), w.link, "person", upgrade.Telling{By: "olga", As: upgrade.EngagementAdmin})
		wantCode(t, err, upgrade.CodeOthersStep)
		_, err = w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "olga", As: upgrade.EngagementAdmin})
		noError(t, err)
		u = w.awaitState(t, upgrade.Waits, "timed")
		if u.Waiting.For != upgrade.Time || !u.Waiting.Until.Equal(at.UTC().Truncate(time.Millisecond)) || u.Record("told").ToldBy != "olga" {
			t.Fatalf("before its hour: %+v", u.Waiting)
		}
		w.advance(time.Hour)
		u = w.awaitState(t, upgrade.Waits, "person")
		if w := u.Waiting; w.For != upgrade.CRMAdmin || w.Have != "false" || w.Want != "true" || w.Click != "Setup" || w.Command != "twinspan" {
			t.Fatalf("for the CRM admin: %+v", w)
		}
		w.set(func() { w.ready["person"] = true })
		w.awaitState(t, upgrade.Watching, "")
		_, err = w.service.Cancel(t.Context(), w.link, "olga", "too late")
		wantCode(t, err, upgrade.CodeOver)
		w.advance(25 * time.Hour)
		u = w.awaitState(t, upgrade.Done, "")
		if got := strings.Join(w.done(), ", "); got != "told done, timed done, last done" || u.EndedAt.IsZero() {
			t.Errorf("done: %s; %+v", got, u)
		}
		w.start(t, upgrade.StartRequest{By: "olga"}) // another one may follow
	})
}

// TestWayBack: cancelled at whatever step, what was begun is undone from its end, Connect's own first; a step that broke off is
// undone too, and one that nobody began is left.
func TestWayBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.start(t, upgrade.StartRequest{By: "olga"})
		w.awaitState(t, upgrade.Waits, "told")
		_, err := w.service.Cancel(t.Context(), w.link, "olga", "not now\n")
		wantCode(t, err, upgrade.CodeInvalid)
		_, err = w.service.Cancel(t.Context(), w.link, "olga", "not now")
		noError(t, err)
		u := w.awaitState(t, upgrade.Cancelled, "")
		if len(w.done()) != 0 || u.CancelledBy != "olga" || u.Reason != "not now" {
			t.Fatalf("nothing was begun: %v, %+v", w.done(), u)
		}
		_, err = w.service.Cancel(t.Context(), w.link, "olga", "again")
		noError(t, err)

		w.set(func() { w.refuse["last"] = fault.New(fault.Unavailable, "down", "The org does not answer.") })
		w.start(t, upgrade.StartRequest{By: "olga"})
		_, err = w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "olga"})
		noError(t, err)
		w.set(func() { w.ready["person"] = true })
		u = w.await(t, "last fails", func(u upgrade.Upgrade) bool { return u.Step == "last" && u.Failure != "" })
		if u.State != upgrade.Running || u.Record("last").Status != upgrade.Intended || u.Failure != "The org does not answer." {
			t.Fatalf("a failure of the moment: %+v", u)
		}
		_, err = w.service.Cancel(t.Context(), w.link, "olga", "") // before the step can come to its end
		noError(t, err)
		w.set(func() { w.refuse, w.did = map[string]error{}, nil })
		u = w.awaitState(t, upgrade.Cancelling, "person")
		u = w.await(t, "the CRM admin's turn", func(u upgrade.Upgrade) bool { return u.Waiting != nil })
		if !u.Waiting.Undoing || u.Waiting.For != upgrade.CRMAdmin || u.Waiting.Have != "true" {
			t.Errorf("it waits for %+v", u.Waiting)
		}
		if got := w.done(); !slices.Equal(slices.DeleteFunc(got, func(s string) bool { return s == "last done" }), []string{"last undone", "timed undone", "told undone"}) {
			t.Errorf("undone: %v", got)
		}
		_, err = w.service.Tell(t.Context(), w.link, "person", upgrade.Telling{By: "carl", Anyway: true}) // he leaves it
		noError(t, err)
		u = w.awaitState(t, upgrade.Cancelled, "")
		if len(u.Findings) != 1 || u.Findings[0].Code != "left_as_it_is" {
			t.Errorf("found: %v", u.Findings)
		}
	})
}

// TestWayBackBeforeTheLook: what a person changed in his browser is undone though Connect never found the step done: he signed in, and is
// not as he should be, or nobody has looked yet.
func TestWayBackBeforeTheLook(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.set(func() { w.ready["person"], w.ready["unfit"] = true, true })
		w.start(t, upgrade.StartRequest{By: "olga"})
		_, err := w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "olga"})
		noError(t, err)
		u := w.awaitState(t, upgrade.Waits, "browser")
		if u.Record("browser").Status != upgrade.Planned {
			t.Fatalf("it is %+v", u.Record("browser"))
		}
		w.set(func() { w.ready["browser"], w.ready["person"], w.did = true, false, nil })
		_, err = w.service.Cancel(t.Context(), w.link, "olga", "not now")
		noError(t, err)
		w.awaitState(t, upgrade.Cancelled, "")
		if got := strings.Join(w.done(), ", "); got != "browser undone, timed undone, told undone" {
			t.Errorf("undone: %s", got)
		}
	})
}

// TestRefusal: what a cloud refuses waits for its owner, with the refusal's words, and is not tried again before he says so.
func TestRefusal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.set(func() { w.refuse["told"] = fault.New(fault.Denied, "not_approved", "user is not admin approved") })
		w.start(t, upgrade.StartRequest{By: "olga"})
		w.awaitState(t, upgrade.Waits, "told")
		_, err := w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "olga"})
		noError(t, err)
		w.await(t, "refused", func(u upgrade.Upgrade) bool {
			return u.State == upgrade.Waits && u.Waiting.Have == "user is not admin approved" && u.Record("told").ToldAt.IsZero()
		})
		w.set(func() { w.refuse = map[string]error{} })
		_, err = w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "olga"})
		noError(t, err)
		w.awaitState(t, upgrade.Waits, "person")
		if got := len(w.done()); got != 3 { // refused, done, and the next step
			t.Errorf("done: %v", w.done())
		}
	})
}

// TestUnread: where the org does not show what stands before a step, the upgrade waits for the CRM admin there, in words; it goes on
// once it is shown, or where he says so, and then nothing is known of before.
func TestUnread(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, anyway := range []bool{false, true} {
			w.set(func() {
				w.refuse["stood"] = fault.Wrap(&client.RemoteError{Cloud: "org", Code: "INVALID_TYPE", Description: "\nSELECT ParentId FROM SetupEntityAccess\n                     ^\nERROR at Row:1:Column:22\nsObject type 'SetupEntityAccess' is not supported."}, fault.Denied, client.CodeRefused, "The org refused.")
			})
			w.start(t, upgrade.StartRequest{By: "olga", Acknowledged: true})
			u := w.await(t, "it is unread", func(u upgrade.Upgrade) bool { return u.State == upgrade.Waits })
			if at := u.Waiting; at.For != upgrade.CRMAdmin || at.Step != "person" || at.Code != upgrade.CodeNotReadable || !strings.HasSuffix(at.Have, "by the system user: sObject type 'SetupEntityAccess' is not supported.") || at.Click == "" || u.Failure != "" {
				t.Errorf("it waits for %+v, failure %q", at, u.Failure)
			}
			if anyway {
				_, err := w.service.Tell(t.Context(), w.link, "person", upgrade.Telling{By: "carl", As: upgrade.CRMAdmin, Anyway: true})
				noError(t, err)
			} else {
				w.set(func() { delete(w.refuse, "stood") })
			}
			u = w.awaitState(t, upgrade.Waits, "told")
			if known := u.Record("person").Stood != nil; known == anyway {
				t.Errorf("anyway %v: what stood is known: %v", anyway, known)
			}
			_, err := w.service.Cancel(t.Context(), w.link, "olga", "")
			noError(t, err)
			w.awaitState(t, upgrade.Cancelled, "")
		}
	})
}

// TestBooking: what is booked waits until somebody begins it, can be moved until its outage is open, and is checked.
func TestBooking(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		at := w.now().Add(24 * time.Hour).UTC().Truncate(time.Millisecond)
		for field, b := range map[string]upgrade.Booking{"mode": {Mode: "maybe"}, "until": {Window: 100 * time.Hour}, "from": {At: at.AddDate(2, 0, 0)}} {
			_, err := w.service.Book(t.Context(), w.link, upgrade.StartRequest{By: "olga", Booking: b})
			if fault.Of(err).Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		_, err := w.service.Book(t.Context(), w.link, upgrade.StartRequest{Kind: "other"})
		wantCode(t, err, upgrade.CodeInvalid)
		_, err = w.service.Last(t.Context(), w.link)
		wantCode(t, err, upgrade.CodeNotFound)
		u, err := w.service.Book(t.Context(), w.link, upgrade.StartRequest{By: "olga", Booking: upgrade.Booking{At: at}})
		noError(t, err)
		if u.State != upgrade.Booked || !u.At.Equal(at) || u.Window != 2*time.Hour || u.Mode != link.Hold {
			t.Fatalf("booked: %+v", u)
		}
		moved, err := w.service.Book(t.Context(), w.link, upgrade.StartRequest{By: "olga", Booking: upgrade.Booking{At: at.Add(time.Hour), Mode: link.Fail}})
		noError(t, err)
		if moved.ID != u.ID || !moved.At.Equal(at.Add(time.Hour)) || moved.Mode != link.Fail || moved.Window != 2*time.Hour {
			t.Fatalf("moved: %+v", moved)
		}
		_, err = w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "olga"})
		wantCode(t, err, upgrade.CodeOver)
		begun := w.start(t, upgrade.StartRequest{By: "olga"})
		if begun.ID != u.ID || !begun.At.Equal(moved.At) {
			t.Fatalf("begun: %+v", begun)
		}
		w.awaitState(t, upgrade.Waits, "told")
	})
}

var errCrash = errors.New("crash")

// TestBrokenOff: broken off between what is written down and what is done, at every point of the way forward and back, it goes on
// where it was, and each step comes to one end.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		broken := map[string]int{}
		w.set(func() {
			w.ready["person"] = true
			w.fail = func(point string) error { // once at each
				if broken[point]++; broken[point] == 1 {
					return errCrash
				}
				return nil
			}
		})
		w.start(t, upgrade.StartRequest{By: "olga"})
		w.awaitState(t, upgrade.Waits, "told")
		_, err := w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "olga"})
		noError(t, err)
		u := w.awaitState(t, upgrade.Watching, "")
		for _, step := range []upgrade.Name{"told", "timed", "last"} {
			if r := u.Record(step); r.Attempts != 3 || r.Status != upgrade.Finished { // before it, after it, well
				t.Errorf("%s: %+v", step, r)
			}
		}
		entries, err := w.store.Entries(t.Context(), "a", 0, 100)
		noError(t, err)
		ends := map[string]int{}
		for _, e := range entries {
			if e.Action == audit.UpgradeStep {
				ends[e.Reason]++
			}
		}
		for _, step := range []string{"told", "timed", "person", "last"} {
			if ends[step] != 1 {
				t.Errorf("%s ended %d times", step, ends[step])
			}
		}
	})
}

// TestTwoProcesses: two processes on one database bring on the same upgrade, and each step is done once.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.open(t)
		w.set(func() { w.ready["person"] = true })
		for range 5 {
			w.set(func() { w.did = nil })
			w.start(t, upgrade.StartRequest{By: "olga"})
			_, err := w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "olga"})
			noError(t, err)
			w.awaitState(t, upgrade.Watching, "")
			if got := strings.Join(w.done(), ", "); got != "told done, timed done, last done" {
				t.Errorf("done: %s", got)
			}
		}
	})
}
