package tenant

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that storing emails raises.
const (
	// CodeNoEmail: no email of the business unit has the number or key.
	CodeNoEmail fault.Code = "no_email"
	// CodeEmailExists: the customer key belongs to another email.
	CodeEmailExists fault.Code = "email_exists"
	// CodeEmailUsed: a triggered send definition sends the email.
	CodeEmailUsed fault.Code = "email_used"
)

// AssetFolder is the number of the business unit's root folder of assets; SOAP's DataFolder shows the same one.
func AssetFolder(mid MID) int64 { return int64(mid)*100 + 15 }

// MaxEmails bounds the emails of a tenant.
const MaxEmails = 5000

// EmailRef names an email by number, else by ObjectID, else by customer key.
type EmailRef struct {
	ID            int64
	ObjectID, Key string
}

// EmailStore keeps emails. A missing one is a NotFound fault with CodeNoEmail.
type EmailStore interface {
	// EmailBy reads an email of the business unit.
	EmailBy(ctx context.Context, tenant EID, mid MID, ref EmailRef) (Email, error)
	// EmailHeads reads what is known of at most limit emails of the business unit without their content, in the order of
	// their numbers, those after the number given.
	EmailHeads(ctx context.Context, tenant EID, mid MID, after int64, limit int) ([]EmailHead, error)
	// EmailsByID reads emails of the business unit by their numbers, in the order of these; those that are gone are left out.
	EmailsByID(ctx context.Context, tenant EID, mid MID, ids []int64) ([]Email, error)
	// CreateEmail stores a new email and returns it with its number. A taken key is a Conflict with CodeEmailExists.
	CreateEmail(ctx context.Context, e Email) (Email, error)
	// UpdateEmail stores e over the email with its number, if that was last modified at the time given.
	UpdateEmail(ctx context.Context, e Email, unmodifiedSince time.Time) error
	// DeleteEmail takes it away; while a definition that is not deleted sends it, a Conflict with CodeEmailUsed.
	DeleteEmail(ctx context.Context, e Email) error
}

// Emails is the service over emails.
type Emails struct {
	Store EmailStore
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// Get reads an email.
func (s *Emails) Get(ctx context.Context, p Principal, ref EmailRef) (Email, error) {
	if err := mayRead(p, ScopeEmailRead, ScopeEmailWrite, "saved_content_read", "documents_and_images_read"); err != nil {
		return Email{}, err
	}
	return s.Store.EmailBy(ctx, p.Tenant, p.MID, ref)
}

// EmailHead is what is known of an email without its content.
type EmailHead struct {
	Tenant                EID
	MID                   MID
	ID                    int64
	ObjectID, CustomerKey string
	Name                  string
	HTMLBytes, TextBytes  int // of the bodies; 0 where there is none
	Created, Modified     time.Time
}

const (
	// emailChunk is how many heads are read at once while looking for those that match.
	emailChunk = 500
	// maxEmailPage bounds the bodies of a page, in bytes. A shorter page would be taken for the last one, so a page that
	// is longer is refused.
	maxEmailPage = 32 << 20
)

// EmailQuery asks for emails of the caller's business unit.
type EmailQuery struct {
	Match       func(EmailHead) bool
	Skip, Limit int
	Content     bool // whether the content of those on the page is wanted
}

// EmailPage is one page of emails in the order of their numbers. Emails are there where the content was asked for.
type EmailPage struct {
	Heads  []EmailHead
	Emails []Email
	Count  int // of all that match
}

// Find reads a page of the emails that match.
func (s *Emails) Find(ctx context.Context, p Principal, q EmailQuery) (EmailPage, error) {
	var page EmailPage
	if err := mayRead(p, ScopeEmailRead, "saved_content_read", "documents_and_images_read"); err != nil {
		return page, err
	}
	size := 0
	for after := int64(0); ; {
		heads, err := s.Store.EmailHeads(ctx, p.Tenant, p.MID, after, emailChunk)
		if err != nil {
			return page, err
		}
		for _, e := range heads {
			after = e.ID
			if !q.Match(e) {
				continue
			}
			if page.Count++; page.Count > q.Skip && len(page.Heads) < q.Limit {
				page.Heads, size = append(page.Heads, e), size+e.HTMLBytes+e.TextBytes
			}
		}
		if len(heads) < emailChunk {
			break
		}
	}
	if !q.Content {
		return page, nil
	}
	if size > maxEmailPage {
		return page, fault.New(fault.TooLarge, CodeInvalidRetrieve, "The page holds %d bytes of content, which is more than %d: ask for smaller pages, or for fields without content.", size, maxEmailPage)
	}
	ids := make([]int64, len(page.Heads))
	for i, e := range page.Heads {
		ids[i] = e.ID
	}
	var err error
	page.Emails, err = s.Store.EmailsByID(ctx, p.Tenant, p.MID, ids)
	return page, err
}

// Create stores a new email in the caller's business unit. Without a key it gets a GUID as one.
func (s *Emails) Create(ctx context.Context, p Principal, e Email) (Email, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return e, err
	}
	now := s.Now(p.Tenant)
	e.Tenant, e.MID, e.ID, e.ObjectID, e.Created, e.Modified = p.Tenant, p.MID, 0, NewGUID(), now, now
	if e.CustomerKey == "" {
		e.CustomerKey = NewGUID()
	}
	if err := e.Validate(); err != nil {
		return e, err
	}
	return s.Store.CreateEmail(ctx, e)
}

// Update changes an email by the function.
func (s *Emails) Update(ctx context.Context, p Principal, ref EmailRef, change func(*Email)) (Email, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return Email{}, err
	}
	e, err := s.Store.EmailBy(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return e, err
	}
	was := e.Modified
	change(&e)
	e.Modified = later(s.Now(p.Tenant), was)
	if err := e.Validate(); err != nil {
		return e, err
	}
	return e, s.Store.UpdateEmail(ctx, e, was)
}

// Delete takes an email away.
func (s *Emails) Delete(ctx context.Context, p Principal, ref EmailRef) (Email, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return Email{}, err
	}
	e, err := s.Store.EmailBy(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return e, err
	}
	return e, s.Store.DeleteEmail(ctx, e)
}
