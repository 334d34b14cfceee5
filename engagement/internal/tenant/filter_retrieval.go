package tenant

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// RetrieveBatch is how many rows one answer to a Retrieve holds at most; more are fetched with ContinueRequest
// (engagement-wire 3).
const RetrieveBatch = 2500

// retrievalLife is how long a retrieval can be continued after its last page, in domain time.
const retrievalLife = 24 * time.Hour

// MaxRetrieveProperties bounds how many properties one Retrieve may ask for.
const MaxRetrieveProperties = 250

// PropertyKind is the type of a property's values.
type PropertyKind string

// The kinds, in the words of Describe.
const (
	KindString  PropertyKind = "string"
	KindNumber  PropertyKind = "int"
	KindBoolean PropertyKind = "boolean"
	KindTime    PropertyKind = "dateTime"
	KindObjects PropertyKind = "APIObject" // member objects; filters cannot name them
)

// Property describes one property of an object type as Retrieve and Describe know it.
type Property struct {
	Name        string // in the WSDL's spelling, dotted for a member of another object: "Client.ID"
	Kind        PropertyKind
	Retrievable bool
	Updatable   bool
	MaxLength   int // of strings; 0 where there is no limit of its own
}

// Value is one value of a row: nil, string, int64, bool, time.Time or Objects.
type Value any

// Objects are the member objects of a row under one property: written each as an element Name, inside one element of the
// property's name unless Bare.
type Objects struct {
	Name  string
	Bare  bool // the elements stand beside each other, without one around them
	Plain bool // they are no API objects, which have a PartnerKey and an ObjectID
	Items []Object
}

// Object is a member object: properties with their values, in the order of the WSDL.
type Object struct {
	Properties []string
	Values     []Value
}

// Retrieval asks for rows of one object type.
type Retrieval struct {
	Object     string
	Properties []string // as asked; compared without regard to case
	Filter     *Filter  // nil for all
	// Accounts are the business units whose rows may be seen; never empty.
	Accounts []MID
	// After is the sort key of the last row of the page before; "" for the first page.
	After string
	Limit int
}

// Rows is one page of a retrieval. Each row has one value per property, in the order of Properties.
type Rows struct {
	Properties []string // as asked, in the WSDL's spelling
	Values     [][]Value
	More       bool   // whether rows follow
	Last       string // sort key of the last row
}

// RetrieveStore answers retrievals.
type RetrieveStore interface {
	// Properties lists the properties of an object type; false for a type that cannot be retrieved. Types are
	// case-sensitive.
	Properties(object string) ([]Property, bool)
	// Retrieve reads one page. An unknown property is an Invalid fault with CodeInvalidRetrieve.
	Retrieve(ctx context.Context, tenant EID, r Retrieval) (Rows, error)
	// BusinessUnits lists the MIDs of the tenant's business units, its top one included.
	BusinessUnits(ctx context.Context, tenant EID) ([]MID, error)
	// PutCursor keeps a retrieval that has more pages until it expires, under the id, and forgets some expired ones.
	PutCursor(ctx context.Context, c Cursor, now time.Time) error
	// Cursor reads it; a missing or expired one is a NotFound fault with CodeNoCursor.
	Cursor(ctx context.Context, tenant EID, id string, now time.Time) (Cursor, error)
}

// CodeNoCursor is the fault of a ContinueRequest that names no retrieval that can be continued.
const CodeNoCursor fault.Code = "no_cursor"

// Cursor is a retrieval that has more pages. Only who began it may continue it.
type Cursor struct {
	ID       string // the RequestID of the page before: a GUID
	Tenant   EID
	MID      MID
	UserID   int64
	ClientID string
	Next     Retrieval
	Expires  time.Time
}

// RetrieveRequest is a Retrieve as a caller asks it.
type RetrieveRequest struct {
	Object     string
	Properties []string
	Filter     *Filter
	// QueryAllAccounts asks for the rows of all business units below the caller's, ClientIDs for those of some.
	QueryAllAccounts bool
	ClientIDs        []MID
	// BatchSize is how many rows a page has at most; 0, or more than RetrieveBatch, for that.
	BatchSize int
	// Continue is the RequestID of the page before; all else is then taken from that request.
	Continue string
}

