package setup

import (
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/ui"
)

// shownUsers is how many users a page of a list of them shows.
const shownUsers = 50

// Parameters of lists of users.
const (
	paramLetter = "letter" // of the last name
	paramAfter  = "after"  // last name of the last user of the page before
	paramID     = "after_id"
)

func (s *Server) mountUsers(on func(node) routes) {
	users := on(nodeUsers)
	users.get("", viewer, serveUsers)
	users.get("/new", manageUsers, func(v *visit) { showUserForm(v, "", nil, nil, nil) })
	users.post("/new", manageUsers, saveNewUser)
	users.get("/{id}", viewer, func(v *visit) {
		if id, ok := v.record(); ok {
			showUser(v, id, nil)
		}
	})
	users.post("/{id}", viewer, changeUser)
	users.get("/{id}/edit", manageUsers, func(v *visit) {
		if id, ok := v.record(); ok {
			showUserForm(v, id, nil, nil, nil)
		}
	})
	users.post("/{id}/edit", manageUsers, saveUser)
	users.get("/{id}/permission-sets", assignSets, func(v *visit) {
		if id, ok := v.record(); ok {
			showUserSets(v, id, nil, nil)
		}
	})
	users.post("/{id}/permission-sets", assignSets, saveUserSets)
}

// manageUsers is what making and changing users takes; assignSets, what giving them permission sets takes.
var (
	manageUsers = org.StandardSchema().Object(org.ObjectUser, nil).Create
	assignSets  = org.StandardSchema().Named(org.ObjectPermissionSetAssignment).Create
)

// userFilter is which users a list shows, and from where.
type userFilter struct {
	asked, letter string
	after, id     string
}

func filterOf(q url.Values) userFilter {
	f := userFilter{asked: strings.TrimSpace(q.Get(fieldQuery)), letter: q.Get(paramLetter), after: q.Get(paramAfter), id: q.Get(paramID)}
	if r := []rune(f.asked); len(r) > maxQuery {
		f.asked = string(r[:maxQuery])
	}
	if len(f.letter) != 1 || f.letter < "A" || f.letter > "Z" {
		f.letter = ""
	}
	return f
}

// reach is how many users are looked at for a page of those who do not have a permission set.
const reach = 500

// listed reads a page of users. with adds to the filter; nil for nothing.
func (v *visit) listed(f userFilter, with func(*org.UserFilter)) (org.UserPage, error) {
	filter := org.UserFilter{Text: f.asked, Letter: f.letter, Limit: shownUsers, Reach: reach}
	if id, err := org.ParseID(f.id); err == nil {
		filter.AfterName, filter.AfterID = f.after, id
	}
	if with != nil {
		with(&filter)
	}
	return v.s.Users.UserList(v.ctx(), v.Org.ID, filter)
}

// finder are the blocks above and below a list of users: search, the letters, and the next page.
func (f userFilter) finder(path string, page org.UserPage) (above []ui.Block, below ui.Links) {
	letters := ui.Index{Label: "Users by the first letter of the last name"}
	for c := 'A'; c <= 'Z'; c++ {
		letters.Items = append(letters.Items, ui.Link{Text: string(c), Href: path + "?" + paramLetter + "=" + string(c)})
	}
	letters.Items = append(letters.Items, ui.Link{Text: "All", Href: path})
	above = []ui.Block{ui.Form{
		Get: true, Inline: true, Action: path, Submits: []ui.Submit{{Label: "Search Users", Secondary: true}},
		Fields: []ui.Field{{Name: fieldQuery, Label: "Find users by name, user name, email or alias", Value: f.asked, Autocomplete: "off", MaxLength: maxQuery}},
	}, letters}
	if f.id != "" {
		below = append(below, ui.Link{Text: "First Page", Href: path + f.query("", "")})
	}
	if page.More {
		below = append(below, ui.Link{Text: "Next Page", Href: path + f.query(page.NextName, string(page.NextID))})
	}
	return above, below
}

// query writes the filter as the query of an address.
func (f userFilter) query(after, id string) string {
	q := url.Values{}
	for name, value := range map[string]string{fieldQuery: f.asked, paramLetter: f.letter, paramAfter: after, paramID: id} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// serveUsers is Setup > Users > Users. The Login link is in the Action column while the policy is on (document 004).
func serveUsers(v *visit) {
	q, ok := v.query()
	if !ok {
		return
	}
	f := filterOf(q)
	page, err := v.listed(f, nil)
	var alerts []ui.Alert
	if err == nil {
		alerts, err = v.s.Door.Banner(v.ctx(), v.Visit)
	}
	if err != nil {
		v.fail(err)
		return
	}
	t := ui.Table{Caption: "All Users", Columns: []string{"Full Name", "Action", "Alias", "Username", "Last Login", "Active", "Profile"}, Empty: "No user fits."}
	edits := manageUsers.MetBy(v.User.Permissions)
	for _, u := range page.Users {
		path := nodeUsers.Path + "/" + string(u.ID)
		var action ui.Cell
		if edits {
			action.Links = []ui.Link{{Text: "Edit", Href: path + "/edit"}}
		}
		if org.CheckLoginAs(v.Org, v.Session, org.User{Org: v.Org.ID, ID: u.ID, Active: u.Active}) == nil {
			action.Form = loginForm(u.ID)
		}
		t.Rows = append(t.Rows, append([]ui.Cell{{Text: u.Name, Href: path}, action}, ui.Row(u.Alias, u.Username, moment(u.LastLogin), check(u.Active), u.Profile)...))
	}
	above, next := f.finder(nodeUsers.Path, page)
	var first []ui.Block
	if edits {
		first = append(first, ui.Links{{Text: "New User", Href: nodeUsers.Path + "/new"}})
	}
	v.show(nodeUsers.Label, alerts, append(append(append(first, above...), t), next)...)
}

// loginForm is the Login link.
func loginForm(id org.ID) *ui.Form {
	return &ui.Form{Action: login.LoginAsPath, Fields: []ui.Field{hidden(pages.FieldUser, string(id))}, Submits: []ui.Submit{{Label: "Login", Secondary: true}}}
}
