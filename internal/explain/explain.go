// Package explain says what the refusals mean that the two clouds and Connect give: in which words they come, why, and what
// mends it. It is a table, explanations.tsv, and knows no cloud: texts are compared as they stand in the vendors' answers
// (crm-wire 1.6 and 3.3, engagement-wire 2.1 and 4, connect-facts 5.4). Two more tables are made by tests and never by hand:
// checks.tsv, what the doctor's checks want and where to click, and sentences.tsv, with which code each sentence goes that the
// houses of this program answer with, so that a sentence alone finds its explanation too.
package explain

import (
	_ "embed" // for the tables
	"slices"
	"strings"
	"sync"
)

var (
	//go:embed explanations.tsv
	table string
	//go:embed checks.tsv
	checks string
	//go:embed sentences.tsv
	sentences string
)

// Explanation is what one refusal means.
type Explanation struct {
	Code  string `json:"code"`  // "invalid_app_access", or a range of numbers, "17000-17107"; "" where there is only a text
	Text  string `json:"text"`  // as the cloud says it, with {} for words that differ; "" where the code alone tells
	Where string `json:"where"` // who says it: "org, token endpoint"
	Cause string `json:"cause"` // what it means
	// Causes are the likely ones where there are several, the likeliest first.
	Causes  []string `json:"causes,omitempty"`
	Mend    string   `json:"mend"`
	Click   string   `json:"click,omitempty"`   // the way through the product's pages, where there is one besides the checks'
	Command string   `json:"command,omitempty"` // of twinspan, likewise
	Checks  []string `json:"checks"`            // ids of the doctor's checks that look for it, the likeliest first
	Looks   []Look   `json:"looks,omitempty"`   // what these checks are
	Source  string   `json:"source"`
}

// Look is what one of the doctor's checks looks for and what mends it. Words in braces stand for names of the connection's.
type Look struct {
	Check   string `json:"check"` // "D06"
	Name    string `json:"name"`
	Wants   string `json:"wants"`
	Click   string `json:"click,omitempty"`
	Command string `json:"command,omitempty"`
	See     string `json:"see,omitempty"` // a command that shows more and mends nothing
}

// row is an explanation with what is compared, folded once.
type row struct {
	Explanation
	code, text string
	pieces     []string // of the text, between its gaps
}

// sentence is a text that a house of this program answers with, and the code with which it goes.
type sentence struct {
	code   string
	pieces []string
}

// rows splits a table into lines of at least so many cells.
func rows(text string, least int) [][]string {
	var out [][]string
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if !strings.HasPrefix(line, "#") && len(cells) >= least {
			out = append(out, cells)
		}
	}
	return out
}

// looks are the doctor's checks by id.
var looks = sync.OnceValue(func() map[string]Look {
	out := map[string]Look{}
	for _, c := range rows(checks, 6) {
		out[c[0]] = Look{c[0], c[1], c[2], c[3], c[4], c[5]}
	}
	return out
})

// said are the sentences of the houses.
var said = sync.OnceValue(func() []sentence {
	all := rows(sentences, 2)
	out := make([]sentence, len(all))
	for i, c := range all {
		out[i] = sentence{c[0], pieces(fold(c[1]))}
	}
	return out
})

// parsed is the table, read once.
var parsed = sync.OnceValue(func() []row {
	all := rows(table, 7)
	out := make([]row, 0, len(all))
	for _, c := range all {
		c = append(c, "", "") // the click and the command may be missing
		causes := strings.Split(c[3], " | ")
		e := Explanation{Code: c[0], Text: c[1], Where: c[2], Cause: causes[0], Causes: causes[1:], Mend: c[4], Checks: strings.Fields(c[5]), Source: c[6], Click: c[7], Command: c[8]}
		for _, id := range e.Checks {
			if look, ok := looks()[id]; ok {
				e.Looks = append(e.Looks, look)
			}
		}
		text := fold(e.Text)
		out = append(out, row{e, fold(e.Code), text, pieces(text)})
	}
	return out
})

// All are all explanations, in the order of the table.
func All() []Explanation {
	out := make([]Explanation, len(parsed()))
	for i, e := range parsed() {
		out[i] = e.Explanation
	}
	return out
}

// Known reports whether a code has an explanation.
func Known(code string) bool {
	return slices.ContainsFunc(parsed(), func(e row) bool { return e.Code == code && code != "" || inRange(e.Code, code) })
}
