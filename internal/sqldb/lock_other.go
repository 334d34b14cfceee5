//go:build !unix

package sqldb

// fileLock does nothing where there is no flock; SQLite's own locks still keep the file whole.
type fileLock struct{}

func lockFile(string) (*fileLock, error) { return nil, nil }

func (l *fileLock) release() {}
