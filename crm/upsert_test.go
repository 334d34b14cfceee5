package crm_test

import (
	"net/http"
	"strings"
	"testing"
)

// A record is made, changed, read and deleted by another field than its id, alone, among others and in bulk.
func TestUpsertByAnotherField(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		at := func(email string) string { return data + "/sobjects/Contact/Email/" + email }
		status, header, answer := h.send(t, h.user, "PATCH", at("up%40sert.example"), map[string]any{"LastName": "Up"})
		id, _ := field(t, answer, "id").(string)
		if status != http.StatusCreated || field(t, answer, "created") != true || !strings.HasPrefix(id, "003") || header.Get("Location") != data+"/sobjects/Contact/"+id {
			t.Fatalf("%d %v %s", status, header, answer)
		}
		if status, answer := h.call(t, h.user, "PATCH", at("UP@sert.example"), map[string]any{"Title": "T"}); status != 200 ||
			answer != `{"id":"`+id+`","success":true,"errors":[],"created":false}` {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "PATCH", strings.Replace(at("up@sert.example"), "v65.0", "v45.0", 1), map[string]any{"Title": "T"}); status != 204 || answer != "" {
			t.Errorf("in an old version: %d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "POST", at("up@sert.example")+"?_HttpMethod=PATCH", map[string]any{"Title": "Posted"}); status != 200 {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "GET", at("up@sert.example")+"?fields=LastName,Title", nil); status != 200 ||
			answer != `{"attributes":{"type":"Contact","url":"`+data+`/sobjects/Contact/`+id+`"},"LastName":"Up","Title":"Posted","Id":"`+id+`"}` {
			t.Errorf("%d %s", status, answer)
		}
		twin := h.create(t, "Contact", map[string]any{"LastName": "Twin", "Email": "up@sert.example"})
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			var body any
			if method == "PATCH" {
				body = map[string]any{"Title": "T"}
			}
			status, answer := h.call(t, h.user, method, at("up@sert.example"), body)
			if status != http.StatusMultipleChoices || !strings.Contains(answer, `"`+data+`/sobjects/Contact/`+id+`"`) || !strings.Contains(answer, twin) {
				t.Errorf("%s of two: %d %s", method, status, answer)
			}
		}
		if status, answer := h.call(t, h.user, "DELETE", data+"/sobjects/Contact/Id/"+twin, nil); status != 204 {
			t.Errorf("%d %s", status, answer)
		}
		for path, want := range map[string]string{
			"/Contact/Nope__c/1": `"message":"Provided external ID field does not exist or is not accessible: Nope__c"`, "/Contact/Email/nobody@x.example": `"NOT_FOUND"`,
		} {
			if status, answer := h.call(t, h.user, "GET", data+"/sobjects"+path, nil); status != 404 || !strings.Contains(answer, want) {
				t.Errorf("%s: %d %s", path, status, answer)
			}
		}

		got := h.many(t, h.user, "PATCH", "/composite/sobjects/Contact/Email", map[string]any{"records": []any{
			record("Contact", "Email", "up@sert.example", "Title", "Many"), record("Contact", "Email", "new@sert.example", "LastName", "New"),
			record("Contact", "LastName", "Nobody"),
		}})
		if s := got.String(); s != "ok ok MISSING_ARGUMENT" || got[0].ID != id {
			t.Errorf("%s: %+v", s, got)
		}
		path, state := h.load(t, h.user, map[string]any{"object": "Contact", "operation": "upsert", "externalIdFieldName": "Email"},
			"Email,LastName,Title\nup@sert.example,,Bulk\nbulk@sert.example,Bulk,\n,Nobody,\n")
		if field(t, state, "numberRecordsProcessed") != 3.0 || field(t, state, "numberRecordsFailed") != 1.0 || field(t, state, "externalIdFieldName") != "Email" {
			t.Errorf("%s", state)
		}
		rows := h.table(t, h.user, path+"/successfulResults")
		if len(rows) != 2 || rows[0]["sf__Id"] != id || rows[0]["sf__Created"] != "false" || rows[1]["sf__Created"] != "true" {
			t.Errorf("%v", rows)
		}
		inside := h.composite(t, h.user, true, part{"PATCH", at("inside@sert.example"), "u", map[string]any{"LastName": "Inside"}, nil},
			part{"GET", at("inside@sert.example") + "?fields=Id", "g", nil, nil}, part{"DELETE", at("inside@sert.example"), "d", nil, nil})
		if s := statuses(inside); s != "201 200 204" {
			t.Errorf("%s: %+v", s, inside)
		}
		// A user's password stands where a value does.
		if status, answer := h.call(t, h.admin, "GET", data+"/sobjects/User/"+h.one(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")+"/password", nil); status != 200 || answer != `{"isExpired":false}` {
			t.Errorf("%d %s", status, answer)
		}
	})
}
