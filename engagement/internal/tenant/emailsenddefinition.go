package tenant

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// EmailSendDefinition is an email with an audience that can be sent again and again: SOAP's EmailSendDefinition, which
// people know as a user-initiated email.
type EmailSendDefinition struct {
	Tenant            EID
	MID               MID
	ID                string // GUID
	Key               string // customer key, unique in the business unit without regard to case
	Name, Description string
	Classification    string // customer key of the send classification
	ProfileKey        string // customer key of the sender profile; "" for the classification's
	EmailID           int64
	Subject           string // "" for the email's
	TrackLinks        bool
	Deduplicate       bool // whether an address gets one message only
	Audience          Audience
	Created, Modified time.Time
}

func (d EmailSendDefinition) validate() error {
	switch {
	case d.Key == "" || len(d.Key) > MaxKey || oneLine(d.Key) != d.Key || !utf8.ValidString(d.Key):
		return badSend("CustomerKey", "A customer key is one line of at most %d bytes.", MaxKey)
	case strings.TrimSpace(d.Name) == "" || len(d.Name) > MaxEmailName || oneLine(d.Name) != d.Name || !utf8.ValidString(d.Name):
		return badSend("Name", "A definition needs a name of one line and at most %d bytes.", MaxEmailName)
	case len(d.Description) > 2000 || !utf8.ValidString(d.Description) || hasNUL(d.Description):
		return badSend("Description", "A description may have at most 2000 bytes.")
	case len(d.Subject) > MaxEmailSubject || oneLine(d.Subject) != d.Subject || !utf8.ValidString(d.Subject):
		return badSend("EmailSubject", "A subject is one line of at most %d bytes.", MaxEmailSubject)
	case usesScript(d.Subject):
		return badSend("EmailSubject", "AMPscript and server-side script are not run here; use %%%%Attribute Name%%%% personalisation strings.")
	}
	return nil
}

// EmailSendDefinitionStore keeps email send definitions. A missing one is a NotFound fault with CodeNoEmailSend, a taken
// key a Conflict with CodeEmailSendExists.
type EmailSendDefinitionStore interface {
	// EmailSendDefinition reads one of the business unit.
	EmailSendDefinition(ctx context.Context, tenant EID, mid MID, ref SetupRef) (EmailSendDefinition, error)
	// CreateEmailSendDefinition stores a new one.
	CreateEmailSendDefinition(ctx context.Context, d EmailSendDefinition) error
	// UpdateEmailSendDefinition stores it over the one with its ID, if that was last modified at the time given.
	UpdateEmailSendDefinition(ctx context.Context, d EmailSendDefinition, unmodifiedSince time.Time) error
	// DeleteEmailSendDefinition takes it away; what it sent stays.
	DeleteEmailSendDefinition(ctx context.Context, d EmailSendDefinition) error
}

// EmailSendDefinitions is the service over email send definitions.
type EmailSendDefinitions struct {
	Store EmailSendDefinitionStore
	Sends *EmailSends
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// Create stores a new definition in the caller's business unit. Without a key it gets a GUID as one, without a
// classification Default Commercial.
func (s *EmailSendDefinitions) Create(ctx context.Context, p Principal, d EmailSendDefinition) (EmailSendDefinition, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return d, err
	}
	now := s.Now(p.Tenant)
	d.Tenant, d.MID, d.ID, d.Created, d.Modified = p.Tenant, p.MID, NewGUID(), now, now
	if d.Key == "" {
		d.Key = NewGUID()
	}
	if d.Name == "" {
		d.Name = d.Key
	}
	if d.Classification == "" {
		d.Classification = ClassificationCommercial
	}
	if err := s.check(ctx, p, &d); err != nil {
		return d, err
	}
	return d, s.Store.CreateEmailSendDefinition(ctx, d)
}