// Page is the answer to a RetrieveRequest.
type Page struct {
	RequestID string // GUID
	Object    string
	Rows      Rows
}

// Retrieves is the service behind Retrieve and Describe.
type Retrieves struct {
	Store RetrieveStore
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
	// Batch is the page size; 0 for RetrieveBatch. Tests set it lower.
	Batch int
	// Data reads the rows of data extensions.
	Data *DataExtensions
}

// retrieveScopes names, for each object type, the scopes of which a caller needs one. Engagement's retrieve does not
// look at user permissions (engagement-wire 3), but a package's token reaches no further than its scopes. AccountUser
// and BusinessUnit are open to the Connect package, which reads users and units to map them (DESIGN 5.10).
var retrieveScopes = map[string][]string{
	"BusinessUnit":            {"accounts_read", "users_read", "marketing_cloud_connect_read", "email_read"},
	"AccountUser":             {"users_read", "accounts_read", "marketing_cloud_connect_read", "email_read"},
	"AccountUserAccount":      {"users_read", "accounts_read", "marketing_cloud_connect_read", "email_read"},
	"Role":                    {"users_read", "accounts_read", "marketing_cloud_connect_read", "email_read"},
	"PermissionSet":           {"users_read", "accounts_read", "marketing_cloud_connect_read", "email_read"},
	"Email":                   {ScopeEmailRead},
	"SenderProfile":           {ScopeEmailRead},
	"SendClassification":      {ScopeEmailRead},
	"DataFolder":              {ScopeDataExtensionsRead, ScopeEmailRead, ScopeSubscribersRead, "saved_content_read", "documents_and_images_read"},
	"DataExtension":           {ScopeDataExtensionsRead},
	"DataExtensionField":      {ScopeDataExtensionsRead},
	"DataExtensionTemplate":   {ScopeDataExtensionsRead},
	"TriggeredSendDefinition": {ScopeEmailRead},
	"Subscriber":              {ScopeSubscribersRead},
	"List":                    {ScopeSubscribersRead},
	"SentEvent":               {ScopeTrackingRead, ScopeEmailRead},
	"NotSentEvent":            {ScopeTrackingRead, ScopeEmailRead},
	"OpenEvent":               {ScopeTrackingRead, ScopeEmailRead},
	"ClickEvent":              {ScopeTrackingRead, ScopeEmailRead},
	"BounceEvent":             {ScopeTrackingRead, ScopeEmailRead},
	"UnsubEvent":              {ScopeTrackingRead, ScopeEmailRead},
	"ListSubscriber":          {ScopeSubscribersRead},
	"Send":                    {ScopeEmailRead, ScopeEmailSend, ScopeTrackingRead},
	"EmailSendDefinition":     {ScopeEmailRead},
	// Whoever may do what can be asked asynchronously may see what became of it.
	"ResultItem": {ScopeEmailSend, ScopeEmailWrite, ScopeSubscribersWrite, ScopeDataExtensionsWrite, "users_write", "accounts_write"},
}

// Describe lists the properties of an object type; false when it is unknown.
func (s *Retrieves) Describe(object string) ([]Property, bool) { return s.Store.Properties(object) }

