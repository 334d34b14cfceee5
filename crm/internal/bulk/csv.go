package bulk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of a row (crm-wire 4.4).
const (
	maxRow     = 1 << 20 // bytes: 400,000 characters, of up to four bytes each, with room for quotes
	maxColumns = 5000
)

// badCSV says why a text cannot be read any further; jobs show it (crm-wire 4.1).
type badCSV struct{ text string }

func (e *badCSV) Error() string { return e.text }

func malformed(format string, args ...any) error {
	return &badCSV{"ClientInputError : " + fmt.Sprintf(format, args...)}
}

// reader reads CSV as RFC 4180 has it, with the job's delimiter and its one way to end lines: the other one outside of
// quotes is refused, as the vendor does. A quote inside a column that does not begin with one is a quote. Lines without
// anything are skipped.
type reader struct {
	in        *bufio.Reader
	delimiter byte
	crlf      bool
	at        int64 // byte of the text that comes next
	row       []byte
	ends      []int // of the columns in row
	fields    []string
}

func newReader(in io.Reader, delimiter byte, crlf bool, at int64) *reader {
	return &reader{in: bufio.NewReaderSize(in, 64<<10), delimiter: delimiter, crlf: crlf, at: at}
}

func (r *reader) byte() (byte, error) {
	c, err := r.in.ReadByte()
	if err == nil {
		r.at++
	}
	return c, err
}

func (r *reader) unread() {
	_ = r.in.UnreadByte() // follows a ReadByte
	r.at--
}

// skipMark skips the byte order mark that some programs begin a file with.
func (r *reader) skipMark() {
	if mark, err := r.in.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = r.in.Discard(3) // peeked
		r.at += 3
	}
}

// next reads a row, which is good until the next call. io.EOF is the end; a *badCSV ends all reading.
func (r *reader) next() ([]string, error) {
	for {
		r.row, r.ends = r.row[:0], r.ends[:0]
		empty, err := r.line()
		if err != nil {
			return nil, err
		}
		if !empty {
			break
		}
	}
	r.fields = r.fields[:0]
	text, start := string(r.row), 0
	for _, end := range r.ends {
		r.fields = append(r.fields, text[start:end])
		start = end
	}
	return r.fields, nil
}

// line reads up to the end of a row.
func (r *reader) line() (empty bool, err error) {
	first, quoted := true, false
	for {
		ended, wasQuoted, err := r.column()
		quoted = quoted || wasQuoted
		if errors.Is(err, io.EOF) {
			if first && len(r.row) == 0 && !quoted {
				return false, io.EOF
			}
			ended, err = true, nil
		}
		if err != nil {
			return false, err
		}
		r.ends = append(r.ends, len(r.row))
		if len(r.ends) > maxColumns {
			return false, malformed("a row has more than %d columns", maxColumns)
		}
		if ended {
			return len(r.ends) == 1 && len(r.row) == 0 && !quoted, nil
		}
		first = false
	}
}

// column reads one column and what ends it; io.EOF at the end of the text.
func (r *reader) column() (rowEnds, quoted bool, err error) {
	c, err := r.byte()
	if err != nil {
		return false, false, err
	}
	if c != '"' {
		r.unread()
		rowEnds, err = r.plain()
		return rowEnds, false, err
	}
	for {
		if c, err = r.byte(); err != nil {
			if errors.Is(err, io.EOF) {
				return false, true, malformed("a quoted value does not end")
			}
			return false, true, err
		}
		if c != '"' {
			if err := r.add(c); err != nil {
				return false, true, err
			}
			continue
		}
		switch c, err = r.byte(); {
		case err != nil:
			return false, true, err
		case c == '"':
			if err := r.add(c); err != nil {
				return false, true, err
			}
		case c == r.delimiter:
			return false, true, nil
		default:
			ends, err := r.end(c)
			if err == nil && !ends {
				err = malformed("something follows a quoted value")
			}
			return true, true, err
		}
	}
}

func (r *reader) plain() (rowEnds bool, err error) {
	for {
		c, err := r.byte()
		if err != nil {
			return false, err
		}
		if c == r.delimiter {
			return false, nil
		}
		if ends, err := r.end(c); ends || err != nil {
			return true, err
		}
		if err := r.add(c); err != nil {
			return false, err
		}
	}
}

// end reports whether the byte ends the row, with the one after it where that belongs to it.
func (r *reader) end(c byte) (bool, error) {
	switch c {
	case '\n':
		if r.crlf {
			return false, r.wrongEnd()
		}
		return true, nil
	case '\r':
		next, err := r.byte()
		if err != nil || next != '\n' {
			if err == nil {
				r.unread()
			}
			return false, nil // a lone one is a character
		}
		if !r.crlf {
			return false, r.wrongEnd()
		}
		return true, nil
	}
	return false, nil
}

// wrongEnd has the vendor's words.
func (r *reader) wrongEnd() error {
	setting := "LF"
	if r.crlf {
		setting = "CRLF"
	}
	return malformed("LineEnding is invalid on user data. Current LineEnding setting is %s", setting)
}

func (r *reader) add(c byte) error {
	if len(r.row) == maxRow {
		return malformed("a row is longer than %d bytes", maxRow)
	}
	r.row = append(r.row, c)
	return nil
}

// writer appends rows of CSV, every value in quotes as the vendor's results have them.
type writer struct {
	out       []byte
	delimiter byte
	crlf      bool
	begun     bool // the row has a value
}

func (w *writer) value(text string) {
	if w.begun {
		w.out = append(w.out, w.delimiter)
	}
	w.begun = true
	w.out = append(w.out, '"')
	for {
		i := strings.IndexByte(text, '"')
		if i < 0 {
			break
		}
		w.out = append(append(w.out, text[:i]...), `""`...)
		text = text[i+1:]
	}
	w.out = append(append(w.out, text...), '"')
}

func (w *writer) end() {
	if w.crlf {
		w.out = append(w.out, '\r')
	}
	w.out, w.begun = append(w.out, '\n'), false
}
