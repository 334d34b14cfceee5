package soql

import (
	"strconv"
	"strings"
	"time"
)

// Calendar is what "today" means to the one who asks.
type Calendar struct {
	Now       time.Time    // domain time, in the user's time zone
	WeekStart time.Weekday // as the user's locale has it
}

// unit is a stretch of the calendar.
type unit uint8

const (
	days unit = iota
	weeks
	months
	quarters
	years
)

// period says which stretch a date literal means: from the unit that is first units after the current one, as many
// units as count says. N literals take those numbers from the n written after the colon.
type period struct {
	unit         unit
	first, count int
	n            string // "" "last" "next" "ago"
}

var periods = map[string]period{
	"YESTERDAY": {unit: days, first: -1, count: 1}, "TODAY": {unit: days, count: 1}, "TOMORROW": {unit: days, first: 1, count: 1},
	// LAST_90_DAYS has today in it, 91 days in all; NEXT_90_DAYS begins tomorrow.
	"LAST_90_DAYS": {unit: days, first: -90, count: 91}, "NEXT_90_DAYS": {unit: days, first: 1, count: 90},
	"LAST_N_DAYS": {unit: days, n: "last"}, "NEXT_N_DAYS": {unit: days, n: "next"}, "N_DAYS_AGO": {unit: days, n: "ago"},
}

var units = map[string]unit{
	"WEEK": weeks, "MONTH": months, "QUARTER": quarters, "YEAR": years,
	// The fiscal year begins in January, as in a new org.
	"FISCAL_QUARTER": quarters, "FISCAL_YEAR": years,
}

// periodOf finds a date literal, and the n of LAST_N_DAYS:n.
func periodOf(text string) (period, int, bool) {
	word, number, counted := strings.Cut(strings.ToUpper(text), ":")
	p, ok := periods[word]
	if !ok {
		p, ok = unitPeriod(word)
	}
	if !ok || counted != (p.n != "") {
		return period{}, 0, false
	}
	if !counted {
		return p, 0, true
	}
	n, err := strconv.Atoi(number)
	return p, n, err == nil && n <= maxPeriod
}

// maxPeriod bounds n. It keeps what is worked out inside the calendar of the database.
const maxPeriod = 1_000_000

// unitPeriod reads THIS_WEEK, LAST_N_FISCAL_YEARS, N_MONTHS_AGO and their kind.
func unitPeriod(word string) (period, bool) {
	if name, ok := strings.CutSuffix(word, "S_AGO"); ok {
		name, ok = strings.CutPrefix(name, "N_")
		u, known := units[name]
		return period{unit: u, n: "ago"}, ok && known
	}
	when, name, _ := strings.Cut(word, "_")
	if many, ok := strings.CutPrefix(name, "N_"); ok && (when == "LAST" || when == "NEXT") {
		name, ok = strings.CutSuffix(many, "S")
		u, known := units[name]
		return period{unit: u, n: strings.ToLower(when)}, ok && known
	}
	first, ok := map[string]int{"LAST": -1, "THIS": 0, "NEXT": 1}[when]
	u, known := units[name]
	return period{unit: u, first: first, count: 1}, ok && known
}

func isPeriod(text string) bool {
	_, _, ok := periodOf(text)
	return ok
}

// span is when a date literal begins and ends: from begin up to and without end, both midnight in the user's zone.
type span struct {
	begin, end time.Time
	// after is from when on a time is later than the literal. It is the end, but LAST_N_DAYS:n, which goes on up to now,
	// stands for its first day where something is to be later than it.
	after time.Time
}

// spanOf works out a date literal that periodOf knows.
func (c Calendar) spanOf(text string) span {
	p, n, _ := periodOf(text)
	first, count := p.first, p.count
	switch {
	case p.n == "last" && p.unit == days:
		first, count = -n, n+1
	case p.n == "last":
		first, count = -n, n
	case p.n == "next":
		first, count = 1, n
	case p.n == "ago":
		first, count = -n, 1
	}
	s := span{begin: c.start(p.unit, first), end: c.start(p.unit, first+count)}
	s.after = s.end
	if p.unit == days && first < 0 && count > 1 {
		s.after = c.start(days, first+1)
	}
	return s
}

// start is when the unit begins that is n units after the current one, kept between the years 1 and 9999.
func (c Calendar) start(u unit, n int) time.Time {
	y, m, d := c.Now.Date()
	switch u {
	case weeks:
		back := (int(c.Now.Weekday()) - int(c.WeekStart) + 7) % 7
		d += 7*n - back
	case months:
		m, d = m+time.Month(n), 1
	case quarters:
		m, d = (m-1)/3*3+1+time.Month(3*n), 1
	case years:
		y, m, d = y+n, time.January, 1
	default:
		d += n
	}
	t := time.Date(y, m, d, 0, 0, 0, 0, c.Now.Location())
	switch {
	case t.Year() < 1:
		return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 9999:
		return time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	return t
}

// weekStart is the first day of the week where the locale is at home (CLDR's weekData).
func weekStart(locale string) time.Weekday {
	_, country, _ := strings.Cut(locale, "_")
	switch country {
	case "AE":
		return time.Saturday
	case "US", "CA", "MX", "BR", "CO", "PE", "ZA", "IN", "SG", "JP", "KR", "TW", "HK", "TH", "ID", "IL", "PT":
		return time.Sunday
	}
	return time.Monday
}
