package lossyfs

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// registered is what SQLite holds of a layer, in C's memory: a copy of the usual file layer's tables, with our
// functions in the places that matter here. Locks, shared memory and reading stay the usual layer's.
type registered struct {
	tls     *libc.TLS
	name    uintptr
	vfs     uintptr
	methods uintptr // shared by all files of the layer
	usual   uintptr
}

// layers and handles lead from C's pointers to ours: sqlite3_vfs to *FS, sqlite3_file to *handle.
var (
	layers  sync.Map
	handles sync.Map
	number  atomic.Int64
)

// handle is a file that SQLite has open.
type handle struct {
	fs    *FS
	path  string
	usual *sqlite3.Tsqlite3_io_methods
}

// at turns an address in C's memory into a pointer. The detour keeps vet from taking it for an address in Go's.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// fn is a Go function as translated C code calls it: the address of its closure.
func fn[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// call is the reverse of fn.
func call[F any](address uintptr) F {
	closure := struct{ uintptr }{address}
	return *(*F)(unsafe.Pointer(&closure))
}

type (
	openFunc     = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32
	deleteFunc   = func(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32
	closeFunc    = func(tls *libc.TLS, file uintptr) int32
	writeFunc    = func(tls *libc.TLS, file, buf uintptr, n int32, at sqlite3.Tsqlite3_int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size sqlite3.Tsqlite3_int64) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
)

func (f *FS) register() error {
	tls := libc.NewTLS()
	usual := sqlite3.Xsqlite3_vfs_find(tls, 0)
	if usual == 0 {
		tls.Close()
		return errors.New("SQLite has no file layer")
	}
	f.name = fmt.Sprintf("lossy%d", number.Add(1))
	name, err := libc.CString(f.name)
	if err != nil {
		tls.Close()
		return err
	}
	r := registered{
		tls: tls, name: name, usual: usual,
		vfs:     libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{}))),
		methods: libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{}))),
	}
	f.vfs = r
	if r.vfs == 0 || r.methods == 0 {
		f.free()
		return errors.New("out of memory")
	}
	v := at[sqlite3.Tsqlite3_vfs](r.vfs)
	*v = *at[sqlite3.Tsqlite3_vfs](usual)
	v.FzName = name
	v.FpNext = 0
	v.FxOpen = fn[openFunc](open)
	v.FxDelete = fn[deleteFunc](remove)
	*at[sqlite3.Tsqlite3_io_methods](r.methods) = sqlite3.Tsqlite3_io_methods{}
	layers.Store(r.vfs, f)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, r.vfs, 0); rc != sqlite3.SQLITE_OK {
		layers.Delete(r.vfs)
		f.free()
		return fmt.Errorf("registering: code %d", rc)
	}
	return nil
}

func (f *FS) unregister() error {
	var open []string
	handles.Range(func(_, h any) bool {
		if h.(*handle).fs == f {
			open = append(open, h.(*handle).path)
		}
		return true
	})
	if len(open) > 0 {
		return fmt.Errorf("lossyfs: still open: %v", open)
	}
	rc := sqlite3.Xsqlite3_vfs_unregister(f.vfs.tls, f.vfs.vfs)
	layers.Delete(f.vfs.vfs)
	f.free()
	if rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("lossyfs: unregistering: code %d", rc)
	}
	return nil
}

func (f *FS) free() {
	for _, p := range []uintptr{f.vfs.name, f.vfs.vfs, f.vfs.methods} {
		if p != 0 {
			libc.Xfree(f.vfs.tls, p)
		}
	}
	f.vfs.tls.Close()
}

func layer(vfs uintptr) *FS {
	f, _ := layers.Load(vfs)
	return f.(*FS)
}

func handleOf(file uintptr) *handle {
	h, _ := handles.Load(file)
	return h.(*handle)
}

// open opens a file with the usual layer and puts our functions into the database's and its log's.
func open(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32 {
	f := layer(vfs)
	usual := at[sqlite3.Tsqlite3_vfs](f.vfs.usual)
	rc := call[openFunc](usual.FxOpen)(tls, f.vfs.usual, name, file, flags, outFlags)
	watched := flags&(sqlite3.SQLITE_OPEN_MAIN_DB|sqlite3.SQLITE_OPEN_WAL|sqlite3.SQLITE_OPEN_MAIN_JOURNAL) != 0
	if rc != sqlite3.SQLITE_OK || name == 0 || !watched {
		return rc
	}
	path := libc.GoString(name)
	opened := at[sqlite3.Tsqlite3_file](file)
	methods := at[sqlite3.Tsqlite3_io_methods](opened.FpMethods)
	if err := f.open(path); err != nil {
		call[closeFunc](methods.FxClose)(tls, file)
		opened.FpMethods = 0
		return sqlite3.SQLITE_CANTOPEN
	}
	ours := at[sqlite3.Tsqlite3_io_methods](f.vfs.methods)
	f.mu.Lock()
	if ours.FiVersion == 0 { // the usual layer has one table for all files that are locked in its usual way
		*ours = *methods
		ours.FxClose = fn[closeFunc](closeFile)
		ours.FxWrite = fn[writeFunc](write)
		ours.FxTruncate = fn[truncateFunc](truncate)
		ours.FxSync = fn[syncFunc](syncFile)
	}
	f.mu.Unlock()
	handles.Store(file, &handle{fs: f, path: path, usual: methods})
	opened.FpMethods = f.vfs.methods
	return rc
}

func remove(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32 {
	f := layer(vfs)
	rc := call[deleteFunc](at[sqlite3.Tsqlite3_vfs](f.vfs.usual).FxDelete)(tls, f.vfs.usual, name, syncDir)
	if rc == sqlite3.SQLITE_OK {
		f.deleted(libc.GoString(name))
	}
	return rc
}

func closeFile(tls *libc.TLS, file uintptr) int32 {
	h := handleOf(file)
	handles.Delete(file)
	return call[closeFunc](h.usual.FxClose)(tls, file)
}

func write(tls *libc.TLS, file, buf uintptr, n int32, offset sqlite3.Tsqlite3_int64) int32 {
	h := handleOf(file)
	if h.fs.failWrites.Load() {
		return sqlite3.SQLITE_FULL
	}
	rc := call[writeFunc](h.usual.FxWrite)(tls, file, buf, n, offset)
	if rc == sqlite3.SQLITE_OK {
		h.fs.changed(h.path, change{at: offset, data: slices.Clone(unsafe.Slice(at[byte](buf), n))})
		h.fs.event()
	}
	return rc
}

func truncate(tls *libc.TLS, file uintptr, size sqlite3.Tsqlite3_int64) int32 {
	h := handleOf(file)
	rc := call[truncateFunc](h.usual.FxTruncate)(tls, file, size)
	if rc == sqlite3.SQLITE_OK {
		h.fs.changed(h.path, change{at: size})
		h.fs.event()
	}
	return rc
}

func syncFile(tls *libc.TLS, file uintptr, flags int32) int32 {
	h := handleOf(file)
	if h.fs.failSyncs.Load() {
		return sqlite3.SQLITE_IOERR | 4<<8 // SQLITE_IOERR_FSYNC
	}
	n := h.fs.pending(h.path)
	rc := call[syncFunc](h.usual.FxSync)(tls, file, flags)
	if rc == sqlite3.SQLITE_OK {
		h.fs.synced(h.path, n)
		h.fs.event()
	}
	return rc
}
