package crm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A report is a saved query: it is made as a record, described by its columns, and run for its rows.
func TestReportsAreRun(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		people(t, h)
		id := h.create(t, "Report", map[string]any{
			"Name": "People", "Query": "SELECT LastName, Email, Owner.Name, CreatedDate FROM Contact WHERE Department = 'soql' ORDER BY LastName",
		})
		reports := data + "/analytics/reports"
		status, answer := h.call(t, h.admin, "GET", reports, nil)
		if status != 200 || !strings.Contains(answer, `"url":"`+reports+"/"+id+`"`) {
			t.Errorf("%d %s", status, answer)
		}
		status, answer = h.call(t, h.admin, "GET", reports+"/"+id+"/describe", nil)
		if status != 200 || !strings.Contains(answer, `"detailColumns":["LastName","Email","Owner.Name","CreatedDate"]`) || !strings.Contains(answer, `"Email":{"dataType":"email","label":"Email"}`) {
			t.Errorf("%d %s", status, answer)
		}
		status, answer = h.call(t, h.admin, "GET", reports+"/"+id+"?includeDetails=true", nil)
		var run struct {
			AllData bool `json:"allData"`
			FactMap map[string]struct {
				Aggregates []struct{ Value int } `json:"aggregates"`
				Rows       []struct {
					DataCells []struct {
						Label string
						Value any
					} `json:"dataCells"`
				} `json:"rows"`
			} `json:"factMap"`
		}
		if err := json.Unmarshal([]byte(answer), &run); err != nil || status != 200 {
			t.Fatalf("%d %s, %v", status, answer, err)
		}
		facts := run.FactMap["T!T"]
		var got []string
		for _, row := range facts.Rows {
			got = append(got, fmt.Sprintf("%v %s", row.DataCells[0].Value, row.DataCells[1].Label))
		}
		if !run.AllData || facts.Aggregates[0].Value != 4 || strings.Join(got, ", ") != "alpha a@x.example, Beta -, Delta -, gamma G@X.example" {
			t.Errorf("%v: %s", got, answer)
		}
		if status, answer := h.call(t, h.admin, "GET", reports+"/"+id+"?includeDetails=false", nil); status != 200 || strings.Contains(answer, "alpha") {
			t.Errorf("%d %s", status, answer)
		}
		for body, want := range map[string]string{
			`{"Name":"Bad","Query":"SELECT Nope FROM Contact"}`:                            "INVALID_FIELD",
			`{"Name":"Bad","Query":"SELECT Name, (SELECT Id FROM Contacts) FROM Account"}`: "A report has no child queries",
			`{"Name":"Bad","Query":"SELECT"}`:                                              "MALFORMED_QUERY",
			`{"Name":"Bad"}`:                                                               "REQUIRED_FIELD_MISSING",
		} {
			if status, answer := h.call(t, h.admin, "POST", data+"/sobjects/Report", body); status != 400 || !strings.Contains(answer, want) {
				t.Errorf("%s: %d %s", body, status, answer)
			}
		}
		// Running is no change, and is told.
		_, rows := h.query(t, h.admin, "SELECT LastRunDate, CreatedDate, SystemModstamp FROM Report WHERE Id = '"+id+"'")
		if rows[0]["LastRunDate"] == nil || rows[0]["SystemModstamp"] != rows[0]["CreatedDate"] {
			t.Errorf("after a run: %v", rows)
		}
		if status, answer := h.call(t, h.admin, "GET", reports+"/00O000000000001AAA", nil); status != 404 {
			t.Errorf("%d %s", status, answer)
		}
	})
}
