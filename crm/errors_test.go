package crm_test

import (
	"net/http"
	"strings"
	"testing"
)

// Every error of the reference's table (crm-wire 3.3) that an org of this server can give, whole: status, message, code
// and fields. What the table leaves open is {}.
func TestErrorsOfTheReference(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		contact := data + "/sobjects/Contact/"
		kunde := h.one(t, "SELECT Id FROM Contact WHERE LastName = 'Kunde'")
		gone := h.create(t, "Contact", map[string]any{"LastName": "Gone"})
		twins := []string{h.create(t, "Contact", map[string]any{"LastName": "Twin", "Email": "twin@x.example"}), h.create(t, "Contact", map[string]any{"LastName": "Twin", "Email": "twin@x.example"})}
		if status, answer := h.call(t, h.admin, "DELETE", contact+gone, nil); status != 204 {
			t.Fatal(answer)
		}
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Once"})
		profile := h.one(t, "SELECT Id FROM Profile WHERE Name = 'Standard User'")
		for _, c := range []struct {
			name, token, method, path string
			body                      any
			status                    int
			answer                    string
		}{
			{"a dead session", h.spec.ID[:15] + "!x", "GET", data + "/limits", nil, 401, `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`},
			{"insufficient access", h.user, "GET", data + "/limits", nil, 403, `[{"message":"You do not have permission to view this record.","errorCode":"INSUFFICIENT_ACCESS"}]`},
			{"read only", h.user, "PATCH", data + "/sobjects/Profile/" + profile, `{"Description":"x"}`, 403, `[{"message":"insufficient access rights on object id{}","errorCode":"INSUFFICIENT_ACCESS_OR_READONLY"}]`},
			{"no resource", h.admin, "GET", data + "/nothing", nil, 404, `[{"message":"The requested resource does not exist","errorCode":"NOT_FOUND"}]`},
			{"no external id", h.admin, "GET", contact + "Nope__c/1", nil, 404, `[{"message":"Provided external ID field does not exist or is not accessible: Nope__c","errorCode":"NOT_FOUND"}]`},
			{"a deleted record", h.admin, "GET", contact + gone, nil, 404, `[{"message":"entity is deleted","errorCode":"ENTITY_IS_DELETED"}]`},
			{"no object in a query", h.admin, "GET", data + "/query?q=SELECT+Id+FROM+Nope__x", nil, 400, `[{"message":"{}sObject type 'Nope__x' is not supported.{}","errorCode":"INVALID_TYPE"}]`},
			{"no field in a query", h.admin, "GET", data + "/query?q=SELECT+Foo+FROM+User", nil, 400, `[{"message":"\nSELECT Foo FROM User\n       ^\nERROR at Row:1:Column:8\nNo such column 'Foo' on entity 'User'.{}","errorCode":"INVALID_FIELD"}]`},
			{"no query", h.admin, "GET", data + "/query?q=SELECT+Id+FROM+User+WHERE+x", nil, 400, `[{"message":"{}unexpected token: '<EOF>'","errorCode":"MALFORMED_QUERY"}]`},
			{"no id", h.admin, "GET", contact + "abc", nil, 400, `[{"message":"malformed id abc","errorCode":"MALFORMED_ID"}]`},
			{"a field is missing", h.admin, "POST", contact, `{"FirstName":"x"}`, 400, `[{"message":"Required fields are missing: [LastName]","errorCode":"REQUIRED_FIELD_MISSING","fields":["LastName"]}]`},
			{"a value is taken", h.admin, "POST", data + "/sobjects/PermissionSet", `{"Label":"x","Name":"once"}`, 400, `[{"message":"duplicate value found: Name duplicates value on record with id: ` + set + `","errorCode":"DUPLICATE_VALUE"}]`},
			{"no field to write", h.admin, "PATCH", contact + kunde, `{"Id":"x"}`, 400, `[{"message":"Unable to create/update fields: Id. {}","errorCode":"INVALID_FIELD_FOR_INSERT_UPDATE","fields":["Id"]}]`},
			{"no JSON", h.admin, "POST", contact, `{"LastName":]}`, 400, `[{"message":"Unexpected character (']' (code 93)) at [line:1, column:13]","errorCode":"JSON_PARSER_ERROR"}]`},
			{"no JSON on line 2", h.admin, "POST", data + "/composite/sobjects", "{\"records\":\n [ü]}", 400, `[{"message":"Unexpected character ('ü' (code 252)) at [line:2, column:3]","errorCode":"JSON_PARSER_ERROR"}]`},
			{"half a body", h.admin, "POST", contact, `{"LastName":"x"`, 400, `[{"message":"Unexpected end-of-input at [line:1, column:{}]","errorCode":"JSON_PARSER_ERROR"}]`},
			{"half a text", h.admin, "POST", ingest, `{"object":"Con`, 400, `[{"message":"Unexpected end-of-input at [line:1, column:{}]","errorCode":"JSON_PARSER_ERROR"}]`},
			{"no locator", h.admin, "GET", data + "/query/01g000000000001-2000", nil, 400, `[{"message":"invalid query locator","errorCode":"INVALID_QUERY_LOCATOR"}]`},
			{"no such method", h.admin, "PUT", contact + kunde, "{}", 405, `[{"message":"HTTP Method 'PUT' not allowed. Allowed are DELETE,GET,HEAD,PATCH,POST","errorCode":"METHOD_NOT_ALLOWED"}]`},
			{"options", h.admin, "OPTIONS", data + "/limits", nil, 405, `[{"message":"HTTP Method 'OPTIONS' not allowed. Allowed are GET,HEAD","errorCode":"METHOD_NOT_ALLOWED"}]`},
			{"a retired version", h.admin, "GET", "/services/data/v20.0/query", nil, 410, `[{"message":"Invalid Api version specified on URL","errorCode":"UNSUPPORTED_API_VERSION"}]`},
			{"several", h.admin, "GET", contact + "Email/twin@x.example", nil, 300, `["{}/sobjects/Contact/{}","{}/sobjects/Contact/{}"]`},
			{"several to change", h.admin, "PATCH", contact + "Email/TWIN@x.example", `{"LastName":"T"}`, 300, `["{}/sobjects/Contact/{}","{}/sobjects/Contact/{}"]`},
		} {
			status, answer := h.call(t, c.token, c.method, c.path, c.body)
			if status != c.status || !like(c.answer, strings.TrimSpace(answer)) {
				t.Errorf("%s: %d %s\nwant %d %s", c.name, status, answer, c.status, c.answer)
			}
			if status == http.StatusMultipleChoices && (!strings.Contains(answer, twins[0]) || !strings.Contains(answer, twins[1])) {
				t.Errorf("%s: %s, want %v", c.name, answer, twins)
			}
		}
	})
}

// like reports whether a text is as another one says, in which {} stands for anything.
func like(want, got string) bool {
	parts := strings.Split(want, "{}")
	if !strings.HasPrefix(got, parts[0]) {
		return false
	}
	for i, p := range parts {
		at := strings.Index(got, p)
		if at < 0 {
			return false
		}
		if i == len(parts)-1 && i > 0 {
			return strings.HasSuffix(got, p)
		}
		got = got[at+len(p):]
	}
	return got == ""
}
