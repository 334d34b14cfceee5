package crm_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	ingest = data + "/jobs/ingest"
	asking = data + "/jobs/query"
)

// raw makes a request whose body is no JSON.
func (h *house) raw(t *testing.T, token, method, path, kind string, body io.Reader) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := finish(t, res)
	return status, res.Header, answer
}

// newJob makes a job and returns its id.
func (h *house) newJob(t *testing.T, token, path string, body map[string]any) string {
	t.Helper()
	status, answer := h.call(t, token, "POST", path, body)
	if status != http.StatusOK {
		t.Fatalf("making a job: %d %s", status, answer)
	}
	return field(t, answer, "id").(string)
}

// wait waits for the end of a job.
func (h *house) wait(t *testing.T, path string) string {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		_, answer := h.call(t, h.admin, "GET", path, nil)
		switch field(t, answer, "state") {
		case "JobComplete", "Failed", "Aborted":
			return answer
		}
	}
	t.Fatalf("%s does not end", path)
	return ""
}

// load brings a CSV in and returns the job's path and its last state.
func (h *house) load(t *testing.T, token string, job map[string]any, text string) (path, state string) {
	t.Helper()
	path = ingest + "/" + h.newJob(t, token, ingest, job)
	if status, _, answer := h.raw(t, token, "PUT", path+"/batches/", "text/csv; charset=UTF-8", strings.NewReader(text)); status != http.StatusCreated || answer != "" {
		t.Fatalf("uploading: %d %s", status, answer)
	}
	if status, answer := h.call(t, token, "PATCH", path, map[string]any{"state": "UploadComplete"}); status != http.StatusOK || field(t, answer, "state") != "UploadComplete" {
		t.Fatalf("closing: %d %s", status, answer)
	}
	return path, h.wait(t, path)
}

// table fetches results; every row is a map by header.
func (h *house) table(t *testing.T, token, path string) []map[string]string {
	t.Helper()
	status, header, answer := h.raw(t, token, "GET", path, "", nil)
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/csv") {
		t.Fatalf("%s: %d %v %s", path, status, header, answer)
	}
	rows, err := csv.NewReader(strings.NewReader(answer)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v: %s", path, err, answer)
	}
	var out []map[string]string
	for i, row := range rows {
		if i == 0 {
			continue
		}
		m := map[string]string{}
		for k, v := range row {
			m[rows[0][k]] = v
		}
		out = append(out, m)
	}
	return out
}

