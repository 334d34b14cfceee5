package crm_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// with makes a REST request with more headers.
func (h *house) with(t *testing.T, method, path, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.user)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := finish(t, res)
	return status, res.Header, answer
}

// Who has a record as it is is told so, and who has it no longer does not overwrite it.
func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	eachMetered(t, 0, func(t *testing.T, h *house) {
		record := data + "/sobjects/Contact/" + h.create(t, "Contact", map[string]any{"LastName": "Conditional"})
		status, header, answer := h.with(t, "GET", record+"?fields=LastName", "")
		tag, modified := header.Get("ETag"), header.Get("Last-Modified")
		if status != 200 || tag == "" || modified != noon.Format(http.TimeFormat) || strings.Contains(answer, "SystemModstamp") {
			t.Fatalf("%d %v %s", status, header, answer)
		}
		_, header, _ = h.with(t, "GET", record, "")
		whole := header.Get("ETag")
		before, after := noon.Add(-time.Minute).Format(http.TimeFormat), noon.Add(time.Minute).Format(http.TimeFormat)
		for _, c := range []struct {
			method, path, name, value string
			want                      int
		}{
			{"GET", record + "?fields=LastName", "If-None-Match", tag, 304},
			{"GET", record + "?fields=LastName", "If-None-Match", `"x", W/` + tag, 304},
			{"GET", record + "?fields=Name", "If-None-Match", tag, 200},
			{"GET", record + "?fields=LastName", "If-Match", tag, 200},
			{"GET", record + "?fields=LastName", "If-Match", `"x"`, 412},
			{"GET", record, "If-Modified-Since", modified, 304},
			{"GET", record, "If-Modified-Since", before, 200},
			{"GET", record, "If-Modified-Since", "yesterday", 200},
			{"GET", record, "If-Unmodified-Since", before, 412},
			{"HEAD", record, "If-Modified-Since", after, 304},
			{"HEAD", record, "X-None", "", 200},
			{"GET", data + "/sobjects/Contact/describe", "If-None-Match", `"x"`, 200},
			{"PATCH", record, "If-Unmodified-Since", before, 412},
			{"DELETE", record, "If-Unmodified-Since", before, 412},
			{"PATCH", record, "If-Match", `"x"`, 412},
			{"PATCH", record, "If-None-Match", "*", 412},
			{"DELETE", record, "If-Match", `"x"`, 412},
			{"PATCH", data + "/sobjects/Contact/Email/if@match.example", "If-Match", "*", 400},
			{"PATCH", record, "If-Match", whole, 204},
			{"PATCH", record, "If-Match", whole, 412},
			{"PATCH", record, "If-Match", `"x", *`, 204},
			{"PATCH", record, "If-Unmodified-Since", modified, 204},
			{"DELETE", record, "If-Unmodified-Since", after, 204},
			{"DELETE", record, "If-Unmodified-Since", after, 404},
		} {
			body := ""
			if c.method == "PATCH" {
				body = `{"Title":"T"}`
			}
			status, header, answer := h.with(t, c.method, c.path, body, c.name, c.value)
			if status != c.want || status == 304 && answer != "" || status == 412 && !strings.Contains(answer, "PRECONDITION_FAILED") {
				t.Errorf("%s with %s %s: %d %v %s", c.method, c.name, c.value, status, header, answer)
			}
		}
	})
}

// Replicating clients learn what came, changed and went in a time (crm-wire 3.5).
func TestReplication(t *testing.T) {
	t.Parallel()
	eachMetered(t, 0, func(t *testing.T, h *house) {
		at := func(minutes int) string {
			return url.QueryEscape(noon.Add(time.Duration(minutes) * time.Minute).Format("2006-01-02T15:04:05+00:00"))
		}
		old := h.create(t, "Contact", map[string]any{"LastName": "Old"})
		gone := h.create(t, "Contact", map[string]any{"LastName": "Gone"})
		if err := h.cloud.SetClock(t.Context(), h.spec.ID, 30*time.Minute); err != nil {
			t.Fatal(err)
		}
		fresh := h.create(t, "Contact", map[string]any{"LastName": "Fresh"})
		if status, _ := h.call(t, h.admin, "DELETE", data+"/sobjects/Contact/"+gone, nil); status != 204 {
			t.Fatal(status)
		}
		status, answer := h.call(t, h.admin, "GET", data+"/sobjects/contact/updated/?start="+at(20)+"&end="+at(60), nil)
		if status != 200 || answer != `{"ids":["`+fresh+`"],"latestDateCovered":"2026-06-01T12:30:00.000+0000"}` {
			t.Errorf("updated: %d %s", status, answer)
		}
		_, answer = h.call(t, h.admin, "GET", data+"/sobjects/Contact/updated?start="+at(-5)+"&end="+at(10), nil)
		if !strings.Contains(answer, old) || strings.Contains(answer, fresh) || strings.Contains(answer, gone) || !strings.Contains(answer, "2026-06-01T12:10:00.000+0000") {
			t.Errorf("updated before: %s", answer)
		}
		status, answer = h.call(t, h.admin, "GET", data+"/sobjects/Contact/deleted?start="+at(20)+"&end="+at(31), nil)
		var out struct {
			Records []struct{ ID, DeletedDate string } `json:"deletedRecords"`
			Early   string                             `json:"earliestDateAvailable"`
		}
		if err := json.Unmarshal([]byte(answer), &out); err != nil || status != 200 || len(out.Records) != 1 || out.Records[0].ID != gone ||
			out.Records[0].DeletedDate != "2026-06-01T12:30:00.000+0000" || out.Early == "" {
			t.Errorf("deleted: %d %s %v", status, answer, err)
		}
		for path, code := range map[string]string{
			"/Contact/updated?start=x&end=" + at(0):                     "INVALID_REPLICATION_DATE",
			"/Contact/updated?start=" + at(1) + "&end=" + at(1):         "INVALID_REPLICATION_DATE",
			"/Contact/deleted?start=" + at(-60*24*31) + "&end=" + at(0): "INVALID_REPLICATION_DATE",
			"/LoginHistory/updated?start=" + at(0) + "&end=" + at(1):    "INVALID_TYPE_FOR_OPERATION",
			"/PermissionSet/deleted?start=" + at(0) + "&end=" + at(1):   "INVALID_TYPE_FOR_OPERATION",
		} {
			if status, answer := h.call(t, h.admin, "GET", data+"/sobjects"+path, nil); status != 400 || !strings.Contains(answer, code) {
				t.Errorf("%s: %d %s", path, status, answer)
			}
		}
		if status, _ := h.call(t, h.admin, "GET", data+"/sobjects/Nope/updated?start="+at(0)+"&end="+at(1), nil); status != 404 {
			t.Error(status)
		}
	})
}
