package tenant

import (
	"context"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// MaxKey is the longest external key of an email, a definition or a message, in bytes (Engagement says 100 characters
// for message keys and 36 for customer keys; we take the longer for both).
const MaxKey = 100

// Codes of the faults that definitions raise.
const (
	// CodeDefinitionExists: the key or name belongs to another definition of the business unit.
	CodeDefinitionExists fault.Code = "definition_exists"
	// CodeInvalidDefinition: a definition that cannot be stored as asked.
	CodeInvalidDefinition fault.Code = "invalid_definition"
	// CodeDefinitionInactive: the definition exists and may not be fired now.
	CodeDefinitionInactive fault.Code = "definition_inactive"
	// CodeNoDefinition: no definition has the key or id.
	CodeNoDefinition fault.Code = "no_definition"
	// CodeUnverifiedSender: the From address belongs to no verified sender of the tenant (engagement-wire 6).
	CodeUnverifiedSender fault.Code = "unverified_sender"
)

// DefinitionStatus is the state of a triggered send definition, in the words of SOAP's TriggeredSendStatus.
type DefinitionStatus string

// The states that a definition can be in. REST shows New and Canceled as Inactive (engagement-wire 4).
const (
	DefinitionNew      DefinitionStatus = "New"
	DefinitionActive   DefinitionStatus = "Active"
	DefinitionInactive DefinitionStatus = "Inactive"
	DefinitionCanceled DefinitionStatus = "Canceled"
	DefinitionDeleted  DefinitionStatus = "Deleted"
)

// The names of the send classifications that every account has (engagement-wire 6).
const (
	ClassificationTransactional = "Default Transactional"
	ClassificationCommercial    = "Default Commercial"
)

// AllSubscribers is the key and name of the list that every subscriber of the tenant is on.
const AllSubscribers = "All Subscribers"

// Definition is a triggered send definition: which email goes out, from whom, and what happens to the subscriber. REST
// calls it a transactional send definition; both APIs see the same ones here.
type Definition struct {
	Tenant         EID
	MID            MID
	ID             string // GUID: SOAP's ObjectID, REST's definitionId
	Key            string // SOAP's CustomerKey, REST's definitionKey; unique in the business unit without regard to case
	Name           string
	Description    string
	Classification string // customer key of the send classification
	Status         DefinitionStatus
	EmailKey       string // customer key of the email, in the same business unit
	ListKey        string // customer key of the subscriber list: AllSubscribers, or one of the same business unit
	FromName       string // "" for the default sender profile's
	FromAddress    string // "" for the default sender profile's
	AutoAdd        bool   // unknown subscribers are added to All Subscribers and to the list
	AutoUpdate     bool   // known subscribers take the address of the request, and new values of attributes they have
	TrackLinks     bool
	Created        time.Time
	Modified       time.Time
}

// Validate reports what keeps the definition from being stored.
func (d Definition) Validate() error {
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidDefinition, format, args...).In(field)
	}
	switch {
	case d.Key == "" || len(d.Key) > MaxKey:
		return bad("definitionKey", "A definition needs a key of at most %d bytes.", MaxKey)
	case strings.ContainsAny(d.Key, "/?#%\\") || oneLine(d.Key) != d.Key:
		return bad("definitionKey", "A definition key may not hold / ? # %% \\ or control characters.")
	case d.Name == "" || len(d.Name) > MaxEmailName:
		return bad("name", "A definition needs a name of at most %d bytes.", MaxEmailName)
	case len(d.Description) > 2000:
		return bad("description", "A description may have at most 2000 bytes.")
	case d.EmailKey == "" || len(d.EmailKey) > MaxKey:
		return bad("content.customerKey", "A definition needs the customer key of an email.")
	case d.Classification == "" || len(d.Classification) > MaxKey:
		return bad("classification", "There is no send classification %q.", clip(d.Classification))
	case d.ListKey == "" || len(d.ListKey) > MaxKey:
		return bad("subscriptions.list", "There is no list %q.", clip(d.ListKey))
	case oneLine(d.FromName) != d.FromName || len(d.FromName) > 130:
		return bad("fromName", "A From name is one line of at most 130 bytes.")
	case d.FromAddress != "" && !ValidAddress(d.FromAddress):
		return bad("fromAddress", "The From address is not an email address.")
	}
	switch d.Status {
	case DefinitionNew, DefinitionActive, DefinitionInactive, DefinitionCanceled:
		return nil
	}
	return bad("status", "A definition cannot be given the status %q.", clip(string(d.Status)))
}

// clip shortens what a caller wrote before it is repeated in a message.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// SenderKind is how an address came to be one that the tenant may send from (engagement-wire 6).
type SenderKind string

// The kinds of verified sender. UserDomain is one address, proven by a mailed link; the others are whole domains.
const (
	SenderUser       SenderKind = "UserDomain"
	SenderRegistered SenderKind = "RegisteredDomain"
	SenderPrivate    SenderKind = "PrivateDomain"
	SenderSAP        SenderKind = "SAP"
)

