package twinspan

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOneProcessAFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "data")
	f, err := openFolder(Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
	if _, err := openFolder(Config{DataDir: dir}); err == nil || !strings.Contains(err.Error(), "in use by another twinspan") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second start on the folder: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openFolder(Config{DataDir: dir})
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := errors.Join(again.Close(), again.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestATemporaryFolderGoes(t *testing.T) {
	t.Parallel()
	f, err := openFolder(Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.file("x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", f.path, err)
	}
}

func TestFilesAreWrittenWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "ready.json")
	want := Ready{Version: readyVersion, CRM: ReadyCRM{URL: "http://127.0.0.1:1", ConnectedApps: map[string]ReadyApp{"A": {ClientID: "c"}}}}
	for range 2 { // the second replaces the first
		if err := writeReady(path, want); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	got, err := ReadReady(path)
	if err != nil || got.CRM.URL != want.CRM.URL || got.CRM.ConnectedApps["A"].ClientID != "c" {
		t.Errorf("read back %+v, %v", got, err)
	}
	if err := writeReady(filepath.Join(dir, "no", "such", "folder.json"), want); err == nil || !strings.Contains(err.Error(), "--ready-file") {
		t.Errorf("writing into no folder: %v", err)
	}
}

func TestReadReadyRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, says string }{
		"not JSON": {"hello", "is no ready file"},
		"newer":    {`{"version":99}`, "version 99"},
		"huge":     {strings.Repeat(" ", maxReadyFile+1), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadReady(path); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// A program takes its own ready file away, and no other's that took its place.
func TestTheReadyFileOfAnotherStays(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ready.json")
	own, other := Ready{Version: readyVersion}, Ready{Version: readyVersion}
	own.Control, other.Control = ReadyControl{URL: "http://127.0.0.1:1", Token: "a"}, ReadyControl{URL: "http://127.0.0.1:1", Token: "b"}
	for _, c := range []struct {
		stands Ready
		gone   bool
	}{{other, false}, {own, true}} {
		if err := writeReady(path, c.stands); err != nil {
			t.Fatal(err)
		}
		if err := removeOwn(path, own); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) != c.gone {
			t.Errorf("%s: %v", c.stands.Control.Token, err)
		}
	}
	if err := removeOwn(path, own); err != nil {
		t.Errorf("one that is not there: %v", err)
	}
}
