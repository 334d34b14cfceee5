package crm_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func record(kind string, fields ...string) map[string]any {
	r := map[string]any{"attributes": map[string]any{"type": kind}}
	for i := 0; i < len(fields); i += 2 {
		r[fields[i]] = fields[i+1]
	}
	return r
}

// results are what became of each record.
type results []struct {
	ID      string `json:"id"`
	Success bool   `json:"success"`
	Errors  []struct {
		StatusCode, Message string
		Fields              []string
	} `json:"errors"`
}

func (h *house) many(t *testing.T, token, method, path string, body any) results {
	t.Helper()
	status, answer := h.call(t, token, method, data+path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	var out results
	if err := json.Unmarshal([]byte(answer), &out); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return out
}

func (r results) String() string {
	var out []string
	for _, one := range r {
		if one.Success {
			out = append(out, "ok")
		} else {
			out = append(out, one.Errors[0].StatusCode)
		}
	}
	return strings.Join(out, " ")
}

// Many records in one call: each for itself, or all or none (crm-wire 3.6).
func TestCollections(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const path = "/composite/sobjects"
		records := []any{
			record("Contact", "LastName", "One"), record("Contact", "FirstName", "Nameless"), record("Account", "Name", "Two"),
			map[string]any{"LastName": "Untyped"},
			record("Nope", "Name", "x"), record("Contact", "LastName", "Three", "AccountId", "001000000000001"),
		}
		before, _ := h.counted(t, h.user)
		got := h.many(t, h.user, "POST", path, map[string]any{"allOrNone": true, "records": records})
		if s := got.String(); s != "ALL_OR_NONE_OPERATION_ROLLED_BACK REQUIRED_FIELD_MISSING ALL_OR_NONE_OPERATION_ROLLED_BACK REQUIRED_FIELD_MISSING NOT_FOUND INVALID_CROSS_REFERENCE_KEY" {
			t.Error(s)
		}
		if got[0].Errors[0].Message != "Record rolled back because not all records were valid and the request was using AllOrNone header" || len(got[1].Errors[0].Fields) != 1 {
			t.Errorf("%+v", got)
		}
		if got = h.many(t, h.user, "POST", path+"/", map[string]any{"records": records}); got.String() !=
			"ok REQUIRED_FIELD_MISSING ok REQUIRED_FIELD_MISSING NOT_FOUND INVALID_CROSS_REFERENCE_KEY" {
			t.Error(got)
		}
		contact, account := got[0].ID, got[2].ID
		if after, _ := h.counted(t, h.user); after != before+3 {
			t.Errorf("two collections count as %d calls", after-before-1)
		}
		got = h.many(t, h.user, "PATCH", path, map[string]any{"records": []any{
			record("Contact", "id", contact, "Title", "Chief"), record("Account", "Id", account[:15], "Name", ""), record("Contact", "Title", "of nobody"),
			record("Contact", "id", "003000000000001", "Title", "of nobody"), record("Contact", "id", "x", "Title", "of nobody"), record("Contact", "id", contact, "Nope", "x"),
		}})
		if s := got.String(); s != "ok REQUIRED_FIELD_MISSING MISSING_ARGUMENT INVALID_CROSS_REFERENCE_KEY MALFORMED_ID INVALID_FIELD" || got[0].ID != contact {
			t.Errorf("%s %+v", s, got)
		}
		read := `[{"attributes":{"type":"Contact","url":"` + data + `/sobjects/Contact/` + contact + `"},"Name":"One","Title":"Chief"},null]`
		for _, c := range []struct {
			method, query string
			body          any
		}{
			{"POST", "", map[string]any{"ids": []string{contact[:15], "003000000000001"}, "fields": []string{"Name", "title"}}},
			{"GET", "?ids=" + contact + ",003000000000001&fields=Name,Title", nil},
		} {
			if status, answer := h.call(t, h.user, c.method, data+path+"/Contact"+c.query, c.body); status != 200 || answer != read {
				t.Errorf("%s: %d %s", c.method, status, answer)
			}
		}
		for body, code := range map[string]string{
			`{"ids":["x"],"fields":["Name"]}`:                                                             "MALFORMED_ID",
			`{"ids":["` + contact + `"],"fields":["Nope"]}`:                                               "INVALID_FIELD",
			`{"ids":["` + contact + `"],"fields":["Id FROM User --"]}`:                                    "INVALID_FIELD",
			`{"ids":["` + contact + `"],"fields":[]}`:                                                     "REQUIRED_FIELD_MISSING",
			`{"ids":[` + strings.Repeat(`"`+contact+`",`, 2000) + `"` + contact + `"],"fields":["Name"]}`: "EXCEEDED_ID_LIMIT",
		} {
			if status, answer := h.call(t, h.user, "POST", data+path+"/Contact", body); status != 400 || !strings.Contains(answer, `"errorCode":"`+code+`"`) {
				t.Errorf("%.60s: %d %s", body, status, answer)
			}
		}
		got = h.many(t, h.user, "DELETE", path+"?allOrNone=true&ids="+contact+",zzz000000000001", nil)
		if s := got.String(); s != "ALL_OR_NONE_OPERATION_ROLLED_BACK INVALID_CROSS_REFERENCE_KEY" {
			t.Error(s)
		}
		got = h.many(t, h.user, "DELETE", path+"/?ids="+contact+","+account+","+contact+",x&allOrNone=false", nil)
		if s := got.String(); s != "ok ok ENTITY_IS_DELETED MALFORMED_ID" {
			t.Error(s)
		}
		// An id may come often, and a record be long: answers have a bound in bytes, which those inside one request share.
		long := h.create(t, "Contact", map[string]any{"LastName": "Long", "Description": strings.Repeat("x", 32_000)})
		often := func(n int) map[string]any {
			return map[string]any{"ids": slices.Repeat([]string{long}, n), "fields": []string{"Description"}}
		}
		if status, answer := h.call(t, h.user, "POST", data+path+"/Contact", often(300)); status != 400 || !strings.Contains(answer, `"errorCode":"LIMIT_EXCEEDED"`) {
			t.Errorf("%d %.200s", status, answer)
		}
		parts := []part{
			{"POST", data + path + "/Contact", "most", often(200), nil},
			{"POST", data + path + "/Contact", "less", often(100), nil},
			{"GET", data + "/query?q=SELECT+Id,Description+FROM+Contact+ORDER+BY+LastName", "query", nil, nil},
		}
		for _, allOrNone := range []bool{false, true} {
			inside := h.composite(t, h.user, allOrNone, parts...)
			if want := map[bool]string{false: "200 400 200", true: "400 400 400"}[allOrNone]; statuses(inside) != want || len(inside[0].Body) < 6_400_000 != allOrNone {
				t.Errorf("%s, %d bytes", statuses(inside), len(inside[0].Body))
			}
		}
		list := make([]any, 201)
		for i := range list {
			list[i] = record("Contact", "LastName", fmt.Sprintf("L%d", i))
		}
		status, answer := h.call(t, h.user, "POST", data+path, map[string]any{"records": list})
		if status != 400 || answer != `[{"message":"record limit reached. cannot submit more than 200 records into this call","errorCode":"EXCEEDED_ID_LIMIT"}]` {
			t.Errorf("%d %s", status, answer)
		}
		if got = h.many(t, h.user, "POST", path, map[string]any{"records": list[:200]}); len(got) != 200 || strings.Contains(got.String(), "_") {
			t.Errorf("%v", got)
		}
	})
}

// Bodies are packed both ways, and a packed one may come to no more than a plain one.
func TestPackedTraffic(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		packed := func(text string) []byte {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			if _, err := io.WriteString(z, text); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
		send := func(body []byte) (int, string) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), "POST", h.url+data+"/sobjects/Contact", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+h.user)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Content-Encoding", "gzip")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			return finish(t, res)
		}
		if status, answer := send(packed(`{"LastName":"Packed"}`)); status != 201 {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := send([]byte(`{"LastName":"Plain"}`)); status != 400 {
			t.Errorf("not gzip: %d %s", status, answer)
		}
		if status, answer := send(packed(`{"LastName":"` + strings.Repeat("x", 2<<20) + `"}`)); status != 413 || !strings.Contains(answer, "REQUEST_TOO_LARGE") {
			t.Errorf("two megabytes: %d %s", status, answer)
		}
		req, err := http.NewRequestWithContext(t.Context(), "GET", h.url+data+"/sobjects/User/describe", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+h.user)
		req.Header.Set("Accept-Encoding", "gzip, deflate")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%v", res.Header)
		}
		z, err := gzip.NewReader(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || !json.Valid(text) {
			t.Errorf("%v: %.80s", err, text)
		}
		_ = res.Body.Close()
	})
}
