package rest

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
)

// Reports by the Analytics API, as far as an audience needs: a list, what a report's columns are, and its rows. A report
// is a saved query; its columns are what the query selects.

// report is a saved query with what the API tells of it.
type report struct {
	id                           org.ID
	name, developer, query, base string
}

// url is the report's own address.
func (r report) url() string { return r.base + "/analytics/reports/" + string(r.id) }

func (s *Server) report(ctx context.Context, c *call) (report, error) {
	rec, err := s.Records.Read(ctx, c.session, org.ObjectReport, c.id, []string{"Name", "DeveloperName", "Query"})
	if err != nil {
		return report{}, err
	}
	return report{rec.ID, rec.Values.Text("Name"), rec.Values.Text("DeveloperName"), rec.Values.Text("Query"), c.base}, nil
}

// listReports lists the reports that were changed last, at most a batch of them.
func (s *Server) listReports(ctx context.Context, c *call) (answer, error) {
	res, err := s.Queries.Run(ctx, c.session, "SELECT Id, Name FROM Report ORDER BY SystemModstamp DESC LIMIT 200", false, 0)
	if err != nil {
		return answer{}, err
	}
	list := make([]object, len(res.Rows))
	for i, row := range res.Rows {
		name, _ := row.Values[1].(string)
		r := report{id: row.IDs[0], name: name, base: c.base}
		list[i] = object{{"describeUrl", r.url() + "/describe"}, {"id", r.id}, {"instancesUrl", r.url() + "/instances"}, {"name", r.name}, {"url", r.url()}}
	}
	return answer{http.StatusOK, list}, nil
}

func (s *Server) describeReport(ctx context.Context, c *call) (answer, error) {
	r, err := s.report(ctx, c)
	if err != nil {
		return answer{}, err
	}
	p, err := soql.Parse(r.query, s.Records.Schema(c.session), c.session.Permissions)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, object{{"reportExtendedMetadata", extendedMetadata(p)}, {"reportMetadata", reportMetadata(r, p)}}}, nil
}

// runReport answers with the first rows of the report, 2,000 at most, as the real one does; includeDetails=false leaves
// them out.
func (s *Server) runReport(ctx context.Context, c *call) (answer, error) {
	r, err := s.report(ctx, c)
	if err != nil {
		return answer{}, err
	}
	res, err := s.Queries.Run(ctx, c.session, r.query, false, soql.DefaultBatch)
	if err != nil {
		return answer{}, err
	}
	if err := s.Records.Ran(ctx, c.session, r.id); err != nil {
		return answer{}, err
	}
	details := !strings.EqualFold(c.query.Get("includeDetails"), "false")
	rows := []object{}
	if details {
		for _, row := range res.Rows {
			rows = append(rows, dataCells(res.Plan, row))
		}
	}
	return answer{http.StatusOK, object{
		{"attributes", object{
			{"describeUrl", r.url() + "/describe"}, {"instancesUrl", r.url() + "/instances"}, {"reportId", r.id}, {"reportName", r.name}, {"type", "Report"},
		}},
		{"allData", res.Next == ""},
		{"factMap", object{{"T!T", object{{"aggregates", []object{{{"label", fmt.Sprint(res.Total)}, {"value", res.Total}}}}, {"rows", rows}}}}},
		{"groupingsAcross", object{{"groupings", []object{}}}},
		{"groupingsDown", object{{"groupings", []object{}}}},
		{"hasDetailRows", details},
		{"reportExtendedMetadata", extendedMetadata(res.Plan)},
		{"reportMetadata", reportMetadata(r, res.Plan)},
	}}, nil
}

// dataCells are the values of one row; null shows as "-".
func dataCells(p *soql.Plan, row soql.Row) object {
	cells := []object{}
	for i, col := range p.Columns {
		if col.Child != nil {
			continue
		}
		v := wireValue(row.Values[i])
		label := "-"
		if v != nil {
			label = fmt.Sprint(v)
		}
		cells = append(cells, object{{"label", label}, {"value", v}})
	}
	return object{{"dataCells", cells}}
}

// columnName is a column as the report names it: "Name", "Account.Name".
func columnName(c soql.Column) string { return strings.Join(c.Path, ".") }

func extendedMetadata(p *soql.Plan) object {
	columns := object{}
	for _, col := range p.Columns {
		if col.Child == nil {
			label := columnName(col)
			if col.Field != nil && !p.Aggregate {
				label = col.Field.Label
			}
			columns = append(columns, member{columnName(col), object{{"dataType", string(col.Type())}, {"label", label}}})
		}
	}
	return object{
		{"aggregateColumnInfo", object{{"RowCount", object{{"dataType", "int"}, {"label", "Record Count"}}}}},
		{"detailColumnInfo", columns},
		{"groupingColumnInfo", object{}},
	}
}

func reportMetadata(r report, p *soql.Plan) object {
	columns := []string{}
	for _, col := range p.Columns {
		if col.Child == nil {
			columns = append(columns, columnName(col))
		}
	}
	return object{
		{"aggregates", []string{"RowCount"}},
		{"detailColumns", columns},
		{"developerName", r.developer},
		{"id", r.id},
		{"name", r.name},
		{"reportFilters", []object{}},
		{"reportFormat", "TABULAR"},
		{"reportType", object{{"label", p.Object.Plural}, {"type", p.Object.Name}}},
	}
}
