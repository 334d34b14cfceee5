// Package explain says what the refusals mean that the two clouds and Connect give: in which words they come, why, and what
// mends it. It is a table, explanations.tsv, and knows no cloud: texts are compared as they stand in the vendors' answers
// (crm-wire 1.6 and 3.3, engagement-wire 2.1 and 4, connect-facts 5.4).
package explain

import (
	_ "embed" // for the table
	"slices"
	"strings"
)

//go:embed explanations.tsv
var table string

// Explanation is what one refusal means.
type Explanation struct {
	Code   string   `json:"code"`  // "invalid_app_access"; "" where there is only a text
	Text   string   `json:"text"`  // as the cloud says it; "" where the code alone tells
	Where  string   `json:"where"` // who says it: "org, token endpoint"
	Cause  string   `json:"cause"`
	Mend   string   `json:"mend"`
	Checks []string `json:"checks"` // ids of the doctor's checks that look for it
	Source string   `json:"source"`
}

// All are all explanations, in the order of the table.
func All() []Explanation {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	out := make([]Explanation, 0, len(lines))
	for _, line := range lines {
		cells := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || len(cells) != 7 {
			continue
		}
		out = append(out, Explanation{cells[0], cells[1], cells[2], cells[3], cells[4], strings.Fields(cells[5]), cells[6]})
	}
	return out
}

// Find gives the explanations of what somebody met: a code, a text, or both in one, as they stand in an answer or a log.
// Those whose text stands in it come before those that only share the code; none is that nobody knows it.
func Find(met string) []Explanation {
	folded := fold(met)
	var exact, text, code []Explanation
	for _, e := range All() {
		hasText := e.Text != "" && (strings.Contains(folded, fold(e.Text)) || len(folded) >= 8 && strings.Contains(fold(e.Text), folded))
		hasCode := e.Code != "" && hasWord(folded, fold(e.Code))
		switch {
		case hasText && hasCode:
			exact = append(exact, e)
		case hasText:
			text = append(text, e)
		case hasCode:
			code = append(code, e)
		}
	}
	switch {
	case len(exact) > 0:
		return exact
	case len(text) > 0:
		return text
	}
	return code
}

// fold makes spaces and letters alike.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// hasWord reports whether a word stands in a text by itself.
func hasWord(text, word string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}), word)
}
