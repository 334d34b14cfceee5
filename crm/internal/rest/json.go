package rest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// object is a JSON object that keeps the order of its members. Records are written by the methods here and not by
// reflection: they are most of what the API sends.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) { return o.append(nil) }

func (o object) append(b []byte) ([]byte, error) {
	var err error
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendString(b, m.key); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = appendValue(b, m.value); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendValue writes what records are made of by hand and leaves the rest to encoding/json.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64: // 1500.0, as the service writes numbers that may have a fraction
		text := strconv.AppendFloat(nil, v, 'f', -1, 64)
		if b = append(b, text...); !bytes.ContainsRune(text, '.') {
			b = append(b, ".0"...)
		}
		return b, nil
	case object:
		return v.append(b)
	case json.RawMessage: // that this file wrote
		return append(b, v...), nil
	case []json.RawMessage: // nil is null
		b = append(b, '[')
		for i, text := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if text == nil {
				text = json.RawMessage("null")
			}
			b = append(b, text...)
		}
		return append(b, ']'), nil
	case []object:
		b = append(b, '[')
		for i, o := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = o.append(b); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	}
	text := bytes.NewBuffer(b)
	enc := json.NewEncoder(text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte{'\n'}), nil
}

// appendString writes a JSON string; < > & stay as they are, which are harmless in application/json.
func appendString(b []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			text, err := json.Marshal(s)
			return append(b, text...), err
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"'), nil
}

// wireValue is a field's value as JSON has it.
func wireValue(v any) any {
	if t, ok := v.(time.Time); ok {
		return org.FormatDateTime(t)
	}
	return v
}

// attributes say what a record is and where (crm-wire 3.4).
func attributes(base string, o *org.Object, id org.ID) member {
	return member{"attributes", object{{"type", o.Name}, {"url", recordURL(base, o, id)}}}
}

func recordURL(base string, o *org.Object, id org.ID) string {
	return base + "/sobjects/" + o.Name + "/" + string(id)
}