func TestLoadingRecords(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		status, answer := h.call(t, h.user, "POST", ingest, map[string]any{
			"object": "contact", "operation": "insert", "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA", "externalIdFieldName": "",
		})
		id := field(t, answer, "id").(string)
		if status != 200 || !strings.HasPrefix(id, "750") || len(id) != 18 || !strings.Contains(answer, `"apiVersion":65.0`) ||
			field(t, answer, "contentUrl") != "services/data/v65.0/jobs/ingest/"+id+"/batches" || field(t, answer, "state") != "Open" ||
			field(t, answer, "object") != "Contact" || field(t, answer, "concurrencyMode") != "Parallel" {
			t.Fatalf("%d %s", status, answer)
		}
		var text strings.Builder
		text.WriteString("LastName,firstname,Title,Birthdate\n")
		const rows = 450
		for i := range rows {
			switch i {
			case 7:
				text.WriteString(",Nameless,,\n")
			case 300:
				text.WriteString("Bad date,,,yesterday\n")
			case 301:
				text.WriteString("too,few\n")
			default:
				fmt.Fprintf(&text, "\"L, %d\",\"F \"\"%d\"\"\",,1980-01-02\n", i, i)
			}
		}
		path := ingest + "/" + id
		if status, _, answer := h.raw(t, h.user, "PUT", path+"/batches", "text/csv", strings.NewReader(text.String())); status != 201 || answer != "" {
			t.Fatalf("%d %s", status, answer)
		}
		status, _, answer = h.raw(t, h.user, "PUT", path+"/batches", "text/csv", strings.NewReader("x"))
		if status != 400 || !strings.Contains(answer, `"errorCode":"BULK_API_ERROR"`) || !strings.Contains(answer, "Found multipe contents for job: <"+id+">") {
			t.Errorf("a second upload: %d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "GET", path+"/successfulResults", nil); status != 400 || !strings.Contains(answer, "INVALIDJOBSTATE") {
			t.Errorf("results too soon: %d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "PATCH", path, map[string]any{"id": id, "state": "UploadComplete"}); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		done := h.wait(t, path)
		if field(t, done, "state") != "JobComplete" || field(t, done, "numberRecordsProcessed") != float64(rows) || field(t, done, "numberRecordsFailed") != 3.0 ||
			field(t, done, "jobType") != "V2Ingest" {
			t.Errorf("%s", done)
		}
		good, bad := h.table(t, h.user, path+"/successfulResults/"), h.table(t, h.user, path+"/failedResults")
		if len(good) != rows-3 || len(bad) != 3 || good[0]["sf__Created"] != "true" || good[0]["LastName"] != "L, 0" || good[0]["firstname"] != `F "0"` ||
			!strings.HasPrefix(good[0]["sf__Id"], "003") {
			t.Fatalf("%d good, %d bad: %v", len(good), len(bad), good[0])
		}
		if bad[0]["sf__Error"] != "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --" || bad[0]["sf__Id"] != "" || bad[0]["firstname"] != "Nameless" {
			t.Errorf("%v", bad)
		}
		if n := len(h.table(t, h.user, path+"/unprocessedrecords")); n != 0 {
			t.Errorf("%d unprocessed", n)
		}
		for _, p := range []string{"/unprocessedRecords", "/SUCCESSFULRESULTS"} {
			if status, _, _ := h.raw(t, h.user, "GET", path+p, "", nil); status != 200 {
				t.Errorf("%s: %d", p, status)
			}
		}
		if status, answer := h.call(t, h.user, "GET", path+"/otherResults", nil); status != 404 {
			t.Errorf("%d %s", status, answer)
		}
		_, records := h.query(t, h.user, "SELECT FirstName, Birthdate FROM Contact WHERE Id = '"+good[len(good)-1]["sf__Id"]+"'")
		if records[0]["FirstName"] != `F "449"` || records[0]["Birthdate"] != "1980-01-02" {
			t.Errorf("%v", records)
		}

		// Empty leaves a field, #N/A empties it; what fails says which row.
		first, second := good[0]["sf__Id"], good[1]["sf__Id"]
		path, done = h.load(t, h.user, map[string]any{"object": "Contact", "operation": "update", "lineEnding": "CRLF", "columnDelimiter": "SEMICOLON"},
			"Id;LastName;FirstName;Title\r\n"+first+";;#N/A;Chief\r\n"+second+";#N/A;;\r\n003000000000001;x;;\r\n;x;;\r\nx;x;;\r\n")
		if field(t, done, "numberRecordsFailed") != 4.0 || field(t, done, "lineEnding") != "CRLF" || field(t, done, "columnDelimiter") != "SEMICOLON" {
			t.Errorf("%s", done)
		}
		_, _, failures := h.raw(t, h.user, "GET", path+"/failedResults", "", nil)
		want := "\"sf__Id\";\"sf__Error\";\"Id\";\"LastName\";\"FirstName\";\"Title\"\r\n" +
			"\"" + second + "\";\"REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --\";\"" + second + "\";\"#N/A\";\"\";\"\"\r\n" +
			"\"003000000000001\";\"INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--\";\"003000000000001\";\"x\";\"\";\"\"\r\n" +
			"\"\";\"MISSING_ARGUMENT:Id not specified in an update call:Id --\";\"\";\"x\";\"\";\"\"\r\n" +
			"\"x\";\"MALFORMED_ID:malformed id x:--\";\"x\";\"x\";\"\";\"\"\r\n"
		if failures != want {
			t.Errorf("%s\nwant\n%s", failures, want)
		}
		_, records = h.query(t, h.user, "SELECT LastName, FirstName, Title FROM Contact WHERE Id = '"+first+"'")
		if records[0]["LastName"] != "L, 0" || records[0]["FirstName"] != nil || records[0]["Title"] != "Chief" {
			t.Errorf("%v", records)
		}

		path, done = h.load(t, h.user, map[string]any{"object": "Contact", "operation": "upsert", "externalIdFieldName": "Id"}, "Id,LastName\n"+first+",Upserted\n,Made\n")
		if field(t, done, "numberRecordsFailed") != 0.0 {
			t.Errorf("%s", done)
		}
		if got := h.table(t, h.user, path+"/successfulResults"); got[0]["sf__Created"] != "false" || got[1]["sf__Created"] != "true" || got[0]["sf__Id"] != first {
			t.Errorf("%v", got)
		}
		_, done = h.load(t, h.user, map[string]any{"object": "Contact", "operation": "delete"}, "Id\n"+first+"\n"+first)
		if field(t, done, "numberRecordsProcessed") != 2.0 || field(t, done, "numberRecordsFailed") != 1.0 {
			t.Errorf("%s", done)
		}
		if status, _ := h.call(t, h.user, "GET", data+"/sobjects/Contact/"+first, nil); status != 404 {
			t.Error("a deleted record is there")
		}
	})
}

// What is wrong with a row is said in the words of a table, not of JSON; and Bulk API 1.0 is refused in its own shape.
func TestRowsThatFail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		path, _ := h.load(t, h.user, map[string]any{"object": "Account", "operation": "insert"}, "Name,AnnualRevenue\nX,abc\nY,1.005\n")
		if rows := h.table(t, h.user, path+"/failedResults"); len(rows) != 1 ||
			rows[0]["sf__Error"] != "INVALID_TYPE_ON_FIELD_IN_RECORD:Annual Revenue: value not of required type: abc:AnnualRevenue --" {
			t.Errorf("%v", rows)
		}
		path, _ = h.load(t, h.user, map[string]any{"object": "Account", "operation": "update"}, "Id,Name\n,X\n")
		if rows := h.table(t, h.user, path+"/failedResults"); len(rows) != 1 || rows[0]["sf__Error"] != "MISSING_ARGUMENT:Id not specified in an update call:Id --" {
			t.Errorf("%v", rows)
		}
		for kind, want := range map[string]string{
			"application/xml":  `<error xmlns="http://www.force.com/2009/06/asyncapi/dataload"><exceptionCode>FeatureNotEnabled</exceptionCode><exceptionMessage>Bulk API 1.0`,
			"application/json": `{"exceptionCode":"FeatureNotEnabled","exceptionMessage":"Bulk API 1.0`,
		} {
			if status, _, answer := h.raw(t, h.user, "POST", "/services/async/65.0/job", kind, strings.NewReader("x")); status != 400 || !strings.HasPrefix(answer, want) {
				t.Errorf("%s: %d %s", kind, status, answer)
			}
		}
	})
}

