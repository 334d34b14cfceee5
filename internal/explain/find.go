package explain

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// How well an explanation fits what was met, the best last. Only those that fit best are given.
const (
	fitsNot   = iota
	fitsLoose // a word or number that stands in many messages
	fitsWord  // a text of one word
	fitsCode  // a code that is nothing else
	fitsText  // a text, or a part of one
	fitsBoth  // code and text
	fitsWhole // nothing was met but the code, in its own capitals
)

// Find gives the explanations of what somebody met: a code, a text, or a whole message in which they stand with names of
// its own, as in an answer, on a page or in a log. Those with the longest text come first; none is that nobody knows it.
func Find(met string) []Explanation {
	folded := fold(met)
	if folded == "" {
		return nil
	}
	type hit struct {
		row
		length int
	}
	best, hits, words := fitsNot, []hit(nil), wordsOf(folded)
	for _, e := range parsed() {
		how, length := fits(e, folded, words)
		if e.Code != "" && e.Code == strings.TrimSpace(met) {
			how = fitsWhole
		}
		if how == fitsNot || how < best {
			continue
		}
		if how > best {
			best, hits = how, hits[:0]
		}
		hits = append(hits, hit{e, length})
	}
	// not_found is Connect's and NOT_FOUND the org's.
	if cased := slices.DeleteFunc(slices.Clone(hits), func(h hit) bool { return !strings.Contains(met, h.Code) }); best == fitsCode && len(cased) > 0 {
		hits = cased
	}
	if best < fitsCode {
		if all := bySentence(folded); len(all) > 0 {
			return all
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.length, a.length) })
	out := make([]Explanation, 0, len(hits))
	for i, h := range hits {
		// "ip restricted" stands in "ip restricted or invalid login hours", and means that one there.
		within := func(longer hit) bool { return longer.length > h.length && strings.Contains(longer.text, h.text) }
		if h.length == 0 || !slices.ContainsFunc(hits[:i], within) {
			out = append(out, h.Explanation)
		}
	}
	if best == fitsCode {
		out = general(out, folded)
	}
	return out
}

// general leaves of the explanations of a code those that are of no text, where something was met besides the code that none
// of the texts says.
func general(all []Explanation, folded string) []Explanation {
	bare := slices.DeleteFunc(slices.Clone(all), func(e Explanation) bool { return e.Text != "" })
	if len(bare) == 0 || slices.ContainsFunc(all, func(e Explanation) bool { return fold(e.Code) == folded }) {
		return all
	}
	return bare
}

// fits says how an explanation fits, and how many bytes of its text stand there.
func fits(e row, folded string, words []string) (how, length int) {
	length = pattern(e.pieces, folded)
	code := codeIn(e, folded, words)
	switch {
	case length > 0 && code != fitsNot:
		return fitsBoth, length
	case length > 0 && (strings.ContainsAny(strings.TrimSpace(strings.ReplaceAll(e.text, "{}", "")), " _") || e.text == folded):
		return fitsText, length
	case len(folded) >= 8 && strings.Contains(e.text, folded):
		return fitsText, len(folded)
	case code != fitsNot:
		return code, 0
	case length > 0 && slices.Contains(words, e.text):
		return fitsWord, length
	}
	return fitsNot, 0
}

// pattern gives how many bytes of a text stand in what was met, in their order, whatever stands for its {}; 0 where not all do.
func pattern(pieces []string, folded string) int {
	n := 0
	for _, piece := range pieces {
		_, after, ok := strings.Cut(folded, piece)
		if !ok {
			return 0
		}
		folded = after
		n += len(piece)
	}
	return n
}

// pieces are the parts of a folded text between its gaps.
func pieces(text string) []string { return strings.Split(text, "{}") }

// codeIn says how surely a code stands in what was met.
func codeIn(e row, folded string, words []string) int {
	switch {
	case e.Code == "":
		return fitsNot
	case e.code == folded:
		return fitsCode
	case sure(e.Code):
		if slices.Contains(words, e.code) {
			return fitsCode
		}
		return fitsNot
	}
	// A number or a plain word is a code only where it is said to be one: errorcode":11, <ErrorCode>11<, 11: text.
	at := 0
	for _, word := range words {
		i := at + strings.Index(folded[at:], word)
		at = i + len(word)
		if word != e.code && !inRange(e.Code, word) {
			continue
		}
		before, after := folded[:i], folded[at:]
		if before == "" && after == "" || strings.HasPrefix(after, ": ") && (before == "" || strings.HasSuffix(before, ": ")) {
			return fitsLoose
		}
		before = strings.TrimRight(before, " \"':=<>(")
		if slices.ContainsFunc([]string{"code", "http", "status", "error"}, func(said string) bool { return strings.HasSuffix(before, said) }) {
			return fitsLoose
		}
	}
	return fitsNot
}