// VerifiedSender is an address or domain that the tenant may send from.
type VerifiedSender struct {
	Tenant   EID
	MID      MID // business unit that registered it; all units of the tenant may use it
	Kind     SenderKind
	Domain   string // the address for UserDomain, else the domain
	FromName string // display name where this is the default sender profile
	Default  bool   // whether definitions without a From address use it
	Sendable bool   // whether it is used; false while the proof is missing
	Created  time.Time
	Verified time.Time // when it was proven; zero while it waits for that
}

// Proven reports whether somebody has shown that the address or domain is the tenant's.
func (s VerifiedSender) Proven() bool { return !s.Verified.IsZero() }

// Covers reports whether mail from the address may leave under this sender. Local parts are compared without regard to
// case, as mail systems do. A domain covers its own addresses and no subdomain's.
func (s VerifiedSender) Covers(address string) bool {
	if !s.Sendable {
		return false
	}
	if s.Kind == SenderUser {
		return strings.EqualFold(s.Domain, address)
	}
	return strings.EqualFold(s.Domain, Domain(address))
}

// MaySend reports whether one of the senders covers the address.
func MaySend(senders []VerifiedSender, address string) bool {
	for _, s := range senders {
		if s.Covers(address) {
			return true
		}
	}
	return false
}

// Domain is what follows the @ of an address, in lower case; "" when there is none.
func Domain(address string) string {
	_, domain, ok := strings.Cut(address, "@")
	if !ok {
		return ""
	}
	return strings.ToLower(domain)
}

// ValidAddress reports whether s is one bare address (RFC 5321 section 4.1.2, Dot-string or Quoted-string without
// blanks) that mail can be sent to: no display name, comment, route, list or control character.
func ValidAddress(s string) bool {
	if len(s) < 3 || len(s) > 254 {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f || strings.ContainsRune("<>(),;:\\\"[]", r) {
			return false
		}
	}
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || strings.Count(s, "@") != 1 {
		return false
	}
	domain := s[at+1:]
	if domain == "" || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || strings.Contains(domain, "..") {
		return false
	}
	parsed, err := mail.ParseAddress(s)
	return err == nil && parsed.Address == s && parsed.Name == ""
}

// DefinitionStore keeps definitions. Missing things are NotFound faults with CodeNoDefinition. Keys are found without
// regard to case, since clients send lower-cased paths (engagement-wire 0.1).
type DefinitionStore interface {
	// DefinitionByKey reads the business unit's definition that is not deleted.
	DefinitionByKey(ctx context.Context, tenant EID, mid MID, key string) (Definition, error)
	// DefinitionByID reads it by its GUID.
	DefinitionByID(ctx context.Context, tenant EID, mid MID, id string) (Definition, error)
	// Commercial tells whether the definition's send classification is one of commercial mail; an unknown one is none.
	Commercial(ctx context.Context, d Definition) (bool, error)
	// Definitions reads one page in the order of creation, newest first, and how many there are in all.
	Definitions(ctx context.Context, q DefinitionQuery) ([]Definition, int, error)
	// CreateDefinition stores a new one; a taken key is a Conflict with CodeDefinitionExists, an unknown email a
	// CodeInvalidDefinition.
	CreateDefinition(ctx context.Context, d Definition) error
	// UpdateDefinition stores d over the one with its ID, if that was last modified at the time given, and else reports
	// a Conflict. When the change makes the definition active, the messages that waited for it are released.
	UpdateDefinition(ctx context.Context, d Definition, unmodifiedSince time.Time) error
}

// DefinitionQuery asks for one page of definitions.
type DefinitionQuery struct {
	Tenant EID
	MID    MID
	Status []DefinitionStatus // empty for all but deleted ones
	Offset int
	Limit  int
}

