package browser_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/browser"
	"github.com/twinspan/twinspan/internal/fault"
)

// TestFormsOfManyBoxes: a form of somebody who is signed in may have a check box for each of many business units; one that anybody
// may send stays small. Both have the browser's token.
func TestFormsOfManyBoxes(t *testing.T) {
	t.Parallel()
	var b browser.Browsers
	shown := httptest.NewRecorder()
	token := b.FormToken(shown, httptest.NewRequest(http.MethodGet, "/", nil))
	request := func(boxes int, token string) *http.Request {
		form := url.Values{browser.TokenField: {token}}
		for n := range boxes {
			form.Set("unit-"+strconv.Itoa(500000000+n), "1")
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range shown.Result().Cookies() {
			r.AddCookie(c)
		}
		return r
	}
	if form, err := b.ReadFields(httptest.NewRecorder(), request(1500, token)); err != nil || len(form) != 1501 {
		t.Errorf("%d %v", len(form), err)
	}
	for name, err := range map[string]error{
		"anybody's":      second(b.ReadForm(httptest.NewRecorder(), request(150, token))),
		"far too many":   second(b.ReadFields(httptest.NewRecorder(), request(2500, token))),
		"more than 64 K": second(b.ReadFields(httptest.NewRecorder(), request(5000, token))),
		"another token":  second(b.ReadFields(httptest.NewRecorder(), request(1, strings.ToUpper(token)))),
	} {
		if status := fault.KindOf(err).HTTPStatus(); err == nil || status >= 500 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCookiesAreOfThisHost: over https a neighbour of the host cannot plant the cookies.
func TestCookiesAreOfThisHost(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		b := browser.Browsers{Secure: secure}
		w := httptest.NewRecorder()
		b.SetSession(w, "text")
		token := b.FormToken(w, httptest.NewRequest(http.MethodGet, "/", nil))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		planted := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range w.Result().Cookies() {
			if strings.HasPrefix(c.Name, "__Host-") != secure || c.Secure != secure || c.Path != "/" || c.Domain != "" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("%v: %s", secure, c)
			}
			r.AddCookie(c)
			planted.AddCookie(&http.Cookie{Name: strings.TrimPrefix(c.Name, "__Host-"), Value: c.Value})
		}
		if b.FormToken(httptest.NewRecorder(), r) != token || secure == (b.FormToken(httptest.NewRecorder(), planted) == token) {
			t.Errorf("%v: the token is not the browser's", secure)
		}
	}
}

func second(_ url.Values, err error) error { return err }
