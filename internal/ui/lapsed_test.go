package ui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/ui"
)

// TestLapsed: what was typed is shown and can be sent once more, but for secrets; where one is left out that no form would miss, it
// cannot.
func TestLapsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		form          url.Values
		shown, resent bool
	}{
		"typed":        {url.Values{"name": {"kept words"}, "form_token": {"sesame"}, "id": {"7"}, "user": {"a", "b"}}, true, true},
		"a password":   {url.Values{"name": {"kept words"}, "password": {"sesame"}, "again": {"sesame"}}, true, true},
		"a secret":     {url.Values{"name": {"kept words"}, "client_secret": {"sesame"}}, true, false},
		"a token":      {url.Values{"name": {"kept words"}, "security_token": {"sesame"}}, true, false},
		"an empty one": {url.Values{"name": {"kept words"}, "security_token": {""}}, true, true},
		"nothing":      {url.Values{"id": {"7"}, "password": {"sesame"}}, false, false},
	} {
		p := ui.Lapsed(c.form, "/there", ui.Link{Text: "Log In", Href: "/login"}, ui.Field{Type: ui.HiddenField, Name: "form_token", Value: "fresh"})
		if p == nil {
			if c.shown {
				t.Errorf("%s: no page", name)
			}
			continue
		}
		w, _ := render(t, *p)
		body := w.Body.String()
		resent := strings.Contains(body, "Send once more") && strings.Contains(body, `action="/there"`) && strings.Contains(body, `name="form_token" value="fresh"`)
		if !c.shown || strings.Contains(body, "sesame") || !strings.Contains(body, "<dd>kept words</dd>") || resent != c.resent || resent != strings.Contains(body, `target="_blank" rel="noopener"`) {
			t.Errorf("%s: %s", name, body)
		}
		if name == "typed" && strings.Count(body, `name="user"`) != 2 {
			t.Errorf("%s: of what was chosen some is lost: %s", name, body)
		}
	}
}
