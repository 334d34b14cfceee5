package explain_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/explain"
)

var update = flag.Bool("update", false, "write sentences.tsv anew")

// module is the path of the program's module.
const module = "github.com/twinspan/twinspan/"

// source is the code of the houses, as far as sentences are read from it.
type source struct {
	consts  map[string]map[string]string // by folder and name
	files   []sourceFile
	helpers map[string]helper // functions that give a fault with a code and a format of their caller's, by folder and name
}

type sourceFile struct {
	folder  string
	imports map[string]string // folders by the name that the file has for them
	tree    *ast.File
}

// helper says which arguments of a function are what.
type helper struct {
	kind         string
	code         string // where it is the function's own
	codeAt, text int    // codeAt is -1 where code is said
}

// readSource reads the houses and the floor.
func readSource(t *testing.T) *source {
	t.Helper()
	s := &source{consts: map[string]map[string]string{}, helpers: map[string]helper{}}
	for _, top := range []string{"crm", "engagement", "connect", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			f := sourceFile{filepath.ToSlash(rel), map[string]string{}, tree}
			for _, i := range tree.Imports {
				if of, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module); ok {
					name := of[strings.LastIndex(of, "/")+1:]
					if i.Name != nil {
						name = i.Name.Name
					}
					f.imports[name] = of
				}
			}
			s.files = append(s.files, f)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range s.files {
		for _, d := range f.tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if i < len(v.Values) {
						if text, ok := s.text(f, v.Values[i]); ok {
							if s.consts[f.folder] == nil {
								s.consts[f.folder] = map[string]string{}
							}
							s.consts[f.folder][name.Name] = text
						}
					}
				}
			}
		}
	}
	return s
}

// text gives the value of an expression that is a text known from the code alone.
func (s *source) text(f sourceFile, e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			a, okA := s.text(f, e.X)
			b, okB := s.text(f, e.Y)
			if okA || okB { // what is only known at run time is a gap
				if !okA {
					a = "%v"
				}
				if !okB {
					b = "%v"
				}
				return a + b, true
			}
		}
	case *ast.Ident:
		text, ok := s.consts[f.folder][e.Name]
		return text, ok
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			text, ok := s.consts[f.imports[x.Name]][e.Sel.Name]
			return text, ok
		}
	}
	return "", false
}

// answer is a sentence with the kind and the code of its fault, in a house.
type answer struct{ house, kind, code, text string }

// answers finds the sentences of fault.New and fault.Wrap, also where a function of the same folder passes them on.
func (s *source) answers() []answer {
	var out []answer
	for _, f := range s.files {
		for _, d := range f.tree.Decls {
			fn, _ := d.(*ast.FuncDecl)
			ast.Inspect(d, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				at := faultCall(call)
				if at < 0 || len(call.Args) < at+3 {
					return true
				}
				kind, _ := call.Args[at].(*ast.SelectorExpr)
				if kind == nil {
					return true
				}
				code, okCode := s.text(f, call.Args[at+1])
				text, okText := s.text(f, call.Args[at+2])
				if okCode && okText {
					out = append(out, answer{f.folder, kind.Sel.Name, code, text})
				} else if fn != nil && !okText {
					h := helper{kind.Sel.Name, code, parameter(fn, call.Args[at+1]), parameter(fn, call.Args[at+2])}
					if h.text >= 0 && (okCode || h.codeAt >= 0) {
						s.helpers[f.folder+"."+fn.Name.Name] = h
					}
				}
				return true
			})
		}
	}
	for _, f := range s.files {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch fun := call.Fun.(type) {
			case *ast.Ident:
				name = fun.Name
			case *ast.SelectorExpr:
				name = fun.Sel.Name
			}
			h, ok := s.helpers[f.folder+"."+name]
			if !ok || len(call.Args) <= h.text || len(call.Args) <= h.codeAt {
				return true
			}
			code, okCode := h.code, true
			if h.codeAt >= 0 {
				code, okCode = s.text(f, call.Args[h.codeAt])
			}
			if text, ok := s.text(f, call.Args[h.text]); ok && okCode {
				out = append(out, answer{f.folder, h.kind, code, text})
			}
			return true
		})
	}
	return out
}

// faultCall gives at which argument the kind of a new fault stands; -1 where the call makes none.
func faultCall(call *ast.CallExpr) int {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return -1
	}
	if x, ok := fun.X.(*ast.Ident); !ok || x.Name != "fault" {
		return -1
	}
	return map[string]int{"New": 0, "Wrap": 1}[fun.Sel.Name] - map[bool]int{false: 1}[fun.Sel.Name == "New" || fun.Sel.Name == "Wrap"]
}

// parameter gives the place of a parameter that is passed on; -1 where the expression is none.
func parameter(fn *ast.FuncDecl, e ast.Expr) int {
	id, ok := e.(*ast.Ident)
	if !ok {
		return -1
	}
	at := 0
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			if name.Name == id.Name {
				return at
			}
			at++
		}
	}
	return -1
}

