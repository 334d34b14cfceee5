package crm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// part is one request of a composite.
type part struct {
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Ref    string            `json:"referenceId"`
	Body   any               `json:"body,omitempty"`
	Header map[string]string `json:"httpHeaders,omitempty"`
}

// answered is its answer.
type answered struct {
	Body   json.RawMessage   `json:"body"`
	Header map[string]string `json:"httpHeaders"`
	Status int               `json:"httpStatusCode"`
	Ref    string            `json:"referenceId"`
}

func (h *house) composite(t *testing.T, token string, allOrNone bool, parts ...part) []answered {
	t.Helper()
	status, answer := h.call(t, token, "POST", data+"/composite", map[string]any{"allOrNone": allOrNone, "compositeRequest": parts})
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	var out struct {
		Answers []answered `json:"compositeResponse"`
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	if len(out.Answers) != len(parts) {
		t.Fatalf("%d answers: %s", len(out.Answers), answer)
	}
	for i, a := range out.Answers {
		if a.Ref != parts[i].Ref {
			t.Errorf("answer %d is of %s", i, a.Ref)
		}
	}
	return out.Answers
}

func statuses(answers []answered) string {
	var out []string
	for _, a := range answers {
		out = append(out, fmt.Sprint(a.Status))
	}
	return strings.Join(out, " ")
}

// Later requests use what earlier ones were answered; each has the caller's rights, and all are one call on the meter.
func TestCompositeRefersToItself(t *testing.T) {
	t.Parallel()
	for _, allOrNone := range []bool{false, true} {
		t.Run(fmt.Sprintf("all or none %v", allOrNone), func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, h *house) {
				before, _ := h.counted(t, h.admin)
				got := h.composite(t, h.user, allOrNone,
					part{"POST", data + "/sobjects/Account", "a", map[string]any{"Name": "Composite AG", "Phone": "5"}, nil},
					part{"GET", data + "/sobjects/Account/@{a.id}?fields=Name,Phone", "read", nil, nil},
					part{"POST", data + "/sobjects/Contact", "c", map[string]any{"AccountId": "@{a.id}", "LastName": "of @{read.Name}", "attributes": map[string]any{"type": "Contact"}}, nil},
					part{"GET", data + "/query?q=SELECT+Id,Name,Account.Name+FROM+Contact+WHERE+AccountId='@{a.id}'", "q", nil, nil},
					part{"PATCH", data + "/sobjects/Contact/@{q.records[0].Id}", "p", map[string]any{"Title": "@{q.records[0].Account.Name}"}, nil},
					part{"POST", data + "/composite/sobjects", "many", map[string]any{"records": []any{
						map[string]any{"attributes": map[string]any{"type": "Contact"}, "LastName": "Many", "AccountId": "@{a.id}"},
						map[string]any{"attributes": map[string]any{"type": "Contact"}, "FirstName": "Nameless"},
					}}, nil},
					part{"GET", data + "/sobjects/Contact/@{many[0].id}?fields=LastName", "m", nil, nil},
					part{"DELETE", data + "/sobjects/Contact/@{c.id}", "d", nil, nil},
				)
				if s := statuses(got); s != "201 200 201 200 204 200 200 204" {
					t.Fatalf("%s: %+v", s, got)
				}
				id := field(t, string(got[0].Body), "id").(string)
				if got[0].Header["Location"] != data+"/sobjects/Account/"+id || string(got[4].Body) != "null" {
					t.Errorf("%+v", got)
				}
				if !strings.Contains(string(got[3].Body), `"Name":"of Composite AG"`) || !strings.Contains(string(got[6].Body), `"LastName":"Many"`) {
					t.Errorf("%s %s", got[3].Body, got[6].Body)
				}
				if after, _ := h.counted(t, h.admin); after != before+2 {
					t.Errorf("a composite counts as %d calls", after-before-1)
				}
				_, records := h.query(t, h.admin, "SELECT LastName FROM Contact WHERE AccountId = '"+id+"'")
				if len(records) != 1 || records[0]["LastName"] != "Many" {
					t.Errorf("left: %v", records)
				}
			})
		})
	}
}

