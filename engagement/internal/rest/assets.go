package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// Emails are the assets there are: HTML emails, or text-only ones.

type assetType struct {
	ID      int    `json:"id"`
	Name    string `json:"name"`
	Display string `json:"displayName"`
}

func typeOf(e tenant.EmailHead) assetType {
	if e.HTMLBytes == 0 {
		return assetType{209, "textonlyemail", "Text Only Email"}
	}
	return assetType{208, "htmlemail", "HTML Email"}
}

// named is a number with its name.
type named struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type assetView struct {
	Content string         `json:"content"`
	Options map[string]any `json:"options"`
}

// published is the status of everything: what is stored can be sent.
var published = named{2, "Published"}

// assetHead is the email with all members that need no content.
func assetHead(e tenant.EmailHead) map[string]any {
	available := []string{"subjectline", "preheader"}
	if e.HTMLBytes > 0 {
		available = append(available, "html")
	}
	if e.TextBytes > 0 {
		available = append(available, "text")
	}
	return map[string]any{
		"id": e.ID, "customerKey": e.CustomerKey, "objectID": e.ObjectID, "contentType": "application/json", "assetType": typeOf(e), "name": e.Name,
		"createdDate": timestamp(e.Created), "modifiedDate": timestamp(e.Modified), "enterpriseId": int64(e.Tenant), "memberId": int64(e.MID),
		"status": published, "category": map[string]any{"id": tenant.AssetFolder(e.MID), "name": "Content Builder", "parentId": 0},
		"availableViews": available, "modelVersion": 2, "meta": map[string]any{},
		"data": map[string]any{"email": map[string]any{"legacy": map[string]any{"legacyId": e.ID, "legacyKey": e.CustomerKey, "legacyType": "html"}}},
	}
}

// assetContent is the one member that holds content.
const assetContent = "views"

// asset is the email with all members.
func asset(e tenant.Email) map[string]any {
	views := map[string]assetView{"subjectline": {Content: e.Subject, Options: map[string]any{}}, "preheader": {Content: e.PreHeader, Options: map[string]any{}}}
	if e.HTML != "" {
		views["html"] = assetView{e.HTML, map[string]any{}}
	}
	if e.Text != "" {
		views["text"] = assetView{e.Text, map[string]any{}}
	}
	all := assetHead(e.Head())
	all[assetContent] = views
	return all
}

// assetFields are what assets are filtered by. Dates are compared by the second.
var assetFields = tenant.DataExtension{Key: "assets", Fields: []tenant.DataField{
	{Slot: 1, Name: "id", Type: tenant.FieldNumber},
	{Slot: 2, Name: "customerKey", Type: tenant.FieldText, MaxLength: tenant.MaxDataText},
	{Slot: 3, Name: "objectID", Type: tenant.FieldText, MaxLength: tenant.MaxDataText},
	{Slot: 4, Name: "name", Type: tenant.FieldText, MaxLength: tenant.MaxDataText},
	{Slot: 5, Name: "assetType.id", Type: tenant.FieldNumber},
	{Slot: 6, Name: "assetType.name", Type: tenant.FieldText, MaxLength: tenant.MaxDataText},
	{Slot: 7, Name: "createdDate", Type: tenant.FieldDate},
	{Slot: 8, Name: "modifiedDate", Type: tenant.FieldDate},
	{Slot: 9, Name: "category.id", Type: tenant.FieldDecimal, MaxLength: 18},
	{Slot: 10, Name: "status.id", Type: tenant.FieldNumber},
	{Slot: 11, Name: "status.name", Type: tenant.FieldText, MaxLength: tenant.MaxDataText},
}}

// assetRow is what the filter sees of an email.
func assetRow(e tenant.EmailHead) tenant.DataRow {
	const day = "2006-01-02T15:04:05"
	kind := typeOf(e)
	return tenant.DataRow{Values: map[int64]string{
		1: strconv.FormatInt(e.ID, 10), 2: e.CustomerKey, 3: e.ObjectID, 4: e.Name, 5: strconv.Itoa(kind.ID), 6: kind.Name,
		7: e.Created.UTC().Format(day), 8: e.Modified.UTC().Format(day), 9: strconv.FormatInt(tenant.AssetFolder(e.MID), 10),
		10: strconv.FormatInt(published.ID, 10), 11: published.Name,
	}}
}

// assetQuery is the body of a query.
type assetQuery struct {
	Page struct {
		Page     int `json:"page"`
		PageSize int `json:"pageSize"`
	} `json:"page"`
	Query  *assetCondition `json:"query"`
	Fields []string        `json:"fields"`
	Sort   []struct {
		Property  string `json:"property"`
		Direction string `json:"direction"`
	} `json:"sort"`
}

// assetCondition is a comparison, or two conditions joined.
type assetCondition struct {
	Property string          `json:"property"`
	Operator string          `json:"simpleOperator"`
	Value    json.RawMessage `json:"value"`

	Left    *assetCondition `json:"leftOperand"`
	Logical string          `json:"logicalOperator"`
	Right   *assetCondition `json:"rightOperand"`
}

// assetOperators are the words of simpleOperator; clients write some of them in two ways.
var assetOperators = map[string]tenant.Operator{
	"equal": tenant.OpEquals, "equals": tenant.OpEquals, "notequal": tenant.OpNotEquals, "notequals": tenant.OpNotEquals, "in": tenant.OpIn, "like": tenant.OpLike,
	"contains": tenant.OpContains, "startswith": tenant.OpBegins, "endswith": tenant.OpEnds, "lessthan": tenant.OpLess, "greaterthan": tenant.OpGreater,
	"lessthanorequal": tenant.OpLessOrEqual, "greaterthanorequal": tenant.OpGreaterOrEqual, "isnull": tenant.OpIsNull, "isnotnull": tenant.OpIsNotNull,
}

