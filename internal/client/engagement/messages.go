package engagement

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
)

// MaxRecipients is how many recipients one call of SendMessages takes here; the API's own bound is 2,000 (engagement-wire 4).
const MaxRecipients = 500

// Recipient is one recipient of SendMessages, under a message key of the caller's choice.
type Recipient struct {
	MessageKey string
	ContactKey string
	To         string
	Attributes map[string]string
}

// Queued is what became of one recipient.
type Queued struct {
	MessageKey string
	// Err is the refusal of this recipient; nil where the message is queued.
	Err error
}

// SendMessages queues a message to each recipient (POST /messaging/v1/email/messages). An error is about all of them;
// where client.Unknown says that the outcome is open, each is asked for by [Session.MessageStatus] before it is tried again.
func (s *Session) SendMessages(ctx context.Context, definitionKey string, recipients []Recipient) ([]Queued, error) {
	type recipient struct {
		ContactKey string            `json:"contactKey"`
		To         string            `json:"to"`
		MessageKey string            `json:"messageKey"`
		Attributes map[string]string `json:"attributes,omitempty"`
	}
	body := struct {
		DefinitionKey string      `json:"definitionKey"`
		Recipients    []recipient `json:"recipients"`
	}{DefinitionKey: definitionKey}
	for _, r := range recipients {
		body.Recipients = append(body.Recipients, recipient{r.ContactKey, r.To, r.MessageKey, r.Attributes})
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	a, err := s.c.call.Do(ctx, client.Request{
		Method: http.MethodPost, URL: s.rest + "/messaging/v1/email/messages", Header: s.header(), ContentType: "application/json", Body: text,
	})
	if err != nil {
		return nil, err
	}
	type response struct {
		MessageKey string      `json:"messageKey"`
		ErrorCode  json.Number `json:"errorcode"`
		Message    string      `json:"message"`
	}
	var w struct {
		Responses []response `json:"responses"`
	}
	// Where every recipient is refused the status is 400, with the same list.
	if a.Status/100 != 2 && (a.Status != http.StatusBadRequest || json.Unmarshal(a.Body, &w) != nil || len(w.Responses) == 0) {
		return nil, s.refusal(a)
	}
	if a.Status/100 == 2 {
		if err := s.c.call.JSON(a, &w); err != nil {
			return nil, err
		}
	}
	byKey := make(map[string]response, len(w.Responses))
	for _, r := range w.Responses {
		byKey[strings.ToLower(r.MessageKey)] = r
	}
	out := make([]Queued, len(recipients))
	for i, r := range recipients {
		got, named := byKey[strings.ToLower(r.MessageKey)]
		if !named {
			return nil, s.c.call.Protocol(a.Status, "it does not name a message that was sent")
		}
		out[i].MessageKey = r.MessageKey
		if code := got.ErrorCode.String(); code != "" && code != "0" {
			out[i].Err = s.c.call.Refused(a, http.StatusBadRequest, code, got.Message)
		}
	}
	return out, nil
}

// ExtensionField is a column of a data extension.
type ExtensionField struct {
	Name string
	Type string // "Text", "EmailAddress", …
}

// ExtensionFields lists the columns of a data extension by its external key; none where there is no such data extension.
func (s *Session) ExtensionFields(ctx context.Context, key string) ([]ExtensionField, error) {
	found, err := s.Retrieve(ctx, RetrieveRequest{
		ObjectType: "DataExtensionField", Properties: []string{"Name", "FieldType", "DataExtension.CustomerKey"}, Filter: Equals("DataExtension.CustomerKey", key),
	})
	if err != nil {
		return nil, err
	}
	fields := make([]ExtensionField, 0, len(found))
	for _, e := range found {
		fields = append(fields, ExtensionField{Name: e.Value("Name"), Type: e.Value("FieldType")})
	}
	return fields, nil
}

// ExtensionRows reads a page of a data extension's rows, from 1 on, by its external key (engagement-wire 4). Names of
// columns are in lower case. more tells whether rows follow: a tenant may give smaller pages than asked for, and says so.
func (s *Session) ExtensionRows(ctx context.Context, key string, page, size int) (rows []map[string]string, more bool, err error) {
	var w struct {
		Count    int `json:"count"`
		PageSize int `json:"pageSize"`
		Items    []struct {
			Keys   map[string]string `json:"keys"`
			Values map[string]string `json:"values"`
		} `json:"items"`
	}
	q := url.Values{"$page": {strconv.Itoa(page)}, "$pagesize": {strconv.Itoa(size)}}
	if err := s.do(ctx, http.MethodGet, s.rest+"/data/v1/customobjectdata/key/"+url.PathEscape(key)+"/rowset?"+q.Encode(), nil, &w); err != nil {
		return nil, false, err
	}
	rows = make([]map[string]string, len(w.Items))
	for i, item := range w.Items {
		rows[i] = make(map[string]string, len(item.Keys)+len(item.Values))
		for _, part := range []map[string]string{item.Keys, item.Values} {
			for name, value := range part {
				rows[i][strings.ToLower(name)] = value
			}
		}
	}
	if w.PageSize > 0 && w.PageSize < size {
		size = w.PageSize
	}
	return rows, page*size < w.Count, nil
}
