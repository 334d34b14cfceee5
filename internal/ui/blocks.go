package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// BadgeKind is the colour of a badge, whose text says the same.
type BadgeKind string

// The kinds of badges.
const (
	BadgePlain   BadgeKind = "plain"
	BadgeGood    BadgeKind = "good"
	BadgeWarning BadgeKind = "caution"
	BadgeBad     BadgeKind = "bad"
)

// Badge is a word about the state of something.
type Badge struct {
	Kind BadgeKind // BadgePlain where empty
	Text string
}

// Badges are badges in a row.
type Badges []Badge

// Confirm asks before something is done that warns or takes something away.
type Confirm struct {
	Action    string   // path that the answer is posted to, "" for the page's own
	Texts     []string // what is about to happen
	LoseTitle string   // heading of Lose: "These users lose access"
	Lose      []string // who or what is affected
	Hidden    []Field  // names and values that are sent along
	Submits   []Submit
	Cancel    Link // the way back; no Href for none
}

// Countdown tells how long something lasts yet. The text is the server's; where script is allowed it goes on counting.
type Countdown struct {
	Label string    // what lasts: "Auto-connection is available"
	Now   time.Time // domain time
	Until time.Time
	After string // text in place of the time left once it is over; "Over" where empty
	Hint  string // a sentence below
}

// Over reports whether nothing is left.
func (c Countdown) Over() bool { return !c.Until.After(c.Now) }

// Seconds is what is left, in seconds.
func (c Countdown) Seconds() int64 { return int64(c.Until.Sub(c.Now) / time.Second) }

// Left is what is left, in words.
func (c Countdown) Left() string {
	if c.Over() {
		if c.After == "" {
			return "Over"
		}
		return c.After
	}
	return leftText(c.Until.Sub(c.Now)) + " left"
}

// Machine is the end for programs, Clock for people.
func (c Countdown) Machine() string { return c.Until.UTC().Format(time.RFC3339) }

// Clock is the end for people.
func (c Countdown) Clock() string { return c.Until.UTC().Format("2 January 2006, 15:04 MST") }

// leftText says a time in its two largest units, rounded down, as the script of the pages does.
func leftText(d time.Duration) string {
	days, hours, minutes, seconds := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60, int(d/time.Second)%60
	switch {
	case days > 0:
		return strings.TrimSuffix(count(days, "day")+", "+count(hours, "hour"), ", 0 hours")
	case hours > 0:
		return strings.TrimSuffix(count(hours, "hour")+", "+count(minutes, "minute"), ", 0 minutes")
	case minutes > 0:
		return strings.TrimSuffix(count(minutes, "minute")+", "+count(seconds, "second"), ", 0 seconds")
	}
	return count(seconds, "second")
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.Itoa(n) + " " + unit + "s"
}

// Progress tells how far something has come. Without script it shows what the server knew, with a link to look again;
// with script, where Live is given, it goes on by server-sent events: each has JSON {"percent":42,"text":"…"} as its data,
// and one named "end" loads the page anew.
type Progress struct {
	Label  string
	Done   int64
	Total  int64  // 0 while it is not known
	Text   string // "4,200 of 10,000 users"
	Live   string // path of the events on this server; "" for none
	Reload string // address of this page, for a link; "" for none

	id int
}

// Percent is how much is done, from 0 to 100; 100 only where all of it is.
func (p Progress) Percent() int64 {
	if p.Total <= 0 || p.Done <= 0 {
		return 0
	}
	if p.Done >= p.Total {
		return 100
	}
	return p.Done * 100 / p.Total
}

// ID is the element id of the label.
func (p Progress) ID() string { return "progress-" + strconv.Itoa(p.id) }

// Chart is a bar chart, drawn by the server, with its numbers in a table.
type Chart struct {
	Title  string
	By     string // what the points are: "Hour"
	Unit   string // what is counted: "API requests"
	Points []Point
	Limit  int64  // a line across; 0 for none
	Of     string // what the limit is: "the org's limit"
}

// Point is a bar.
type Point struct {
	Label string
	Value int64
}

// LimitText says in words what the line across is.
func (c Chart) LimitText() string {
	if c.Limit <= 0 {
		return ""
	}
	of := c.Of
	if of == "" {
		of = "the limit"
	}
	return fmt.Sprintf("The line is %s: %s.", of, thousands(c.Limit))
}

// drawing is a chart in the units of its viewBox.
type drawing struct {
	Width, Height int
	Lines         []ruled
	Bars          []bar
	Names         []ruled
	Limit         *ruled
}

type ruled struct {
	X, X2, Y, TextX, TextY int
	Text                   string
}

type bar struct{ X, Y, Width, Height string }

// Sizes of a drawing: the plot, and what is left of it and below for the numbers and names.
const (
	chartWidth, chartHeight = 720, 220
	chartLeft, chartBottom  = 70, 24
	chartTop                = 10
)

// Drawing lays the chart out.
func (c Chart) Drawing() drawing {
	d := drawing{Width: chartWidth, Height: chartHeight}
	if len(c.Points) == 0 {
		return d
	}
	most := c.Limit
	for _, p := range c.Points {
		most = max(most, p.Value)
	}
	top := roundUp(most)
	plot := float64(chartHeight - chartTop - chartBottom)
	y := func(v int64) float64 { return chartTop + plot*(1-float64(v)/float64(top)) }
	for i := range 3 {
		v := top * int64(i) / 2
		d.Lines = append(d.Lines, ruled{X: chartLeft, X2: chartWidth, Y: int(y(v)), TextX: chartLeft - 6, TextY: int(y(v)) + 4, Text: short(v)})
	}
	step := float64(chartWidth-chartLeft) / float64(len(c.Points))
	every := 1 + (len(c.Points)-1)/12
	for i, p := range c.Points {
		x := chartLeft + step*float64(i)
		value := max(p.Value, 0)
		d.Bars = append(d.Bars, bar{X: number1(x + step*0.15), Y: number1(y(value)), Width: number1(step * 0.7), Height: number1(float64(chartHeight-chartBottom) - y(value))})
		if i%every == 0 {
			d.Names = append(d.Names, ruled{X: int(x + step/2), Y: chartHeight - 6, Text: p.Label})
		}
	}
	if c.Limit > 0 {
		d.Limit = &ruled{X: chartLeft, X2: chartWidth, Y: int(y(c.Limit))}
	}
	return d
}

func number1(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// roundUp is the next of 2, 4, 10, 20, 40, 100, … from n on.
func roundUp(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, k := range []int64{2, 4, 10} {
			if n <= k*unit || unit > 1e15 {
				return k * unit
			}
		}
	}
}

// short writes a number that fits beside an axis: 20,000,000 as 20 M.
func short(n int64) string {
	const million = 1_000_000
	if n < million || n%million != 0 && n%(million/10) != 0 {
		return thousands(n)
	}
	return strings.TrimSuffix(strconv.FormatFloat(float64(n)/million, 'f', 1, 64), ".0") + " M"
}

// thousands writes 12345 as 12,345.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (Badges) template() string    { return "badges" }
func (Confirm) template() string   { return "confirm" }
func (Countdown) template() string { return "countdown" }
func (Progress) template() string  { return "progress" }
func (Chart) template() string     { return "chart" }