// What is wrong with a whole upload ends the job in words; what was not processed can be fetched.
func TestLoadsThatFail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		insert := map[string]any{"object": "Contact", "operation": "insert"}
		for name, c := range map[string]struct {
			job        map[string]any
			text, want string
			processed  float64
			rest       string
		}{
			"a field that is not there": {insert, "LastName,Nope\nA,b\n", "InvalidBatch : Field name not found : Nope", 0, "\"LastName\",\"Nope\"\nA,b\n"},
			"another end of lines":      {insert, "LastName\r\nA\r\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF", 0, "LastName\r\nA\r\n"},
			"in the middle":             {insert, "LastName\nA\nB\nC\r\nD\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF", 2, "\"LastName\"\nC\r\nD\n"},
			"no id":                     {map[string]any{"object": "Contact", "operation": "update"}, "LastName\nA\n", "InvalidBatch : Field name not found : Id", 0, "\"LastName\"\nA\n"},
			"more than ids":             {map[string]any{"object": "Contact", "operation": "delete"}, "Id,LastName\n003000000000001,x\n", "InvalidBatch : Only the column Id is for the operation delete", 0, "\"Id\",\"LastName\"\n003000000000001,x\n"},
		} {
			path, state := h.load(t, h.user, c.job, c.text)
			if field(t, state, "state") != "Failed" || field(t, state, "errorMessage") != c.want || field(t, state, "numberRecordsProcessed") != c.processed {
				t.Errorf("%s: %s", name, state)
			}
			if _, _, rest := h.raw(t, h.user, "GET", path+"/unprocessedrecords", "", nil); rest != c.rest {
				t.Errorf("%s: unprocessed %q", name, rest)
			}
			if _, _, head := h.raw(t, h.user, "GET", path+"/failedResults", "", nil); !strings.HasPrefix(head, `"sf__Id","sf__Error"`) {
				t.Errorf("%s: failed %q", name, head)
			}
		}
		for _, c := range []struct {
			path string
			body any
			code string
		}{
			{ingest, map[string]any{"object": "Nope", "operation": "insert"}, "INVALIDENTITY"},
			{ingest, map[string]any{"object": "Contact", "operation": "merge"}, "INVALIDJOB"},
			{asking, map[string]any{"operation": "query", "query": "SELECT Id FROM Contact ORDER BY Id LIMIT 5 OFFSET 3"}, "INVALIDJOB"},
			{ingest, map[string]any{"object": "User", "operation": "delete"}, "INVALIDENTITY"},
			{ingest, map[string]any{"object": "Contact", "operation": "insert", "columnDelimiter": "X"}, "INVALIDJOB"},
			{ingest, map[string]any{"object": "Contact", "operation": "insert", "lineEnding": "CR"}, "INVALIDJOB"},
			{ingest, map[string]any{"object": "Contact", "operation": "insert", "contentType": "XML"}, "INVALIDJOB"},
			{ingest, map[string]any{"object": "Contact", "operation": "upsert", "externalIdFieldName": "Nope__c"}, "INVALIDJOB"},
			{ingest, `{"object":`, "JSON_PARSER_ERROR"},
			{asking, map[string]any{"operation": "query", "query": "SELECT Nope FROM Contact"}, "INVALID_FIELD"},
			{asking, map[string]any{"operation": "query", "query": "SELECT COUNT() FROM Contact"}, "INVALIDJOB"},
			{asking, map[string]any{"operation": "insert", "query": "SELECT Id FROM Contact"}, "INVALIDJOB"},
		} {
			if status, answer := h.call(t, h.user, "POST", c.path, c.body); status != 400 || !strings.Contains(answer, `"errorCode":"`+c.code+`"`) {
				t.Errorf("%v: %d %s", c.body, status, answer)
			}
		}
		if status, answer := h.call(t, h.user, "POST", ingest, map[string]any{"object": "PermissionSet", "operation": "insert"}); status != 400 {
			t.Errorf("without the right: %d %s", status, answer)
		}
	})
}

