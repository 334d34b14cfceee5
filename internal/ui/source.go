package ui

// Source is text as it came, every blank and line of it: a letter, a request's body, headers.
type Source struct {
	Label  string // what it is, for who cannot see it, and above it: "Text"
	Text   string
	Folded bool // shown when it is unfolded
	Empty  string
}

// Feed is a table whose rows arrive while it is looked at, the newest on top. Without script it shows what the server knew;
// with script, where Live is given, it goes on by server-sent events: each has JSON {"cells":[{"text":"…","href":"…","badge":"…"}]}
// as its data, one cell for each column. At most [FeedRows] rows stay.
type Feed struct {
	Table
	Live string // path of the events on this server; "" for none
}

// FeedRows is how many rows of a Feed stay on a page while more come.
const FeedRows = 200

// Most is FeedRows, for the template.
func (Feed) Most() int { return FeedRows }

// FeedCell is one cell of a row that comes to a Feed; see there.
type FeedCell struct {
	Text  string    `json:"text"`
	Href  string    `json:"href,omitempty"` // a path on this server
	Badge BadgeKind `json:"badge,omitempty"`
}

// FeedRow is the data of one event of a Feed.
type FeedRow struct {
	Cells []FeedCell `json:"cells"`
}

// Row is the cells as the page shows them without script.
func (r FeedRow) Row() []Cell {
	out := make([]Cell, len(r.Cells))
	for i, c := range r.Cells {
		out[i] = Cell{Text: c.Text, Href: c.Href, Badge: c.Badge}
	}
	return out
}

func (Source) template() string { return "source" }
func (Feed) template() string   { return "feed" }