// sure reports whether a code is a word that means nothing else: words joined by underscores or by capital letters inside.
func sure(code string) bool {
	return strings.Contains(code, "_") || len(code) >= 6 && strings.ContainsFunc(code[1:], unicode.IsUpper)
}

// inRange reports whether a number stands in a range of codes such as 17000-17107.
func inRange(code, word string) bool {
	low, high, ok := strings.Cut(code, "-")
	if !ok {
		return false
	}
	from, err1 := strconv.Atoi(low)
	to, err2 := strconv.Atoi(high)
	n, err3 := strconv.Atoi(word)
	return err1 == nil && err2 == nil && err3 == nil && from <= n && n <= to
}

// leastSentence is how many bytes a sentence must have besides names to be told from others.
const leastSentence = 12

// bySentence gives the explanations of the code with which the longest sentence goes that stands in what was met.
func bySentence(folded string) []Explanation {
	longest, codes := leastSentence-1, []string(nil)
	for _, s := range said() {
		switch n := pattern(s.pieces, folded); {
		case n > longest:
			longest, codes = n, []string{s.code}
		case n == longest && len(codes) > 0:
			codes = append(codes, s.code)
		}
	}
	var out []Explanation
	for _, code := range codes {
		var own []Explanation
		for _, e := range parsed() {
			if e.Code == code || inRange(e.Code, code) {
				own = append(own, e.Explanation)
			}
		}
		out = append(out, general(own, folded)...)
	}
	slices.SortStableFunc(out, func(a, b Explanation) int { return cmp.Compare(a.Code, b.Code) })
	return slices.CompactFunc(out, func(a, b Explanation) bool { return a.Code == b.Code && a.Text == b.Text && a.Where == b.Where })
}

// Path is where Connect shows this table to browsers, with the explanation of what ?met= says on top.
const Path = "/troubleshoot-connected-app"

// Head is code and text of an explanation in one line, as Find takes it.
func (e Explanation) Head() string {
	return strings.Trim(e.Code+": "+strings.ReplaceAll(e.Text, "{}", "…"), ": ")
}

// Met is by what the explanation of a refusal is found: the table's words and never the refusal's own, in which names may stand;
// "" where nobody knows it.
func Met(code, text string) string {
	all := Find(strings.Trim(code+": "+text, ": "))
	switch own := slices.IndexFunc(all, func(e Explanation) bool { return e.Code == code }); {
	case code != "" && own >= 0 && (len(all) == 1 || all[own].Text != ""):
		return all[own].Head()
	case Known(code):
		return code
	case len(all) > 0:
		return all[0].Head()
	}
	return ""
}

// Way leads to the explanation of a refusal: a path with a query, to be resolved against Connect's address.
func Way(code, text string) string {
	met := Met(code, text)
	if met == "" {
		return Path
	}
	return Path + "?" + url.Values{"met": {met}}.Encode()
}

// How many Near gives at most, and how alike they must be, of 1.
const (
	maxNear  = 5
	likeness = 0.45
)

// Near gives the explanations whose code or text is most like what somebody met and nobody knows; the likest first.
func Near(met string) []Explanation {
	folded := fold(met)
	if len(folded) > 1000 {
		folded = folded[:1000]
	}
	type hit struct {
		Explanation
		like float64
	}
	var hits []hit
	words := wordsOf(folded)
	for _, e := range parsed() {
		like := max(alike(folded, e.code), alike(folded, e.text))
		for _, word := range words {
			if len(word) >= 5 {
				like = max(like, alike(word, e.code))
			}
		}
		if like >= likeness {
			hits = append(hits, hit{e.Explanation, like})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.like, a.like) })
	out := make([]Explanation, 0, maxNear)
	for _, h := range hits {
		if len(out) < maxNear && !slices.ContainsFunc(out, func(e Explanation) bool { return e.Code == h.Code && e.Text == h.Text }) {
			out = append(out, h.Explanation)
		}
	}
	return out
}

// alike is the share of groups of three letters that two texts have in common, from 0 to 1.
func alike(a, b string) float64 {
	if len(a) < 3 || len(b) < 3 {
		return 0
	}
	groups := map[string]int{}
	for i := range len(a) - 2 {
		groups[a[i:i+3]]++
	}
	both := 0
	for i := range len(b) - 2 {
		if groups[b[i:i+3]] > 0 {
			groups[b[i:i+3]]--
			both++
		}
	}
	return 2 * float64(both) / float64(len(a)+len(b)-4)
}

// fold makes spaces and letters alike, and quotes that JSON or XML hides.
func fold(s string) string {
	return strings.ToLower(strings.Join(strings.Fields(hidden.Replace(s)), " "))
}

var hidden = strings.NewReplacer(`\"`, `"`, `\n`, " ", "&quot;", `"`, "&#39;", "'", "&apos;", "'", "&amp;", "&", "’", "'", "<br>", " ")

// wordsOf are the words that could be codes.
func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}
