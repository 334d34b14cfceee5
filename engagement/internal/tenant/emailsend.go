package tenant

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that sends to audiences raise.
const (
	// CodeNoEmailSend: no send, or no email send definition, of the business unit has the number or key.
	CodeNoEmailSend fault.Code = "no_email_send"
	// CodeInvalidEmailSend: a send that cannot be made as asked.
	CodeInvalidEmailSend fault.Code = "invalid_email_send"
	// CodeEmailSendExists: the customer key belongs to another email send definition.
	CodeEmailSendExists fault.Code = "email_send_exists"
)

// maxSources bounds the lists and data extensions of one audience, and those left out of it.
const maxSources = 20

// EmailSendState is how far a send has come with its audience. What became of its messages, they say themselves.
type EmailSendState string

// The states.
const (
	EmailSendSpreading EmailSendState = "Spreading" // a job makes a message for each of the audience
	EmailSendSpread    EmailSendState = "Spread"    // all messages are made
	EmailSendFailed    EmailSendState = "Failed"    // a list or data extension was taken away; the rest gets nothing
)

// Audience is whom a send goes to.
type Audience struct {
	Sources    []AudienceSource `json:"sources"`
	Exclusions []AudienceSource `json:"exclusions,omitempty"` // who is in one of these gets nothing
}

// AudienceSource is a list or a sendable data extension of the send's business unit.
type AudienceSource struct {
	ID string `json:"id"` // GUID of its own
	// List is a list's number; the tenant's EID is All Subscribers. Beside an Extension it is the publication list: those
	// of the data extension are put on it, and who is unsubscribed there gets nothing; 0 for All Subscribers.
	List      int64  `json:"list,omitempty"`
	Extension string `json:"extension,omitempty"` // GUID of a data extension; "" for the members of List
	Test      bool   `json:"test,omitempty"`      // whether test sends alone go there
}

// EmailSend is one email to an audience, as of the moment it began: SOAP's Send.
type EmailSend struct {
	Tenant       EID
	MID          MID
	ID           int64  // nine digits: what the tracking calls SendID
	ObjectID     string // GUID
	DefinitionID string // GUID of the email send definition that was started; "" for none
	Email        Email  // as it was then
	Commercial   bool   // whether its send classification is a commercial one
	FromName     string // "" for the default sender's
	FromAddress  string // "" for the default sender's
	TrackLinks   bool
	Deduplicate  bool // whether an address gets one message only
	Audience     Audience
	State        EmailSendState
	Text         string // why it failed
	SourceAt     int    // the source that is being read
	ReadTo       string // the last of it that was
	Excluded     int    // how many were left out by the exclusions
	Errored      int    // how many rows named no subscriber
	Created      time.Time
	Modified     time.Time
}

// Definition is what decides about the send's messages, in the shape of a triggered send's.
func (s EmailSend) Definition() Definition {
	return Definition{
		Tenant: s.Tenant, MID: s.MID, Status: DefinitionActive, EmailKey: s.Email.CustomerKey, ListKey: AllSubscribers,
		FromName: s.FromName, FromAddress: s.FromAddress, AutoAdd: true, AutoUpdate: true, TrackLinks: s.TrackLinks,
	}
}

// SpreadPage is the next part of an audience as messages, and how far the send has come with it.
type SpreadPage struct {
	Messages          []Message
	Enrol             bool // whether the recipients are put on All Subscribers and the message's list
	SourceAt          int
	ReadTo            string
	Excluded, Errored int // of this page
	State             EmailSendState
	Text              string
	Now               time.Time
}

// EmailSendStore keeps sends.
type EmailSendStore interface {
	// EmailSend reads a send; a missing one is a NotFound fault with CodeNoEmailSend.
	EmailSend(ctx context.Context, tenant EID, id int64) (EmailSend, error)
	// CreateEmailSend stores a new send, gives it a number and the job that spreads it.
	CreateEmailSend(ctx context.Context, s EmailSend) (EmailSend, error)
	// SpreadEmailSend stores the messages of a page with their jobs and moves the send on; a Conflict with
	// CodeChangedMeanwhile where somebody else has done so.
	SpreadEmailSend(ctx context.Context, s EmailSend, p SpreadPage) error
	// ListMembers reads at most limit subscribers who are Active or Bounced on the list (the EID: on All Subscribers), in
	// the order of their numbers, those after the number given.
	ListMembers(ctx context.Context, tenant EID, list, after int64, limit int) ([]Subscriber, error)
	// CountMembers counts those who are Active or Bounced on the list and on All Subscribers.
	CountMembers(ctx context.Context, tenant EID, list int64) (int64, error)
	// OnLists tells which of the subscribers are on one of the lists, whatever their standing.
	OnLists(ctx context.Context, tenant EID, lists, subscribers []int64) (map[int64]bool, error)
	// SubscribersByKeys reads those that there are, by key.
	SubscribersByKeys(ctx context.Context, tenant EID, keys []string) (map[string]Subscriber, error)
	// SubscribersByAddresses reads, for each address in lower case, the first subscriber who has it.
	SubscribersByAddresses(ctx context.Context, tenant EID, addresses []string) (map[string]Subscriber, error)
}

// AudienceStore reads data extensions for sends.
type AudienceStore interface {
	// Extension reads a data extension with its fields; a missing one is a NotFound fault with CodeNoDataExtension.
	Extension(ctx context.Context, tenant EID, mid MID, ref ExtensionRef) (DataExtension, error)
	// Rows reads a page of rows in the order of their keys, those after the key given.
	Rows(ctx context.Context, d DataExtension, after string, skip, limit int) ([]DataRow, error)
}

