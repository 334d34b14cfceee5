package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// people makes a data extension and gives its ID.
func people(t *testing.T, k *sendertest.Kit) string {
	t.Helper()
	d, err := k.Data.Create(t.Context(), sendertest.Principal(sendertest.Top), tenant.DataExtension{Key: "People", Name: "People", Fields: []tenant.DataField{
		{Name: "Key", Type: tenant.FieldText, MaxLength: 50, PrimaryKey: true}, {Name: "Mail", Type: tenant.FieldEmailAddress, Required: true}, {Name: "Age", Type: tenant.FieldNumber},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return d.ID
}

// keys are the primary keys of an answer's items, joined.
func keys(t *testing.T, a answer) string {
	t.Helper()
	var body struct {
		Items []struct {
			Keys map[string]string `json:"keys"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(a.text), &body); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, i := range body.Items {
		list = append(list, i.Keys["key"])
	}
	return strings.Join(list, ",")
}

// TestRowsNow writes rows while the caller waits, and reads them.
func TestRowsNow(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			id := people(t, k)
			const rowset = "/hub/v1/dataevents/key:PEOPLE/rowset"
			body := `[{"keys":{"Key":"a"},"values":{"Age":36,"Mail":"a@example.com"}},{"keys":{"Key":"b"},"values":{"Age":null,"Mail":"b@example.com"}}]`
			if a := do(t, server, "POST", rowset, body); a.status != 200 || strings.TrimSpace(a.text) != body {
				t.Errorf("%d %s", a.status, a.text)
			}
			if a := do(t, server, "PUT", "/hub/v1/dataevents/"+id+"/rows/Key:c", `{"values":{"Mail":"c@example.com","Age":"7"}}`); a.status != 200 || strings.TrimSpace(a.text) != `{"keys":{"Key":"c"},"values":{"Age":"7","Mail":"c@example.com"}}` {
				t.Errorf("%d %s", a.status, a.text)
			}
			// Nothing of a request is saved when one of its rows is wrong.
			a := do(t, server, "POST", rowset, `[{"keys":{"Key":"z"},"values":{"Mail":"z@example.com"}},{"keys":{"Key":"y"},"values":{"Mail":"y","Nose":1}}]`)
			if a.status != 400 || a.body["errorcode"] != 10006.0 || a.body["message"] != "Unable to save rows for data extension ID "+id ||
				!strings.Contains(a.text, `Mail: The value for column [Mail] is not a valid email address. Parse error [InvalidEmailAddress]`) || !strings.Contains(a.text, "[Nose]") {
				t.Errorf("%d %s", a.status, a.text)
			}
			for query, want := range map[string]string{
				"": "a,b,c", "?$filter=age%20gt%207": "a", "?$filter=" + "Mail+like+b%25%20or%20Key%20eq%20%27C%27": "b,c", "?$filter=Key%20in%20(%27a%27,%27c%27)": "a,c",
				"?$page=2&$pageSize=2": "c", "?$pagesize=1&$page=9": "", "?$filter=Age%20gte%200&$page=2&$pageSize=1": "c",
			} {
				a := do(t, server, "GET", "/data/v1/customobjectdata/key/people/rowset"+query, "")
				if got := keys(t, a); a.status != 200 || got != want {
					t.Errorf("%s: %d %s, want %s", query, a.status, a.text, want)
				}
			}
			a = do(t, server, "GET", "/data/v1/customobjectdata/"+id+"/rowset?$pageSize=2&$fields=Key,Age", "")
			links, _ := a.body["links"].(map[string]any)
			if a.body["count"] != 3.0 || a.body["customObjectKey"] != "People" || links["next"] != "/v1/customobjectdata/"+id+"/rowset?$fields=Key%2CAge&$pageSize=2&$page=2" || strings.Contains(a.text, "mail") {
				t.Error(a.text)
			}
		})
	}
}

// searches counts the rows that are looked through.
type searches struct {
	tenant.DataExtensionStore
	rows atomic.Int64
}

func (s *searches) Rows(ctx context.Context, d tenant.DataExtension, after string, skip, limit int) ([]tenant.DataRow, error) {
	list, err := s.DataExtensionStore.Rows(ctx, d, after, skip, limit)
	s.rows.Add(int64(len(list)))
	return list, err
}

// A result is searched for once, however many pages it is read in, and again when a row was written.
func TestAFilterIsSearchedForOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			store := &searches{DataExtensionStore: k.Data.Store}
			k.Data.Store = store
			server := k.Serve()
			people(t, k)
			put := func(key, age string) {
				t.Helper()
				if a := do(t, server, "PUT", "/hub/v1/dataevents/key:people/rows/Key:"+key, `{"values":{"Mail":"x@example.com","Age":"`+age+`"}}`); a.status != 200 {
					t.Fatalf("%d %s", a.status, a.text)
				}
			}
			page := func(filter string, n int, want string, count float64) {
				t.Helper()
				a := do(t, server, "GET", fmt.Sprintf("/data/v1/customobjectdata/key/people/rowset?$filter=%s&$pageSize=2&$page=%d", url.QueryEscape(filter), n), "")
				if got := keys(t, a); got != want || a.body["count"] != count {
					t.Errorf("%s, page %d: %d %s", filter, n, a.status, a.text)
				}
			}
			for i, key := range []string{"a", "b", "c", "d", "e", "f"} {
				put(key, fmt.Sprint(i))
			}
			page("age gt 0", 1, "b,c", 5)
			page("age gt 0", 2, "d,e", 5)
			page("age gt 0", 3, "f", 5)
			page("age gt 0", 4, "", 5)
			if n := store.rows.Load(); n != 6 {
				t.Errorf("%d rows were looked through for four pages", n)
			}
			page("age gt 4", 1, "f", 1)
			put("b", "0")
			page("age gt 0", 1, "c,d", 4)
			if n := store.rows.Load(); n != 18 {
				t.Errorf("%d rows were looked through for three results", n)
			}
		})
	}
}

// TestRowsRefused is the table of requests for rows that are answered with an error.
func TestRowsRefused(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	id := people(t, k)
	poor := sendertest.Principal(sendertest.Top)
	poor.Permissions = nil
	k.Auth.Put("poor", poor)
	one := `[{"keys":{"Key":"a"},"values":{"Mail":"a@example.com"}}]`
	for name, c := range map[string]struct {
		method, path, body, token string
		status, code              int
	}{
		"unknown key":       {"POST", "/hub/v1/dataevents/key:nobody/rowset", one, "good", 404, 30003},
		"unknown id":        {"POST", "/hub/v1/dataevents/" + tenant.NewGUID() + "/rowset", one, "good", 404, 30003},
		"another unit's":    {"POST", "/hub/v1/dataevents/key:People/rowset", one, "child", 404, 30003},
		"no permission":     {"POST", "/hub/v1/dataevents/key:People/rowset", one, "poor", 403, 20002},
		"no rows":           {"POST", "/hub/v1/dataevents/key:People/rowset", "[]", "good", 400, 10005},
		"an object":         {"POST", "/hub/v1/dataevents/key:People/rowset", `[{"keys":{"Key":{}}}]`, "good", 400, 10001},
		"two values":        {"POST", "/hub/v1/dataevents/key:People/rowset", `[{"keys":{"Key":"a"},"values":{"key":"b"}}]`, "good", 400, 10005},
		"no key":            {"PUT", "/hub/v1/dataevents/key:People/rows/a", `{"values":{}}`, "good", 400, 10005},
		"later, no items":   {"POST", "/data/v1/async/dataextensions/key:People/rows", `{}`, "good", 400, 10002},
		"later, nobody":     {"POST", "/data/v1/async/dataextensions/key:x/rows", `{"items":[{"Key":"a"}]}`, "good", 404, 30003},
		"unknown request":   {"GET", "/data/v1/async/" + tenant.NewGUID() + "/status", "", "good", 404, 30003},
		"bad filter":        {"GET", "/data/v1/customobjectdata/key/People/rowset?$filter=Key%20is%20a", "", "good", 400, 10005},
		"filter by nothing": {"GET", "/data/v1/customobjectdata/key/People/rowset?$filter=Nose%20eq%201", "", "good", 400, 10005},
		"sorted":            {"GET", "/data/v1/customobjectdata/key/People/rowset?$orderBy=Key", "", "good", 400, 10005},
		"page too large":    {"GET", "/data/v1/customobjectdata/" + id + "/rowset?$pageSize=2501", "", "good", 400, 10005},
	} {
		a := do(t, server, c.method, c.path, c.body, "Authorization", "Bearer "+c.token)
		if a.status != c.status || a.body["errorcode"] != float64(c.code) {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
}

// TestRowsLater gives rows to the durable job and asks what became of them.
func TestRowsLater(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			people(t, k)
			var items []string
			for i := range 250 {
				items = append(items, fmt.Sprintf(`{"Key":"k%03d","Mail":"x%d@example.com","Age":%d}`, i, i, i))
			}
			items[120] = `{"Key":"bad","Mail":"nowhere"}`
			items[240] = items[3]
			body := `{"items":[` + strings.Join(items, ",") + `]}`
			const path = "/data/v1/async/dataextensions/key:people/rows"
			a := do(t, server, "POST", path, body)
			request, _ := a.body["requestId"].(string)
			if a.status != 202 || request == "" || a.body["resultMessages"] == nil {
				t.Fatalf("%d %s", a.status, a.text)
			}
			k.Drain()
			status := func(request string) map[string]any {
				a := do(t, server, "GET", "/data/v1/async/"+request+"/status", "")
				s, _ := a.body["status"].(map[string]any)
				return s
			}
			if s := status(request); s["requestStatus"] != "Complete" || s["resultStatus"] != "Error" || s["hasErrors"] != true || s["requestId"] != request || s["pickupDateTime"] == nil || s["completionDateTime"] == nil {
				t.Errorf("%v", s)
			}
			a = do(t, server, "GET", "/data/v1/async/"+request+"/results?$page=3&$pageSize=60", "")
			results, _ := a.body["items"].([]any)
			if a.body["count"] != 250.0 || len(results) != 60 || !strings.Contains(fmt.Sprint(results[0]), "not a valid email") || !strings.Contains(fmt.Sprint(results[1]), "status:OK") {
				t.Error(a.text)
			}
			if a := do(t, server, "GET", "/data/v1/async/"+request+"/results?$page=5&$pageSize=60", ""); !strings.Contains(a.text, "Violation of PRIMARY KEY") {
				t.Error(a.text)
			}
			if a := do(t, server, "GET", "/data/v1/customobjectdata/key/people/rowset?$pageSize=1", ""); a.body["count"] != 248.0 {
				t.Errorf("%v rows", a.body["count"])
			}
			a = do(t, server, "PUT", path, `{"items":[{"Key":"k001","Age":99},{"Key":"new","Mail":"n@example.com"}]}`)
			k.Drain()
			if s := status(a.body["requestId"].(string)); s["resultStatus"] != "OK" {
				t.Errorf("%v", s)
			}
			if a := do(t, server, "POST", "/hub/v1/dataeventsasync/key:People/rowset", `[{"keys":{"Key":"k002"},"values":{"Age":98}}]`); a.status != 202 || strings.TrimSpace(a.text) != `""` {
				t.Errorf("%d %s", a.status, a.text)
			}
			k.Drain()
			if got := keys(t, do(t, server, "GET", "/data/v1/customobjectdata/key/people/rowset?$filter=Age%20gte%2098%20and%20Age%20lte%2099", "")); got != "k001,k002,k098,k099" {
				t.Error(got)
			}
			// Another business unit knows nothing of the request.
			if a := do(t, server, "GET", "/data/v1/async/"+request+"/status", "", "Authorization", "Bearer child"); a.status != 404 {
				t.Errorf("another unit's: %d %s", a.status, a.text)
			}
		})
	}
}
