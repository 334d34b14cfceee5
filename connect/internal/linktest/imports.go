package linktest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/jobs"
)

// RunImports holds a store of imports to its contract: lines get one outcome each, together with their mappings, and only
// from the run that holds the job. open returns a new store, the imports on it and their queue, which is not started.
func RunImports(t *testing.T, open func(*testing.T) (Store, mapping.Imports, *jobs.Queue)) {
	ctx := t.Context()
	s, imports, queue := open(t)
	Put(t, s, "a", 1)
	Put(t, s, "b", 2)
	const n = 450 // more than one transaction takes
	lines := make([]mapping.Line, n)
	for i := range lines {
		lines[i] = mapping.Line{Position: i + 1, CRMUsername: fmt.Sprintf("u%d@x.example", i), EngagementUsername: fmt.Sprintf("u%d.mc", i), MID: int64(i), Status: mapping.LinePlanned}
	}
	lines[2].Status, lines[2].Code, lines[2].Reason = mapping.LineFailed, "duplicate_line", "why"
	i := mapping.Import{Pair: "a", ID: "one", Actor: "admin", CreatedAt: At(0)}
	ok(t, imports.AddImport(ctx, i, lines))
	other := i
	other.ID = "two"
	wantCode(t, imports.AddImport(ctx, other, lines[:1]), mapping.CodeImportRunning)
	_, err := imports.Import(ctx, "a", "two")
	wantCode(t, err, mapping.CodeNotFound)
	_, err = imports.Import(ctx, "b", "one")
	wantCode(t, err, mapping.CodeNotFound)
	other.Pair = "b"
	ok(t, imports.AddImport(ctx, other, lines[:1])) // another pair is another world
	got, err := imports.Import(ctx, "a", "one")
	ok(t, err)
	i.State, i.Total, i.Failed = mapping.ImportQueued, n, 1
	same(t, got, i)
	all, err := imports.Lines(ctx, "a", "one", false, 0, n+1)
	ok(t, err)
	same(t, all, lines)
	waiting, err := imports.Lines(ctx, "a", "one", true, 1, 2)
	ok(t, err)
	same(t, waiting, []mapping.Line{lines[1], lines[3]})

	_, _, err = s.PutMapping(ctx, mapping.Mapping{Pair: "a", CRMUserID: "005taken", CRMUsername: "t@x.example", EngagementUserID: "e3", EngagementUser: "t.mc", CreatedAt: At(0)}, Why)
	ok(t, err)
	done := make(chan *jobs.Run)
	queue.Handle(mapping.JobImport, func(ctx context.Context, r *jobs.Run) error {
		if string(r.Payload) != `{"pair":"a","id":"one"}` {
			return nil
		}
		mine := []mapping.Line{lines[0], lines[1], lines[3]}
		if err := imports.Intend(ctx, r, "a", "one", mine); err != nil {
			return err
		}
		all, err := imports.Lines(ctx, "a", "one", true, 0, 3)
		if err != nil || all[0].Status != mapping.LineIntended || all[0].Attempts != 1 {
			t.Errorf("intended: %+v, %v", all, err)
		}
		mappings := map[int]mapping.Mapping{}
		for n := range mine {
			mine[n].Status = mapping.LineDone
			mappings[mine[n].Position] = mapping.Mapping{
				Pair: "a", CRMUserID: "005" + mine[n].CRMUsername, CRMUsername: mine[n].CRMUsername,
				EngagementUserID: fmt.Sprintf("e%d", mine[n].Position-1), EngagementUser: mine[n].EngagementUsername, CreatedAt: At(1),
			}
		}
		mine[1].Status, mine[1].Code, mine[1].Reason = mapping.LinePlanned, "", ""
		delete(mappings, mine[1].Position)
		lost, err := imports.Settle(ctx, r, Why, "a", "one", mine, mappings)
		if len(lost) != 1 || lost[0].EngagementUserID != "e3" {
			t.Errorf("lost: %+v", lost)
		}
		select {
		case done <- r:
		case <-ctx.Done():
		}
		return err
	})
	queue.Start(ctx)
	r := <-done
	all, err = imports.Lines(ctx, "a", "one", false, 0, 4)
	ok(t, err)
	lines[0].Status, lines[0].Attempts, lines[1].Attempts = mapping.LineDone, 1, 1
	lines[3].Status, lines[3].Attempts, lines[3].Code, lines[3].Reason = mapping.LineFailed, 1, string(mapping.CodeTaken), all[3].Reason // e3 is another's
	same(t, all, lines[:4])
	if all[3].Reason == "" {
		t.Error("no reason")
	}
	m, err := s.MappingTo(ctx, "a", "e0")
	ok(t, err)
	same(t, m.CRMUsername, lines[0].CRMUsername)
	m, err = s.MappingTo(ctx, "a", "e3")
	ok(t, err)
	same(t, m.CRMUserID, "005taken")
	// The job over, its run no longer counts: what it brings is stored as little as its mappings.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if got, err = imports.Import(ctx, "a", "one"); err != nil || got.State != mapping.ImportRunning {
			break
		}
	}
	ok(t, err)
	same(t, got.State, mapping.ImportStopped) // it left lines behind
	late := lines[1]
	late.Status = mapping.LineDone
	if _, err := imports.Settle(ctx, r, Why, "a", "one", []mapping.Line{late}, map[int]mapping.Mapping{2: {Pair: "a", CRMUserID: "005late", EngagementUserID: "late"}}); err == nil {
		t.Error("a run without its job stored an outcome")
	}
	_, err = s.MappingTo(ctx, "a", "late")
	wantCode(t, err, mapping.CodeNotFound)
	// Another import of the pair may follow.
	i.ID, i.CreatedAt = "three", At(5)
	ok(t, imports.AddImport(ctx, i, lines[:1]))
	ok(t, imports.CancelImport(ctx, "a", "three", Why))
	list, err := imports.ListImports(ctx, "a", 10)
	ok(t, err)
	if len(list) != 2 || list[0].ID != "three" || list[1].ID != "one" {
		t.Errorf("%+v", list)
	}
}