func TestCompositeFailures(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		parts := []part{
			{"POST", data + "/sobjects/Contact", "good", map[string]any{"LastName": "Good"}, nil},
			{"POST", data + "/sobjects/Contact", "bad", map[string]any{"FirstName": "Nameless"}, nil},
			{"GET", data + "/sobjects/Contact/@{bad.id}", "dependent", nil, nil},
			{"POST", data + "/sobjects/Contact", "later", map[string]any{"LastName": "Good"}, nil},
		}
		halted := func(text string) string {
			return `[{"message":"` + text + `","errorCode":"PROCESSING_HALTED"}]`
		}
		got := h.composite(t, h.admin, false, parts...)
		if s := statuses(got); s != "201 400 400 201" || string(got[2].Body) != halted("Invalid reference specified. No value for bad.id found in bad") {
			t.Errorf("%s: %s", s, got[2].Body)
		}
		if n := len(h.ids(t, "SELECT Id FROM Contact WHERE LastName = 'Good'")); n != 2 {
			t.Errorf("%d records", n)
		}
		got = h.composite(t, h.admin, true, parts...)
		undone := halted("The transaction was rolled back since another operation in the same transaction failed.")
		if s := statuses(got); s != "400 400 400 400" || string(got[0].Body) != undone || string(got[3].Body) != undone ||
			!strings.Contains(string(got[1].Body), "REQUIRED_FIELD_MISSING") {
			t.Errorf("%s: %+v", s, got)
		}
		if n := len(h.ids(t, "SELECT Id FROM Contact WHERE LastName = 'Good'")); n != 2 {
			t.Errorf("all or none left %d records", n)
		}
		// A user of setup who is undone is mailed nothing.
		address := "undone@people.example"
		user := part{"POST", data + "/sobjects/User", "u", map[string]any{
			"Username": address + "." + h.spec.MyDomain, "LastName": "Undone", "Email": address, "Alias": "undone", "TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "de_DE",
			"LanguageLocaleKey": "de", "EmailEncodingKey": "UTF-8", "ProfileId": h.one(t, "SELECT Id FROM Profile WHERE Name = 'Standard User'"),
		}, nil}
		got = h.composite(t, h.admin, true, user, parts[1])
		if len(h.mails.to(address)) != 0 || got[0].Status != 400 {
			t.Errorf("a mail for nobody: %+v", got)
		}
		if got = h.composite(t, h.admin, true, user); len(h.mails.to(address)) != 1 || got[0].Status != 201 {
			t.Errorf("no mail, or more: %+v", got)
		}
		for _, c := range []struct {
			method, url string
			status      int
			code        string
		}{
			{"GET", "https://elsewhere.example" + data + "/limits", 404, "NOT_FOUND"},
			{"GET", "//elsewhere.example" + data + "/sobjects", 404, "NOT_FOUND"},
			{"POST", "/services/oauth2/token", 404, "NOT_FOUND"},
			{"POST", data + "/composite", 404, "NOT_FOUND"},
			{"POST", data + "/composite/batch", 404, "NOT_FOUND"},
			{"DELETE", data + "/sobjects/User/@{me.id}/password", 400, "PROCESSING_HALTED"},
			{"DELETE", data + "/sobjects/User/005000000000001/password", 404, "NOT_FOUND"},
			{"PUT", data + "/sobjects/Contact", 405, "METHOD_NOT_ALLOWED"},
			{"POST", data + "/sobjects/Contact", 400, "JSON_PARSER_ERROR"},
			{"GET", "/services/data/v28.0/sobjects", 410, "UNSUPPORTED_API_VERSION"},
			{"GET", data + "/query?q=SELECT+Nope+FROM+Contact", 400, "INVALID_FIELD"},
			{"GET", data + "/query?q=a&q=b", 400, "BAD_REQUEST"},
		} {
			got := h.composite(t, h.admin, false, part{c.method, c.url, "x", nil, nil})
			if got[0].Status != c.status || !strings.Contains(string(got[0].Body), `"errorCode":"`+c.code+`"`) {
				t.Errorf("%s %s: %d %s", c.method, c.url, got[0].Status, got[0].Body)
			}
		}
		if got := h.composite(t, h.user, false, part{"POST", data + "/sobjects/PermissionSet", "x", map[string]any{"Label": "Mine"}, nil}); got[0].Status != 403 && got[0].Status != 404 {
			t.Errorf("without the right: %d %s", got[0].Status, got[0].Body)
		}
		many := make([]part, 26)
		for i := range many {
			many[i] = part{"GET", data + "/sobjects", fmt.Sprintf("r%d", i), nil, nil}
		}
		queries := make([]part, 6)
		for i := range queries {
			queries[i] = part{"GET", data + "/query?q=SELECT+Id+FROM+Contact", fmt.Sprintf("r%d", i), nil, nil}
		}
		for name, c := range map[string]struct {
			parts any
			code  string
		}{
			"26 requests":  {many, "LIMIT_EXCEEDED"},
			"6 queries":    {queries, "LIMIT_EXCEEDED"},
			"none":         {[]part{}, "REQUIRED_FIELD_MISSING"},
			"twice":        {[]part{many[0], many[0]}, "INVALID_QUERY_PARAMETER"},
			"a bad name":   {[]part{{"GET", data + "/sobjects", "a b", nil, nil}}, "INVALID_QUERY_PARAMETER"},
			"another type": {"x", "JSON_PARSER_ERROR"},
		} {
			status, answer := h.call(t, h.admin, "POST", data+"/composite", map[string]any{"compositeRequest": c.parts})
			if status != 400 || !strings.Contains(answer, `"errorCode":"`+c.code+`"`) {
				t.Errorf("%s: %d %s", name, status, answer)
			}
		}
	})
}

