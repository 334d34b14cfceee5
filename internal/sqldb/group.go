package sqldb

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// begin, commit and the rest are prepared once and cost about a microsecond each.
const (
	sqlBegin     = "BEGIN IMMEDIATE"
	sqlCommit    = "COMMIT"
	sqlRollback  = "ROLLBACK"
	sqlSavepoint = "SAVEPOINT one"
	sqlRelease   = "RELEASE one"
	sqlUndo      = "ROLLBACK TO one"
)

// errGroupLost: SQLite undid the whole transaction under a group because of one of its statements (full disk, no
// memory), or a function ended the transaction itself. Nothing of the group is stored.
var errGroupLost = errors.New("sqldb: the group's transaction was undone")

// runGroup runs w.group in one transaction and answers every request in it.
func (w *writer) runGroup() {
	if len(w.group) == 0 {
		return
	}
	if why := w.broken.Load(); why != nil {
		w.answerAll(*why)
		return
	}
	if err := w.control(sqlBegin); err != nil {
		w.answerAll(w.check(err))
		return
	}
	if err := w.runAll(len(w.group) > 1); err != nil {
		w.rollback()
		if why := w.broken.Load(); why != nil {
			w.answerAll(*why)
			return
		}
		w.runAlone()
		return
	}
	if err := w.control(sqlCommit); err != nil {
		w.rollback()
		w.answerAll(fmt.Errorf("%w: %w", ErrUnknownOutcome, w.check(err)))
		return
	}
	for i, r := range w.group {
		w.group[i] = nil
		r.done <- struct{}{}
	}
}

// runAll runs the group's requests in the open transaction and leaves each one's error with it. It returns an error
// only when the transaction is gone or must go.
func (w *writer) runAll(savepoints bool) error {
	appends := 0
	for _, r := range w.group {
		if r.fn == nil {
			appends++
			continue
		}
		if err := w.runOne(r, savepoints); err != nil {
			return err
		}
	}
	switch appends {
	case 0:
		return nil
	case 1:
		return w.appendsAlone(savepoints)
	}
	return w.appendsTogether()
}

// runOne runs one request in a savepoint of its own. Without savepoints the request is the only one in the
// transaction, and its failure is told by errGroupLost so that all of it is undone.
func (w *writer) runOne(r *request, savepoint bool) error {
	if savepoint {
		if err := w.control(sqlSavepoint); err != nil {
			return w.check(err)
		}
	}
	w.current = r
	if r.fn != nil {
		w.call(r)
	} else {
		r.err = w.insert(r.parts)
	}
	w.current = nil
	failed := r.err != nil || r.panicked != nil
	switch {
	case isDiskError(r.err):
		return w.check(r.err)
	case failed && !savepoint:
		return errGroupLost
	case failed:
		if err := w.control(sqlUndo); err != nil {
			return errors.Join(errGroupLost, w.check(err))
		}
	}
	if savepoint {
		if err := w.control(sqlRelease); err != nil {
			if r.err == nil {
				r.err = fmt.Errorf("%w by its own statements: %w", errGroupLost, err)
			}
			return errors.Join(errGroupLost, w.check(err))
		}
	}
	return nil
}

