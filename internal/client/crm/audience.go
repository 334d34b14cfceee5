package crm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// Report is what a report's run shows (crm-wire 3, Analytics API): at most its first 2,000 rows.
type Report struct {
	Name string
	// All reports whether Rows are all that the report has.
	All     bool
	Columns []string // API names of the detail columns, in order
	// Rows are the details, each with a text for every column: a record's id in an id column, "" for null.
	Rows [][]string
}

// RunReport runs a report and waits for it. Of one that has groups it gives the rows of all of them.
func (s *Session) RunReport(ctx context.Context, id string) (Report, error) {
	type row struct {
		Cells []struct {
			Value any `json:"value"`
		} `json:"dataCells"`
	}
	var w struct {
		AllData    bool `json:"allData"`
		Attributes struct {
			Name string `json:"reportName"`
		} `json:"attributes"`
		Metadata struct {
			Columns []string `json:"detailColumns"`
		} `json:"reportMetadata"`
		Facts map[string]struct {
			Rows []row `json:"rows"`
		} `json:"factMap"`
	}
	if err := s.get(ctx, s.data("/analytics/reports/"+url.PathEscape(id)+"?includeDetails=true"), &w); err != nil {
		return Report{}, err
	}
	r := Report{Name: w.Attributes.Name, All: w.AllData, Columns: w.Metadata.Columns}
	if w.Facts == nil || r.Columns == nil {
		return r, s.c.call.Protocol(http.StatusOK, "it is no report's run")
	}
	// A tabular report has its rows in "T!T", the grand total; one with groups in those of the lowest level, such as "0_1!T".
	var all []row
	for _, group := range slices.Sorted(maps.Keys(w.Facts)) {
		all = append(all, w.Facts[group].Rows...)
	}
	for _, row := range all {
		if len(row.Cells) != len(r.Columns) {
			return r, s.c.call.Protocol(http.StatusOK, "a row of the report has %d cells for %d columns", len(row.Cells), len(r.Columns))
		}
		texts := make([]string, len(row.Cells))
		for i, cell := range row.Cells {
			switch v := cell.Value.(type) {
			case nil:
			case string:
				texts[i] = v
			case json.Number, bool:
				texts[i] = fmt.Sprint(v)
			}
		}
		r.Rows = append(r.Rows, texts)
	}
	return r, nil
}

// MaxCollection is how many records one call of CreateRecords or UpdateRecords takes (crm-wire 3.8).
const MaxCollection = 200

// Saved is what became of one record of a collection.
type Saved struct {
	ID string // "" where it was refused
	// Err is the refusal of this record; nil where it was saved.
	Err error
}

// CreateRecords creates up to MaxCollection records of one object, each by itself.
func (s *Session) CreateRecords(ctx context.Context, object string, records []map[string]any) ([]Saved, error) {
	return s.saveAll(ctx, http.MethodPost, object, records)
}

// UpdateRecords changes up to MaxCollection records of one object, each by itself; every record has its "Id".
func (s *Session) UpdateRecords(ctx context.Context, object string, records []map[string]any) ([]Saved, error) {
	return s.saveAll(ctx, http.MethodPatch, object, records)
}

func (s *Session) saveAll(ctx context.Context, method, object string, records []map[string]any) ([]Saved, error) {
	body := make([]map[string]any, len(records))
	for i, r := range records {
		body[i] = map[string]any{"attributes": map[string]string{"type": object}}
		for name, value := range r {
			body[i][name] = value
		}
	}
	a, err := s.send(ctx, method, "/composite/sobjects", map[string]any{"allOrNone": false, "records": body})
	if err != nil {
		return nil, err
	}
	var w []struct {
		ID      string `json:"id"`
		Success bool   `json:"success"`
		Errors  []struct {
			Code    string `json:"statusCode"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err := s.c.call.JSON(a, &w); err != nil {
		return nil, err
	}
	if len(w) != len(records) {
		return nil, s.c.call.Protocol(a.Status, "it answers %d records where %d were sent", len(w), len(records))
	}
	out := make([]Saved, len(w))
	for i, r := range w {
		switch {
		case r.Success && r.ID != "":
			out[i].ID = r.ID
		case len(r.Errors) > 0:
			out[i].Err = s.c.call.Refused(a, http.StatusBadRequest, r.Errors[0].Code, r.Errors[0].Message)
		default:
			out[i].Err = s.c.call.Refused(a, http.StatusBadRequest, "", "the record was not saved")
		}
	}
	return out, nil
}

// Limits is how the org's allowances stand (GET /limits).
type Limits struct {
	DailyAPIRequests, DailyBulkAPIBatches Limit
}

// Limit is one allowance.
type Limit struct {
	Max       int64 `json:"Max"`
	Remaining int64 `json:"Remaining"`
}

// Limits reads them. It needs View Setup.
func (s *Session) Limits(ctx context.Context) (Limits, error) {
	var w map[string]*Limit
	if err := s.get(ctx, s.data("/limits"), &w); err != nil {
		return Limits{}, err
	}
	requests, bulk := w["DailyApiRequests"], w["DailyBulkApiBatches"]
	if requests == nil {
		return Limits{}, s.c.call.Protocol(http.StatusOK, "it names no DailyApiRequests")
	}
	l := Limits{DailyAPIRequests: *requests}
	if bulk != nil {
		l.DailyBulkAPIBatches = *bulk
	}
	return l, nil
}
