package crm_test

import (
	"net/url"
	"strings"
	"testing"
)

// TestViewEncryptedData: an encrypted field (connect-facts 1.7) shows asterisks to whoever lacks the permission, wherever it is
// read, and is filtered, sorted and grouped by for nobody. Everybody who may edit the record writes it.
func TestViewEncryptedData(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const name, secret = "et4ae5__ExactTarget_OAuth_Token__c", "a-tökén of the old way"
		user := h.one(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")
		admin := h.one(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[0].Username+"'")
		path := data + "/sobjects/User/" + user
		patch := func(fields map[string]any) {
			t.Helper()
			if status, answer := h.call(t, h.admin, "PATCH", path, fields); status != 204 {
				t.Fatalf("%v: %d %s", fields, status, answer)
			}
		}
		patch(map[string]any{name: secret})
		contact := h.create(t, "Contact", map[string]any{"LastName": "Of Uwe", "OwnerId": user})
		mask := strings.Repeat("*", len([]rune(secret)))
		reads := map[string]string{
			"record":       path + "?fields=" + name,
			"whole record": path,
			"query":        data + "/query?q=" + url.QueryEscape("SELECT "+name+" FROM User WHERE Id = '"+user+"'"),
			"all fields":   data + "/query?q=" + url.QueryEscape("SELECT FIELDS(ALL) FROM User WHERE Id = '"+user+"' LIMIT 1"),
			"of a parent":  data + "/query?q=" + url.QueryEscape("SELECT Owner."+name+" FROM Contact WHERE Id = '"+contact+"'"),
			"collection":   data + "/composite/sobjects/User?ids=" + user + "&fields=" + name,
		}
		see := func(what, want, not string) {
			t.Helper()
			for of, at := range reads {
				if status, answer := h.call(t, h.admin, "GET", at, nil); status != 200 || !strings.Contains(answer, `"`+name+`":"`+want+`"`) || strings.Contains(answer, not) {
					t.Errorf("%s: %s: %d %s", what, of, status, answer)
				}
			}
		}
		see("without the permission, with Modify All Data", mask, secret)
		_, answer := h.call(t, h.admin, "GET", data+"/sobjects/User/describe", nil)
		about := between(answer, `"mask":"*"`, "}")
		if !strings.Contains(about, `"maskType":"all","name":"`+name+`"`) || !strings.Contains(about, `"type":"encryptedstring"`) || !strings.Contains(about, `"sortable":false`) ||
			!strings.Contains(about, `"updateable":true`) || !strings.Contains(answer, `"mask":null`) {
			t.Errorf("described as %s", about)
		}
		// What is seen masked is never written back masked, nor by a change of something else.
		patch(map[string]any{"Title": "Dr."})
		patch(map[string]any{name: mask, "Department": "Sales"})
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Sees all", "PermissionsViewEncryptedData": true})
		given := h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": admin})
		see("with it", secret, mask)
		patch(map[string]any{"Title": "Prof."})
		see("after a change by one who sees it", secret, mask)
		for _, soql := range []struct{ query, says string }{
			{"SELECT Id FROM User WHERE " + name + " = 'x'", "field '" + name + "' can not be filtered in a query call"},
			{"SELECT Id FROM User WHERE " + name + " LIKE 'a%'", "field '" + name + "' can not be filtered in a query call"},
			{"SELECT Id FROM Contact WHERE Owner." + name + " != null", "can not be filtered in a query call"},
			{"SELECT Id FROM User ORDER BY " + name, "field '" + name + "' can not be sorted in a query call"},
			{"SELECT " + name + " FROM User GROUP BY " + name, "field '" + name + "' can not be grouped in a query call"},
			{"SELECT MAX(" + name + ") FROM User", "field " + name + " does not support aggregate operator MAX"},
			{"SELECT COUNT_DISTINCT(" + name + ") FROM User", "field " + name + " does not support aggregate operator COUNT_DISTINCT"},
			{"SELECT Id FROM User WHERE Id IN (SELECT OwnerId FROM Contact WHERE Owner." + name + " > 'a')", "can not be filtered in a query call"},
		} {
			if status, answer := h.call(t, h.admin, "GET", data+"/query?q="+url.QueryEscape(soql.query), nil); status != 400 || !strings.Contains(answer, soql.says) {
				t.Errorf("%s: %d %s", soql.query, status, answer)
			}
		}
		if status, answer := h.call(t, h.admin, "DELETE", data+"/sobjects/PermissionSetAssignment/"+given, nil); status != 204 {
			t.Fatal(status, answer)
		}
		see("when it is taken away", mask, secret)
		patch(map[string]any{name: strings.Repeat("*", 9)}) // another length than the mask's is a value of its own
		for of, at := range reads {
			if _, answer := h.call(t, h.admin, "GET", at, nil); !strings.Contains(answer, `"`+name+`":"*********"`) {
				t.Errorf("asterisks of another length: %s: %s", of, answer)
			}
		}
		// The one who looks after the connection reads what Connect keeps there.
		bare, username := h.bare(t)
		if status, message := h.install(t, bare, "5.400"); status != "SUCCESS" {
			t.Fatal(message)
		}
		_, answer = h.call(t, bare, "GET", data+"/query?q="+url.QueryEscape("SELECT Name FROM PermissionSet WHERE PermissionsViewEncryptedData = true"), nil)
		if !strings.Contains(answer, `"totalSize":1`) || !strings.Contains(answer, "Marketing_Cloud_System_User") {
			t.Errorf("%s: sets that let see: %s", username, answer)
		}
	})
}
