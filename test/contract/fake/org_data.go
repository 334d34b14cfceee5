package fake

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// dataError is the data API's way to say no: a list of one (crm-wire 3.3).
func dataError(w http.ResponseWriter, status int, code, text string, fields ...string) {
	writeJSON(w, status, []map[string]any{{"fields": append([]string{}, fields...), "message": text, "errorCode": code}})
}

// caller is whose session a request has; without a live one the answer is given.
func (o *Org) caller(w http.ResponseWriter, r *http.Request) (record, bool) {
	v, _, ok := o.bearer(r)
	if !ok {
		dataError(w, http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
		return nil, false
	}
	return o.user(v.user), true
}

func (o *Org) query(w http.ResponseWriter, r *http.Request) {
	if _, ok := o.caller(w, r); !ok {
		return
	}
	q, ok := parseQuery(r.URL.Query().Get("q"))
	if !ok {
		dataError(w, http.StatusBadRequest, "MALFORMED_QUERY", "unexpected token")
		return
	}
	o.data.Lock()
	defer o.data.Unlock()
	all := o.records[q.object]
	for _, f := range q.fields {
		if sample := o.sample(q.object); !sample.has(f) {
			dataError(w, http.StatusBadRequest, "INVALID_FIELD", "\nNo such column '"+f+"' on entity '"+q.object+"'.")
			return
		}
	}
	o.page(w, q.object, q.fields, q.run(all), 0)
}

// sample is a record with all fields of an object.
func (o *Org) sample(object string) record {
	if object == "Contact" {
		return newContact()
	}
	if all := o.records[object]; len(all) > 0 {
		return all[0]
	}
	return record{}
}

const pageSize = 2

// page answers with records from a position on, and keeps the rest for whoever asks for more.
func (o *Org) page(w http.ResponseWriter, object string, fields []string, found []record, from int) {
	end := min(len(found), from+pageSize)
	records := []map[string]any{}
	for _, r := range found[from:end] {
		records = append(records, r.pick(object, fields))
	}
	answer := map[string]any{"records": records, "totalSize": len(found), "done": end == len(found)}
	if end < len(found) {
		locator := "01gKx" + random()
		o.locators[locator] = map[string]any{"object": object, "fields": fields, "found": found, "from": end}
		answer["nextRecordsUrl"] = "/services/data/v62.0/query/" + locator
	}
	writeJSON(w, http.StatusOK, answer)
}

func (o *Org) more(w http.ResponseWriter, r *http.Request) {
	if _, ok := o.caller(w, r); !ok {
		return
	}
	o.data.Lock()
	defer o.data.Unlock()
	l, ok := o.locators[r.PathValue("locator")]
	if !ok {
		dataError(w, http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator")
		return
	}
	o.page(w, l["object"].(string), l["fields"].([]string), l["found"].([]record), l["from"].(int))
}

func newContact() record {
	return record{
		"Id": "", "FirstName": nil, "LastName": nil, "Name": nil, "Email": nil, "HasOptedOutOfEmail": false, "SystemModstamp": "", "OwnerId": nil, "IsDeleted": false,
	}
}

func (o *Org) create(w http.ResponseWriter, r *http.Request) {
	if _, ok := o.caller(w, r); !ok {
		return
	}
	if r.PathValue("object") != "Contact" {
		dataError(w, http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
		return
	}
	o.data.Lock()
	defer o.data.Unlock()
	c := newContact()
	if !o.write(w, r, c) {
		return
	}
	if c["LastName"] == nil {
		dataError(w, http.StatusBadRequest, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", "LastName")
		return
	}
	o.made++
	c["Id"] = salesforceID("003", 0xBEE0+o.made)
	o.records["Contact"] = append(o.records["Contact"], c)
	writeJSON(w, http.StatusCreated, map[string]any{"warnings": []string{}, "errors": []string{}, "success": true, "id": c["Id"]})
}

// write puts the members of a body into a record.
func (o *Org) write(w http.ResponseWriter, r *http.Request, to record) bool {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		dataError(w, http.StatusBadRequest, "JSON_PARSER_ERROR", "no JSON")
		return false
	}
	for name, v := range in {
		if _, ok := to[name]; !ok {
			dataError(w, http.StatusBadRequest, "INVALID_FIELD", "No such column '"+name+"' on sobject of type Contact")
			return false
		}
		to[name] = v
	}
	to["Name"] = strings.TrimSpace(asText(to["FirstName"]) + " " + asText(to["LastName"]))
	to["SystemModstamp"] = now().Format("2006-01-02T15:04:05.000+0000")
	return true
}

func asText(v any) string {
	s, _ := v.(string)
	return s
}

// one reads, changes or deletes a record.
func (o *Org) one(w http.ResponseWriter, r *http.Request) {
	caller, ok := o.caller(w, r)
	if !ok {
		return
	}
	o.data.Lock()
	defer o.data.Unlock()
	object, id := r.PathValue("object"), r.PathValue("id")
	at := slices.IndexFunc(o.records[object], func(c record) bool { return c["Id"] == id || len(id) == 15 && strings.HasPrefix(c["Id"].(string), id) })
	if at < 0 {
		dataError(w, http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+strconv.Quote(id))
		return
	}
	found := o.records[object][at]
	switch r.Method {
	case http.MethodGet:
		var fields []string
		for name := range found {
			fields = append(fields, name)
		}
		if asked := r.URL.Query().Get("fields"); asked != "" {
			fields = strings.Split(asked, ",")
		}
		writeJSON(w, http.StatusOK, found.pick(object, fields))
	case http.MethodPatch:
		if object == "User" && caller["Profile"].(record)["Name"] != "System Administrator" {
			dataError(w, http.StatusForbidden, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
			return
		}
		if o.write(w, r, found) {
			w.WriteHeader(http.StatusNoContent)
		}
	case http.MethodDelete:
		o.records[object] = slices.Delete(o.records[object], at, at+1)
		w.WriteHeader(http.StatusNoContent)
	default:
		dataError(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "HTTP Method '"+r.Method+"' not allowed. Allowed are DELETE,GET,HEAD,PATCH")
	}
}
