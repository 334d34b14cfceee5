// Package quickfind finds pages of a house by what people call them: by label, by another label, and by older words, the
// best first. It forgives case, blanks, hyphens, the end of a word that is still being typed, and a letter or two that are wrong.
package quickfind

import (
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/ui"
)

// Name is the parameter that a search box sends.
const Name = "q"

// MaxQuery bounds a search, in characters.
const MaxQuery = 80

// Page is a page that can be found.
type Page struct {
	Label string
	Also  string // another label of the same page; "" for none
	Href  string
	Words []string // older names, and what people call what it is for
}

// The words that the documents and their readers have for the two clouds and what joins them (document 000, connect-facts 1.1).

// Connector are those for what joins the clouds.
func Connector() []string {
	return []string{"MC Connect", "Marketing Cloud Connect", "ExactTarget", "ET", "Marketing Cloud"}
}

// Person are those for the users by which one cloud signs in to the other; the last is the name of the connector that document 004
// is about, which has such a user too.
func Person() []string {
	return []string{"tracking user", "API user", "system user", "integration user", "Salesforce Connector"}
}

// Clean is a query without what surrounds it, cut to MaxQuery.
func Clean(query string) string {
	query = strings.TrimSpace(query)
	if r := []rune(query); len(r) > MaxQuery {
		return string(r[:MaxQuery])
	}
	return query
}

// Find gives the pages that fit, the best first. Nothing is found for a query without a letter or a digit.
func Find(query string, pages []Page) []Page {
	asked := Fold(query)
	if len(asked) == 0 {
		return nil
	}
	// A hit is a page with how well it fits: less is better.
	type hit struct {
		page Page
		miss int
	}
	var hits []hit
	for _, p := range pages {
		best := -1
		for i, name := range append([]string{p.Label, p.Also}, p.Words...) {
			miss, ok := fits(asked, Fold(name))
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
			hits = append(hits, hit{p, best})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.miss - b.miss })
	out := make([]Page, len(hits))
	for i, h := range hits {
		out[i] = h.page
	}
	return out
}

// Answer is what a page says to a query: the pages that were found, under both labels where there are two, or what to do where
// there are none. where is the tree of the house, or its first page.
func Answer(query string, found []Page, where ui.Link) []ui.Block {
	var links ui.Links
	for _, p := range found {
		links = append(links, ui.Link{Text: p.Label, Href: p.Href})
		if p.Also != "" && p.Also != p.Label {
			links = append(links, ui.Link{Text: p.Also, Href: p.Href})
		}
	}
	if len(links) > 0 {
		return []ui.Block{ui.Text("Pages for “" + query + "”:"), links}
	}
	return []ui.Block{ui.Text("No page of " + where.Text + " fits “" + query + "”. Check the spelling, try a more general word, or go by the tree of " + where.Text + "."), ui.Links{where}}
}

// Fold gives the words of a text, in small letters.
func Fold(text string) []string {
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
