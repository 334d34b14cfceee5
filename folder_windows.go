//go:build windows

package twinspan

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

var procLockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

// Flags and error of LockFileEx, as winbase.h and winerror.h number them.
const (
	lockfileFailImmediately               = 1
	lockfileExclusiveLock                 = 2
	errorLockViolation      syscall.Errno = 33
)

// lockFile takes the exclusive lock of f for as long as its handle is open; the system lets go of it when the process
// ends, however it ends.
func lockFile(f *os.File) error {
	var overlapped syscall.Overlapped
	ok, _, err := procLockFileEx.Call(f.Fd(), lockfileExclusiveLock|lockfileFailImmediately, 0, 1, 0, uintptr(unsafe.Pointer(&overlapped)))
	if ok != 0 {
		return nil
	}
	if errors.Is(err, errorLockViolation) {
		return errLocked
	}
	return err
}

// unlockFile does nothing: closing the handle lets go of the lock, and no child process inherits it.
func unlockFile(*os.File) error { return nil }

// syncDir does nothing: Windows makes a rename durable with the file, and cannot sync a folder.
func syncDir(string) error { return nil }