// Jobs are aborted, deleted, listed, and seen by those whose they are.
func TestJobsLive(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		insert := map[string]any{"object": "Contact", "operation": "insert"}
		mine := ingest + "/" + h.newJob(t, h.user, ingest, insert)
		theirs := ingest + "/" + h.newJob(t, h.admin, ingest, insert)
		for path, want := range map[string]int{mine: 200, theirs: 404, ingest + "/750000000000001": 404, ingest + "/x": 404, strings.Replace(mine, "/ingest/", "/query/", 1): 404} {
			if status, _ := h.call(t, h.user, "GET", path, nil); status != want {
				t.Errorf("%s: %d", path, status)
			}
		}
		if status, _ := h.call(t, h.admin, "GET", mine, nil); status != 200 {
			t.Error("an administrator does not see a job")
		}
		_, answer := h.call(t, h.user, "GET", ingest, nil)
		if !strings.HasPrefix(answer, `{"done":true,"nextRecordsUrl":null,"records":[{"id":"750`) || strings.Count(answer, `"id"`) != 1 {
			t.Errorf("%s", answer)
		}
		if _, answer := h.call(t, h.admin, "GET", ingest, nil); strings.Count(answer, `"id"`) != 2 {
			t.Errorf("%s", answer)
		}
		if status, answer := h.call(t, h.user, "DELETE", mine, nil); status != 400 || !strings.Contains(answer, "INVALIDJOBSTATE") {
			t.Errorf("deleting an open job: %d %s", status, answer)
		}
		if status, _, answer := h.raw(t, h.user, "PUT", mine+"/batches", "text/csv", strings.NewReader("LastName\nA\n")); status != 201 {
			t.Fatalf("%d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "PATCH", mine, map[string]any{"state": "Aborted"}); status != 200 || field(t, answer, "state") != "Aborted" {
			t.Errorf("%d %s", status, answer)
		}
		for _, state := range []string{"UploadComplete", "Aborted"} {
			if status, answer := h.call(t, h.user, "PATCH", mine, map[string]any{"state": state}); status != 400 || !strings.Contains(answer, "INVALIDJOBSTATE") {
				t.Errorf("%s after the end: %d %s", state, status, answer)
			}
		}
		if _, _, rest := h.raw(t, h.user, "GET", mine+"/unprocessedrecords", "", nil); rest != "\"LastName\"\nA\n" {
			t.Errorf("unprocessed of an aborted job: %q", rest)
		}
		if status, _, answer := h.raw(t, h.user, "PUT", theirs+"/batches", "text/csv", strings.NewReader("x")); status != 404 {
			t.Errorf("uploading to another's job: %d %s", status, answer)
		}
		if status, _, answer := h.raw(t, h.admin, "PUT", theirs+"/batches", "application/json", strings.NewReader("x")); status != 415 {
			t.Errorf("uploading something else: %d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "DELETE", mine, nil); status != 204 || answer != "" {
			t.Errorf("%d %s", status, answer)
		}
		if status, _ := h.call(t, h.user, "GET", mine, nil); status != 404 {
			t.Error("a deleted job is there")
		}
		if status, answer := h.call(t, h.admin, "PATCH", theirs, map[string]any{"state": "JobComplete"}); status != 400 || !strings.Contains(answer, "INVALIDJOB") {
			t.Errorf("%d %s", status, answer)
		}

		// A small job comes with its content.
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for _, p := range [][3]string{{"job", "application/json", `{"object":"Contact","operation":"insert"}`}, {"content", "text/csv", "LastName\nMulti\n"}} {
			w, err := form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + p[0] + `"; filename="f"`}, "Content-Type": {p[1]}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, p[2]); err != nil {
				t.Fatal(err)
			}
		}
		if err := form.Close(); err != nil {
			t.Fatal(err)
		}
		status, _, answer := h.raw(t, h.user, "POST", ingest, form.FormDataContentType(), &body)
		if status != 200 || field(t, answer, "state") != "UploadComplete" {
			t.Fatalf("%d %s", status, answer)
		}
		if state := h.wait(t, ingest+"/"+field(t, answer, "id").(string)); field(t, state, "numberRecordsProcessed") != 1.0 {
			t.Errorf("%s", state)
		}
	})
}

