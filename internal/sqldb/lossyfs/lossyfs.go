// Package lossyfs is a file layer under SQLite for tests: it remembers what has been synced, so that a test can cut the
// power at any moment and see what a disk would still hold; and it can make the disk fail.
//
// kill -9 cannot show a missing fsync, because the kernel keeps what was written (security reference 0.1). Here every
// write goes through to the real file, and is also kept in order until the next xSync of that file makes it durable.
// [FS.PowerCut] writes the durable state into another folder, with a random part of what was written since: whole and
// torn, in any order, as disks do.
package lossyfs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
)

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// FS is one such file layer. Open a database on it by its Name as SQLite's vfs. It is safe for concurrent use.
type FS struct {
	vfs  registered
	name string

	mu    sync.Mutex
	files map[string]*file // by absolute path

	failSyncs  atomic.Bool
	failWrites atomic.Bool
	onEvent    atomic.Pointer[func()]
}

// file is what a disk knows of a file.
type file struct {
	durable  []byte
	synced   bool // ever: before that not even the name is safe
	unsynced []change
}

// change is a write at an offset, or, where data is nil, a cut to a size.
type change struct {
	at   int64
	data []byte // never changed once it is here
}

func (c change) apply(b []byte) []byte {
	if c.data == nil {
		if c.at <= int64(len(b)) {
			return b[:c.at]
		}
		return append(b, make([]byte, c.at-int64(len(b)))...)
	}
	if end := c.at + int64(len(c.data)); end > int64(len(b)) {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[c.at:], c.data)
	return b
}

// New registers a file layer with SQLite. Close it after the databases on it.
func New() (*FS, error) {
	f := &FS{files: map[string]*file{}}
	if err := f.register(); err != nil {
		return nil, fmt.Errorf("lossyfs: %w", err)
	}
	return f, nil
}

// Name is the name of the layer, for SQLite's vfs parameter.
func (f *FS) Name() string { return f.name }

// Close takes the layer away from SQLite.
func (f *FS) Close() error { return f.unregister() }

// FailSyncs makes every sync from now on fail with an input/output error, or succeed again.
func (f *FS) FailSyncs(fail bool) { f.failSyncs.Store(fail) }

// FillDisk makes every write from now on fail for want of space, or succeed again.
func (f *FS) FillDisk(full bool) { f.failWrites.Store(full) }

// OnEvent has fn called after every write, cut to a size and sync that succeeds, in SQLite's goroutine; nil ends that.
func (f *FS) OnEvent(fn func()) {
	if fn == nil {
		f.onEvent.Store(nil)
		return
	}
	f.onEvent.Store(&fn)
}

// PowerCut writes into a folder what a disk would hold if the power failed now. The files that are open go on as if
// nothing had happened. r decides what survives of that which was not synced.
func (f *FS) PowerCut(folder string, r *rand.Rand) error {
	images := map[string][]byte{}
	f.mu.Lock()
	for path, file := range f.files {
		if image, there := file.afterCut(r); there {
			images[filepath.Base(path)] = image
		}
	}
	f.mu.Unlock()
	for name, image := range images {
		if err := os.WriteFile(filepath.Join(folder, name), image, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// afterCut is what is left of the file, and whether it is there at all.
func (f *file) afterCut(r *rand.Rand) ([]byte, bool) {
	if !f.synced && r.IntN(2) == 0 {
		return nil, false
	}
	image := slices.Clone(f.durable)
	keep := r.IntN(101) // per cent of the sectors
	if keep == 0 {
		return image, true
	}
	for _, c := range f.unsynced {
		if c.data == nil {
			if r.IntN(100) < keep {
				image = c.apply(image)
			}
			continue
		}
		for at := 0; at < len(c.data); {
			n := min(sector-int((c.at+int64(at))%sector), len(c.data)-at)
			if r.IntN(100) < keep {
				image = change{c.at + int64(at), c.data[at : at+n]}.apply(image)
			}
			at += n
		}
	}
	return image, true
}

// open remembers a file that SQLite has opened.
func (f *FS) open(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files[path] != nil {
		return nil
	}
	image, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	// What was there before is on the disk.
	f.files[path] = &file{durable: image, synced: len(image) > 0}
	return nil
}

func (f *FS) changed(path string, c change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if file := f.files[path]; file != nil {
		file.unsynced = append(file.unsynced, c)
	}
}

// pending is how many changes of the file wait for a sync.
func (f *FS) pending(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if file := f.files[path]; file != nil {
		return len(file.unsynced)
	}
	return 0
}

// synced makes the first n changes durable: those made before the sync began.
func (f *FS) synced(path string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file := f.files[path]
	if file == nil {
		return
	}
	for _, c := range file.unsynced[:n] {
		file.durable = c.apply(file.durable)
	}
	file.unsynced, file.synced = slices.Clone(file.unsynced[n:]), true
}

// deleted forgets a file. That a deletion may not outlive a power cut is not tried.
func (f *FS) deleted(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.files, path)
}

func (f *FS) event() {
	if fn := f.onEvent.Load(); fn != nil {
		(*fn)()
	}
}
