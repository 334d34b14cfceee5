package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of the way into the console, and out.
const (
	SignInPath       = ConsolePath + "/sign-in"
	signInOrgPath    = SignInPath + "/salesforce"
	signInTenantPath = SignInPath + "/engagement"
	// FirstPath is the one-time link's: it has the parameter token.
	FirstPath      = ConsolePath + "/first"
	consoleOutPath = ConsolePath + "/sign-out"
)

// signInPage asks by which cloud somebody wants to be known. Parameters: return, the page to come back to; pair.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	query, err := web.Query(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	l, err := s.pairOf(r, query.Get("pair"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	on := "?" + url.Values{"return": {localPath(query.Get("return"))}, "pair": {l.Pair}}.Encode()
	admin, user := l.RoleNames()
	by := "the box on your User record makes"
	if l.RolesBySet() {
		by = "the permission set makes"
	}
	own := "your own mapping"
	if l.May(standing.SignInUsers) != nil {
		own = "nothing here: your mapping is the managed package’s"
	}
	var ways ui.Links
	var closed []ui.Block // a way that ends at a cloud's own refusal is not offered
	for _, one := range []struct {
		way ui.Link
		may error
	}{{ui.Link{Text: "Sign in with Salesforce", Href: signInOrgPath + on}, l.MaySignIn()}, {ui.Link{Text: "Sign in with Engagement", Href: signInTenantPath + on}, l.MaySignInByTenant()}} {
		if one.may == nil {
			ways = append(ways, one.way)
		} else if text := ui.Text(fault.Of(one.may).Message); !slices.Contains(closed, ui.Block(text)) {
			closed = append(closed, text)
		}
	}
	blocks := []ui.Block{ui.Text("Connect knows you by your session in one of the two clouds. Whoever is signed in there is signed in here, without another password.")}
	if len(ways) > 0 {
		blocks = append(blocks, ways)
	}
	blocks = append(append(blocks, closed...),
		ui.Heading{Text: "What you may do then"},
		ui.Definitions{
			{Name: admin, Value: "everything: " + by + " you an administrator of the connection"},
			{Name: user, Value: own},
			{Name: "Marketing Cloud Administrator", Value: "the steps that are done in Engagement"},
		},
		ui.Text("Before the org is connected nobody has a role there: sign in with Salesforce as an administrator of the org to follow the guides, which then look at the org in your session. Where neither cloud is there, open the one-time link that twinspan up prints when it starts."))
	s.write(w, r, http.StatusOK, ui.Page{Title: "Sign in to Connect", Brand: brand, Narrow: true, Footer: "Standing: " + l.Standing.String(), Blocks: blocks})
}

// pairOf is the connection of a pair; "" is the one that was made first.
func (s *Server) pairOf(r *http.Request, pair string) (link.Link, error) {
	if pair == "" {
		return s.Links.First(r.Context())
	}
	return s.Links.Link(r.Context(), pair)
}

// localPath is a path of this server to come back to; the console's first page where it is none.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || len(path) > 500 || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f }) {
		return ConsolePath
	}
	return path
}

// signInBy sends the browser to the cloud that its path names.
func (s *Server) signInBy(w http.ResponseWriter, r *http.Request) {
	query, err := web.Query(r)
	var l link.Link
	if err == nil {
		l, err = s.pairOf(r, query.Get("pair"))
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	purpose := signin.Console
	if r.URL.Path == signInTenantPath {
		purpose = signin.ConsoleTenant
	}
	location, err := s.Signins.BeginConsole(r.Context(), l, purpose, localPath(query.Get("return")), s.cookies.browser(w, r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	redirect(w, r, location)
}

// enter begins the session of somebody whom a cloud signed in; lent is the session in the org that he lends for as long.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, l link.Link, p access.Person, own *engagement.Session, lent vault.Secret, back string) {
	cookie, _, why, err := s.Access.Enter(r.Context(), l, p, own, lent)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if why != nil {
		s.log(r, http.StatusOK, why)
	}
	s.leaveFormer(r)
	s.cookies.set(w, s.cookies.console, cookie, int(access.SessionLife.Seconds()))
	redirect(w, r, localPath(back))
}

// enterTenant is enter for whoever came back from the tenant. The grant that signing in made is given back, unless the
// connection works with it: signing in to the console lets Connect act for nobody.
func (s *Server) enterTenant(w http.ResponseWriter, r *http.Request, a signin.Arrival) {
	if a.User.EID != a.Link.EID {
		s.giveBack(r, a)
		s.refuse(w, r, link.WrongEnterprise(link.CodeWrongAccount, a.Link, a.User))
		return
	}
	s.enter(w, r, a.Link, access.Person{Cloud: access.ByEngagement, UserID: a.User.UserID, Username: a.User.Username, Name: a.User.Name}, a.Own(), "", a.Flow.Return)
	s.giveBack(r, a)
}

// leaveFormer ends the session that this browser had before; one that cannot be ended ends by itself.
func (s *Server) leaveFormer(r *http.Request) {
	if former := s.cookies.get(r, s.cookies.console); former != "" {
		if err := s.Access.Leave(r.Context(), former); err != nil {
			s.log(r, http.StatusOK, err)
		}
	}
}

// first asks whoever opens the one-time link to press a button: what merely looks at links uses none up.
func (s *Server) first(w http.ResponseWriter, r *http.Request) {
	query, err := web.Query(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.write(w, r, http.StatusOK, ui.Page{
		Title: "Open the console", Brand: brand, Narrow: true,
		Blocks: []ui.Block{
			ui.Text("This link makes its bearer an administrator of the connection. It works once, for an hour after it was made."),
			ui.Form{Action: FirstPath, Fields: []ui.Field{{Type: ui.HiddenField, Name: "token", Value: query.Get("token")}}, Submits: []ui.Submit{{Label: "Open the console"}}},
		},
	})
}

// enterFirst takes the one-time link.
func (s *Server) enterFirst(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	var cookie string
	if err == nil {
		cookie, err = s.Access.EnterByLink(r.Context(), form.Get("token"))
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.leaveFormer(r)
	s.cookies.set(w, s.cookies.console, cookie, int(access.SessionLife.Seconds()))
	redirect(w, r, ConsolePath)
}

// consoleOut is [Server.signOut] for the console's button.
func (s *Server) consoleOut(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	if err := s.endSessions(w, r); err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := signedOut(v.link)
	p.Blocks = append(p.Blocks, ui.Links{{Text: "Sign in to Connect", Href: SignInPath}})
	s.write(w, r, http.StatusOK, p)
}
