package linktest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Migrations is all that migrations of users need of a store.
type Migrations interface {
	migration.Store
	migration.Work
}

// RunMigrations holds a store of migrations to its contract: users get one outcome each, together with their mappings, and
// only from the run that holds the job; undone, the mappings are as before. open returns a new store, the migrations on it
// and their queue, which is not started.
func RunMigrations(t *testing.T, open func(*testing.T) (Store, Migrations, *jobs.Queue)) {
	ctx := t.Context()
	s, migrations, queue := open(t)
	Put(t, s, "a", 1)
	upgraded, err := s.UpdateLink(ctx, "a", audit.Change{}, func(l link.Link) (link.Link, error) {
		l.Org.Driver, l.UpgradedAt = link.JWT, At(10)
		return l, nil
	})
	ok(t, err)
	same(t, upgraded.UpgradedAt, At(10))
	const n = 450 // more than one transaction takes
	id := func(i int) string { return fmt.Sprintf("005%04d", i) }
	for i := range n {
		m := mapping.Mapping{Pair: "a", CRMUserID: id(i), CRMUsername: id(i) + "@x.example", CRMName: "U", EngagementUserID: strconv.Itoa(i), EngagementUser: "u" + strconv.Itoa(i), MID: 7, CreatedAt: At(0), Era: link.Password}
		if i == n-1 {
			m.Era = link.JWT // integrated anew already
		}
		_, _, err := s.PutMapping(ctx, m, Why)
		ok(t, err)
	}
	earlier, err := migrations.Earlier(ctx, "a")
	ok(t, err)
	same(t, earlier, n-1)

	r := migration.Run{Pair: "a", ID: "one", Upgrade: "up", UpgradedAt: At(10), Actor: "admin", CreatedAt: At(20)}
	stored, err := migrations.AddRun(ctx, r)
	ok(t, err)
	r.Phase, r.Pass, r.State = migration.Planning, 1, migration.Queued
	same(t, stored, r)
	twice := r
	twice.ID = "two"
	stored, err = migrations.AddRun(ctx, twice) // an upgrade has one
	ok(t, err)
	same(t, stored.ID, "one")
	twice.Retry = true
	_, err = migrations.AddRun(ctx, twice)
	wantCode(t, err, migration.CodeRunning)
	_, err = migrations.Run(ctx, "a", "two")
	wantCode(t, err, migration.CodeNotFound)

	work, worked := make(chan func(*jobs.Run)), make(chan struct{})
	queue.Handle(migration.Job, func(ctx context.Context, job *jobs.Run) error {
		for {
			select {
			case f := <-work:
				if f == nil {
					return nil
				}
				f(job)
				worked <- struct{}{}
			case <-ctx.Done():
				return nil
			}
		}
	})
	queue.Start(ctx)
	var late *jobs.Run
	do := func(f func(*jobs.Run)) {
		t.Helper()
		work <- func(job *jobs.Run) { late = job; f(job) }
		<-worked
	}
	read := func() migration.Run {
		t.Helper()
		r, err := migrations.Run(ctx, "a", "one")
		ok(t, err)
		return r
	}
	do(func(job *jobs.Run) {
		for more := true; more; {
			var err error
			if more, err = migrations.Plan(ctx, job, r); err != nil {
				t.Error(err)
				return
			}
		}
	})
	same(t, read().Total, n-1)
	do(func(job *jobs.Run) {
		if err := migrations.Advance(ctx, job, r, migration.Migrating, At(21)); err != nil {
			t.Error(err)
		}
		if err := migrations.Advance(ctx, job, r, migration.Migrating, At(21)); err == nil {
			t.Error("it left a phase twice")
		}
	})
	r = read()
	same(t, []any{r.Phase, r.State, r.Pace.Since}, []any{migration.Migrating, migration.Running, At(21)})

	take := func(waiting bool, after, limit int) []migration.User {
		t.Helper()
		users, err := migrations.Take(ctx, r, waiting, after, limit)
		ok(t, err)
		return users
	}
	users := take(false, 0, 200)
	same(t, users[0], migration.User{Position: 1, CRMUserID: id(0), CRMUsername: id(0) + "@x.example", CRMName: "U", EngagementUsername: "u0", MID: 7, MappedAt: At(0), Result: migration.UserPlanned})
	same(t, []int{len(users), users[199].Position, len(take(false, 440, 200))}, []int{200, 200, 9})
	why := audit.Change{At: At(30), Actor: "admin", Action: audit.UsersReconnected, Subject: "one"}
	do(func(job *jobs.Run) {
		if err := migrations.Intend(ctx, job, r, users, At(30)); err != nil {
			t.Error(err)
		}
	})
	same(t, []any{take(false, 0, 1)[0].Attempts, take(false, 0, 1)[0].Result, take(false, 0, 1)[0].Since}, []any{0, migration.UserIntended, At(30)}) // a killed process has tried nobody
	// While it works the mapping of the second is cleared, and the third integrates anew.
	m, err := s.Mapping(ctx, "a", id(1))
	ok(t, err)
	_, err = s.ClearMapping(ctx, mapping.Clear{ID: "c", Mapping: m, Actor: "admin", Reason: "why", At: At(25)})
	ok(t, err)
	m, err = s.Mapping(ctx, "a", id(2))
	ok(t, err)
	m.Era, m.CreatedAt = link.JWT, At(26)
	_, _, err = s.PutMapping(ctx, m, Why)
	ok(t, err)
	for i := range users {
		users[i].Result, users[i].Attempts = migration.UserReconnected, 1
	}
	users[3].Result, users[3].Code, users[3].Reason = migration.UserWaiting, "not_approved", "why"
	users[4].Result, users[4].Code, users[4].Reason = migration.UserFailed, "invalid_grant", "why"
	users[5].Result = migration.UserPlanned
	users[6].Renamed, users[6].CRMUsername, users[6].CRMName = true, "new@x.example", "New"
	do(func(job *jobs.Run) {
		if err := migrations.Settle(ctx, job, r, why, users, At(31), false); err != nil {
			t.Error(err)
		}
	})
	r = read()
	same(t, []int{r.Reconnected, r.Waiting, r.Failed, r.Settled()}, []int{195, 1, 3, 198})
	same(t, r.Pace.Last, At(31))
	got, err := migrations.Users(ctx, "a", "one", migration.Filter{Results: []migration.Result{migration.UserFailed}, Pass: 1, After: 0, Limit: 10})
	ok(t, err)
	var codes []string
	for _, u := range got {
		codes = append(codes, u.Code)
	}
	same(t, codes, []string{"mapping_changed", "mapping_changed", "invalid_grant"})
	same(t, []any{got[2].Reason, got[2].Attempts, got[2].Pass, got[2].At}, []any{"why", 1, 1, At(30)})
	m, err = s.Mapping(ctx, "a", id(6))
	ok(t, err)
	same(t, []any{m.Era, m.CRMUsername, m.CreatedAt}, []any{link.JWT, "new@x.example", At(0)})
	for i, era := range map[int]link.Driver{0: link.JWT, 3: link.Password, 4: link.Password, 5: link.Password, 300: link.Password} {
		m, err := s.Mapping(ctx, "a", id(i))
		ok(t, err)
		same(t, m.Era, era)
	}
	// The batch's entry holds the digest of its outcomes.
	entries, err := s.Entries(ctx, "a", 0, 1000)
	ok(t, err)
	last := entries[len(entries)-1]
	items, err := s.Items(ctx, "a", "one", last.Seq)
	ok(t, err)
	same(t, []any{last.Action, last.After, len(items)}, []any{audit.UsersReconnected, audit.JSON(migration.Batch{Reconnected: 195, Failed: 3, Digest: audit.Digest(items)}), 198})

	// No cloud answered anybody: it was nobody's attempt.
	users = take(false, 0, 200)
	same(t, []int{users[0].Position, users[1].Position}, []int{6, 201})
	do(func(job *jobs.Run) {
		if err := migrations.Intend(ctx, job, r, users, At(32)); err != nil {
			t.Error(err)
		}
		for i := range users {
			users[i].Result = migration.UserPlanned
		}
		if err := migrations.Settle(ctx, job, r, why, users, At(32), true); err != nil {
			t.Error(err)
		}
	})
	again := take(false, 0, 2)
	same(t, []int{again[0].Attempts, again[1].Attempts}, []int{1, 0})
	same(t, []time.Time{again[0].Since, again[1].Since}, []time.Time{At(30), At(32)}) // when each was tried first

	// Those who wait are taken by themselves, and wait no longer once they are intended.
	_, err = s.UpdateLink(ctx, "a", audit.Change{}, func(l link.Link) (link.Link, error) { l.UpgradedAt = At(11); return l, nil })
	ok(t, err)
	waiting := take(true, 0, 10)
	same(t, []int{len(waiting), waiting[0].Position}, []int{1, 4})
	do(func(job *jobs.Run) {
		if err := migrations.Intend(ctx, job, r, slices.Concat(waiting, again), At(33)); err != nil {
			t.Error(err)
		}
		same(t, []any{read().Waiting, take(false, 0, 1)[0].Since}, []any{0, At(33)}) // this pass has its own time
		ok(t, migrations.ResumeRun(ctx, "a", "one", At(34)))
		same(t, read().ResumedAt, At(34))
		// Connected otherwise meanwhile, nobody is reconnected by it.
		waiting[0].Result = migration.UserReconnected
		wantCode(t, migrations.Settle(ctx, job, r, why, waiting, At(33), false), migration.CodeUndone)
	})
	_, err = s.UpdateLink(ctx, "a", audit.Change{}, func(l link.Link) (link.Link, error) { l.UpgradedAt = At(10); return l, nil })
	ok(t, err)

	// Names of files are one enterprise's.
	do(func(job *jobs.Run) {
		f, err := migrations.NameFiles(ctx, job, r, 7, []string{"2016-05-14", "2016-05-14-2"})
		same(t, []any{f, err}, []any{migration.Files{Pass: 1, Stem: "2016-05-14", State: migration.FilesNamed}, nil})
		f, err = migrations.NameFiles(ctx, job, r, 7, []string{"2016-05-15"})
		same(t, []any{f.Stem, err}, []any{"2016-05-14", nil})
		second := r
		second.Pass = 2
		f, err = migrations.NameFiles(ctx, job, second, 7, []string{"2016-05-14", "2016-05-14-2"})
		same(t, []any{f.Stem, err}, []any{"2016-05-14-2", nil})
		second.Pass = 3
		_, err = migrations.NameFiles(ctx, job, second, 7, []string{"2016-05-14", "2016-05-14-2"})
		wantCode(t, err, migration.CodeNoName)
		f.State, f.Error = migration.FilesFailed, "why"
		if err := migrations.PutFiles(ctx, job, r, f); err != nil {
			t.Error(err)
		}
	})
	same(t, read().Files[1], migration.Files{Pass: 2, Stem: "2016-05-14-2", State: migration.FilesFailed, Error: "why"})

	// Cancelled, it intends nothing any more, and what is under way is stored still.
	ok(t, migrations.CancelRun(ctx, "a", "one", Why))
	do(func(job *jobs.Run) {
		wantCode(t, migrations.Intend(ctx, job, r, again[1:], At(33)), migration.CodePhase)
		if err := migrations.Settle(ctx, job, r, why, waiting, At(33), false); err != nil {
			t.Error(err)
		}
	})
	same(t, read().Reconnected, 196)
	// Undone, the mappings are as before, and not even what is under way counts.
	ok(t, migrations.UndoRun(ctx, "a", "one", Why))
	same(t, read().State, migration.Undone)
	do(func(job *jobs.Run) {
		again[1].Result = migration.UserReconnected
		wantCode(t, migrations.Settle(ctx, job, r, why, again[1:], At(34), false), migration.CodeUndone)
	})
	earlier, err = migrations.Earlier(ctx, "a")
	ok(t, err)
	same(t, earlier, n-3) // but for the one who was cleared and those who integrated anew
	work <- nil
	// The job over, its run no longer counts.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		twice = migration.Run{Pair: "a", ID: "two", UpgradedAt: At(10), Actor: "admin", CreatedAt: At(40)}
		if _, err = migrations.AddRun(ctx, twice); err == nil {
			break
		}
	}
	ok(t, err)
	if _, err := migrations.Plan(ctx, late, twice); err == nil {
		t.Error("a run without its job made rows")
	}
	ok(t, migrations.UndoRun(ctx, "a", "one", Why)) // again: nothing happens
	ok(t, migrations.CancelRun(ctx, "a", "two", Why))
	list, err := migrations.Runs(ctx, "a", 10)
	ok(t, err)
	same(t, []string{list[0].ID, list[1].ID}, []string{"two", "one"})
	work <- nil
}
