package ui

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Fields that are never shown or sent again: what nobody should read over somebody's shoulder, or out of a log of pages. A form says
// itself that a password is missing; what else is left out could be taken for something to be emptied.
var (
	secretNames   = regexp.MustCompile(`(?i)pass|^pw$|secret|token|^again$|confirm`)
	passwordNames = regexp.MustCompile(`(?i)pass|^pw$|^again$`)
	formTokens    = regexp.MustCompile(`^form_token$`) // of a session or a browser, which the page has anew
)

// ownNames are fields that the forms of the houses send without anybody having typed them.
var ownNames = regexp.MustCompile(`^(had|ok|do|id|tx|state|change|flow|answer|pair|which|fields|form_key)$`)

// Lapsed is the page for somebody whose session ended while he filled in a form: nothing was saved, and what he typed stands there but
// for passwords and other secrets. He signs in in another window, by the link, and sends it from here once more to action, where hidden
// goes with it. It is nil where he typed nothing.
func Lapsed(form url.Values, action string, signIn Link, hidden ...Field) *Page {
	typed, again := Again(form, action, hidden...)
	if typed == nil {
		return nil
	}
	p := &Page{Title: "Your session has ended", Alerts: []Alert{{Kind: Error, Title: "Nothing was saved"}}}
	text := "You are no longer signed in. What you typed stands below, without passwords and other secrets: "
	if again == nil {
		p.Alerts[0].Text = text + "keep it, sign in, and enter it again."
		p.Blocks = []Block{Links{signIn}, Heading{Text: "What you typed"}, typed}
		return p
	}
	p.Alerts[0].Text = text + "sign in in a new window, come back to this one, and send it once more."
	signIn.Text, signIn.Window = signIn.Text+" (in a new window)", true
	p.Blocks = []Block{Links{signIn}, *again, Heading{Text: "What you typed"}, typed}
	return p
}

// Again is a form that was sent, to be sent once more with hidden beside it: what was typed into it, nil for nothing, and the form, nil
// where it would lack something that is not kept.
func Again(form url.Values, action string, hidden ...Field) (typed Definitions, again *Form) {
	again = &Form{Action: action, Fields: hidden, Submits: []Submit{{Label: "Send once more"}}}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		value := strings.TrimSpace(strings.Join(form[name], ", "))
		if secretNames.MatchString(name) {
			if value != "" && !passwordNames.MatchString(name) && !formTokens.MatchString(name) {
				again = nil
			}
			continue
		}
		if again != nil {
			for _, one := range form[name] {
				again.Fields = append(again.Fields, Field{Type: HiddenField, Name: name, Value: one})
			}
		}
		if value != "" && !ownNames.MatchString(name) {
			typed = append(typed, Definition{Name: name, Value: value})
		}
	}
	return typed, again
}
