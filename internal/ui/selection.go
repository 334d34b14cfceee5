package ui

// Selection is a form in which rows of a table are chosen by check boxes: whom to assign, what may use an app.
type Selection struct {
	Action  string   // path on this server, "" for the page's own
	Name    string   // of the check boxes
	Caption string   // of the table
	Columns []string // the first is of the check boxes
	Rows    []Choice
	Hidden  []Field // what else is sent: names and values
	Submits []Submit
	Empty   string // what stands in place of a selection without rows
}

// Choice is a row of a Selection.
type Choice struct {
	Value   string // sent where it is checked
	Label   string // of the check box, beside it
	Checked bool
	Cells   []Cell // of the other columns
}

func (Selection) template() string { return "selection" }

// Section is a group of a form's fields under a heading of its own.
type Section struct {
	Legend string
	Fields []Field
}

// StaticField shows a value that the form does not change; Href makes it a link.
const StaticField FieldType = "static"
