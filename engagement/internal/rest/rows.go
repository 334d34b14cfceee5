package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sort"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// maxRowsBody bounds the body of a request that writes rows.
const maxRowsBody = 4 << 20

// codeRows is the fault of rows that cannot be saved; it holds [tenant.RowProblems].
const codeRows fault.Code = "rows_refused"

// maxRowErrors bounds what an answer tells of refused rows.
const maxRowErrors = 50

// rowErrors lists what was wrong with rows.
func rowErrors(f *fault.Error) []additionalError {
	problems, _ := errors.AsType[tenant.RowProblems](f)
	var list []additionalError
	for _, p := range problems[:min(len(problems), maxRowErrors)] {
		text := p.Message
		if p.Field != "" {
			text = p.Field + ": " + text
		}
		list = append(list, additionalError{Message: text, ErrorCode: 10000})
	}
	return list
}

// extension reads "key:K" or a GUID.
func extension(text string) tenant.ExtensionRef {
	if len(text) > 4 && strings.EqualFold(text[:4], "key:") {
		return tenant.ExtensionRef{Key: text[4:]}
	}
	return tenant.ExtensionRef{ID: text}
}

// eventRow is a row of /hub/v1/dataevents.
type eventRow struct {
	Keys   map[string]json.RawMessage `json:"keys"`
	Values map[string]json.RawMessage `json:"values"`
}

// input joins keys and values.
func (e eventRow) input() (tenant.RowInput, error) {
	row := tenant.RowInput{}
	names := map[string]string{}
	for _, part := range []map[string]json.RawMessage{e.Keys, e.Values} {
		values, err := scalars(part)
		if err != nil {
			return nil, err
		}
		for name, value := range values {
			if before, twice := names[strings.ToLower(name)]; twice {
				if old := row[before]; old != nil && value != nil && *old == *value {
					continue
				}
				return nil, fault.New(fault.Invalid, codeValue, "The column %s comes twice with different values.", name).In(name)
			}
			names[strings.ToLower(name)] = name
			row[name] = value
		}
	}
	return row, nil
}

// scalars reads the values of a row: texts, numbers and booleans as they are written, and null as no value.
func scalars(raw map[string]json.RawMessage) (tenant.RowInput, error) {
	row := make(tenant.RowInput, len(raw))
	for name, value := range raw {
		switch value[0] {
		case '"':
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, fault.Wrap(err, fault.Invalid, strictjson.CodeMalformed, "A value cannot be read.")
			}
			row[name] = &text
		case '{', '[':
			return nil, fault.New(fault.Invalid, codeType, "A value is a text, a number, a boolean or null.").In(name)
		case 'n':
			row[name] = nil
		default:
			text := string(value)
			row[name] = &text
		}
	}
	return row, nil
}

// events reads the body of a rowset.
func events(r request) ([]eventRow, []tenant.RowInput, error) {
	var body []eventRow
	if err := web.ReadJSON(r.w, r.Request, maxRowsBody, &body); err != nil {
		return nil, nil, err
	}
	rows := make([]tenant.RowInput, len(body))
	for i, e := range body {
		var err error
		if rows[i], err = e.input(); err != nil {
			return nil, nil, err
		}
	}
	return body, rows, nil
}

// event reads the body of one row whose keys stand in the path as name:value, joined by commas.
func oneEvent(r request) (eventRow, []tenant.RowInput, error) {
	var body eventRow
	if err := web.ReadJSON(r.w, r.Request, maxRowsBody, &body); err != nil {
		return body, nil, err
	}
	body.Keys = map[string]json.RawMessage{}
	for part := range strings.SplitSeq(r.PathValue("keys"), ",") {
		name, value, ok := strings.Cut(part, ":")
		if !ok || name == "" {
			return body, nil, fault.New(fault.Invalid, codeValue, "The row is named as column:value.").In("keys")
		}
		if _, twice := body.Keys[name]; twice {
			return body, nil, fault.New(fault.Invalid, codeValue, "The key column %s comes twice.", name).In("keys")
		}
		text, err := json.Marshal(value)
		if err != nil {
			return body, nil, err
		}
		body.Keys[name] = text
	}
	row, err := body.input()
	return body, []tenant.RowInput{row}, err
}

// save writes rows, all or, where the values of one are wrong, none.
func (s *Server) save(ctx context.Context, r request, rows []tenant.RowInput) error {
	d, refusals, err := s.o.Data.WriteRows(ctx, r.p, extension(r.PathValue("extension")), tenant.RowUpsert, rows, true)
	if err != nil {
		return err
	}
	var problems tenant.RowProblems
	for _, refusal := range refusals {
		problems = append(problems, tenant.Problems(refusal)...)
	}
	if len(problems) > 0 {
		return fault.Wrap(problems, fault.Invalid, codeRows, "Unable to save rows for data extension ID %s", d.ID)
	}
	return nil
}