// Definitions is the service over definitions: it checks the caller's rights, then loads, decides and saves.
type Definitions struct {
	Store DefinitionStore
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// The scopes of the email calls (engagement-wire 2.7).
const (
	ScopeEmailRead  = "email_read"
	ScopeEmailWrite = "email_write"
	ScopeEmailSend  = "email_send"
)

// insufficient is the refusal of a caller who lacks a scope or permission.
func insufficient(what string) error {
	return fault.New(fault.Denied, CodeInsufficientPrivileges, "Insufficient privileges: %s is missing.", what)
}

// mayRead refuses a caller who has none of the scopes together with its permission: through a web or public package a user
// has the intersection of both (engagement-wire 2.7). A package that acts as itself has the permissions of its scopes.
func mayRead(p Principal, scopes ...string) error {
	for _, scope := range scopes {
		if p.HasScope(scope) && p.Can(PermissionForScope(scope)) {
			return nil
		}
	}
	return insufficient(strings.Join(missing(p, scopes), " or "))
}

// missing is what a caller who has none of the scopes with its permission is told that he lacks: a person, who has no
// scopes, the permissions, which a role can give him.
func missing(p Principal, scopes []string) []string {
	if p.ClientID != "" {
		return scopes
	}
	out := make([]string, len(scopes))
	for i, scope := range scopes {
		out[i] = PermissionForScope(scope)
	}
	return out
}

// mayRetrieve refuses a caller whose token has none of the scopes. SOAP's Retrieve asks for no user permission: "API write
// calls check user permissions; retrieve does not" (engagement-wire 3).
func mayRetrieve(p Principal, scopes ...string) error {
	if slices.ContainsFunc(scopes, p.HasScope) {
		return nil
	}
	return insufficient(strings.Join(scopes, " or "))
}

// mayWrite refuses a caller without the scope in his token, or without the permission of that scope in the snapshot that
// the token carries.
func mayWrite(p Principal, scope string) error {
	if !p.HasScope(scope) {
		return insufficient(scope)
	}
	if permission := PermissionForScope(scope); !p.Can(permission) {
		return insufficient(permission)
	}
	return nil
}

// CheckTransactional refuses a send classification of commercial mail where a transactional one is wanted, by its key; ""
// is the standard one (engagement-wire 6).
func (s *Definitions) CheckTransactional(ctx context.Context, p Principal, classification string) error {
	if classification == "" {
		return nil
	}
	commercial, err := s.Store.Commercial(ctx, Definition{Tenant: p.Tenant, MID: p.MID, Classification: classification})
	if err == nil && commercial {
		return fault.New(fault.Invalid, CodeInvalidDefinition, "The send classification %q is commercial; a transactional definition needs a transactional one.", clip(classification)).In("classification")
	}
	return err
}

// Get reads one definition by key.
func (s *Definitions) Get(ctx context.Context, p Principal, key string) (Definition, error) {
	if err := mayRead(p, ScopeEmailRead); err != nil {
		return Definition{}, err
	}
	return s.Store.DefinitionByKey(ctx, p.Tenant, p.MID, key)
}

// GetByID reads one definition by its GUID.
func (s *Definitions) GetByID(ctx context.Context, p Principal, id string) (Definition, error) {
	if err := mayRead(p, ScopeEmailRead, ScopeEmailWrite); err != nil {
		return Definition{}, err
	}
	return s.Store.DefinitionByID(ctx, p.Tenant, p.MID, id)
}

// List reads one page of definitions and how many there are in all. Page is 1-based.
func (s *Definitions) List(ctx context.Context, p Principal, status []DefinitionStatus, page, pageSize int) ([]Definition, int, error) {
	if err := mayRead(p, ScopeEmailRead); err != nil {
		return nil, 0, err
	}
	return s.Store.Definitions(ctx, DefinitionQuery{Tenant: p.Tenant, MID: p.MID, Status: status, Offset: (page - 1) * pageSize, Limit: pageSize})
}

// Create stores a new definition in the caller's business unit and returns it as stored.
func (s *Definitions) Create(ctx context.Context, p Principal, d Definition) (Definition, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return Definition{}, err
	}
	now := s.Now(p.Tenant)
	d.Tenant, d.MID, d.ID = p.Tenant, p.MID, NewGUID()
	d.Created, d.Modified = now, now
	if d.Classification == "" {
		d.Classification = ClassificationTransactional
	}
	if d.ListKey == "" {
		d.ListKey = AllSubscribers
	}
	if d.Status == "" {
		d.Status = DefinitionInactive
	}
	if err := d.Validate(); err != nil {
		return Definition{}, err
	}
	return d, s.Store.CreateDefinition(ctx, d)
}

// Update changes the definition with the key by the function and stores it; the function sees the stored one and must
// leave its identity alone.
func (s *Definitions) Update(ctx context.Context, p Principal, key string, change func(*Definition) error) (Definition, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return Definition{}, err
	}
	old, err := s.Store.DefinitionByKey(ctx, p.Tenant, p.MID, key)
	if err != nil {
		return Definition{}, err
	}
	d := old
	if err := change(&d); err != nil {
		return Definition{}, err
	}
	d.Tenant, d.MID, d.ID, d.Key, d.Created = old.Tenant, old.MID, old.ID, old.Key, old.Created
	d.Modified = later(s.Now(p.Tenant), old.Modified)
	if err := d.Validate(); err != nil {
		return Definition{}, err
	}
	return d, s.Store.UpdateDefinition(ctx, d, old.Modified)
}

// Delete marks the definition deleted: its messages keep their history, its key becomes free.
func (s *Definitions) Delete(ctx context.Context, p Principal, key string) (Definition, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return Definition{}, err
	}
	d, err := s.Store.DefinitionByKey(ctx, p.Tenant, p.MID, key)
	if err != nil {
		return Definition{}, err
	}
	was := d.Modified
	d.Status, d.Modified = DefinitionDeleted, later(s.Now(p.Tenant), was)
	return d, s.Store.UpdateDefinition(ctx, d, was)
}

// later is now, or a millisecond past was where the clock was moved back or stands still: the time of modification
// also guards against lost updates, so it must move with every one.
func later(now, was time.Time) time.Time {
	if now.After(was) {
		return now
	}
	return was.Add(time.Millisecond)
}