// EmailSends is the service over sends to audiences.
type EmailSends struct {
	Store  EmailSendStore
	Emails EmailStore
	Lists  ListStore
	Setup  SendSetupStore
	Data   AudienceStore
	// Sends knows who may send from which address.
	Sends *Sends
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// EmailSendRequest asks for one email to an audience, now.
type EmailSendRequest struct {
	DefinitionID string
	Email        EmailRef
	Subject      string // "" for the email's
	// Classification and Profile are customer keys; "" is Default Commercial, and the classification's profile.
	Classification, Profile string
	FromName, FromAddress   string // over the profile's where not ""
	TrackLinks, Deduplicate bool
	Audience                Audience
}

func badSend(field, format string, args ...any) error {
	return fault.New(fault.Invalid, CodeInvalidEmailSend, format, args...).In(field)
}

// Start makes the send: when it returns, the send is durable and a job makes its messages.
func (s *EmailSends) Start(ctx context.Context, p Principal, r EmailSendRequest) (EmailSend, error) {
	if err := mayWrite(p, ScopeEmailSend); err != nil {
		return EmailSend{}, err
	}
	if err := s.CheckAudience(ctx, p, r.Audience); err != nil {
		return EmailSend{}, err
	}
	email, err := s.Emails.EmailBy(ctx, p.Tenant, p.MID, r.Email)
	if err != nil {
		return EmailSend{}, err
	}
	if r.Subject != "" {
		email.Subject = r.Subject
	}
	if err := email.Validate(); err != nil { // the subject is new
		return EmailSend{}, err
	}
	now := s.Now(p.Tenant)
	send := EmailSend{
		Tenant: p.Tenant, MID: p.MID, ObjectID: NewGUID(), DefinitionID: r.DefinitionID, Email: email, FromName: r.FromName, FromAddress: r.FromAddress,
		TrackLinks: r.TrackLinks, Deduplicate: r.Deduplicate, Audience: r.Audience, State: EmailSendSpreading, Created: now, Modified: now,
	}
	if err := s.setUp(ctx, r, &send); err != nil {
		return EmailSend{}, err
	}
	if oneLine(send.FromName) != send.FromName || len(send.FromName) > 130 {
		return EmailSend{}, badSend("FromName", "A From name is one line of at most 130 bytes.")
	}
	if err := s.Sends.checkSender(ctx, send.Definition(), send.FromAddress); err != nil {
		return EmailSend{}, err
	}
	return s.Store.CreateEmailSend(ctx, send)
}

// setUp takes over what the send classification and the sender profile say.
func (s *EmailSends) setUp(ctx context.Context, r EmailSendRequest, send *EmailSend) error {
	profile := r.Profile
	switch {
	case r.Classification == "", strings.EqualFold(r.Classification, ClassificationCommercial):
		send.Commercial = true
	case strings.EqualFold(r.Classification, ClassificationTransactional):
	default:
		c, err := s.Setup.Classification(ctx, send.Tenant, send.MID, SetupRef{Key: r.Classification})
		if err != nil {
			return err
		}
		send.Commercial = c.Kind == KindMarketing
		if profile == "" {
			profile = c.ProfileKey
		}
	}
	if profile == "" || strings.EqualFold(profile, DefaultProfile) {
		return nil
	}
	v, err := s.Setup.Profile(ctx, send.Tenant, send.MID, SetupRef{Key: profile})
	if err != nil {
		return err
	}
	if send.FromName == "" {
		send.FromName = v.FromName
	}
	if send.FromAddress == "" {
		send.FromAddress = v.FromAddress
	}
	return nil
}

// CheckAudience reports a list or data extension that is not there or cannot be sent to.
func (s *EmailSends) CheckAudience(ctx context.Context, p Principal, a Audience) error {
	if len(a.Sources) == 0 || len(a.Sources) > maxSources || len(a.Exclusions) > maxSources {
		return badSend("SendDefinitionList", "A send goes to 1 to %d lists and data extensions and leaves out at most %d.", maxSources, maxSources)
	}
	for _, source := range a.Exclusions {
		if source.Extension == "" && source.List == int64(p.Tenant) {
			return badSend("SendDefinitionList", "A send cannot leave out All Subscribers.")
		}
	}
	for _, source := range a.sources() {
		if source.List != 0 && source.List != int64(p.Tenant) {
			if _, err := s.Lists.ListBy(ctx, p.Tenant, p.MID, ListRef{ID: source.List}); err != nil {
				return err
			}
		}
		if source.Extension == "" {
			if source.List == 0 {
				return badSend("SendDefinitionList", "A source names a list or a data extension.")
			}
			continue
		}
		d, err := s.Data.Extension(ctx, p.Tenant, p.MID, ExtensionRef{ID: source.Extension})
		if err != nil {
			return err
		}
		if !d.Sendable {
			return badSend("SendDefinitionList", "The data extension %s is not sendable.", d.Key)
		}
	}
	return nil
}

// MaxCount is how many messages a send to the audience could make now: the active members of its lists and the rows of
// its data extensions.
func (s *EmailSends) MaxCount(ctx context.Context, p Principal, a Audience) (int64, error) {
	if err := mayRead(p, ScopeEmailRead, ScopeEmailSend); err != nil {
		return 0, err
	}
	var all int64
	for _, source := range a.Sources {
		if source.Test {
			continue
		}
		if source.Extension == "" {
			n, err := s.Store.CountMembers(ctx, p.Tenant, source.List)
			if err != nil {
				return 0, err
			}
			all += n
			continue
		}
		d, err := s.Data.Extension(ctx, p.Tenant, p.MID, ExtensionRef{ID: source.Extension})
		if err != nil {
			return 0, err
		}
		all += d.Rows
	}
	return all, nil
}
