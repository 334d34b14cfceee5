package quickfind_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/quickfind"
	"github.com/twinspan/twinspan/internal/ui"
)

var pages = []quickfind.Page{
	{Label: "Users", Href: "/users", Words: append(quickfind.Person(), "New User")},
	{Label: "Connected Apps", Href: "/apps", Words: quickfind.Connector()},
	{Label: "Connected Apps OAuth Usage", Href: "/usage"},
	{Label: "Permission Sets", Href: "/sets"},
	{Label: "Reset My Security Token", Also: "Reset Security Token", Href: "/token", Words: []string{"Salesforce Connector"}},
	{Label: "OAuth and OpenID Connect Settings", Href: "/oauth"},
}

func TestFind(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"connected apps":         "/apps /usage",                      // a name of just these words first
		"Conected Apps":          "/apps /usage",                      // letters left out
		"conn":                   "/apps /usage /oauth /users /token", // still being typed; a label before a word
		"permision sets":         "/sets",
		"premission":             "/sets", // swapped
		"open id":                "/oauth",
		"reset security token":   "/token",
		"MC Connect":             "/apps",
		"exact target":           "/apps",
		"ExactTarget":            "/apps",
		"ET":                     "/apps",
		"tracking user":          "/users",
		"traking users":          "/users",
		"traking user":           "/users",
		"salesforce connector":   "/users /token",
		"salesforce conector":    "/users /token",
		"xyz":                    "",
		"":                       "",
		" & ":                    "",
		strings.Repeat("a ", 40): "",
	} {
		var got []string
		for _, p := range quickfind.Find(query, pages) {
			got = append(got, p.Href)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q finds %v, want %s", query, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	if got := quickfind.Clean("  " + strings.Repeat("ä", 100) + " "); got != strings.Repeat("ä", quickfind.MaxQuery) {
		t.Errorf("%q", got)
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	where := ui.Link{Text: "Setup", Href: "/setup"}
	found := quickfind.Answer("token", quickfind.Find("token", pages), where)
	if links, ok := found[1].(ui.Links); !ok || len(links) != 2 || links[0].Text != "Reset My Security Token" || links[1] != (ui.Link{Text: "Reset Security Token", Href: "/token"}) {
		t.Errorf("%+v", found)
	}
	none := quickfind.Answer("x y", nil, where)
	if text, ok := none[0].(ui.Text); !ok || !strings.Contains(string(text), "“x y”") || none[1].(ui.Links)[0] != where {
		t.Errorf("%+v", none)
	}
}

// FuzzFind: no query makes it panic, and every page is found by its own label.
func FuzzFind(f *testing.F) {
	for _, s := range []string{"", "a", "Connected Apps", "ÄÖÜ ß", "\x00\xff", strings.Repeat("é", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		query = quickfind.Clean(query)
		quickfind.Find(query, pages)
		if len(quickfind.Fold(query)) > 0 && len(quickfind.Find(query, []quickfind.Page{{Label: query, Href: "/"}})) != 1 {
			t.Errorf("%q does not find itself", query)
		}
	})
}