// filter turns the condition into a filter.
func (c *assetCondition) filter(depth int) (*tenant.Filter, error) {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, codeValue, format, args...).In("query")
	}
	if depth > maxFilterDepth {
		return nil, bad("The query is nested too deep.")
	}
	if c.Left != nil || c.Right != nil {
		if c.Left == nil || c.Right == nil || !strings.EqualFold(c.Logical, "AND") && !strings.EqualFold(c.Logical, "OR") {
			return nil, bad("Two operands are joined by AND or OR.")
		}
		left, err := c.Left.filter(depth + 1)
		if err != nil {
			return nil, err
		}
		right, err := c.Right.filter(depth + 1)
		return &tenant.Filter{Or: strings.EqualFold(c.Logical, "OR"), Left: left, Right: right}, err
	}
	operator, ok := assetOperators[strings.ToLower(c.Operator)]
	if !ok {
		return nil, bad("The operator %q is not supported.", clip(c.Operator))
	}
	f := &tenant.Filter{Property: c.Property, Operator: operator}
	list := []json.RawMessage{c.Value}
	if len(c.Value) > 0 && c.Value[0] == '[' {
		if err := json.Unmarshal(c.Value, &list); err != nil {
			return nil, bad("A value cannot be read.")
		}
	}
	for _, raw := range list {
		if operator == tenant.OpIsNull || operator == tenant.OpIsNotNull {
			break
		}
		row, err := scalars(map[string]json.RawMessage{"value": orNull(raw)})
		if err != nil || row["value"] == nil {
			return nil, bad("A comparison needs a value.")
		}
		f.Values = append(f.Values, *row["value"])
	}
	if operator == tenant.OpIn && len(f.Values) == 1 {
		f.Operator = tenant.OpEquals
	}
	return f, nil
}

// queryAssets is POST /asset/v1/content/assets/query.
func (s *Server) queryAssets(ctx context.Context, r request) (int, any, error) {
	var q assetQuery
	if err := web.ReadJSON(r.w, r.Request, maxBody, &q); err != nil {
		return 0, nil, err
	}
	for _, by := range q.Sort {
		if !strings.EqualFold(by.Property, "id") || strings.EqualFold(by.Direction, "DESC") {
			return 0, nil, fault.New(fault.Invalid, codeValue, "Assets come in the order of their ids; another sort is not supported.").In("sort")
		}
	}
	var filter *tenant.Filter
	if q.Query != nil {
		var err error
		if filter, err = q.Query.filter(1); err != nil {
			return 0, nil, err
		}
	}
	if q.Page.Page == 0 {
		q.Page.Page = 1
	}
	if q.Page.PageSize == 0 {
		q.Page.PageSize = defaultPage
	}
	if q.Page.Page < 1 || q.Page.Page > 1_000_000 || q.Page.PageSize < 1 || q.Page.PageSize > maxPage {
		return 0, nil, fault.New(fault.Invalid, codeValue, "A page has 1 to %d assets.", maxPage).In("page")
	}
	return s.assets(ctx, r, filter, q.Page.Page, q.Page.PageSize, q.Fields)
}

// listAssets is GET /asset/v1/content/assets?$filter=&$page=&$pagesize=&$fields=.
func (s *Server) listAssets(ctx context.Context, r request) (int, any, error) {
	q, page, size, err := paged(r.Request)
	if err != nil {
		return 0, nil, err
	}
	filter, err := parseFilter(q["filter"])
	if err != nil {
		return 0, nil, err
	}
	var fields []string
	if q["fields"] != "" {
		fields = strings.Split(q["fields"], ",")
	}
	return s.assets(ctx, r, filter, page, size, fields)
}

// assets answers a page. Where fields are named, an asset has these and those that tell which it is.
func (s *Server) assets(ctx context.Context, r request, filter *tenant.Filter, page, size int, fields []string) (int, any, error) {
	q := tenant.EmailQuery{Match: func(tenant.EmailHead) bool { return true }, Skip: (page - 1) * size, Limit: size}
	if filter != nil {
		test, err := assetFields.Match(filter)
		if err != nil {
			return 0, nil, err
		}
		q.Match = func(e tenant.EmailHead) bool { return test(assetRow(e)) }
	}
	keep := map[string]bool{"id": true, "customerkey": true, "assettype": true, "name": true}
	for _, f := range fields {
		keep[strings.ToLower(strings.TrimSpace(f))] = true
	}
	q.Content = len(fields) == 0 || keep[assetContent]
	got, err := s.o.Emails.Find(ctx, r.p, q)
	if err != nil {
		return 0, nil, err
	}
	items := make([]map[string]any, 0, len(got.Heads))
	for _, e := range got.Emails {
		items = append(items, asset(e))
	}
	if !q.Content {
		for _, e := range got.Heads {
			items = append(items, assetHead(e))
		}
	}
	for _, item := range items {
		for name := range item {
			if len(fields) > 0 && !keep[strings.ToLower(name)] {
				delete(item, name)
			}
		}
	}
	return http.StatusOK, map[string]any{"count": got.Count, "page": page, "pageSize": size, "links": map[string]any{}, "items": items}, nil
}

// oneAsset is GET /asset/v1/content/assets/{id}.
func (s *Server) oneAsset(ctx context.Context, r request) (int, any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, nil, fault.New(fault.NotFound, tenant.CodeNoEmail, "There is no such asset.")
	}
	e, err := s.o.Emails.Get(ctx, r.p, tenant.EmailRef{ID: id})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, asset(e), nil
}

// clip shortens what a caller wrote before it is repeated in a message.
func clip(text string) string {
	if len(text) > 60 {
		return strings.ToValidUTF8(text[:60], "") + "…"
	}
	return text
}
