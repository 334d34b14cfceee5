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
)

// TokenField is the hidden field by which a form is of a session or a browser; whoever sends one again has it anew.
const TokenField = "form_token"

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

// Former is the page for a form of a session before this one, which nobody's click in this one stands behind: what it says is shown,
// and whoever is signed in now sends it once more to action, where hidden goes with it, or leaves it. nothing is its alert's title. It
// is nil where there is nothing to be sent once more.
func Former(form url.Values, action, nothing string, hidden ...Field) *Page {
	typed, again := Again(form, action, hidden...)
	if typed == nil || again == nil {
		return nil
	}
	return &Page{
		Title: "Send this form once more?", Alerts: []Alert{{Kind: Warning, Title: nothing, Text: "This form is of another session, or older than yours. Look at what it says, and send it once more if it is yours."}},
		Blocks: []Block{Heading{Text: "What you typed"}, typed, *again},
	}
}

// Again is a form that was sent, to be sent once more with hidden beside it: what was typed into it, nil for nothing, and the form, nil
// where it would lack something that is not kept.
func Again(form url.Values, action string, hidden ...Field) (typed Definitions, again *Form) {
	again = &Form{Action: action, Fields: hidden, Submits: []Submit{{Label: "Send once more"}}}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		value := strings.TrimSpace(strings.Join(form[name], ", "))
		if secretNames.MatchString(name) {
			if value != "" && !passwordNames.MatchString(name) && name != TokenField {
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
