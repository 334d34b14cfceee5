package ui

// More types of fields. A group's options are sent one by one: RadioField as Name=Value of the one that is chosen,
// CheckboxesField as Option.Name=Option.Value of each that is checked, since forms refuse a name that comes twice.
const (
	TextareaField   FieldType = "textarea"
	RadioField      FieldType = "radio"
	CheckboxesField FieldType = "checkboxes"
	DateTimeField   FieldType = "datetime-local" // Value as 2006-01-02T15:04
	DateField       FieldType = "date"           // Value as 2006-01-02
	SearchField     FieldType = "search"
)

// Group reports whether the field has several inputs below one label.
func (f Field) Group() bool { return f.Type == RadioField || f.Type == CheckboxesField }

// Lines is the height of a text area.
func (f Field) Lines() int {
	if f.Rows > 0 {
		return f.Rows
	}
	return 4
}

// choice is an input of a group.
type choice struct {
	Type, Name, Value, Label string
	Checked                  bool
}

// Choices are the inputs of a group.
func (f Field) Choices() []choice {
	out := make([]choice, len(f.Options))
	for i, o := range f.Options {
		out[i] = choice{Type: "radio", Name: f.Name, Value: o.Value, Label: o.Label, Checked: o.Value == f.Value}
		if f.Type == CheckboxesField {
			out[i].Type, out[i].Name, out[i].Checked = "checkbox", o.Name, o.Checked
		}
	}
	return out
}
