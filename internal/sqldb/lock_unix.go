//go:build unix

package sqldb

import (
	"errors"
	"os"
	"syscall"
)

// fileLock keeps a second process from writing to an SQLite file behind the back of what this one remembers of it. The
// kernel lets go of it when the process ends, however it ends.
type fileLock struct{ file *os.File }

func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, err
	}
	return &fileLock{f}, nil
}

// release lets go of the lock. The lock file stays: removing it would let two processes lock two files of one name.
func (l *fileLock) release() {
	if l != nil {
		// Unlocked before it is closed: a child process that is just being started holds the descriptor for a moment more.
		_ = syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
		_ = l.file.Close()
	}
}