func TestQueryJobs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		account := h.create(t, "Account", map[string]any{"Name": `Quote " AG`})
		for i := range 5 {
			h.create(t, "Contact", map[string]any{"LastName": fmt.Sprintf("Q\n%d", i), "AccountId": account})
		}
		status, answer := h.call(t, h.user, "POST", asking, map[string]any{
			"operation": "query", "query": "SELECT LastName, Account.Name, HasOptedOutOfEmail, CreatedDate, Title FROM Contact WHERE AccountId = '" + account + "' ORDER BY LastName",
			"contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA",
		})
		if status != 200 || field(t, answer, "state") != "UploadComplete" || field(t, answer, "jobType") != "V2Query" || field(t, answer, "object") != "Contact" {
			t.Fatalf("%d %s", status, answer)
		}
		path := asking + "/" + field(t, answer, "id").(string)
		if state := h.wait(t, path); field(t, state, "numberRecordsProcessed") != 5.0 {
			t.Errorf("%s", state)
		}
		var all []string
		locator := ""
		for pages := 0; ; pages++ {
			status, header, answer := h.raw(t, h.user, "GET", path+"/results?maxRecords=2"+locator, "", nil)
			if status != 200 || pages > 3 {
				t.Fatalf("%d %s", status, answer)
			}
			rows, err := csv.NewReader(strings.NewReader(answer)).ReadAll()
			if err != nil || header.Get("Sforce-NumberOfRecords") != fmt.Sprint(len(rows)-1) || strings.Join(rows[0], ",") != "LastName,Account.Name,HasOptedOutOfEmail,CreatedDate,Title" {
				t.Fatalf("%v %v %s", err, header, answer)
			}
			for _, row := range rows[1:] {
				all = append(all, row[0])
				if row[1] != `Quote " AG` || row[2] != "false" || !strings.HasSuffix(row[3], "Z") || row[4] != "" {
					t.Errorf("%v", row)
				}
			}
			next := header.Get("Sforce-Locator")
			if next == "null" {
				break
			}
			locator = "&locator=" + next
		}
		if fmt.Sprintf("%q", all) != `["Q\n0" "Q\n1" "Q\n2" "Q\n3" "Q\n4"]` {
			t.Errorf("%q", all)
		}
		if got := h.table(t, h.user, path+"/results"); len(got) != 5 {
			t.Errorf("%v", got)
		}
		for query, code := range map[string]string{"?locator=!": "INVALID_QUERY_LOCATOR", "?locator=zz": "INVALID_QUERY_LOCATOR", "?maxRecords=0": "INVALIDJOB"} {
			if status, answer := h.call(t, h.user, "GET", path+"/results"+query, nil); status != 400 || !strings.Contains(answer, code) {
				t.Errorf("%s: %d %s", query, status, answer)
			}
		}
		path = asking + "/" + h.newJob(t, h.user, asking, map[string]any{"operation": "query", "query": "SELECT Id FROM Contact WHERE LastName = 'nobody'"})
		h.wait(t, path)
		status, header, answer := h.raw(t, h.user, "GET", path+"/results", "", nil)
		if status != 200 || answer != "\"Id\"\n" || header.Get("Sforce-Locator") != "null" || header.Get("Sforce-NumberOfRecords") != "0" {
			t.Errorf("an empty answer: %d %v %q", status, header, answer)
		}
		if status, answer := h.call(t, h.user, "DELETE", path, nil); status != 204 {
			t.Errorf("%d %s", status, answer)
		}
		deleted := h.ids(t, "SELECT Id FROM Contact WHERE LastName = 'Q\\n0'")[0]
		h.call(t, h.user, "DELETE", data+"/sobjects/Contact/"+deleted, nil)
		for operation, want := range map[string]int{"query": 4, "queryAll": 5} {
			path := asking + "/" + h.newJob(t, h.user, asking, map[string]any{"operation": operation, "query": "SELECT Id FROM Contact WHERE AccountId = '" + account + "'"})
			h.wait(t, path)
			if got := h.table(t, h.user, path+"/results"); len(got) != want {
				t.Errorf("%s: %d rows", operation, len(got))
			}
		}

		// Results count to what an org keeps.
		if said, kept, err := h.cloud.BulkAnswered(t.Context()); err != nil || said == 0 || said != kept {
			t.Errorf("results have %d bytes, jobs say %d, %v", kept, said, err)
		}
		load := ingest + "/" + h.newJob(t, h.user, ingest, map[string]any{"object": "Contact", "operation": "insert"})
		if err := h.cloud.FillBulk(t.Context(), 4_000_000_001); err != nil {
			t.Fatal(err)
		}
		if status, answer := h.call(t, h.user, "POST", asking, map[string]any{"operation": "query", "query": "SELECT Id FROM Contact"}); status != 403 || !strings.Contains(answer, "EXCEEDED_QUOTA") {
			t.Errorf("a query of an org that keeps too much: %d %s", status, answer)
		}
		if status, _, answer := h.raw(t, h.user, "PUT", load+"/batches", "text/csv", strings.NewReader("LastName\nA\n")); status != 403 || !strings.Contains(answer, "EXCEEDED_QUOTA") {
			t.Errorf("an upload to one: %d %s", status, answer)
		}
	})
}

