// Package deps_test holds the structure of the project as a test: which package may import which, and the budgets
// that keep packages readable. A forbidden import is a line with its reason; a rule about a package that no longer
// exists fails too.
package deps_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/twinspan/twinspan"

// rule forbids packages under from (a path below the module, "" for the root package alone, a trailing /... for
// the whole subtree) to import anything under to, except from the listed packages.
type rule struct {
	from   string
	to     []string
	why    string
	except []string // packages under from that the rule leaves alone
	allow  []string // packages under to that may be imported all the same
}

var rules = []rule{
	{
		from: "internal/...", to: []string{".", "crm/...", "engagement/...", "connect/..."},
		why:    "the floor knows no house: arrows run down only",
		except: []string{"internal/cli/..."},
	},
	{
		from: "crm/...", to: []string{".", "engagement/...", "connect/...", "internal/cli/...", "internal/client/..."},
		why: "the org is a house of its own: it is reached over HTTP, and its server shares no struct with its clients",
	},
	{
		from: "engagement/...", to: []string{".", "crm/...", "connect/...", "internal/cli/...", "internal/client/..."},
		why: "the tenant is a house of its own: it is reached over HTTP, and its server shares no struct with its clients",
	},
	{
		from: "connect/...", to: []string{".", "crm/...", "engagement/...", "internal/cli/..."},
		why: "Connect knows the clouds by base URL alone, so that it works against real ones",
	},
	{
		from: ".", to: []string{"internal/cli/...", "cmd/..."},
		why: "the program is a value: the command line is built on it, not into it",
	},
	{
		from: "internal/cli/...", to: []string{"crm/...", "engagement/...", "connect/..."},
		why: "commands are HTTP clients; the houses are wired in the root package alone",
	},
	{
		from: "cmd/...", to: []string{"crm/...", "engagement/...", "connect/...", "internal/sqldb/..."},
		why: "main is ten lines that call internal/cli",
	},
	{
		from: "crm/internal/org", to: []string{"crm/internal/...", "internal/sqldb/...", "internal/web/...", "internal/soap/...", "std:net/http", "std:database/sql"},
		why: "rules know no protocol and no storage", allow: []string{"crm/internal/org/packages"}, // data, which imports nothing
	},
	{
		from: "engagement/internal/tenant", to: []string{"engagement/internal/...", "internal/sqldb/...", "internal/web/...", "internal/soap/...", "std:net/http", "std:database/sql"},
		why: "rules know no protocol and no storage",
	},
	{
		from: "connect/internal/link", to: []string{"connect/internal/...", "internal/sqldb/...", "internal/web/...", "std:database/sql"},
		why: "rules know no storage and no page", allow: []string{"connect/internal/audit"}, // in whose words they say who changes what
	},
	{
		from: "...", to: []string{"std:database/sql", "ext:modernc.org/sqlite", "ext:github.com/jackc/pgx/v5", "ext:github.com/pressly/goose/v3"},
		why: "SQL lives in sqldb, jobs and the houses' sqlstore",
		except: []string{
			"internal/sqldb/...", "internal/jobs", "internal/vault/datakeys", "crm/internal/sqlstore", "engagement/internal/sqlstore", "connect/internal/sqlstore",
		},
	},
	{
		from: "internal/oauth", to: []string{"internal/sqldb/...", "internal/web/...", "internal/soap/..."},
		why: "the words and mechanics of the RFCs need no server and no store",
	},
	{
		from: "...", to: []string{"internal/sqldb/lossyfs", "internal/sqldb/sqldbtest", "internal/vault/vaulttest", "internal/ui/uitest", "test/..."},
		why:    "what exists for tests stays out of the program",
		except: []string{"crm/internal/orgtest", "engagement/internal/tenanttest", "connect/internal/linktest", "internal/sqldb/..."},
	},
	{
		from: "test/contract/fake", to: []string{".", "crm/...", "engagement/...", "connect/...", "internal/..."},
		why: "the clouds that differ are written from the references alone: what they shared with ours would agree with itself",
	},
	{
		from: "internal/fault", to: []string{"internal/..."},
		why: "errors are the lowest floor: everybody imports them",
	},
}

