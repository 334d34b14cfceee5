package rest

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(m.key); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
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
