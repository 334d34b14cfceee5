package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/twinspan/twinspan/internal/client/control"
)

// fixturesCmd brings what a project has into a running org.
type fixturesCmd struct {
	Import fixturesImportCmd `cmd:"" help:"Make the custom objects and fields of an sfdx project in the org."`
}

// fixturesImportCmd imports a project folder.
type fixturesImportCmd struct {
	clientFlags
	Dir string `arg:"" help:"Folder of the project: its *.object-meta.xml and *.field-meta.xml, wherever they stand." placeholder:"DIR" type:"existingdir"`
}

// Bounds of what is read from a folder.
const (
	maxProjectFiles = 5000
	maxProjectBytes = 32 << 20
	maxProjectWalk  = 200_000 // files and folders that are looked at
)

// Run imports the folder.
func (c *fixturesImportCmd) Run(ctx context.Context, a *app) error {
	files, err := projectFiles(c.Dir)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return usagef("%s holds no *.object-meta.xml and no *.field-meta.xml", c.Dir)
	}
	cl, err := c.control()
	if err != nil {
		return err
	}
	out, err := cl.Import(ctx, files)
	if err != nil {
		return err
	}
	failed := error(nil)
	if len(out.Problems) > 0 {
		failed = errors.New("nothing was imported")
	}
	if a.json {
		return errors.Join(a.printJSON(out), failed)
	}
	for _, line := range append(out.Problems, out.Ignored...) {
		a.errorf("%s", oneLine(line))
	}
	if failed != nil {
		return failed
	}
	return a.print(fmt.Sprintf("imported %s and %s from %s\n", count(out.Objects, "custom object"), count(out.Fields, "custom field"), count(len(files), "file")))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// projectFiles reads the files of a folder that describe objects and fields. Hidden folders and node_modules are left
// out, and symbolic links are not followed.
func projectFiles(dir string) ([]control.File, error) {
	var files []control.File
	seen, size := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if seen++; seen > maxProjectWalk {
			return fmt.Errorf("%s holds more than %d files: name the project's own folder", dir, maxProjectWalk)
		}
		name := d.Name()
		if d.IsDir() {
			if path != dir && (strings.HasPrefix(name, ".") || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !strings.HasSuffix(name, ".object-meta.xml") && !strings.HasSuffix(name, ".field-meta.xml") {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if size += int(info.Size()); size > maxProjectBytes || len(files) == maxProjectFiles {
			return fmt.Errorf("%s: at most %d files with %d MB in all can be imported at once", dir, maxProjectFiles, maxProjectBytes>>20)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files = append(files, control.File{Path: filepath.ToSlash(rel), Text: string(text)})
		return nil
	})
	return files, err
}