// The connector's exemption is for SOAP and REST: its Bulk calls count, and the Bulk APIs' own limits are its too.
//
// seed:api S002-14
func TestBulkLimitsAreNotLifted(t *testing.T) {
	t.Parallel()
	eachMetered(t, 12, func(t *testing.T, h *house) {
		connector := h.appToken(t, 0)
		used := func() int {
			t.Helper()
			n, _ := h.counted(t, connector)
			return n
		}
		if n := used(); n != 0 {
			t.Fatalf("%d calls at the beginning", n)
		}
		path := ingest + "/" + h.newJob(t, connector, ingest, map[string]any{"object": "Contact", "operation": "insert"})
		if status, header, answer := h.raw(t, connector, "PUT", path+"/batches", "text/csv", strings.NewReader("LastName\nA\nB\n")); status != 201 || header.Get("Sforce-Limit-Info") != "api-usage=2/12" {
			t.Fatalf("%d %v %s", status, header, answer)
		}
		if n := used(); n != 2 {
			t.Errorf("two Bulk calls of the connector count as %d", n)
		}
		h.call(t, connector, "PATCH", path, map[string]any{"state": "UploadComplete"})
		limits := func() string {
			t.Helper()
			for end := time.Now().Add(time.Minute); time.Now().Before(end); {
				_, answer := h.call(t, connector, "GET", data+"/limits", nil) // REST: does not count
				if strings.Contains(answer, `"DailyBulkApiBatches":{"Max":15000,"Remaining":14999}`) {
					return answer
				}
			}
			t.Fatal("no batch is counted")
			return ""
		}
		limits()
		h.newJob(t, connector, asking, map[string]any{"operation": "query", "query": "SELECT Id FROM Contact"})
		if answer := limits(); !strings.Contains(answer, `"DailyBulkV2QueryJobs":{"Max":10000,"Remaining":9999}`) {
			t.Errorf("%s", answer)
		}
		if n := used(); n != 4 {
			t.Errorf("four Bulk calls of the connector count as %d", n)
		}
		for range 8 {
			h.call(t, connector, "GET", path, nil)
		}
		if status, answer := h.call(t, connector, "GET", path, nil); status != 403 || !strings.Contains(answer, "REQUEST_LIMIT_EXCEEDED") {
			t.Errorf("past the limit: %d %s", status, answer)
		}
		if n := used(); n != 12 {
			t.Errorf("REST of the connector past the limit: %d", n)
		}
	})
}

