package crm

import (
	"context"
	"net/url"
)

// Field is a field of an object as describe tells it (crm-wire 3.6).
type Field struct {
	Name       string `json:"name"`
	Label      string `json:"label"`
	Type       string `json:"type"` // "string", "boolean", "encryptedstring" …
	Updateable bool   `json:"updateable"`
}

// Fields lists the fields of an object that the user may see.
func (s *Session) Fields(ctx context.Context, object string) ([]Field, error) {
	var out struct {
		Fields []Field `json:"fields"`
	}
	err := s.get(ctx, s.data("/sobjects/"+url.PathEscape(object)+"/describe"), &out)
	return out.Fields, err
}
