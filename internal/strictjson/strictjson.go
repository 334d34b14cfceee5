// Package strictjson decodes JSON where encoding/json is too forgiving for input from strangers: encoding/json keeps the
// last of two equal keys, matches keys without regard to case, so that "AUD" overrides "aud", and turns half a surrogate
// pair into U+FFFD, so that two texts become equal. Here each of them is refused, or is another key.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeMalformed is the code of every fault of this package: the text is not one JSON value in UTF-8, nests too deep,
// repeats a key, or does not fit the type asked for (kind Invalid; Field names the member where one is to blame).
const CodeMalformed fault.Code = "malformed_json"

// maxDepth bounds how deep objects and arrays may nest.
const maxDepth = 64

// Option changes how Decode reads.
type Option func(*reader)

// KnownKeysOnly refuses members that the target struct does not have; without it they are ignored, as the vendors'
// APIs do.
func KnownKeysOnly() Option { return func(j *reader) { j.knownOnly = true } }

// Decode decodes data into v, a pointer, and is strict where encoding/json is not: one value and nothing after it,
// valid UTF-8 without lone surrogates or U+0000, at most 64 levels, no key twice in one object, and keys that differ
// from a struct's in letter case are other keys (ignored like any unknown one). data may be changed.
func Decode(data []byte, v any, options ...Option) error {
	j := reader{data: data}
	for _, o := range options {
		o(&j)
	}
	if err := Check(data); err != nil {
		return err
	}
	if err := j.value(reflect.TypeOf(v), ""); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			found, wanted := kindOfJSON(t.Value), kindOfType(t.Type)
			if found == wanted {
				return malformed("The JSON %s is out of range.", found).In(t.Field)
			}
			return malformed("A JSON %s stands where %s is wanted.", found, article(wanted)).In(t.Field)
		}
		return fault.Wrap(err, fault.Invalid, CodeMalformed, "The JSON value does not fit.")
	}
	return nil
}

// kindOfJSON strips the literal that encoding/json appends to "number", which may be a secret.
func kindOfJSON(s string) string {
	kind, _, _ := strings.Cut(s, " ")
	return kind
}

// kindOfType is what JSON calls a value of the type.
func kindOfType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	case reflect.Pointer:
		return kindOfType(t.Elem())
	}
	return "number"
}

func article(kind string) string {
	if kind == "array" || kind == "object" {
		return "an " + kind
	}
	return "a " + kind
}

// Check reports data that is not one JSON value in valid UTF-8 of at most 64 levels. It does not look for repeated
// keys: [Members] and [Decode] do.
func Check(data []byte) error {
	if !utf8.Valid(data) {
		return malformed("The JSON is not UTF-8.")
	}
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return malformed("The JSON nests deeper than %d levels.", maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	if !json.Valid(data) {
		return malformed("The text is not one JSON value.")
	}
	return nil
}

// Members calls yield for each member of the JSON object data, which must have passed [Check], with the key
// unescaped and the value's raw text. Anything but an object, and a key that comes twice, is refused. Nested objects are
// not looked into.
func Members(data []byte, yield func(key string, raw []byte) error) error {
	j := reader{data: data}
	j.space()
	if j.data[j.pos] != '{' {
		return malformed("A JSON object is wanted.")
	}
	return j.members(func(key string, _ int) error {
		start := j.pos
		if err := j.skip(); err != nil {
			return err
		}
		return yield(key, j.data[start:j.pos])
	})
}

func malformed(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, CodeMalformed, format, args...)
}

// reader walks over valid JSON beside the type it will be decoded into.
type reader struct {
	knownOnly bool
	data      []byte
	pos       int
}

func (j *reader) space() {
	for j.pos < len(j.data) {
		switch j.data[j.pos] {
		case ' ', '\t', '\r', '\n':
			j.pos++
		default:
			return
		}
	}
}

// members walks over the object at pos. each is called at the start of a value and must move past it; at is where the
// key's text begins, after its quote.
func (j *reader) members(each func(key string, at int) error) error {
	j.pos++ // {
	var few [8]string
	seen := few[:0]
	var many map[string]bool
	for {
		j.space()
		if j.data[j.pos] == '}' {
			j.pos++
			return nil
		}
		if j.data[j.pos] == ',' {
			j.pos++
			j.space()
		}
		at := j.pos + 1
		key, err := j.text()
		if err != nil {
			return err
		}
		switch {
		case many != nil:
			if many[key] {
				return repeated(key)
			}
			many[key] = true
		default:
			for _, s := range seen {
				if s == key {
					return repeated(key)
				}
			}
			if seen = append(seen, key); len(seen) == cap(few) {
				many = make(map[string]bool, 2*cap(few))
				for _, s := range seen {
					many[s] = true
				}
			}
		}
		j.space()
		j.pos++ // :
		j.space()
		if err := each(key, at); err != nil {
			return err
		}
	}
}

func repeated(key string) error { return malformed("A JSON key comes twice.").In(key) }