// check reports what keeps a definition from being stored and gives its sources identifiers.
func (s *EmailSendDefinitions) check(ctx context.Context, p Principal, d *EmailSendDefinition) error {
	if err := d.validate(); err != nil {
		return err
	}
	if err := s.Sends.CheckAudience(ctx, p, d.Audience); err != nil {
		return err
	}
	if _, err := s.Sends.Emails.EmailBy(ctx, p.Tenant, p.MID, EmailRef{ID: d.EmailID}); err != nil {
		return err
	}
	if err := s.Sends.setUp(ctx, EmailSendRequest{Classification: d.Classification, Profile: d.ProfileKey}, &EmailSend{Tenant: p.Tenant, MID: p.MID}); err != nil {
		return err
	}
	for _, list := range [][]AudienceSource{d.Audience.Sources, d.Audience.Exclusions} {
		for i := range list {
			if list[i].ID == "" {
				list[i].ID = NewGUID()
			}
		}
	}
	return nil
}

// Get reads a definition.
func (s *EmailSendDefinitions) Get(ctx context.Context, p Principal, ref SetupRef) (EmailSendDefinition, error) {
	if err := mayRead(p, ScopeEmailRead, ScopeEmailWrite, ScopeEmailSend); err != nil {
		return EmailSendDefinition{}, err
	}
	return s.Store.EmailSendDefinition(ctx, p.Tenant, p.MID, ref)
}

// Update changes a definition by the function.
func (s *EmailSendDefinitions) Update(ctx context.Context, p Principal, ref SetupRef, change func(*EmailSendDefinition) error) (EmailSendDefinition, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return EmailSendDefinition{}, err
	}
	d, err := s.Store.EmailSendDefinition(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return d, err
	}
	was := d.Modified
	if err := change(&d); err != nil {
		return d, err
	}
	d.Modified = later(s.Now(p.Tenant), was)
	if err := s.check(ctx, p, &d); err != nil {
		return d, err
	}
	return d, s.Store.UpdateEmailSendDefinition(ctx, d, was)
}

// Delete takes a definition away.
func (s *EmailSendDefinitions) Delete(ctx context.Context, p Principal, ref SetupRef) (EmailSendDefinition, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return EmailSendDefinition{}, err
	}
	d, err := s.Store.EmailSendDefinition(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return d, err
	}
	return d, s.Store.DeleteEmailSendDefinition(ctx, d)
}

// EmailSendOverride is what one start of a definition has instead of the sender profile's.
type EmailSendOverride struct{ FromName, FromAddress string }

// Start sends the definition's email to its audience: to the sources for tests alone where test is set, else to the others.
func (s *EmailSendDefinitions) Start(ctx context.Context, p Principal, ref SetupRef, o EmailSendOverride, test bool) (EmailSendDefinition, EmailSend, error) {
	if err := mayWrite(p, ScopeEmailSend); err != nil {
		return EmailSendDefinition{}, EmailSend{}, err
	}
	d, err := s.Store.EmailSendDefinition(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return d, EmailSend{}, err
	}
	audience := Audience{Exclusions: d.Audience.Exclusions}
	for _, source := range d.Audience.Sources {
		if source.Test == test {
			audience.Sources = append(audience.Sources, source)
		}
	}
	if len(audience.Sources) == 0 {
		return d, EmailSend{}, badSend("SendDefinitionList", "The definition has no audience for this.")
	}
	send, err := s.Sends.Start(ctx, p, EmailSendRequest{
		DefinitionID: d.ID, Email: EmailRef{ID: d.EmailID}, Subject: d.Subject, Classification: d.Classification, Profile: d.ProfileKey,
		FromName: o.FromName, FromAddress: o.FromAddress, TrackLinks: d.TrackLinks, Deduplicate: d.Deduplicate, Audience: audience,
	})
	return d, send, err
}

// MaxCount is how many messages a start of the definition could make now.
func (s *EmailSendDefinitions) MaxCount(ctx context.Context, p Principal, ref SetupRef) (EmailSendDefinition, int64, error) {
	d, err := s.Get(ctx, p, ref)
	if err != nil {
		return d, 0, err
	}
	n, err := s.Sends.MaxCount(ctx, p, d.Audience)
	return d, n, err
}

// sources are all that the audience names.
func (a Audience) sources() []AudienceSource { return slices.Concat(a.Sources, a.Exclusions) }
