package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// definitionBody is a definition as clients write it. Pointers tell what a PATCH leaves alone.
type definitionBody struct {
	DefinitionKey  *string `json:"definitionKey"`
	Name           *string `json:"name"`
	Description    *string `json:"description"`
	Classification *string `json:"classification"`
	Status         *string `json:"status"`
	Content        *struct {
		CustomerKey *string `json:"customerKey"`
	} `json:"content"`
	Subscriptions *struct {
		List              *string `json:"list"`
		DataExtension     *string `json:"dataExtension"`
		AutoAddSubscriber *bool   `json:"autoAddSubscriber"`
		UpdateSubscriber  *bool   `json:"updateSubscriber"`
	} `json:"subscriptions"`
	Options *struct {
		TrackLinks *bool `json:"trackLinks"`
	} `json:"options"`
}

// definitionView is a definition as the API shows it.
type definitionView struct {
	RequestID      string            `json:"requestId,omitempty"`
	Name           string            `json:"name"`
	DefinitionKey  string            `json:"definitionKey"`
	DefinitionID   string            `json:"definitionId"`
	Description    string            `json:"description"`
	Classification string            `json:"classification"`
	Status         string            `json:"status"`
	CreatedDate    string            `json:"createdDate"`
	ModifiedDate   string            `json:"modifiedDate"`
	Content        contentView       `json:"content"`
	Subscriptions  subscriptionsView `json:"subscriptions"`
	Options        optionsView       `json:"options"`
}

type contentView struct {
	CustomerKey string `json:"customerKey"`
}

type subscriptionsView struct {
	List              string `json:"list"`
	AutoAddSubscriber bool   `json:"autoAddSubscriber"`
	UpdateSubscriber  bool   `json:"updateSubscriber"`
}

type optionsView struct {
	TrackLinks bool `json:"trackLinks"`
}

func view(d tenant.Definition) definitionView {
	return definitionView{
		Name: d.Name, DefinitionKey: d.Key, DefinitionID: d.ID, Description: d.Description, Classification: d.Classification,
		Status: status(d.Status), CreatedDate: timestamp(d.Created), ModifiedDate: timestamp(d.Modified),
		Content:       contentView{d.EmailKey},
		Subscriptions: subscriptionsView{d.ListKey, d.AutoAdd, d.AutoUpdate},
		Options:       optionsView{d.TrackLinks},
	}
}

// answered is the view with the id of the request.
func answered(d tenant.Definition) definitionView {
	v := view(d)
	v.RequestID = tenant.NewGUID()
	return v
}

// status is the state of a definition in this API's three words.
func status(s tenant.DefinitionStatus) string {
	switch s {
	case tenant.DefinitionActive, tenant.DefinitionDeleted:
		return string(s)
	}
	return string(tenant.DefinitionInactive)
}

// apply puts what the body says over the definition.
func (b definitionBody) apply(d *tenant.Definition) error {
	setString(&d.Name, b.Name)
	setString(&d.Description, b.Description)
	setString(&d.Classification, b.Classification)
	if b.Status != nil {
		st, err := readStatus(*b.Status)
		if err != nil || st == tenant.DefinitionDeleted {
			return fault.New(fault.Invalid, codeValue, "The status can be Active or Inactive.").In("status")
		}
		d.Status = st
	}
	if b.Content != nil {
		setString(&d.EmailKey, b.Content.CustomerKey)
	}
	if o := b.Options; o != nil && o.TrackLinks != nil {
		d.TrackLinks = *o.TrackLinks
	}
	sub := b.Subscriptions
	if sub == nil {
		return nil
	}
	if sub.DataExtension != nil && *sub.DataExtension != "" {
		return fault.New(fault.Invalid, codeValue, "The data extension does not exist.").In("subscriptions.dataExtension")
	}
	if sub.List != nil && strings.EqualFold(*sub.List, tenant.AllSubscribers) { // its one spelling
		d.ListKey = tenant.AllSubscribers
	} else {
		setString(&d.ListKey, sub.List)
	}
	if sub.AutoAddSubscriber != nil {
		d.AutoAdd = *sub.AutoAddSubscriber
	}
	if sub.UpdateSubscriber != nil {
		d.AutoUpdate = *sub.UpdateSubscriber
	}
	return nil
}

func setString(to, from *string) {
	if from != nil {
		*to = *from
	}
}

// readStatus reads a status in any case.
func readStatus(text string) (tenant.DefinitionStatus, error) {
	for _, s := range []tenant.DefinitionStatus{tenant.DefinitionActive, tenant.DefinitionInactive, tenant.DefinitionDeleted} {
		if strings.EqualFold(string(s), text) {
			return s, nil
		}
	}
	return "", fault.New(fault.Invalid, codeValue, "The status can be Active, Inactive or Deleted.").In("status")
}

