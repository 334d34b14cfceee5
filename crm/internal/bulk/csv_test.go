package bulk

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func readAll(text string, delimiter byte, crlf bool) (rows [][]string, err error) {
	r := newReader(strings.NewReader(text), delimiter, crlf, 0)
	r.skipMark()
	for {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, append([]string{}, row...))
	}
}

func show(rows [][]string) string {
	var lines []string
	for _, r := range rows {
		lines = append(lines, strings.Join(r, "|"))
	}
	return strings.Join(lines, "/")
}

func TestReading(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text      string
		delimiter byte
		crlf      bool
		want, err string
	}{
		"plain":                   {"a,b\n1,2\n", ',', false, "a|b/1|2", ""},
		"no end of the last line": {"a,b\n1,2", ',', false, "a|b/1|2", ""},
		"a byte order mark":       {"\xef\xbb\xbfa\n1", ',', false, "a/1", ""},
		"quotes":                  {"\"a\",\"b,c\"\n\"say \"\"hi\"\"\",\"two\nlines\"\n", ',', false, "a|b,c/say \"hi\"|two\nlines", ""},
		"a quote in the middle":   {"5\" pipe,x\n", ',', false, "5\" pipe|x", ""},
		"empty values":            {"a,,c\n,,\n", ',', false, "a||c/||", ""},
		"empty lines":             {"\n\na\n\n1\n\n", ',', false, "a/1", ""},
		"an empty quoted value":   {"a\n\"\"\n", ',', false, "a/", ""},
		"a last empty column":     {"a,b\n1,", ',', false, "a|b/1|", ""},
		"CRLF":                    {"a;b\r\n1;2\r\n", ';', true, "a|b/1|2", ""},
		"CRLF after quotes":       {"\"a\"\r\n\"1\"\r\n", ',', true, "a/1", ""},
		"a lone return":           {"a\rb\n", ',', false, "a\rb", ""},
		"tabs":                    {"a\tb\n", '\t', false, "a|b", ""},
		"an end of another kind":  {"a\r\n", ',', false, "", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"},
		"and the other way":       {"a\r\nb\n", ',', true, "a", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF"},
		"after quotes":            {"\"a\"\r\n", ',', false, "", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"},
		"quotes without end":      {"\"a\n", ',', false, "", "ClientInputError : a quoted value does not end"},
		"more after quotes":       {"\"a\"b\n", ',', false, "", "ClientInputError : something follows a quoted value"},
		"a row without end":       {strings.Repeat("x", maxRow+1), ',', false, "", "ClientInputError : a row is longer than 1048576 bytes"},
		"columns without end":     {strings.Repeat(",", maxColumns), ',', false, "", "ClientInputError : a row has more than 5000 columns"},
		"nothing":                 {"", ',', false, "", ""},
	} {
		rows, err := readAll(c.text, c.delimiter, c.crlf)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if show(rows) != c.want || text != c.err {
			t.Errorf("%s: %q, %q", name, show(rows), text)
		}
	}
}

// A reader that begins in the middle goes on as the one before would have.
func TestPlacesInTheText(t *testing.T) {
	t.Parallel()
	const text = "a,b\n\"x\ny\",2\n\n3,4\n5,6"
	r := newReader(strings.NewReader(text), ',', false, 0)
	var rest []string
	for {
		at := r.at
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := newReader(strings.NewReader(text[at:]), ',', false, at).next()
		if err != nil || strings.Join(again, "|") != strings.Join(row, "|") {
			t.Errorf("at %d: %v, %v; want %v", at, again, err, row)
		}
		rest = append(rest, text[at:r.at])
	}
	if strings.Join(rest, "") != text || r.at != int64(len(text)) {
		t.Errorf("%q", rest)
	}
}

// What is written is read back the same.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2", "\"a\"\"b\",c\r\n", "\r\r\n", "\"", ",,,\n", "\xef\xbb\xbf\"\""} {
		f.Add(seed, byte(','), false)
		f.Add(seed, byte(';'), true)
	}
	f.Fuzz(func(t *testing.T, text string, delimiter byte, crlf bool) {
		if !strings.ContainsRune(",;|\t`^", rune(delimiter)) {
			return
		}
		rows, err := readAll(text, delimiter, crlf)
		if bad := (*badCSV)(nil); err != nil && !errors.As(err, &bad) {
			t.Fatalf("%v", err)
		}
		w := writer{delimiter: delimiter, crlf: crlf}
		for _, row := range rows {
			for _, v := range row {
				w.value(v)
			}
			w.end()
		}
		again, err := readAll(string(w.out), delimiter, crlf)
		if err != nil || show(again) != show(rows) {
			t.Fatalf("%q became %q: %v", rows, again, err)
		}
	})
}