// call runs the request's function and catches its panic.
func (w *writer) call(r *request) {
	defer func() {
		if p := recover(); p != nil {
			r.panicked = &panicValue{p}
			w.log.Error("a database write panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	tx := Tx{ctx: r.ctx, run: w.conn}
	r.err = tx.call(r.fn)
	r.after = tx.after
}

// runAlone gives each request of a group that was lost a transaction of its own. Those that failed already keep their
// error; the others start again from nothing.
func (w *writer) runAlone() {
	for i, r := range w.group {
		if r.err == nil && r.panicked == nil {
			w.runInOwn(r)
		}
		w.group[i] = nil
		r.done <- struct{}{}
	}
}

func (w *writer) runInOwn(r *request) {
	if why := w.broken.Load(); why != nil {
		r.err = *why
		return
	}
	if err := w.control(sqlBegin); err != nil {
		r.err = w.check(err)
		return
	}
	if err := w.runOne(r, false); err != nil {
		w.rollback()
		if r.err == nil && r.panicked == nil {
			r.err = err
		}
		return
	}
	if err := w.control(sqlCommit); err != nil {
		w.rollback()
		r.err = fmt.Errorf("%w: %w", ErrUnknownOutcome, w.check(err))
	}
}

// appendsTogether stores the rows of all appends of the group in as few statements as they need. When they do not go
// in together, each caller's go in alone, so that only the guilty one fails.
func (w *writer) appendsTogether() error {
	defer w.rows.clear()
	for _, r := range w.group {
		if r.fn == nil {
			w.rows.add(r.parts)
		}
	}
	if err := w.control(sqlSavepoint); err != nil {
		return w.check(err)
	}
	err := w.insert(w.rows.parts)
	if isDiskError(err) {
		return w.check(err)
	}
	if err != nil {
		if err := w.control(sqlUndo); err != nil {
			return errors.Join(errGroupLost, w.check(err))
		}
	}
	if err := w.control(sqlRelease); err != nil {
		return errors.Join(errGroupLost, w.check(err))
	}
	if err == nil {
		return nil
	}
	return w.appendsAlone(true)
}

// appendsAlone runs each append of the group by itself.
func (w *writer) appendsAlone(savepoints bool) error {
	for _, r := range w.group {
		if r.fn == nil {
			if err := w.runOne(r, savepoints); err != nil {
				return err
			}
		}
	}
	return nil
}

// insert stores the parts' rows. An error leaves the rows of earlier statements to the caller's savepoint or transaction.
func (w *writer) insert(parts []Part) error {
	return statements(parts, func(table *Append, rows [][]any) error {
		w.flat = w.flat[:0]
		for _, row := range rows {
			w.flat = append(w.flat, row...)
		}
		_, err := w.conn.run(table.sqlite(len(rows)), w.flat)
		clear(w.flat)
		return err
	})
}

// control runs a statement that steers the transaction.
func (w *writer) control(text string) error {
	_, err := w.conn.run(text, nil)
	return err
}

// rollback ends whatever transaction is open; SQLite may have ended it already, which is as good.
func (w *writer) rollback() {
	if err := w.control(sqlRollback); err != nil && isDiskError(err) {
		_ = w.check(err) // remembered there
	}
}

// check returns err, and stops writing for good where it tells of a failed disk.
func (w *writer) check(err error) error {
	if !isDiskError(err) {
		return err
	}
	stopped := fmt.Errorf("%s: %w: %w", w.path, ErrStopped, err)
	if w.broken.CompareAndSwap(nil, &stopped) {
		w.log.Error("the disk failed; nothing more is written until the program is started anew", "database", w.path, "error", err)
	}
	return stopped
}

// answerAll gives every request of the group one answer.
func (w *writer) answerAll(err error) {
	for i, r := range w.group {
		w.group[i] = nil
		r.answer(err)
	}
}

// abort undoes the group's transaction, fails the request that is running and queues the others again.
func (w *writer) abort(cause error) {
	w.rollback()
	var again []*request
	for i, r := range w.group {
		w.group[i] = nil
		switch {
		case r == nil:
		case r == w.current:
			r.answer(cause)
		default:
			r.err, r.panicked, r.after = nil, nil, nil
			r.state.Store(waiting)
			again = append(again, r)
		}
	}
	w.current = nil
	w.mu.Lock()
	w.queue = append(again, w.queue...)
	w.mu.Unlock()
}

// stop runs what is queued and ends the owner.
func (w *writer) stop() error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	wake := w.idle
	w.idle = false
	w.mu.Unlock()
	if wake {
		w.wake <- struct{}{}
	}
	<-w.stopped
	if !first {
		return nil
	}
	// The statistics that SQLite's planner lives on; cheap, and no loss where it fails.
	_, _ = w.conn.exec(context.Background(), "PRAGMA optimize", nil)
	return w.conn.close()
}
