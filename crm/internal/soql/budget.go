package soql

import (
	"github.com/twinspan/twinspan/crm/internal/org"
)

// MaxBytes is about how many bytes of JSON the rows of one batch make; a batch ends before the row that would exceed it.
// Two thousand rows may have 32,000 characters and more in each of their fields.
const MaxBytes = 8 << 20

// Bounds of a batch by what its rows may hold. The vendor's batches, too, have at most 200 records where two custom long
// text areas are selected. The second bound, in characters, is for what a database has to sort.
const (
	longTextBatch = 200
	maxWidth      = 64 << 20
)

// Budget is what several answers have together. One value is for one goroutine.
type Budget struct {
	left int // bytes
}

// NewBudget has as many bytes for answers.
func NewBudget(bytes int) *Budget { return &Budget{bytes} }

// Left is how many bytes nobody took yet; never below 0.
func (b *Budget) Left() int { return max(0, b.left) }

// Take takes so many bytes and reports whether there were as many.
func (b *Budget) Take(bytes int) bool {
	b.left -= bytes
	return b.left >= 0
}

// widest is how many rows a batch may have by what the plan selects.
func (p *Plan) widest() int {
	width, long := 0, 0
	for _, c := range p.Columns {
		if c.Child != nil || c.Field == nil {
			continue
		}
		width += c.Field.Length
		if c.Field.Custom && c.Field.Type == org.TypeTextArea && c.Field.Length > 255 {
			long++
		}
	}
	rows := DefaultBatch
	if long > 1 {
		rows = longTextBatch
	}
	return max(1, min(rows, maxWidth/max(1, width)))
}

// weigh is about how many bytes a row makes as JSON, without the answers of child queries.
func (p *Plan) weigh(row Row) int {
	n := 0
	for _, id := range row.IDs {
		if id != "" {
			n += recordBytes
		}
	}
	for i, c := range p.Columns {
		n += len(c.Name()) + 4
		switch v := row.Values[i].(type) {
		case string:
			n += textBytes(v)
		case org.JSON:
			n += len(v)
		case *Children:
		default:
			n += valueBytes
		}
	}
	return n
}

// What a record's attributes and a value that is no text make, about.
const (
	recordBytes = 110
	valueBytes  = 16
)

// textBytes is how long a text can get as JSON.
func textBytes(text string) int {
	n := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\', c == '<', c == '>', c == '&':
			n += 5
		}
	}
	return n
}

// weigh is about how many bytes a result makes, children and all.
func (r *Result) weigh() int {
	n := 0
	for _, row := range r.Rows {
		n += r.Plan.weigh(row)
		for i, c := range r.Plan.Columns {
			kids, ok := row.Values[i].(*Children)
			if !ok || kids == nil {
				continue
			}
			for _, kid := range kids.Rows {
				n += c.Child.weigh(kid)
			}
		}
	}
	return n
}