// Retrieve answers one page.
func (s *Retrieves) Retrieve(ctx context.Context, p Principal, r RetrieveRequest) (Page, error) {
	next, err := s.plan(ctx, p, r)
	if err != nil {
		return Page{}, err
	}
	most := s.Batch
	if most <= 0 {
		most = RetrieveBatch
	}
	if r.Continue == "" {
		next.Limit = r.BatchSize
	}
	if next.Limit <= 0 || next.Limit > most {
		next.Limit = most
	}
	page := Page{RequestID: NewGUID(), Object: next.Object}
	if key, ok := rowsOf(next.Object); ok {
		page.Object = rowsObject
		page.Rows, err = s.rows(ctx, p, next, key)
	} else if err = mayRetrieve(p, retrieveScopes[next.Object]...); err == nil {
		page.Rows, err = s.Store.Retrieve(ctx, p.Tenant, next)
	}
	if err != nil {
		return Page{}, err
	}
	rows := page.Rows
	if rows.More {
		now := s.Now(p.Tenant)
		next.After = rows.Last
		err = s.Store.PutCursor(ctx, Cursor{
			ID: page.RequestID, Tenant: p.Tenant, MID: p.MID, UserID: p.UserID, ClientID: p.ClientID,
			Next: next, Expires: now.Add(retrievalLife),
		}, now)
	}
	return page, err
}

// plan turns the request into the retrieval to run: a continuation of an earlier one, or a new one within the business
// units that the caller may see.
func (s *Retrieves) plan(ctx context.Context, p Principal, r RetrieveRequest) (Retrieval, error) {
	if r.Continue != "" {
		c, err := s.Store.Cursor(ctx, p.Tenant, r.Continue, s.Now(p.Tenant))
		if err != nil {
			return Retrieval{}, err
		}
		if c.MID != p.MID || c.UserID != p.UserID || c.ClientID != p.ClientID {
			return Retrieval{}, invalidRetrieve("The ContinueRequest does not belong to a retrieval of this caller.")
		}
		return c.Next, nil
	}
	_, known := s.Store.Properties(r.Object)
	if _, rows := rowsOf(r.Object); !known && !rows {
		return Retrieval{}, invalidRetrieve("Unable to find a handler for object type: %s. Object types are case-sensitive, check spelling.", clip(r.Object))
	}
	if len(r.Properties) == 0 || len(r.Properties) > MaxRetrieveProperties {
		return Retrieval{}, invalidRetrieve("A retrieve of %s needs 1 to %d properties.", r.Object, MaxRetrieveProperties)
	}
	if r.Filter != nil {
		if err := r.Filter.Validate(); err != nil {
			return Retrieval{}, err
		}
	}
	accounts, err := s.accounts(ctx, p, r)
	if err != nil {
		return Retrieval{}, err
	}
	return Retrieval{Object: r.Object, Properties: r.Properties, Filter: r.Filter, Accounts: accounts}, nil
}

// accounts are the business units whose rows the request reaches: the caller's own; with QueryAllAccounts all below it;
// with ClientIDs those named. Only the tenant's top unit has units below it.
func (s *Retrieves) accounts(ctx context.Context, p Principal, r RetrieveRequest) ([]MID, error) {
	if !r.QueryAllAccounts && len(r.ClientIDs) == 0 {
		return []MID{p.MID}, nil
	}
	reach, err := s.reach(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(r.ClientIDs) == 0 {
		return reach, nil
	}
	var named []MID
	for _, id := range r.ClientIDs {
		if !slices.Contains(reach, id) {
			return nil, insufficient("access to the business unit")
		}
		if !slices.Contains(named, id) {
			named = append(named, id)
		}
	}
	return named, nil
}

// reach lists the business units that the caller may work in from where he is (see [Principal.Reaches]).
func (s *Retrieves) reach(ctx context.Context, p Principal) ([]MID, error) {
	if !p.AtTop() {
		return []MID{p.MID}, nil
	}
	all, err := s.Store.BusinessUnits(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(mid MID) bool { return !p.Reaches(mid) }), nil
}

// InUnit moves the caller into another business unit, which a request addresses as Client.ID (engagement-wire 3), where
// he may do what he may do there. Only from the top unit is there anywhere to go.
func (s *Retrieves) InUnit(ctx context.Context, p Principal, mid MID) (Principal, error) {
	if mid == p.MID {
		return p, nil
	}
	reach, err := s.reach(ctx, p)
	if err != nil {
		return p, err
	}
	if !slices.Contains(reach, mid) {
		return p, insufficient("access to the business unit")
	}
	return p.in(mid), nil
}
