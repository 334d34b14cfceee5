package setup

import (
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/ui"
)

var nodeHistory = node{
	Path: below("login-history"), Label: "Login History", Classic: []string{"Administer", "Manage Users"}, Lightning: []string{"Identity"},
	Words: []string{"Failed: Not approved for access", "failed logins"}, Need: org.Need{{org.PermManageUsers}},
}

// shownLogins is how many logins a page of Login History shows.
const shownLogins = 50

// maxPages bounds how far back the pages of a list go: 2,000 is what a query may pass over (crm-wire 3.4).
const maxPages = 40

func (s *Server) mountHistory(on func(node) routes) {
	on(nodeHistory).get("", nodeHistory.Need, serveHistory)
}

// pageNumber is which page of a list is asked for, from 0.
func pageNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxPages {
		return 0
	}
	return n
}

// pager leads to the pages before and after one of a list.
func pager(path string, page int, more bool) ui.Links {
	var out ui.Links
	if page > 0 {
		out = append(out, ui.Link{Text: "Newer", Href: path + "?page=" + strconv.Itoa(page-1)})
	}
	if more && page < maxPages {
		out = append(out, ui.Link{Text: "Older", Href: path + "?page=" + strconv.Itoa(page+1)})
	}
	return out
}

// newest are the rows of a page of a list in time, and whether there are older ones.
func (v *visit) newest(query string, page, size int) ([]row, bool, error) {
	rows, err := v.rows(query + " LIMIT " + strconv.Itoa(size+1) + " OFFSET " + strconv.Itoa(page*size))
	if err != nil || len(rows) <= size {
		return rows, false, err
	}
	return rows[:size], true, nil
}

const selectLogins = "SELECT LoginTime, UserId, LoginType, LoginSubType, SourceIp, Status, Application, Browser, Platform, ApiType, ApiVersion FROM LoginHistory"

// logins is a page of the table of logins; names are the users' by id, nil where all are one's own.
func logins(rows []row, names map[org.ID]string) ui.Table {
	t := ui.Table{Caption: "Login History", Columns: []string{"Login Time"}, Empty: "No login is kept."}
	if names != nil {
		t.Columns = append(t.Columns, "Username")
	}
	t.Columns = append(t.Columns, "Status", "Login Type", "Login Subtype", "Application", "Source IP", "Browser", "Platform", "API Type", "API Version")
	for _, r := range rows {
		cells := ui.Row(moment(r.time(0)))
		if names != nil {
			cells = append(cells, ui.Cell{Text: names[r.id(1)], Href: nodeUsers.Path + "/" + r.text(1)})
		}
		t.Rows = append(t.Rows, append(cells, ui.Row(r.text(5), r.text(2), r.text(3), r.text(6), r.text(4), r.text(7), r.text(8), r.text(9), r.text(10))...))
	}
	return t
}

// usernames are the user names of users, by id.
func (v *visit) usernames(ids []org.ID) (map[org.ID]string, error) {
	out := map[org.ID]string{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := v.rows("SELECT Id, Username FROM User WHERE Id IN " + list(ids))
	for _, r := range rows {
		out[r.id(0)] = r.text(1)
	}
	return out, err
}

// serveHistory is Login History of all users.
func serveHistory(v *visit) {
	q, ok := v.query()
	if !ok {
		return
	}
	page := pageNumber(q.Get("page"))
	rows, more, err := v.newest(selectLogins+" ORDER BY LoginTime DESC", page, shownLogins)
	var names map[org.ID]string
	if err == nil {
		ids := make([]org.ID, len(rows))
		for i, r := range rows {
			ids[i] = r.id(1)
		}
		names, err = v.usernames(ids)
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.show(nodeHistory.Label, nil, logins(rows, names), pager(nodeHistory.Path, page, more))
}

// serveOwnHistory is what everybody sees of it: his own.
func serveOwnHistory(v *visit) {
	q, ok := v.query()
	if !ok {
		return
	}
	page := pageNumber(q.Get("page"))
	rows, more, err := v.newest(selectLogins+" WHERE UserId = "+literal(string(v.User.ID))+" ORDER BY LoginTime DESC", page, shownLogins)
	if err != nil {
		v.fail(err)
		return
	}
	v.show(nodeOwnHistory.Label, nil, logins(rows, nil), pager(nodeOwnHistory.Path, page, more))
}