// upsertRows is POST /hub/v1/dataevents/{extension}/rowset.
func (s *Server) upsertRows(ctx context.Context, r request) (int, any, error) {
	body, rows, err := events(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, body, s.save(ctx, r, rows)
}

// upsertRow is PUT /hub/v1/dataevents/{extension}/rows/{keys}.
func (s *Server) upsertRow(ctx context.Context, r request) (int, any, error) {
	body, rows, err := oneEvent(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, body, s.save(ctx, r, rows)
}

// upsertRowsLater is POST /hub/v1/dataeventsasync/{extension}/rowset.
func (s *Server) upsertRowsLater(ctx context.Context, r request) (int, any, error) {
	_, rows, err := events(r)
	return s.loadLater(ctx, r, rows, err)
}

// upsertRowLater is PUT /hub/v1/dataeventsasync/{extension}/rows/{keys}.
func (s *Server) upsertRowLater(ctx context.Context, r request) (int, any, error) {
	_, rows, err := oneEvent(r)
	return s.loadLater(ctx, r, rows, err)
}

func (s *Server) loadLater(ctx context.Context, r request, rows []tenant.RowInput, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	_, err = s.o.Data.Load(ctx, r.p, extension(r.PathValue("extension")), tenant.RowUpsert, rows)
	return http.StatusAccepted, "", err
}

// insertLater is POST /data/v1/async/dataextensions/{extension}/rows.
func (s *Server) insertLater(ctx context.Context, r request) (int, any, error) {
	return s.later(ctx, r, tenant.RowInsert)
}

// upsertLater is PUT of the same.
func (s *Server) upsertLater(ctx context.Context, r request) (int, any, error) {
	return s.later(ctx, r, tenant.RowUpsert)
}

// accepted is the answer to a request whose work is done later.
type accepted struct {
	RequestID      string   `json:"requestId"`
	ResultMessages []string `json:"resultMessages"`
}

func (s *Server) later(ctx context.Context, r request, mode tenant.RowMode) (int, any, error) {
	var body struct {
		Items []map[string]json.RawMessage `json:"items"`
	}
	if err := web.ReadJSON(r.w, r.Request, maxRowsBody, &body); err != nil {
		return 0, nil, err
	}
	if body.Items == nil {
		return 0, nil, missing("items")
	}
	rows := make([]tenant.RowInput, len(body.Items))
	for i, item := range body.Items {
		var err error
		if rows[i], err = scalars(item); err != nil {
			return 0, nil, err
		}
	}
	id, err := s.o.Data.Load(ctx, r.p, extension(r.PathValue("extension")), mode, rows)
	return http.StatusAccepted, accepted{RequestID: id, ResultMessages: []string{}}, err
}

// loadStatus is GET /data/v1/async/{request}/status.
func (s *Server) loadStatus(ctx context.Context, r request) (int, any, error) {
	l, err := s.o.Data.LoadState(ctx, r.p, r.PathValue("request"))
	if err != nil {
		return 0, nil, err
	}
	type status struct {
		Called    string `json:"callDateTime"`
		Completed string `json:"completionDateTime,omitempty"`
		Errors    bool   `json:"hasErrors"`
		PickedUp  string `json:"pickupDateTime,omitempty"`
		Request   string `json:"requestStatus"`
		Result    string `json:"resultStatus,omitempty"`
		ID        string `json:"requestId"`
	}
	st := status{Called: timestamp(l.Called), Errors: len(l.Failures) > 0, Request: "Pending", ID: l.ID}
	if !l.PickedUp.IsZero() {
		st.PickedUp = timestamp(l.PickedUp)
	}
	if !l.Completed.IsZero() {
		st.Completed, st.Request, st.Result = timestamp(l.Completed), "Complete", "OK"
		if st.Errors {
			st.Result = "Error"
		}
	}
	return http.StatusOK, struct {
		Status status `json:"status"`
		accepted
	}{st, accepted{RequestID: tenant.NewGUID(), ResultMessages: []string{}}}, nil
}

// loadResults is GET /data/v1/async/{request}/results: what became of each row, in their order.
func (s *Server) loadResults(ctx context.Context, r request) (int, any, error) {
	_, page, size, err := paged(r.Request)
	if err != nil {
		return 0, nil, err
	}
	l, err := s.o.Data.LoadState(ctx, r.p, r.PathValue("request"))
	if err != nil {
		return 0, nil, err
	}
	type item struct {
		ErrorCode string `json:"errorCode"`
		Message   string `json:"message"`
		Status    string `json:"status"`
	}
	failed := map[int]string{}
	for _, f := range l.Failures {
		failed[f.Item] = f.Message
	}
	items := []item{}
	for i := min((page-1)*size, l.Done); i < min(page*size, l.Done); i++ {
		if text, bad := failed[i]; bad {
			items = append(items, item{"UnexpectedError", text, "Error"})
		} else {
			items = append(items, item{Status: "OK"})
		}
	}
	return http.StatusOK, struct {
		Page     int    `json:"page"`
		PageSize int    `json:"pageSize"`
		Count    int    `json:"count"`
		Items    []item `json:"items"`
		accepted
	}{page, size, l.Done, items, accepted{RequestID: l.ID, ResultMessages: []string{}}}, nil
}

// rowsByID is GET /data/v1/customobjectdata/{id}/rowset.
func (s *Server) rowsByID(ctx context.Context, r request) (int, any, error) {
	return s.rows(ctx, r, tenant.ExtensionRef{ID: r.PathValue("id")})
}

// rowsByKey is GET /data/v1/customobjectdata/key/{key}/rowset.
func (s *Server) rowsByKey(ctx context.Context, r request) (int, any, error) {
	return s.rows(ctx, r, tenant.ExtensionRef{Key: r.PathValue("key")})
}

// rows answers a page of rows; names of columns are in lower case, as the real service writes them.
func (s *Server) rows(ctx context.Context, r request, ref tenant.ExtensionRef) (int, any, error) {
	q, err := parameters(r.Request)
	if err != nil {
		return 0, nil, err
	}
	page, err := positive(q, "page", 1, 1_000_000)
	if err != nil {
		return 0, nil, err
	}
	size, err := positive(q, "pagesize", tenant.RetrieveBatch, tenant.RetrieveBatch)
	if err != nil {
		return 0, nil, err
	}
	if q["orderby"] != "" {
		return 0, nil, fault.New(fault.Invalid, codeValue, "Rows come in the order of their keys; $orderBy is not supported.").In("$orderBy")
	}
	ask := tenant.RowQuery{Skip: (page - 1) * size, Limit: size, Count: true}
	if ask.Filter, err = parseFilter(q["filter"]); err != nil {
		return 0, nil, err
	}
	if q["fields"] != "" {
		for name := range strings.SplitSeq(q["fields"], ",") {
			ask.Columns = append(ask.Columns, strings.TrimSpace(name))
		}
	}
	got, err := s.o.Data.Rows(ctx, r.p, ref, ask)
	if err != nil {
		return 0, nil, err
	}
	type item struct {
		Keys   map[string]string `json:"keys"`
		Values map[string]string `json:"values"`
	}
	items := make([]item, len(got.Rows))
	for i, row := range got.Rows {
		items[i] = item{map[string]string{}, map[string]string{}}
		for _, f := range got.Fields {
			to := items[i].Values
			if f.PrimaryKey {
				to = items[i].Keys
			}
			to[strings.ToLower(f.Name)] = f.ShowValue(row.Values[f.Slot])
		}
	}
	return http.StatusOK, struct {
		Links    map[string]string `json:"links"`
		ID       string            `json:"customObjectId"`
		Key      string            `json:"customObjectKey"`
		PageSize int               `json:"pageSize"`
		Page     int               `json:"page"`
		Count    int               `json:"count"`
		Top      int               `json:"top"`
		Items    []item            `json:"items"`
	}{pageLinks(r, page, got.More), got.Extension.ID, got.Extension.Key, size, page, got.Total, 0, items}, nil
}

// pageLinks are the addresses of this page, the one before and, where there is more, the one after, below the API.
func pageLinks(r request, page int, more bool) map[string]string {
	values := r.URL.Query()
	at := func(n int) string {
		var parts []string
		for name, v := range values {
			if folded := strings.TrimPrefix(strings.ToLower(name), "$"); folded != "page" && folded != "access_token" {
				parts = append(parts, urlParameter(name, v[0]))
			}
		}
		sort.Strings(parts)
		_, below, _ := strings.Cut(strings.TrimLeft(r.URL.EscapedPath(), "/"), "/")
		return "/" + below + "?" + strings.Join(append(parts, urlParameter("$page", itoa(n))), "&")
	}
	links := map[string]string{"self": at(page)}
	if page > 1 {
		links["prev"] = at(page - 1)
	}
	if more {
		links["next"] = at(page + 1)
	}
	return links
}
