package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/jedib0t/go-pretty/v6/text"
)

// display shows steps as they go: on a terminal a line that moves, elsewhere one plain line when each is done.
type display struct {
	a *app
}

func newProgress(a *app) *display { return &display{a: a} }

// run makes the steps in order. After one that fails the rest are not run.
func (d *display) run(ctx context.Context, steps []step) []result {
	each := d.plain
	if d.a.moves() {
		each = d.moving
	}
	results := make([]result, 0, len(steps))
	failed := false
	for _, s := range steps {
		if failed {
			results = append(results, result{step: s, err: errNotRun})
			continue
		}
		r := each(ctx, s)
		failed = r.err != nil
		results = append(results, r)
	}
	return results
}

// plain prints one line a step. With --json it goes to standard error: standard output is the JSON alone.
func (d *display) plain(ctx context.Context, s step) result {
	r := runStep(ctx, s)
	out := d.a.Stdout
	if d.a.json {
		out = d.a.Stderr
	}
	_, _ = fmt.Fprintf(out, "%d %s: %s\n", s.number, s.title, oneLine(r.say())) // the table says it again; its error counts
	return r
}

// moving shows a step's name and time while it runs.
func (d *display) moving(ctx context.Context, s step) result {
	t := &progress.Tracker{Message: fmt.Sprintf("%d %s", s.number, s.title), Total: 0}
	stop := d.a.render(t, func(w progress.Writer) {
		w.SetTrackerPosition(progress.PositionRight)
		w.Style().Visibility.Percentage, w.Style().Visibility.Value, w.Style().Visibility.Tracker = false, false, false
		w.Style().Visibility.Speed, w.Style().Visibility.ETA = false, false
		w.Style().Options.DoneString, w.Style().Options.ErrorString = "done", "failed"
		if d.a.color() {
			w.Style().Colors.Message = text.Colors{text.FgCyan}
		}
	})
	r := runStep(ctx, s)
	if r.err != nil {
		t.MarkAsErrored()
	} else {
		t.MarkAsDone()
	}
	stop()
	return r
}

// moves reports whether something may move on standard error: a person looks at it.
func (a *app) moves() bool { return a.Terminal && !a.json }

// render shows a tracker on standard error until stop is called, which waits for its last line. style changes how it looks;
// nil is the bar as it comes.
func (a *app) render(t *progress.Tracker, style func(progress.Writer)) (stop func()) {
	w := progress.NewWriter()
	w.SetOutputWriter(a.Stderr)
	w.SetNumTrackersExpected(1)
	w.SetUpdateFrequency(100 * time.Millisecond)
	w.SetStyle(progress.StyleDefault)
	if style != nil {
		style(w)
	}
	w.AppendTracker(t)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		w.Render()
	}()
	return func() {
		w.Stop()
		<-finished
	}
}
