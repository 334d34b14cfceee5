package setup

import (
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/ui"
)

var nodeTrail = node{
	Path: below("setup-audit-trail"), Label: "View Setup Audit Trail", Also: "Setup Audit Trail", Classic: []string{"Administer", "Security Controls"}, Lightning: []string{"Security"},
	Words: []string{"audit", "who changed"}, Need: viewer,
}

// shownChanges is how many changes a page of the trail shows; the real one shows twenty.
const shownChanges = 50

func (s *Server) mountTrail(on func(node) routes) {
	on(nodeTrail).get("", viewer, serveTrail)
}

// serveTrail is View Setup Audit Trail: who changed what, the newest first.
func serveTrail(v *visit) {
	q, ok := v.query()
	if !ok {
		return
	}
	page := pageNumber(q.Get("page"))
	rows, more, err := v.newest("SELECT CreatedDate, CreatedById, Section, Display, DelegateUser FROM SetupAuditTrail ORDER BY CreatedDate DESC, Id DESC", page, shownChanges)
	var names map[org.ID]string
	if err == nil {
		var ids []org.ID
		for _, r := range rows {
			ids = append(ids, r.id(1))
		}
		names, err = v.usernames(ids)
	}
	if err != nil {
		v.fail(err)
		return
	}
	t := ui.Table{Caption: "Setup Audit Trail", Columns: []string{"Date", "User", "Action", "Section", "Delegate User"}, Empty: "Nothing was changed yet."}
	for _, r := range rows {
		t.Rows = append(t.Rows, ui.Row(moment(r.time(0)), names[r.id(1)], r.text(3), r.text(2), r.text(4)))
	}
	v.show(nodeTrail.Label, nil, t, pager(nodeTrail.Path, page, more))
}
