package setup

import (
	"slices"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/crm/internal/org"
)

// findPath is where Quick Find leads.
const findPath = login.SetupPath + "/find"

// fieldQuery is what is searched for.
const fieldQuery = "q"

// maxQuery bounds a search, in characters.
const maxQuery = 80

// found is a page with how well it fits: less is better.
type found struct {
	node node
	miss int
}

// find looks for pages by label, by other names and by words, the best first. It forgives case, blanks, hyphens, the end of
// a word that is still being typed, and a letter or two that are wrong.
func find(query string, p org.Permissions) []node {
	asked := fields(query)
	if len(asked) == 0 {
		return nil
	}
	var hits []found
	for _, n := range nodes() {
		if !n.Need.MetBy(p) {
			continue
		}
		best := -1
		for i, name := range append([]string{n.Label, n.Also}, n.Words...) {
			miss, ok := fits(asked, fields(name))
			if !ok {
				continue
			}
			if i > 1 {
				miss += 10 // a label before a word
			}
			if best < 0 || miss < best {
				best = miss
			}
		}
		if best >= 0 {
			hits = append(hits, found{n, best})
		}
	}
	slices.SortStableFunc(hits, func(a, b found) int { return a.miss - b.miss })
	out := make([]node, len(hits))
	for i, h := range hits {
		out[i] = h.node
	}
	return out
}

// fields are the words of a text, in small letters.
func fields(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r != '&' && (r < '0' || r > '9' && r < 'a' || r > 'z' && r < 0x80) })
}

// fits reports whether every word asked for is among the name's, each once, and how far off they are together. Words that are
// run together or apart in another way fit too: "open id" is "OpenID".
func fits(asked, name []string) (miss int, ok bool) {
	if run := strings.Join(asked, ""); len(run) > 3 && strings.Contains(strings.Join(name, ""), run) {
		return max(len(name)-len(asked), 0), true
	}
	left := slices.Clone(name)
	for _, a := range asked {
		best, at := -1, -1
		for i, w := range left {
			if d := off(a, w); d >= 0 && (best < 0 || d < best) {
				best, at = d, i
			}
		}
		if at < 0 {
			return 0, false
		}
		miss += best
		left = slices.Delete(left, at, at+1)
	}
	return miss + len(left), true // a name of just these words before one of more
}

// off is how far the word asked for is from the word that is there; -1 for too far.
func off(asked, word string) int {
	switch {
	case asked == word:
		return 0
	case strings.HasPrefix(word, asked):
		return 1
	}
	d := distance(asked, word)
	if d <= allowed(asked) {
		return 2 * d
	}
	// Of a word that is still being typed, the end is missing too.
	if r := []rune(word); len(r) > len(asked) && distance(asked, string(r[:min(len(r), len([]rune(asked)))])) <= allowed(asked)-1 {
		return 3
	}
	return -1
}

// allowed is how many wrong letters a word of the length may have.
func allowed(word string) int {
	switch n := len([]rune(word)); {
	case n < 4:
		return 0
	case n < 7:
		return 1
	}
	return 2
}

// distance is how many letters were left out, put in, changed or swapped with their neighbour.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, row, next := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		next[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(y)]
}

// anchor is the id of a heading.
func anchor(path []string) string { return strings.Join(fields(strings.Join(path, " ")), "-") }
