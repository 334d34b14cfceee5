package crm

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
)

// Record is one sObject as the REST API gives it: field names as the API spells them; numbers are json.Number, times
// are strings, a related record is a map.
type Record map[string]any

// String is the field's text; "" where it is absent, null or no text.
func (r Record) String(field string) string {
	s, _ := r[field].(string)
	return s
}

// Bool is the field's value; false where it is absent, null or no boolean.
func (r Record) Bool(field string) bool {
	b, _ := r[field].(bool)
	return b
}

// Int is the field's whole number; 0 where it is absent, null or none.
func (r Record) Int(field string) int {
	n, _ := r[field].(json.Number)
	i, err := n.Int64()
	if err != nil {
		return 0
	}
	return int(i)
}

// Time is the field's date and time ("2026-01-02T03:04:05.000+0000"); zero where there is none.
func (r Record) Time(field string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.000-0700", time.RFC3339Nano} {
		if t, err := time.Parse(layout, r.String(field)); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// Related is the parent record under a relationship name ("Profile"); nil where there is none.
func (r Record) Related(name string) Record {
	m, _ := r[name].(map[string]any)
	return m
}

// Identity is what userinfo says of the token's user (crm-wire 1.7).
type Identity struct {
	Subject  string `json:"sub"`
	UserID   string `json:"user_id"`
	OrgID    string `json:"organization_id"`
	Username string `json:"preferred_username"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Active   *bool  `json:"active"`
	URLs     struct {
		// CustomDomain is where the org's users log in, its My Domain where it has one: "https://acme.my.salesforce.com"; "" where
		// the org names none.
		CustomDomain string `json:"custom_domain"`
	} `json:"urls"`
}

// UserInfo asks who the token's user is. A dead token is 403 with plain text there (crm-wire 1.7); it comes as
// Unauthenticated like everywhere else.
func (s *Session) UserInfo(ctx context.Context) (Identity, error) {
	a, err := s.c.call.Do(ctx, client.Request{Method: http.MethodGet, URL: s.instance + "/services/oauth2/userinfo", Header: s.header()})
	if err != nil {
		return Identity{}, err
	}
	if a.Status != http.StatusOK {
		if text := strings.TrimSpace(string(a.Body)); a.Status == http.StatusForbidden && text == "Bad_OAuth_Token" {
			return Identity{}, s.c.call.Refused(a, http.StatusUnauthorized, text, "the access token is not live")
		}
		return Identity{}, s.refusal(a)
	}
	var id Identity
	if err := s.c.call.JSON(a, &id); err != nil {
		return Identity{}, err
	}
	if !isID(id.OrgID, "00D") || !isID(id.UserID, "005") || id.Username == "" {
		return Identity{}, s.c.call.Protocol(a.Status, "userinfo names no org, user and user name")
	}
	return id, nil
}

// maxPages bounds a query: 100 pages of up to 2,000 records.
const maxPages = 100

// Query runs a SOQL query and reads all its pages.
func (s *Session) Query(ctx context.Context, soql string) ([]Record, error) {
	return s.pages(ctx, "/query", soql)
}

// ToolingQuery is Query by the Tooling API, which has objects of its own.
func (s *Session) ToolingQuery(ctx context.Context, soql string) ([]Record, error) {
	return s.pages(ctx, "/tooling/query", soql)
}

func (s *Session) pages(ctx context.Context, resource, soql string) ([]Record, error) {
	var records []Record
	next := s.data(resource + "?q=" + url.QueryEscape(soql))
	for range maxPages {
		var page struct {
			TotalSize      *json.Number `json:"totalSize"`
			Done           bool         `json:"done"`
			Records        []Record     `json:"records"`
			NextRecordsURL string       `json:"nextRecordsUrl"`
		}
		if err := s.get(ctx, next, &page); err != nil {
			return nil, err
		}
		if page.TotalSize == nil {
			return nil, s.c.call.Protocol(http.StatusOK, "it is no query result")
		}
		records = append(records, page.Records...)
		if page.Done {
			return records, nil
		}
		if !strings.HasPrefix(page.NextRecordsURL, "/services/data/v") {
			return nil, s.c.call.Protocol(http.StatusOK, "its next page has no address")
		}
		next = s.instance + page.NextRecordsURL
	}
	return nil, s.c.call.Protocol(http.StatusOK, "the result has more than %d pages", maxPages)
}

// GetRecord reads one record; without fields, all that the user may see.
func (s *Session) GetRecord(ctx context.Context, object, id string, fields ...string) (Record, error) {
	target := s.data("/sobjects/" + url.PathEscape(object) + "/" + url.PathEscape(id))
	if len(fields) > 0 {
		target += "?fields=" + url.QueryEscape(strings.Join(fields, ","))
	}
	var r Record
	if err := s.get(ctx, target, &r); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, s.c.call.Protocol(http.StatusOK, "it is no record")
	}
	return r, nil
}

// FieldInfo is what describe says of a field.
type FieldInfo struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Type  string `json:"type"` // "string", "boolean", "reference"
}

// Describe lists the fields of an object that the user may see, in the org's order.
func (s *Session) Describe(ctx context.Context, object string) ([]FieldInfo, error) {
	var w struct {
		Fields []FieldInfo `json:"fields"`
	}
	if err := s.get(ctx, s.data("/sobjects/"+url.PathEscape(object)+"/describe"), &w); err != nil {
		return nil, err
	}
	if len(w.Fields) == 0 {
		return nil, s.c.call.Protocol(http.StatusOK, "it describes no fields")
	}
	return w.Fields, nil
}

// CreateRecord creates a record and returns its id of 18 characters.
func (s *Session) CreateRecord(ctx context.Context, object string, fields map[string]any) (string, error) {
	return s.createAt(ctx, "/sobjects/"+url.PathEscape(object), fields)
}

// CreateToolingRecord is CreateRecord by the Tooling API.
func (s *Session) CreateToolingRecord(ctx context.Context, object string, fields map[string]any) (string, error) {
	return s.createAt(ctx, "/tooling/sobjects/"+url.PathEscape(object), fields)
}

func (s *Session) createAt(ctx context.Context, path string, fields map[string]any) (string, error) {
	a, err := s.send(ctx, http.MethodPost, path, fields)
	if err != nil {
		return "", err
	}
	var w struct {
		ID      string `json:"id"`
		Success bool   `json:"success"`
	}
	if err := s.c.call.JSON(a, &w); err != nil {
		return "", err
	}
	if !w.Success || w.ID == "" {
		return "", s.c.call.Protocol(a.Status, "it reports no created record")
	}
	return w.ID, nil
}

// UpdateRecord changes the fields of a record; a nil value blanks a field.
func (s *Session) UpdateRecord(ctx context.Context, object, id string, fields map[string]any) error {
	_, err := s.send(ctx, http.MethodPatch, "/sobjects/"+url.PathEscape(object)+"/"+url.PathEscape(id), fields)
	return err
}

// UpdateToolingRecord is UpdateRecord by the Tooling API.
func (s *Session) UpdateToolingRecord(ctx context.Context, object, id string, fields map[string]any) error {
	_, err := s.send(ctx, http.MethodPatch, "/tooling/sobjects/"+url.PathEscape(object)+"/"+url.PathEscape(id), fields)
	return err
}

// DeleteRecord deletes a record.
func (s *Session) DeleteRecord(ctx context.Context, object, id string) error {
	return s.deleteAt(ctx, "/sobjects/"+url.PathEscape(object)+"/"+url.PathEscape(id))
}

// DeleteToolingRecord is DeleteRecord by the Tooling API.
func (s *Session) DeleteToolingRecord(ctx context.Context, object, id string) error {
	return s.deleteAt(ctx, "/tooling/sobjects/"+url.PathEscape(object)+"/"+url.PathEscape(id))
}

func (s *Session) deleteAt(ctx context.Context, path string) error {
	a, err := s.c.call.Do(ctx, client.Request{Method: http.MethodDelete, Header: s.changing(), URL: s.data(path)})
	if err != nil {
		return err
	}
	if a.Status/100 != 2 {
		return s.refusal(a)
	}
	s.warn(a)
	return nil
}

// changing is the header of a change of a record.
func (s *Session) changing() http.Header {
	h := s.header()
	if s.dryRun {
		h.Set("Twinspan-Dry-Run", "true")
	}
	return h
}

// warn tells what the org warns of: the texts of Warning headers (RFC 7234 section 5.5).
func (s *Session) warn(a *client.Answer) {
	if s.warned == nil {
		return
	}
	for _, v := range a.Header.Values("Warning") {
		if _, text, ok := strings.Cut(v, `"`); ok {
			text, _, _ = strings.Cut(text, `"`)
			s.warned(client.Clip(text, 2000))
		}
	}
}

