// Package seeds_test holds Twinspan to its founding documents. seeds.tsv lists every requirement in them with the
// issue by which a test must perform it through an API, a command and a page; tests name the rows that they perform
// in a comment:
//
//	// seed:api S001-12 S001-14
//
// above a Go test function, or the same after # or // anywhere in a script under test/. docs/seeds.md is generated
// from the table and those comments: go test ./test/seeds -update.
package seeds_test

import (
	"bufio"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/seeds.md anew")

// landed is the newest issue whose rows are due.
const landed = 8

const (
	root = "../.."
	page = root + "/docs/seeds.md"
)

var channels = []string{"api", "command", "page"}

// row is one requirement. due holds, by channel, the issue by which a test must perform it; 0 where the channel has
// nothing to perform (a title, a term).
type row struct {
	id, kind, text string
	due            map[string]int
}

func readTable(t *testing.T) []row {
	t.Helper()
	f, err := os.Open("seeds.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var rows []row
	sc := bufio.NewScanner(f)
	for n := 1; sc.Scan(); n++ {
		cols := strings.Split(sc.Text(), "\t")
		if len(cols) != 3+len(channels) {
			t.Fatalf("seeds.tsv:%d: %d columns", n, len(cols))
		}
		if n == 1 {
			continue
		}
		r := row{id: cols[0], kind: cols[1], text: cols[2], due: map[string]int{}}
		for i, ch := range channels {
			if cols[3+i] == "-" {
				continue
			}
			issue, err := strconv.Atoi(cols[3+i])
			if err != nil || issue < 1 {
				t.Fatalf("seeds.tsv:%d: %s is due by %q", n, ch, cols[3+i])
			}
			r.due[ch] = issue
		}
		rows = append(rows, r)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

var marker = regexp.MustCompile(`seed:([a-z]+)((?: S\d{3}-\d{2})+)`)

// performed maps "channel id" to the tests that say they perform the row, each as path or path#Function.
func performed(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	note := func(text, where string) {
		for _, m := range marker.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(channels, m[1]) {
				t.Errorf("%s: unknown channel seed:%s", where, m[1])
				continue
			}
			for _, id := range strings.Fields(m[2]) {
				key := m[1] + " " + id
				if !slices.Contains(found[key], where) {
					found[key] = append(found[key], where)
				}
			}
		}
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if d.Name() == "node_modules" || rel == "test/seeds" || strings.HasPrefix(d.Name(), ".") && rel != "." {
				return filepath.SkipDir
			}
			return nil
		}
		switch {
		case strings.HasSuffix(rel, "_test.go"):
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			for _, decl := range file.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Doc != nil {
					for _, c := range fn.Doc.List {
						note(c.Text, rel+"#"+fn.Name.Name)
					}
				}
			}
		case strings.HasPrefix(rel, "test/") && (strings.HasSuffix(rel, ".mjs") || strings.HasSuffix(rel, ".txt") || strings.HasSuffix(rel, ".txtar")):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			note(string(text), rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEveryDueRowIsPerformed(t *testing.T) {
	t.Parallel()
	rows, tests := readTable(t), performed(t)
	known := map[string]bool{}
	for _, r := range rows {
		if known[r.id] {
			t.Errorf("%s stands twice in seeds.tsv", r.id)
		}
		known[r.id] = true
		for _, ch := range channels {
			if due := r.due[ch]; due != 0 && due <= landed && len(tests[ch+" "+r.id]) == 0 {
				t.Errorf("%s is due by issue %02d and no test performs it by %s: %s", r.id, due, ch, r.text)
			}
		}
	}
	for key, where := range tests {
		if _, id, _ := strings.Cut(key, " "); !known[id] {
			t.Errorf("%v names %s, which is no row", where, id)
		}
	}
}

func TestPageIsTrue(t *testing.T) {
	t.Parallel()
	want := render(readTable(t), performed(t))
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/seeds.md is not what the table and the tests say; run go test ./test/seeds -update")
	}
}

var documents = map[string]string{
	"000": "Clear out user mappings in MC Connect",
	"001": "Set up connected app authentication",
	"002": "Authentication between clouds",
	"003": "Upgrade to Connected App",
	"004": "The Salesforce integration user",
}

func render(rows []row, tests map[string][]string) string {
	var b strings.Builder
	b.WriteString("# The founding documents, and the tests that perform them\n\n")
	b.WriteString("Generated by `go test ./test/seeds -update` from `test/seeds/seeds.tsv` and the tests; do not edit.\n\n")
	b.WriteString("Each row is one step, setting, warning, condition, date or outcome of the five founding documents. A column says which\n" +
		"tests perform it that way; *issue NN* means that it is due with that issue; a dash that there is nothing to perform.\n\n")
	b.WriteString("| document | rows | by API | by command | by page |\n| --- | --: | --: | --: | --: |\n")
	docs := []string{"000", "001", "002", "003", "004"}
	for _, doc := range docs {
		n, have, of := 0, map[string]int{}, map[string]int{}
		for _, r := range rows {
			if r.id[1:4] != doc {
				continue
			}
			n++
			for _, ch := range channels {
				if r.due[ch] != 0 {
					of[ch]++
				}
				if len(tests[ch+" "+r.id]) > 0 {
					have[ch]++
				}
			}
		}
		fmt.Fprintf(&b, "| %s %s | %d | %d of %d | %d of %d | %d of %d |\n", doc, documents[doc], n,
			have["api"], of["api"], have["command"], of["command"], have["page"], of["page"])
	}
	for _, doc := range docs {
		fmt.Fprintf(&b, "\n## %s: %s\n\n| id | requirement | kind | by API | by command | by page |\n| --- | --- | --- | --- | --- | --- |\n", doc, documents[doc])
		for _, r := range rows {
			if r.id[1:4] != doc {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s |", r.id, r.text, r.kind)
			for _, ch := range channels {
				fmt.Fprintf(&b, " %s |", cell(r, ch, tests[ch+" "+r.id]))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func cell(r row, ch string, tests []string) string {
	if len(tests) > 0 {
		slices.Sort(tests)
		links := make([]string, 0, len(tests))
		for _, where := range tests {
			path, fn, _ := strings.Cut(where, "#")
			name := fn
			if name == "" {
				name = filepath.Base(path)
			}
			links = append(links, fmt.Sprintf("[%s](../%s)", name, path))
		}
		return strings.Join(links, ", ")
	}
	if due := r.due[ch]; due != 0 {
		return fmt.Sprintf("issue %02d", due)
	}
	return "–"
}
