package soql

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// MaxLength is how long a query may be, in bytes (the vendor's limit is 100,000 characters).
const MaxLength = 100_000

// maxString is how long one string literal may be, in bytes.
const maxString = 4000

type kind uint8

const (
	tEOF kind = iota
	tName
	tString
	tNumber // digits, signs, dots, colons, letters: a number, a date or a time
	tSymbol
)

type token struct {
	kind kind
	pos  int
	text string // of a string: unescaped
	like string // of a string: unescaped, with \ before characters that LIKE is to take as they are
}

// is reports whether the token is the keyword or symbol.
func (t token) is(s string) bool {
	return (t.kind == tName || t.kind == tSymbol) && strings.EqualFold(t.text, s)
}

func isNameStart(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// lex cuts a query into tokens; the last is tEOF.
func lex(text string) ([]token, error) {
	if len(text) > MaxLength {
		return nil, fault.New(fault.Invalid, CodeMalformedQuery, "SOQL statements cannot be longer than %d characters.", MaxLength)
	}
	if !utf8.ValidString(text) {
		return nil, fault.New(fault.Invalid, CodeMalformedQuery, "The query is not valid UTF-8.")
	}
	var out []token
	for i := 0; i < len(text); {
		c := text[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case isNameStart(c):
			for i < len(text) && (isNameStart(text[i]) || isDigit(text[i])) {
				i++
			}
			i += colonNumber(text[i:]) // LAST_N_DAYS:7
			out = append(out, token{kind: tName, pos: start, text: text[start:i]})
		case isDigit(c) || (c == '-' || c == '+') && i+1 < len(text) && isDigit(text[i+1]):
			i++
			for i < len(text) && (isNameStart(text[i]) || isDigit(text[i]) || strings.IndexByte(":+-.", text[i]) >= 0) {
				i++
			}
			out = append(out, token{kind: tNumber, pos: start, text: text[start:i]})
		case c == '\'':
			t, next, err := lexString(text, i)
			if err != nil {
				return nil, err
			}
			out, i = append(out, t), next
		default:
			n := 1
			if i+1 < len(text) {
				switch text[i : i+2] {
				case "!=", "<>", "<=", ">=":
					n = 2
				}
			}
			if n == 1 && strings.IndexByte("=<>(),.", c) < 0 {
				r, _ := utf8.DecodeRuneInString(text[i:])
				return nil, problem(text, i, CodeMalformedQuery, "unexpected token: '%c'", r)
			}
			i += n
			out = append(out, token{kind: tSymbol, pos: start, text: text[start:i]})
		}
	}
	return append(out, token{kind: tEOF, pos: len(text), text: "<EOF>"}), nil
}

// colonNumber is how long the colon and the digits at the beginning are; 0 where there are none.
func colonNumber(text string) int {
	n := 1
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	if n == 1 || text[0] != ':' {
		return 0
	}
	return n
}

var escapes = map[byte]byte{'n': '\n', 'N': '\n', 'r': '\r', 'R': '\r', 't': '\t', 'T': '\t', 'b': '\b', 'B': '\b', 'f': '\f', 'F': '\f', '"': '"', '\'': '\'', '\\': '\\'}

// unicodeEscape reads the "u00fc" of an escape, or the "ud83d\ude00" of two, and says how long it is; 0 where it is none,
// or U+0000, which no text has.
func unicodeEscape(text string) (rune, int) {
	unit := func(at int) rune {
		if len(text) < at+5 || text[at] != 'u' {
			return -1
		}
		n, err := strconv.ParseUint(text[at+1:at+5], 16, 16)
		if err != nil {
			return -1
		}
		return rune(n)
	}
	switch first := unit(0); {
	case first <= 0:
		return 0, 0
	case !utf16.IsSurrogate(first):
		return first, 5
	case len(text) > 5 && text[5] == '\\':
		if r := utf16.DecodeRune(first, unit(6)); r != utf8.RuneError {
			return r, 11
		}
	}
	return 0, 0
}

// lexString reads the string that begins at the quote at i. \_ and \% are for LIKE alone, and mean themselves elsewhere.
func lexString(text string, i int) (token, int, error) {
	var plain, like strings.Builder
	t := token{kind: tString, pos: i}
	for j := i + 1; j < len(text); j++ {
		c := text[j]
		switch c {
		case '\'':
			t.text, t.like = plain.String(), like.String()
			if len(t.text) > maxString {
				return t, 0, problem(text, i, CodeMalformedQuery, "String literals cannot be longer than %d characters.", maxString)
			}
			return t, j + 1, nil
		case '\\':
			j++
			if j == len(text) {
				continue
			}
			if e := text[j]; e == '_' || e == '%' {
				plain.WriteByte(e)
				like.WriteByte('\\')
				like.WriteByte(e)
				continue
			}
			if text[j] == 'u' {
				r, n := unicodeEscape(text[j:])
				if n == 0 {
					return t, 0, problem(text, j-1, CodeMalformedQuery, "Illegal character sequence in string literal: '\\u'")
				}
				plain.WriteRune(r)
				if r == '\\' {
					like.WriteByte('\\')
				}
				like.WriteRune(r)
				j += n - 1
				continue
			}
			e, ok := escapes[text[j]]
			if !ok {
				return t, 0, problem(text, j-1, CodeMalformedQuery, "Illegal character sequence in string literal: '\\%c'", rune(text[j]))
			}
			plain.WriteByte(e)
			if e == '\\' {
				like.WriteByte('\\')
			}
			like.WriteByte(e)
		case 0:
			return t, 0, problem(text, j, CodeMalformedQuery, "Illegal character in string literal")
		default:
			plain.WriteByte(c)
			like.WriteByte(c)
		}
	}
	return t, 0, problem(text, i, CodeMalformedQuery, "mismatched character '<EOF>' expecting '''")
}
