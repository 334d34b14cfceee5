package twinspan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// folder is the data folder of a running program, locked against a second process.
type folder struct {
	path      string
	lock      *os.File
	temporary bool
}

// openFolder makes the folder where it is absent and locks it.
func openFolder(c Config) (*folder, error) {
	if c.Ephemeral {
		dir, err := os.MkdirTemp("", "twinspan-") // mode 0700
		if err != nil {
			return nil, fmt.Errorf("making a temporary folder: %w", err)
		}
		return &folder{path: dir, temporary: true}, nil
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if err := lockFile(lock); err != nil {
		_ = lock.Close()
		if errors.Is(err, errLocked) {
			return nil, fmt.Errorf("%s is in use by another twinspan; stop that one, or give this one a folder of its own with --data", dir)
		}
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return &folder{path: dir, lock: lock}, nil
}

// file is the path of a file in the folder.
func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// Close gives the folder free; a temporary one is removed.
func (f *folder) Close() error {
	var err error
	if f.lock != nil {
		// Unlocked before it is closed: a child process that is just being started holds the descriptor for a moment more.
		err = errors.Join(unlockFile(f.lock), f.lock.Close())
		f.lock = nil
	}
	if f.temporary {
		err = errors.Join(err, os.RemoveAll(f.path))
	}
	return err
}

// errLocked is lockFile's answer where another process holds the lock.
var errLocked = errors.New("locked by another process")

// writeFile puts a whole file in place or none of it: a temporary file beside it, synced, renamed, and the folder
// synced, so that what it holds outlives a crash at any moment once writeFile has returned.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already where the rename came about
	if _, err := tmp.Write(data); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Sync(); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes: it is not what twinspan wrote", path, limit)
	}
	return data, nil
}
