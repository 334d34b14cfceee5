package ui

// Board shows things in lanes, which a form on the same page moves between them: it has a select of the things, one of the
// lanes, a hidden field for the thing that is to come behind, and a button for each of Move and Off. Where script is allowed,
// a thing can also be dragged into a lane, which fills that form in and sends it: everything is there without.
type Board struct {
	Pick, To, Before string // names of the form's fields: of the things, of the lanes, and the hidden one
	Move, Off        string // values of its buttons that put a thing into a lane, and take it off
	Columns          []string
	Lanes            []Lane
	Rest             Rest
}

// Lane is a part of a Board.
type Lane struct {
	Label  string
	Value  string // as the form's field To has it
	Pieces []Piece
}

// Piece is a thing in a lane.
type Piece struct {
	Value string // as the form's field Pick has it
	Cells []Cell // the first is its header
}

// Rest are the things that are in no lane.
type Rest struct {
	Label  string
	Pieces []Option
}

func (Board) template() string { return "board" }