type pkg struct {
	ImportPath string
	Dir        string
	Name       string
	GoFiles    []string
	Imports    []string
	Standard   bool
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Name,GoFiles,Imports", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatalf("go list output: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// local is the package's path below the module; "." for the root package.
func local(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

// matches reports whether path (as local gives it) is what pattern names.
func matches(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	return path == pattern
}

func forbidden(pattern, importPath string) bool {
	if std, ok := strings.CutPrefix(pattern, "std:"); ok {
		return importPath == std || strings.HasPrefix(importPath, std+"/")
	}
	if ext, ok := strings.CutPrefix(pattern, "ext:"); ok {
		return importPath == ext || strings.HasPrefix(importPath, ext+"/")
	}
	if importPath != module && !strings.HasPrefix(importPath, module+"/") {
		return false
	}
	return matches(pattern, local(importPath))
}

func TestArrowsRunDown(t *testing.T) {
	t.Parallel()
	pkgs := packages(t)
	for _, r := range rules {
		used := false
		for _, p := range pkgs {
			from := local(p.ImportPath)
			if !matches(r.from, from) || r.from == "..." && strings.HasPrefix(from, "test/") {
				continue
			}
			used = true
			if slices.ContainsFunc(r.except, func(e string) bool { return matches(e, from) }) {
				continue
			}
			for _, imp := range p.Imports {
				if slices.ContainsFunc(r.to, func(to string) bool { return forbidden(to, imp) }) && imp != p.ImportPath &&
					!slices.ContainsFunc(r.allow, func(ok string) bool { return forbidden(ok, imp) }) {
					t.Errorf("%s imports %s: %s", from, imp, r.why)
				}
			}
		}
		if !used {
			t.Errorf("stale rule: no package matches %q (%s)", r.from, r.why)
		}
		for _, pattern := range slices.Concat(r.to, r.except, r.allow) {
			if strings.Contains(pattern, ":") {
				continue
			}
			if !slices.ContainsFunc(pkgs, func(p pkg) bool { return matches(pattern, local(p.ImportPath)) }) {
				t.Errorf("stale rule from %q: no package matches %q", r.from, pattern)
			}
		}
	}
}

// Names that say nothing about what a package knows.
var emptyNames = []string{"util", "utils", "common", "helpers", "helper", "misc", "types", "models", "pkg", "shared", "base"}

func TestPackagesSayWhatTheyKnow(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := local(p.ImportPath)
		if slices.Contains(emptyNames, filepath.Base(name)) {
			t.Errorf("%s: a package is named for what it knows", name)
		}
		if len(p.GoFiles) == 0 {
			continue // tests alone; their comment stands in the test file
		}
		comments := 0
		for _, f := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if file.Doc != nil {
				comments++
			}
		}
		if comments != 1 {
			t.Errorf("%s has %d package comments, want exactly 1", name, comments)
		}
	}
}

// longFiles may pass the budget of 800 lines, each for its reason.
var longFiles = map[string]string{}

// largeInterfaces may pass the budget of 12 methods, each for its reason.
var largeInterfaces = map[string]string{}

const (
	maxLines   = 800
	maxMethods = 12
)

// TestBudgets keeps files, interfaces and exported names within what a reader can hold.
func TestBudgets(t *testing.T) {
	t.Parallel()
	root := moduleRoot(t)
	seenLong, seenLarge := map[string]bool{}, map[string]bool{}
	eachGoFile(t, root, func(rel string) {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(root, rel), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if n := fset.File(file.Pos()).LineCount(); n > maxLines && !strings.HasSuffix(rel, "_test.go") {
			if longFiles[rel] == "" {
				t.Errorf("%s has %d lines, over the budget of %d: split it by noun, grant or page, or say why in longFiles", rel, n, maxLines)
			}
			seenLong[rel] = true
		}
		if strings.HasSuffix(rel, "_test.go") {
			return
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s: func init: wire things in a function that is called", rel)
				}
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && file.Name.Name != "main" {
					t.Errorf("%s: exported %s has no comment", fset.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				checkGenDecl(t, fset, rel, d, seenLarge)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "os" && (sel.Sel.Name == "Getenv" || sel.Sel.Name == "LookupEnv" || sel.Sel.Name == "Environ") &&
					!strings.HasPrefix(rel, "internal/cli/") && !strings.HasPrefix(rel, "test/") && !strings.HasPrefix(rel, "internal/sqldb/sqldbtest/") {
					t.Errorf("%s: os.%s below the command line: configuration is resolved once", fset.Position(call.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	})
	for f := range longFiles {
		if !seenLong[f] {
			t.Errorf("stale entry in longFiles: %s", f)
		}
	}
	for i := range largeInterfaces {
		if !seenLarge[i] {
			t.Errorf("stale entry in largeInterfaces: %s", i)
		}
	}
}

func checkGenDecl(t *testing.T, fset *token.FileSet, rel string, d *ast.GenDecl, seenLarge map[string]bool) {
	t.Helper()
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				t.Errorf("%s: exported type %s has no comment", fset.Position(s.Pos()), s.Name.Name)
			}
			if it, ok := s.Type.(*ast.InterfaceType); ok && it.Methods.NumFields() > maxMethods {
				key := filepath.Dir(rel) + "." + s.Name.Name
				if largeInterfaces[key] == "" {
					t.Errorf("%s: interface %s has %d methods, over the budget of %d: split it by role, or say why in largeInterfaces",
						fset.Position(s.Pos()), s.Name.Name, it.Methods.NumFields(), maxMethods)
				}
				seenLarge[key] = true
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					t.Errorf("%s: exported %s has no comment", fset.Position(name.Pos()), name.Name)
				}
			}
		}
	}
}

// exportedReceiver reports whether d is a function, or a method of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("go list -m: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// eachGoFile calls fn with the path below root of every Go file that we wrote.
func eachGoFile(t *testing.T, root string, fn func(rel string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "tools" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		fn(filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
