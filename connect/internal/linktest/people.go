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

// Deactivate shuts a user out of the org; what he has there stays.
func (o *Org) Deactivate(userID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	put(&o.inactive, userID, true)
}

// Freeze shuts a user out for a while: that is kept beside his record.
func (o *Org) Freeze(userID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	put(&o.frozen, userID, true)
}

// frozenOf are the rows of a query of UserLogin; the org's lock is held.
func (o *Org) frozenOf(query string) []map[string]any {
	rows := []map[string]any{}
	for _, p := range o.people {
		if strings.Contains(query, "'"+p.ID+"'") {
			rows = append(rows, map[string]any{"UserId": p.ID, "IsFrozen": o.frozen[p.ID]})
		}
	}
	return rows
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
				"Id": id, "IsActive": !o.inactive[id], "et4ae5__ExactTargetForAppExchangeUser__c": o.boxes[id][0], "et4ae5__ExactTargetForAppExchangeAdmin__c": o.boxes[id][1],
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