func TestBatchOfRequests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		request := func(method, url string, input any) map[string]any {
			r := map[string]any{"method": method, "url": url}
			if input != nil {
				r["richInput"] = input
			}
			return r
		}
		requests := []any{
			request("POST", "v65.0/sobjects/Contact", map[string]any{"LastName": "Batch"}),
			request("GET", "v65.0/limits", nil),
			request("GET", "/services/data/v65.0/sobjects/Contact/003000000000001", nil),
			request("get", "v60.0/query?q=SELECT+COUNT()+FROM+Contact", nil),
			request("POST", "v65.0/composite", map[string]any{}),
		}
		before, _ := h.counted(t, h.admin)
		status, answer := h.call(t, h.admin, "POST", data+"/composite/batch", map[string]any{"batchRequests": requests})
		if status != 200 || !strings.HasPrefix(answer, `{"hasErrors":true,"results":[{"statusCode":201,"result":{"id":"003`) ||
			!strings.Contains(answer, `{"statusCode":200,"result":{"DailyApiRequests"`) || !strings.Contains(answer, `{"statusCode":404,"result":[{"message"`) ||
			!strings.Contains(answer, `"result":{"totalSize":3,"done":true`) {
			t.Errorf("%d %s", status, answer)
		}
		if after, _ := h.counted(t, h.admin); after != before+2 {
			t.Errorf("a batch counts as %d calls", after-before-1)
		}
		_, answer = h.call(t, h.admin, "POST", data+"/composite/batch", map[string]any{"haltOnError": true, "batchRequests": requests[2:4]})
		if !strings.HasSuffix(answer, `{"statusCode":412,"result":[{"message":"Batch processing halted by request","errorCode":"BATCH_PROCESSING_HALTED"}]}]}`) {
			t.Errorf("%s", answer)
		}
		_, answer = h.call(t, h.admin, "POST", data+"/composite/batch", map[string]any{"batchRequests": requests[1:2]})
		if !strings.HasPrefix(answer, `{"hasErrors":false,`) {
			t.Errorf("%s", answer)
		}
		for n, code := range map[int]string{0: "REQUIRED_FIELD_MISSING", 26: "LIMIT_EXCEEDED"} {
			list := make([]any, n)
			for i := range list {
				list[i] = requests[1]
			}
			if status, answer := h.call(t, h.admin, "POST", data+"/composite/batch", map[string]any{"batchRequests": list}); status != 400 || !strings.Contains(answer, code) {
				t.Errorf("%d: %d %s", n, status, answer)
			}
		}
	})
}

// What a composite of all or none reads before its first change is read outside of its transaction, and may be referred to; a
// failure there ends it all the same.
func TestCompositeReadsAhead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.create(t, "Account", map[string]any{"Name": "Ahead"})
		account := part{"GET", data + "/query?q=SELECT+Id+FROM+Account+WHERE+Name='Ahead'", "a", nil, nil}
		made := part{"POST", data + "/sobjects/Contact", "c", map[string]any{"LastName": "Behind", "AccountId": "@{a.records[0].Id}"}, nil}
		behind := part{"GET", data + "/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{c.id}'", "q", nil, nil}
		if got := h.composite(t, h.user, true, account, made, behind); statuses(got) != "200 201 200" || !strings.Contains(string(got[2].Body), `"Name":"Ahead"`) {
			t.Errorf("%s %s", statuses(got), got[2].Body)
		}
		if got := h.composite(t, h.user, true, account, behind); statuses(got) != "400 400" || !strings.Contains(string(got[0].Body), "PROCESSING_HALTED") {
			t.Errorf("%s %s", statuses(got), got[0].Body)
		}
		if got := h.composite(t, h.user, true, account, part{"GET", data + "/sobjects/Account/@{a.records[0].Id}?fields=Name", "r", nil, nil}); statuses(got) != "200 200" {
			t.Errorf("%s", statuses(got))
		}
	})
}