// createDefinition is POST /messaging/v1/email/definitions. A definition is active unless it says otherwise.
func (s *Server) createDefinition(ctx context.Context, r request) (int, any, error) {
	var b definitionBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &b); err != nil {
		return 0, nil, err
	}
	switch {
	case b.DefinitionKey == nil:
		return 0, nil, missing("definitionKey")
	case b.Name == nil:
		return 0, nil, missing("name")
	case b.Content == nil || b.Content.CustomerKey == nil:
		return 0, nil, missing("content.customerKey")
	}
	d := tenant.Definition{Key: *b.DefinitionKey, Status: tenant.DefinitionActive, AutoAdd: true, AutoUpdate: true}
	if err := b.apply(&d); err != nil {
		return 0, nil, err
	}
	if err := s.o.Definitions.CheckTransactional(ctx, r.p, d.Classification); err != nil {
		return 0, nil, err
	}
	d, err := s.o.Definitions.Create(ctx, r.p, d)
	return http.StatusCreated, answered(d), err
}

// definition is GET /messaging/v1/email/definitions/{definitionKey}.
func (s *Server) definition(ctx context.Context, r request) (int, any, error) {
	d, err := s.o.Definitions.Get(ctx, r.p, r.PathValue("definitionKey"))
	return http.StatusOK, answered(d), err
}

// updateDefinition is PATCH of the same: what the body leaves out stays.
func (s *Server) updateDefinition(ctx context.Context, r request) (int, any, error) {
	var b definitionBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &b); err != nil {
		return 0, nil, err
	}
	key := r.PathValue("definitionKey")
	if b.DefinitionKey != nil && !strings.EqualFold(*b.DefinitionKey, key) {
		return 0, nil, fault.New(fault.Invalid, codeValue, "The key of a definition cannot be changed.").In("definitionKey")
	}
	if b.Classification != nil {
		if err := s.o.Definitions.CheckTransactional(ctx, r.p, *b.Classification); err != nil {
			return 0, nil, err
		}
	}
	d, err := s.o.Definitions.Update(ctx, r.p, key, b.apply)
	return http.StatusOK, answered(d), err
}

// deleteDefinition is DELETE of the same.
func (s *Server) deleteDefinition(ctx context.Context, r request) (int, any, error) {
	d, err := s.o.Definitions.Delete(ctx, r.p, r.PathValue("definitionKey"))
	return http.StatusOK, struct {
		RequestID string `json:"requestId"`
		Message   string `json:"message"`
		Deleted   string `json:"deletedDefinitionKey"`
	}{tenant.NewGUID(), "Success", d.Key}, err
}

// Sizes of a page of definitions. The standard one is what the SDKs ask for.
const (
	defaultPage = 50
	maxPage     = 500
)

// listDefinitions is GET /messaging/v1/email/definitions?$page=&$pageSize=&$filter=status eq active. Its count is that
// of the page (engagement-wire 4), so that clients ask on while pages are full.
func (s *Server) listDefinitions(ctx context.Context, r request) (int, any, error) {
	q, page, size, err := paged(r.Request)
	if err != nil {
		return 0, nil, err
	}
	if q["orderby"] != "" {
		return 0, nil, fault.New(fault.Invalid, codeValue, "Definitions come newest first; $orderBy is not supported.").In("$orderBy")
	}
	states, err := readFilter(q["filter"])
	if err != nil {
		return 0, nil, err
	}
	list, _, err := s.o.Definitions.List(ctx, r.p, states, page, size)
	if err != nil {
		return 0, nil, err
	}
	views := make([]definitionView, len(list))
	for i, d := range list {
		views[i] = view(d)
	}
	return http.StatusOK, struct {
		RequestID   string           `json:"requestId"`
		Definitions []definitionView `json:"definitions"`
		Count       int              `json:"count"`
		Page        int              `json:"page"`
		PageSize    int              `json:"pageSize"`
	}{tenant.NewGUID(), views, len(views), page, size}, nil
}

// readFilter reads "status eq active" and "status neq active"; SOAP's further states count as inactive.
func readFilter(text string) ([]tenant.DefinitionStatus, error) {
	if text == "" {
		return nil, nil
	}
	words := strings.Fields(text)
	wrong := fault.New(fault.Invalid, codeValue, "The filter is written: status eq active.").In("$filter")
	if len(words) != 3 || !strings.EqualFold(words[0], "status") {
		return nil, wrong
	}
	named, err := readStatus(words[2])
	if err != nil {
		return nil, wrong
	}
	equal := strings.EqualFold(words[1], "eq")
	if !equal && !strings.EqualFold(words[1], "neq") {
		return nil, wrong
	}
	var states []tenant.DefinitionStatus
	for _, st := range []tenant.DefinitionStatus{tenant.DefinitionNew, tenant.DefinitionActive, tenant.DefinitionInactive, tenant.DefinitionCanceled, tenant.DefinitionDeleted} {
		if (status(st) == string(named)) == equal {
			states = append(states, st)
		}
	}
	return states, nil
}
