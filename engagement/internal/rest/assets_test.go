package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// names are the names of an answer's items, joined.
func names(a answer) string {
	items, _ := a.body["items"].([]any)
	var list []string
	for _, item := range items {
		one, _ := item.(map[string]any)
		list = append(list, fmt.Sprint(one["name"]))
	}
	return strings.Join(list, ",")
}

// TestAssets finds emails as assets, by both ways to ask.
func TestAssets(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			p := sendertest.Principal(sendertest.Top)
			e, err := k.Emails.Create(t.Context(), p, tenant.Email{CustomerKey: "plain", Name: "Plain's", Subject: "Hi", Text: "Hi"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.Emails.Create(t.Context(), sendertest.Principal(sendertest.Child), tenant.Email{CustomerKey: "other", Name: "Other", Subject: "Hi", Text: "Hi"}); err != nil {
				t.Fatal(err)
			}
			for query, want := range map[string]string{
				`{}`: "Plain's Welcome",
				`{"page":{"page":1,"pageSize":50},"query":{"property":"assetType.id","simpleOperator":"in","value":[5,207,208]},"fields":["content","views"]}`:                                                                                         "Welcome",
				`{"query":{"property":"customerKey","simpleOperator":"equal","value":"PLAIN"}}`:                                                                                                                                                        "Plain's",
				`{"query":{"leftOperand":{"property":"assetType.name","simpleOperator":"equals","value":"textonlyemail"},"logicalOperator":"OR","rightOperand":{"property":"id","simpleOperator":"lessThan","value":1}}}`:                              "Plain's",
				`{"query":{"leftOperand":{"property":"name","simpleOperator":"like","value":"%n%"},"logicalOperator":"AND","rightOperand":{"property":"createdDate","simpleOperator":"greaterThan","value":"2030-01-01"}},"sort":[{"property":"id"}]}`: "",
				`{"query":{"property":"assetType.id","simpleOperator":"in","value":[999]}}`:                                                                                                                                                            "",
			} {
				a := do(t, server, "POST", "/asset/v1/content/assets/query", query)
				got := strings.Split(names(a), ",")
				if len(got) == 2 && got[0] > got[1] { // their numbers are random
					got[0], got[1] = got[1], got[0]
				}
				if a.status != 200 || strings.Join(got, " ") != want || a.body["pageSize"] != 50.0 {
					t.Errorf("%s: %d %s", query, a.status, a.text)
				}
			}
			a := do(t, server, "GET", "/asset/v1/Content/Assets?$filter=name%20eq%20%27Plain%27%27s%27&$fields=name", "")
			if a.status != 200 || a.body["count"] != 1.0 || strings.Contains(a.text, "views") || !strings.Contains(a.text, `"customerKey":"plain"`) {
				t.Errorf("%d %s", a.status, a.text)
			}
			a = do(t, server, "GET", fmt.Sprintf("/asset/v1/content/assets/%d", e.ID), "")
			if a.status != 200 || a.body["name"] != "Plain's" || !strings.Contains(a.text, `"assetType":{"id":209,"name":"textonlyemail"`) || !strings.Contains(a.text, `"text":{"content":"Hi"`) || !strings.Contains(a.text, `"id":51000000115`) {
				t.Errorf("%d %s", a.status, a.text)
			}
			a = do(t, server, "POST", "/asset/v1/content/assets/query", `{"page":{"page":2,"pageSize":1}}`)
			if a.body["count"] != 2.0 || len(a.body["items"].([]any)) != 1 {
				t.Errorf("the second page: %s", a.text)
			}
			for query, code := range map[string]float64{
				`{"query":{"property":"colour","simpleOperator":"equal","value":1}}`:                       10005,
				`{"query":{"property":"name","simpleOperator":"almost","value":1}}`:                        10005,
				`{"query":{"property":"name","simpleOperator":"equal"}}`:                                   10005,
				`{"query":{"property":"id","simpleOperator":"equal","value":"x"}}`:                         10005,
				`{"query":{"leftOperand":{"property":"id"}}}`:                                              10005,
				`{"sort":[{"property":"name"}]}`:                                                           10005,
				`{"page":{"pageSize":501}}`:                                                                10005,
				`{"query":` + strings.Repeat(`{"leftOperand":`, 30) + `{}` + strings.Repeat(`}`, 30) + `}`: 10005,
			} {
				if a := do(t, server, "POST", "/asset/v1/content/assets/query", query); a.status != 400 || a.body["errorcode"] != code {
					t.Errorf("%s: %d %s", query, a.status, a.text)
				}
			}
			for _, id := range []string{"0", "x", "77"} {
				if a := do(t, server, "GET", "/asset/v1/content/assets/"+id, ""); a.status != 404 || a.body["errorcode"] != 30003.0 {
					t.Errorf("%s: %d %s", id, a.status, a.text)
				}
			}
		})
	}
}

// TestContacts makes and changes contacts, who are the subscribers.
func TestContacts(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	body := func(key, address, more string) string {
		return `{"contactKey":"` + key + `","attributeSets":[{"name":"Email Addresses","items":[{"values":[{"name":"Email Address","value":"` + address + `"},{"name":"HTML Enabled","value":true}]}]}` + more + `]}`
	}
	for _, c := range []struct {
		method, body string
		status       int
		fresh        any
	}{
		{"PATCH", body("c1", "c1@example.com", ""), 404, nil},
		{"POST", body("c1", "c1@example.com", ""), 200, true},
		{"POST", body("c1", "new@example.com", `,{"name":"Email Demographics","items":[{"values":[{"name":"City","value":"Paris"}]}]}`), 200, false},
		{"PATCH", body("c1", "newer@example.com", ""), 200, false},
		{"POST", body("c2", "nowhere", ""), 400, nil},
		{"POST", `{"attributeSets":[]}`, 400, nil},
		{"POST", `{"contactKey":"c3","attributeSets":[{"name":"Shoes","items":[]}]}`, 400, nil},
	} {
		a := do(t, server, c.method, "/contacts/v1/contacts", c.body)
		if a.status != c.status || a.body["isNewContactKey"] != c.fresh || c.status == 200 && a.body["rowsAffetcted"] != 1.0 {
			t.Errorf("%s %s: %d %s", c.method, c.body, a.status, a.text)
		}
	}
	sub, err := k.Store.SubscriberByKey(t.Context(), sendertest.EID, "c1")
	if err != nil || sub.Address != "newer@example.com" || sub.Attributes["City"] != "Paris" {
		t.Errorf("%+v, %v", sub, err)
	}
}
