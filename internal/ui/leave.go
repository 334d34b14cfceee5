package ui

import (
	"net/http"
	"net/url"

	"github.com/twinspan/twinspan/internal/web"
)

// Leave sends a browser on with GET, to a path or URL that may lead to another origin, at once or in the end. p says what
// stands around the page on which that happens: Brand and Footer; status is the redirect's, where it is one.
//
// After a form a redirect would not do: browsers hold all redirects that follow a form to the form-action of its page,
// which names this origin and, at most, the next one. Where somebody's callback goes on to yet another address they would
// stay at the form, without a word. So the form is answered by a page of this origin that goes on by itself, with a link for
// who waits. Clients that are no browser's window get the redirect: nothing holds them to a policy. So do
// applications' own schemes, which a browser opens after a press only, and browsers that do not say that they navigate,
// where the page's form-action has to do.
func Leave(w http.ResponseWriter, r *http.Request, status int, p Page, to string) error {
	if r.Method != http.MethodPost || r.Header.Get("Sec-Fetch-Mode") != "navigate" || !followed(to) {
		web.NoStore(w)
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Location", to) // http.Redirect would rewrite what it takes for a relative address
		w.WriteHeader(status)
		return nil
	}
	p.Title, p.Narrow, p.Alerts = "One moment", true, nil
	p.Blocks = []Block{Text("You are being taken on."), Links{{Text: "Go on", Href: to}}}
	w.Header().Set("Refresh", "0; url="+to)
	return Render(w, http.StatusOK, p)
}

// followed reports whether a page may lead there by itself: an address of this server, or of the web.
func followed(to string) bool {
	u, err := url.Parse(to)
	return err == nil && (u.Scheme == "" && u.Host == "" && len(u.Path) > 0 && u.Path[0] == '/' || (u.Scheme == "http" || u.Scheme == "https") && u.Host != "")
}
