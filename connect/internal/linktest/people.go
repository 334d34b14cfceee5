package linktest

import (
	"fmt"
	"html"
	"net/http"
	"strings"
)

// Tick sets the package's two boxes on a user's record: Marketing Cloud for AppExchange User and Admin.
func (o *Org) Tick(userID string, user, admin bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	put(&o.boxes, userID, [2]bool{user, admin})
}

// boxesOf answers with a user's record.
func (o *Org) boxesOf(w http.ResponseWriter, r *http.Request) {
	if !o.lives(w, r) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	id := r.PathValue("id")
	for _, p := range o.people {
		if p.ID == id {
			Answer(w, http.StatusOK, map[string]any{
				"Id": id, "et4ae5__ExactTargetForAppExchangeUser__c": o.boxes[id][0], "et4ae5__ExactTargetForAppExchangeAdmin__c": o.boxes[id][1],
			})
			return
		}
	}
	Answer(w, http.StatusNotFound, []map[string]string{{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}})
}

// GiveRoles gives a user roles in the whole enterprise, in place of those he has.
func (v *Tenant) GiveRoles(username string, roles ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	put(&v.roles, username, roles)
}

// rolesOf is the part of a user's answer that names his roles; the tenant's lock is held.
func (v *Tenant) rolesOf(username string) string {
	var out strings.Builder
	for _, role := range v.roles[username] {
		fmt.Fprintf(&out, `<Role><Name>%s</Name></Role>`, html.EscapeString(role))
	}
	return "<Roles>" + out.String() + "</Roles>"
}