// Rows name their parents by another field; what is deleted hard is not in the recycle bin, with all that hangs on it.
func TestParentsAndHardDelete(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.wantChange(t, "createMetadata", component("CustomField", "Account.Ext__c", "<label>Ext</label><type>Text</type><length>20</length><externalId>true</externalId><unique>true</unique>"))
		acme := h.create(t, "Account", map[string]any{"Name": "Acme", "Ext__c": "A-1"})
		for range 2 {
			h.create(t, "Contact", map[string]any{"LastName": "Twin", "Email": "twin@x.example"})
		}
		path, done := h.load(t, h.admin, map[string]any{"object": "Contact", "operation": "insert"},
			"LastName,Account.Ext__c,ReportsTo.Email\nFound,a-1,\nLost,nope,\nFree,,\nDoubled,,twin@x.example\n")
		if field(t, done, "numberRecordsFailed") != 2.0 {
			t.Errorf("%s", done)
		}
		h.one(t, "SELECT Id FROM Contact WHERE LastName = 'Found' AND AccountId = '"+acme+"'")
		h.one(t, "SELECT Id FROM Contact WHERE LastName = 'Free' AND AccountId = null")
		bad := h.table(t, h.admin, path+"/failedResults")
		if len(bad) != 2 || bad[0]["sf__Error"] != "INVALID_FIELD:Foreign key external ID: nope not found for field Ext__c in entity Account:--" ||
			bad[0]["Account.Ext__c"] != "nope" || !strings.HasPrefix(bad[1]["sf__Error"], "DUPLICATE_EXTERNAL_ID:Email: more than one record found") {
			t.Errorf("%v", bad)
		}
		found := h.one(t, "SELECT Id FROM Contact WHERE LastName = 'Found'")
		if _, done := h.load(t, h.admin, map[string]any{"object": "Contact", "operation": "update"}, "Id,Account.Ext__c\n"+found+",#N/A\n"); field(t, done, "numberRecordsFailed") != 0.0 {
			t.Errorf("%s", done)
		}
		h.one(t, "SELECT Id FROM Contact WHERE Id = '"+found+"' AND AccountId = null")
		h.load(t, h.admin, map[string]any{"object": "Task", "operation": "insert"}, "Subject,Contact:Who.Email\nCall,carla@kunde.example\n")
		h.one(t, "SELECT Id FROM Task WHERE Subject = 'Call' AND Who.Email = 'carla@kunde.example'")
		for _, column := range []string{"Account.Nope__c", "Nope.Name", "Account.Phone", "Lead:Account.Ext__c", "CreatedBy.Username"} {
			if _, done := h.load(t, h.admin, map[string]any{"object": "Contact", "operation": "insert"}, "LastName,"+column+"\nx,y\n"); field(t, done, "errorMessage") != "InvalidBatch : Field name not found : "+column {
				t.Errorf("%s: %s", column, done)
			}
		}

		hard := map[string]any{"object": "Account", "operation": "hardDelete"}
		if status, answer := h.call(t, h.admin, "POST", ingest, hard); status != 400 ||
			answer != `[{"message":"hardDelete operation requires special user profile permission, please contact your system administrator","errorCode":"FEATURENOTENABLED"}]` {
			t.Errorf("without the permission: %d %s", status, answer)
		}
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Hard", "PermissionsBulkApiHardDelete": true})
		h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": h.one(t, "SELECT Id FROM User WHERE FirstName = 'Ada'")})
		h.create(t, "Contact", map[string]any{"LastName": "Child", "AccountId": acme})
		path, done = h.load(t, h.admin, hard, "Id\n"+acme+"\n001000000000001\n")
		if field(t, done, "numberRecordsProcessed") != 2.0 || field(t, done, "numberRecordsFailed") != 1.0 {
			t.Errorf("%s", done)
		}
		if good := h.table(t, h.admin, path+"/successfulResults"); len(good) != 1 || good[0]["sf__Id"] != acme || good[0]["sf__Created"] != "false" {
			t.Errorf("%v", good)
		}
		for _, query := range []string{"SELECT COUNT() FROM Account WHERE Name = 'Acme'", "SELECT COUNT() FROM Contact WHERE LastName = 'Child'"} {
			if _, answer := h.call(t, h.admin, "GET", data+"/queryAll?q="+url.QueryEscape(query), nil); field(t, answer, "totalSize") != 0.0 {
				t.Errorf("%s: %s", query, answer)
			}
		}
		h.create(t, "Account", map[string]any{"Name": "Again", "Ext__c": "A-1"}) // the value is free
	})
}
