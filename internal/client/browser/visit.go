package browser

import (
	"context"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that Visit returns.
const (
	// CodeLoginRefused: a login form came back after the credentials were sent.
	CodeLoginRefused fault.Code = "login_refused"
	// CodeNewPassword: the credentials were right, and the page wants a new password first.
	CodeNewPassword fault.Code = "new_password_wanted"
	// CodeNoCredentials: a login form asks on an origin that no credentials were given for.
	CodeNoCredentials fault.Code = "no_credentials"
	// CodeEndless: one form followed another without end.
	CodeEndless fault.Code = "endless_forms"
)

// Credentials are what a person types into one site's login form.
type Credentials struct {
	Username, Password string
}

// Errand is what a person goes to a page for: what to type into login forms, by origin (see Origin), and the texts of
// the buttons to press on other forms, "Allow" of a consent page say. A form without such a button is left alone.
type Errand struct {
	Logins map[string]Credentials
	Press  []string
}

// maxForms bounds the forms that one errand sends.
const maxForms = 12

// Visit opens an address and answers the forms on the way as the errand says, until a page asks nothing that the
// errand answers. That page is the result, whatever its status.
func (b *Browser) Visit(ctx context.Context, address string, e Errand) (*Page, error) {
	page, err := b.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	tried := map[string]bool{}
	for range maxForms {
		form, values, button, err := e.answer(page, tried)
		if err != nil {
			return nil, err
		}
		if form == nil {
			return page, nil
		}
		if page, err = b.Send(ctx, form, values, button); err != nil {
			return nil, err
		}
	}
	return nil, fault.New(fault.Conflict, CodeEndless, "%s%s asks without end", Origin(page.URL), page.URL.Path)
}

// answer chooses the form of the page to send; nil where the errand answers none. tried notes the origins whose login
// was sent already.
func (e Errand) answer(page *Page, tried map[string]bool) (*Form, url.Values, *Field, error) {
	for _, f := range page.Forms {
		if pw := f.Password(); pw != nil {
			user := f.Username()
			if user == nil {
				continue // asks for a password again or for a new one: no login form
			}
			origin := Origin(f.Action)
			c, ok := e.Logins[origin]
			if !ok {
				return nil, nil, nil, fault.New(fault.Unauthenticated, CodeNoCredentials, "%s asks for a user name and password", origin)
			}
			if tried[origin] && f.asksNewPassword() {
				return nil, nil, nil, fault.New(fault.Denied, CodeNewPassword, "%s asks %s to choose a new password", origin, c.Username)
			}
			if tried[origin] {
				return nil, nil, nil, fault.New(fault.Denied, CodeLoginRefused, "%s refused the login of %s: %s", origin, c.Username, clip(page.Text))
			}
			tried[origin] = true
			return f, url.Values{user.Name: {c.Username}, pw.Name: {c.Password}}, nil, nil
		}
	}
	for _, f := range page.Forms {
		for _, label := range e.Press {
			if b := f.Button(label); b != nil {
				return f, nil, b, nil
			}
		}
	}
	return nil, nil, nil, nil
}

// clip keeps a page's text short enough for one line.
func clip(s string) string {
	const most = 300
	s = strings.ToValidUTF8(s, "")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
