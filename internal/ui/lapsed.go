package ui

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Fields that Lapsed does not show: what nobody should read over somebody's shoulder, or out of a log of pages, and what the forms
// of the houses send without anybody having typed it.
var (
	secretNames = regexp.MustCompile(`(?i)pass|^pw$|secret|token|^again$|confirm`)
	ownNames    = regexp.MustCompile(`^(had|ok|do|id|tx|state|change|flow|answer|pair|which|fields)$`)
)

// Lapsed is the page for somebody whose session ended while he filled in a form: nothing was saved, what he typed stands there to be
// taken over, but for passwords and other secrets, and signIn leads to where he signs in and from there back. It is nil where he
// typed nothing.
func Lapsed(form url.Values, signIn string) *Page {
	var typed Definitions
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if secretNames.MatchString(name) || ownNames.MatchString(name) {
			continue
		}
		if value := strings.TrimSpace(strings.Join(form[name], ", ")); value != "" {
			typed = append(typed, Definition{Name: name, Value: value})
		}
	}
	if typed == nil {
		return nil
	}
	return &Page{
		Title: "Your session has ended",
		Alerts: []Alert{{
			Kind: Error, Title: "Nothing was saved",
			Text: "You are no longer signed in. What you typed stands below, without passwords and other secrets: keep it, sign in, and enter it again.",
		}},
		Blocks: []Block{Links{{Text: "Sign in", Href: signIn}}, Heading{Text: "What you typed"}, typed},
	}
}
