package ui

import "slices"

// FileField sends a file; its form is sent as multipart/form-data.
const FileField FieldType = "file"

// Uploads reports whether the form sends a file.
func (f Form) Uploads() bool {
	is := func(field Field) bool { return field.Type == FileField }
	return slices.ContainsFunc(f.Fields, is) || slices.ContainsFunc(f.Sections, func(s Section) bool { return slices.ContainsFunc(s.Fields, is) })
}