// text reads the string at pos and unescapes it.
func (j *reader) text() (string, error) {
	start := j.pos
	escaped, err := j.skipString()
	if err != nil {
		return "", err
	}
	if !escaped {
		return string(j.data[start+1 : j.pos-1]), nil
	}
	var s string
	if err := json.Unmarshal(j.data[start:j.pos], &s); err != nil {
		return "", fault.Wrap(err, fault.Invalid, CodeMalformed, "The text is not one JSON value.")
	}
	return s, nil
}

// skipString moves past the string at pos and says whether it holds escapes. U+0000 and halves of surrogate pairs are
// refused: databases cannot keep the one, and the other would silently become U+FFFD, so that two texts turn equal.
func (j *reader) skipString() (escaped bool, err error) {
	for i := j.pos + 1; ; i++ {
		switch j.data[i] {
		case '"':
			j.pos = i + 1
			return escaped, nil
		case '\\':
			escaped = true
			if i++; j.data[i] != 'u' {
				continue
			}
			switch c := hex4(j.data[i+1:]); {
			case c == 0:
				return true, malformed("A JSON text holds the character U+0000.")
			case c >= 0xdc00 && c < 0xe000:
				return true, malformed("A JSON text holds half a surrogate pair.")
			case c >= 0xd800 && c < 0xdc00:
				rest := j.data[i+5:]
				if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' || hex4(rest[2:])&^0x3ff != 0xdc00 {
					return true, malformed("A JSON text holds half a surrogate pair.")
				}
				i += 6
			}
			i += 4
		}
	}
}

func hex4(b []byte) uint64 {
	n, err := strconv.ParseUint(string(b[:4]), 16, 32)
	if err != nil { // the text has been found valid
		return 0
	}
	return n
}

// skip moves past the value at pos and checks its strings; keys of nested objects included, repeats not.
func (j *reader) skip() error {
	depth := 0
	for {
		switch j.data[j.pos] {
		case '"':
			if _, err := j.skipString(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			j.pos++
		case '}', ']':
			depth--
			j.pos++
		case ' ', '\t', '\r', '\n', ',', ':':
			j.pos++
			continue
		default: // number, true, false, null
			for j.pos < len(j.data) && !bytes.ContainsRune([]byte(" \t\r\n,:]}"), rune(j.data[j.pos])) {
				j.pos++
			}
		}
		if depth == 0 {
			return nil
		}
	}
}

// value checks the value at pos against the type it will be decoded into; t is nil where anything goes.
func (j *reader) value(t reflect.Type, path string) error {
	for t != nil && t.Kind() == reflect.Pointer && !isUnmarshaler(t) {
		t = t.Elem()
	}
	if t != nil && (isUnmarshaler(t) || isUnmarshaler(reflect.PointerTo(t))) {
		t = nil
	}
	j.space()
	switch j.data[j.pos] {
	case '{':
		var fields map[string]reflect.Type
		var elem reflect.Type
		if t != nil && t.Kind() == reflect.Struct {
			fields = fieldsOf(t)
		} else if t != nil && t.Kind() == reflect.Map {
			elem = t.Elem()
		}
		return j.members(func(key string, at int) error {
			next := elem
			if fields != nil {
				ft, known := fields[key]
				next = ft
				if !known {
					if j.knownOnly {
						return malformed("The member %.40q is not known here.", key).In(join(path, key))
					}
					j.hide(fields, key, at)
				}
			}
			return j.value(next, join(path, key))
		})
	case '[':
		var elem reflect.Type
		if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
			elem = t.Elem()
		}
		j.pos++
		for {
			j.space()
			switch j.data[j.pos] {
			case ']':
				j.pos++
				return nil
			case ',':
				j.pos++
			default:
				if err := j.value(elem, path); err != nil {
					return err
				}
			}
		}
	default:
		return j.skip()
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// hide overwrites a key that encoding/json would take for a field of another case, so that it is unknown there too.
func (j *reader) hide(fields map[string]reflect.Type, key string, at int) {
	for name := range fields {
		if strings.EqualFold(name, key) {
			for i := at; j.data[i] != '"'; i++ {
				j.data[i] = '~'
			}
			return
		}
	}
}

var unmarshalerType = reflect.TypeFor[json.Unmarshaler]()

func isUnmarshaler(t reflect.Type) bool { return t.Implements(unmarshalerType) }

var fieldCache sync.Map // reflect.Type -> map[string]reflect.Type

// fieldsOf gives the JSON names of a struct's fields with their types, embedded structs included.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if f, ok := fieldCache.Load(t); ok {
		return f.(map[string]reflect.Type)
	}
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		tag, tagged := f.Tag.Lookup("json")
		name, _, _ := strings.Cut(tag, ",")
		if tag == "-" || !f.IsExported() || f.Anonymous && name == "" && structOf(f.Type) {
			continue
		}
		if !tagged || name == "" {
			name = f.Name
		}
		if _, taken := fields[name]; !taken { // VisibleFields gives outer fields before the promoted ones of equal name
			fields[name] = f.Type
		}
	}
	fieldCache.Store(t, fields)
	return fields
}

func structOf(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}
