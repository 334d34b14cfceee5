package setup

import (
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/ui"
)

var nodeSessions = node{
	Path: below("session-management"), Label: "Session Management", Classic: []string{"Administer", "Security Controls"}, Lightning: []string{"Security"},
	Words: []string{"active sessions", "log out", "user session information"}, Need: org.Need{{org.PermViewSetup}, {org.PermManageUsers}},
}

// shownSessions is how many sessions a page shows.
const shownSessions = 50

func (s *Server) mountSessions(on func(node) routes) {
	on(nodeSessions).get("", nodeSessions.Need, func(v *visit) { showSessions(v, nil) })
	on(nodeSessions).post("", nodeSessions.Need, removeSessions)
}

// fieldSession are the check boxes of sessions.
const fieldSession = "session"

// sessionTypes are what Setup calls the types of sessions (crm-wire 5.2).
var sessionTypes = map[string]string{
	org.SessionUI: "UI", org.SessionAPI: "API", org.SessionOAuth2: "OAuth2", org.SessionSubstitute: "Substitute User",
}

// showSessions is Security > Session Management: who is signed in. A tab that is closed ends no session, so this is where the
// warnings of documents 001 and 003 can be obeyed.
func showSessions(v *visit, alerts []ui.Alert) {
	q, ok := v.query()
	if !ok {
		return
	}
	page := pageNumber(q.Get("page"))
	rows, more, err := v.newest("SELECT Id, Users.Name, Users.Username, SessionType, LoginType, SourceIp, CreatedDate, LastModifiedDate, NumSecondsValid, IsCurrent, ParentId FROM AuthSession"+
		" ORDER BY CreatedDate DESC, Id", page, shownSessions)
	if err != nil {
		v.fail(err)
		return
	}
	s := ui.Selection{
		Action: nodeSessions.Path, Name: fieldSession, Caption: "User Session Information", Empty: "Nobody is signed in.",
		Columns: []string{"Username", "Full Name", "Session Type", "Login Type", "Source IP", "Created", "Last Modified", "Valid For (minutes)", "This Session"},
		Submits: []ui.Submit{{Label: "Remove"}},
	}
	for _, r := range rows {
		current := ""
		if r.flag(9) {
			current = "Yes"
		}
		s.Rows = append(s.Rows, ui.Choice{Value: r.text(0), Label: r.text(2), Cells: ui.Row(
			r.text(1), sessionTypes[r.text(3)], r.text(4), r.text(5), moment(r.time(6)), moment(r.time(7)), strconv.FormatInt(r.number(8)/60, 10), current,
		)})
	}
	v.show(nodeSessions.Label, alerts, ui.Text("Closing a tab doesn't end an active session. Remove the sessions of this org that must not be connected to, and leave that of the Salesforce system user."),
		s, pager(nodeSessions.Path, page, more))
}

// removeSessions ends the sessions that were checked.
func removeSessions(v *visit) {
	f, ok := v.selection(fieldSession)
	if !ok {
		return
	}
	ids, err := chosen(f[fieldSession])
	if err != nil {
		v.fail(err)
		return
	}
	if len(ids) == 0 {
		showSessions(v, []ui.Alert{{Kind: ui.Error, Title: "No session was removed", Text: "Select at least one session."}})
		return
	}
	var ops []org.Op
	for _, id := range ids {
		ops = append(ops, org.Op{Action: org.ActionDelete, Object: org.ObjectAuthSession, ID: string(id)})
	}
	err = v.batch(ops)
	switch said := refused(err); {
	case said != "":
		showSessions(v, []ui.Alert{{Kind: ui.Error, Title: "No session was removed", Text: said}})
	case err != nil:
		v.fail(err)
	default:
		v.to(nodeSessions.Path)
	}
}