func (s *Session) get(ctx context.Context, target string, v any) error {
	a, err := s.c.call.Do(ctx, client.Request{Method: http.MethodGet, URL: target, Header: s.header()})
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		return s.refusal(a)
	}
	return s.c.call.JSON(a, v)
}

func (s *Session) send(ctx context.Context, method, path string, fields map[string]any) (*client.Answer, error) {
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	a, err := s.c.call.Do(ctx, client.Request{Method: method, URL: s.data(path), Header: s.changing(), ContentType: "application/json", Body: body})
	if err != nil {
		return nil, err
	}
	if a.Status/100 != 2 {
		return nil, s.refusal(a)
	}
	s.warn(a)
	return a, nil
}

// refusal reads the data API's array [{"errorCode","message"}] (crm-wire 3.3); other shapes keep the status alone.
func (s *Session) refusal(a *client.Answer) error {
	var w []struct {
		Code    string `json:"errorCode"`
		Message string `json:"message"`
	}
	if a.Type == "application/json" && json.Unmarshal(a.Body, &w) == nil && len(w) > 0 {
		return s.c.call.Refused(a, a.Status, w[0].Code, w[0].Message)
	}
	if a.Type == "application/json" {
		return s.c.oauthError(a)
	}
	return s.c.call.Refused(a, a.Status, "", "")
}