// wires are the codes that a house's edges write for its own: by code first, else by kind.
func (s *source) wires(paths ...string) map[string]string {
	out := map[string]string{}
	for _, f := range s.files {
		if !slices.Contains(paths, f.folder) {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, ok := s.text(f, pair.Key)
			if sel, isSel := pair.Key.(*ast.SelectorExpr); !ok && isSel {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "fault" {
					key = "kind " + sel.Sel.Name
				}
			}
			if key == "" || out[key] != "" {
				return true
			}
			if text, ok := s.text(f, pair.Value); ok && strings.HasPrefix(key, "kind ") {
				out[key] = text
			} else if lit, ok := pair.Value.(*ast.CompositeLit); ok {
				out[key] = s.wire(f, lit)
			}
			return true
		})
	}
	return out
}

// wire is the code in {status, "CODE", …} or {status, number}.
func (s *source) wire(f sourceFile, lit *ast.CompositeLit) string {
	if len(lit.Elts) < 2 {
		return ""
	}
	if text, ok := s.text(f, lit.Elts[0]); ok { // {"CODE", text}
		return text
	}
	if text, ok := s.text(f, lit.Elts[1]); ok {
		return text
	}
	if n, ok := lit.Elts[1].(*ast.BasicLit); ok && n.Kind == token.INT {
		return n.Value
	}
	return ""
}

// floor are the packages of the floor whose faults go out of Connect as they are.
var floor = []string{"internal/client", "internal/standing", "internal/web", "internal/throttle", "internal/vault", "internal/sqldb"}

// verb is a gap in a format.
var verb = regexp.MustCompile(`%[-+# 0]*(?:\[\d+\])?[\d.*]*[a-zA-Z]`)

// TestSentences: every sentence that the houses answer with finds its explanation by itself, as somebody copies it from a
// page or a terminal. sentences.tsv, by which they are found, is read from the code by -update. So that not every new
// sentence needs that at once, one in twenty-five may be missing; its code, which a test below looks for, explains it meanwhile.
func TestSentences(t *testing.T) {
	t.Parallel()
	s := readSource(t)
	org := []map[string]string{s.wires("crm/internal/rest"), s.wires("crm/internal/login")}
	orgLogin := []map[string]string{org[1], org[0]}
	tenant := []map[string]string{s.wires("engagement/internal/rest"), s.wires("engagement/internal/login")}
	tenantLogin := []map[string]string{tenant[1], tenant[0]}
	all := map[string]bool{}
	for _, a := range s.answers() {
		text := strings.ReplaceAll(verb.ReplaceAllString(strings.ReplaceAll(a.text, "%%", "\x00"), "{}"), "\x00", "%")
		text = strings.Join(strings.Fields(text), " ")
		if len(strings.ReplaceAll(text, "{}", "")) < 12 || strings.Contains(text, "\t") {
			continue
		}
		code := a.code
		var edges []map[string]string
		switch house, _, _ := strings.Cut(a.house, "/"); {
		case a.house == "crm/internal/login":
			edges = orgLogin
		case house == "crm":
			edges = org
		case a.house == "engagement/internal/login":
			edges = tenantLogin
		case house == "engagement":
			edges = tenant
		}
		if strings.HasPrefix(a.house, "internal/") && !slices.Contains(floor, a.house) {
			continue
		}
		if edges != nil {
			code = ""
			for _, key := range []string{a.code, "kind " + a.kind} {
				for _, edge := range edges {
					if code == "" {
						code = edge[key]
					}
				}
			}
		}
		if a.kind == "Internal" || code == "" {
			continue // nobody is told
		}
		if !explain.Known(code) {
			t.Errorf("%s: %s (%s: %s) is not explained: give it a row of explanations.tsv", a.house, code, a.code, text)
		}
		all[code+"\t"+text] = true
	}
	if len(all) < 500 {
		t.Fatalf("%d sentences: where are they now?", len(all))
	}
	const path = "sentences.tsv"
	if *update {
		lines := "# Made of the code: go test ./internal/explain -run TestSentences -update. With which code a sentence of ours goes.\n" + strings.Join(slices.Sorted(maps.Keys(all)), "\n") + "\n"
		if err := os.WriteFile(path, []byte(lines), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	missing := 0
	for line := range all {
		_, text, _ := strings.Cut(line, "\t")
		if said := strings.ReplaceAll(text, "{}", "Maya Müller"); len(explain.Find(said)) == 0 {
			missing++
			t.Logf("not found: %s", said)
		}
	}
	if missing*25 > len(all) {
		t.Errorf("%d of %d sentences find nothing: go test ./internal/explain -run TestSentences -update", missing, len(all))
	}
}
