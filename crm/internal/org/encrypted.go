package org

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// masked is the schema as somebody without View Encrypted Data sees it: he writes encrypted fields and does not read them.
func (s *Schema) masked() *Schema {
	if !s.encrypted {
		return s
	}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if s.views.masked != nil {
		return s.views.masked
	}
	objects := make([]*Object, len(s.Objects))
	for i, o := range s.Objects {
		one := *o
		one.Fields = slices.Clone(o.Fields)
		for j, f := range one.Fields {
			if f.Type == TypeEncrypted {
				hidden := *f
				hidden.Masked = true
				one.Fields[j] = &hidden
			}
		}
		objects[i] = &one
	}
	s.views.masked = NewSchema(objects...)
	return s.views.masked
}

// maskChar stands for each character of a value that is not shown: the mask type "all", as the vendor's fields have it.
const maskChar = "*"

// Mask is what a masked field shows of a value.
func (f *Field) Mask(value string) string {
	return strings.Repeat(maskChar, utf8.RuneCountInString(value))
}

// keepMasked takes from a change the masks that somebody sends back as he saw them, as programs do that write whole records:
// a mask is never written over what it hides.
func (c *change) keepMasked() {
	if c.session.Permissions[PermViewEncryptedData] {
		return
	}
	for _, f := range c.object.Fields {
		if v, _ := c.values[f.Name].(string); f.Type == TypeEncrypted && v != "" && v == f.Mask(c.old.Text(f.Name)) {
			delete(c.values, f.Name)
		}
	}
}
