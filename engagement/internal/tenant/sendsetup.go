package tenant

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that sender profiles and send classifications raise.
const (
	// CodeNoSendSetup: no such thing in the business unit.
	CodeNoSendSetup fault.Code = "no_send_setup"
	// CodeInvalidSendSetup: one that cannot be stored as asked.
	CodeInvalidSendSetup fault.Code = "invalid_send_setup"
	// CodeSendSetupExists: the customer key belongs to another one.
	CodeSendSetupExists fault.Code = "send_setup_exists"
	// CodeSendSetupUsed: something else rests on it.
	CodeSendSetupUsed fault.Code = "send_setup_used"
)

// DefaultProfile is the customer key of the sender profile and the delivery profile that every business unit has.
const DefaultProfile = "Default"

// SenderProfile says from whom mail comes.
type SenderProfile struct {
	Tenant                EID
	MID                   MID
	ID                    string // GUID
	Key                   string // customer key, unique in the business unit without regard to case
	Name, Description     string
	FromName, FromAddress string
	Created, Modified     time.Time
}

// Kinds of send classification, in the words of the WSDL.
const (
	KindOperational = "Operational" // transactional
	KindMarketing   = "Marketing"   // commercial
)

// SendClassification says whether mail is transactional or commercial, and whose sender profile it uses.
type SendClassification struct {
	Tenant            EID
	MID               MID
	ID                string // GUID
	Key               string // customer key, unique in the business unit without regard to case
	Name, Description string
	Kind              string // KindOperational or KindMarketing
	ProfileKey        string // the sender profile's customer key
	Created, Modified time.Time
}

// SetupRef names one by ID, a GUID, else by customer key.
type SetupRef struct{ ID, Key string }

// SendSetupStore keeps sender profiles and send classifications that people make. A missing one is a NotFound fault with
// CodeNoSendSetup, a taken key a Conflict with CodeSendSetupExists.
type SendSetupStore interface {
	// Profile reads a sender profile of the business unit.
	Profile(ctx context.Context, tenant EID, mid MID, ref SetupRef) (SenderProfile, error)
	// CreateProfile stores a new one.
	CreateProfile(ctx context.Context, s SenderProfile) error
	// UpdateProfile stores it over the one with its ID, if that was last modified at the time given.
	UpdateProfile(ctx context.Context, s SenderProfile, unmodifiedSince time.Time) error
	// DeleteProfile takes it away; while a classification uses it, a Conflict with CodeSendSetupUsed.
	DeleteProfile(ctx context.Context, s SenderProfile) error
	// Classification reads a send classification of the business unit.
	Classification(ctx context.Context, tenant EID, mid MID, ref SetupRef) (SendClassification, error)
	// CreateClassification stores a new one.
	CreateClassification(ctx context.Context, c SendClassification) error
	// UpdateClassification stores it over the one with its ID, if that was last modified at the time given.
	UpdateClassification(ctx context.Context, c SendClassification, unmodifiedSince time.Time) error
	// DeleteClassification takes it away; while a definition uses it, a Conflict with CodeSendSetupUsed.
	DeleteClassification(ctx context.Context, c SendClassification) error
}

// SendSetup is the service over sender profiles and send classifications.
type SendSetup struct {
	Store SendSetupStore
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

func badSetup(field, format string, args ...any) error {
	return fault.New(fault.Invalid, CodeInvalidSendSetup, format, args...).In(field)
}

func checkSetup(key, name, description string) error {
	switch {
	case key == "" || len(key) > MaxKey || oneLine(key) != key || !utf8.ValidString(key):
		return badSetup("CustomerKey", "A customer key is one line of at most %d bytes.", MaxKey)
	case strings.EqualFold(key, DefaultProfile), strings.EqualFold(key, ClassificationTransactional), strings.EqualFold(key, ClassificationCommercial):
		return fault.New(fault.Conflict, CodeSendSetupExists, "The customer key %s belongs to one that every account has.", key).In("CustomerKey")
	case strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > 100 || oneLine(name) != name || !utf8.ValidString(name):
		return badSetup("Name", "A name is one line of at most 100 characters.")
	case len(description) > 2000 || !utf8.ValidString(description) || hasNUL(description):
		return badSetup("Description", "A description may have at most 2000 bytes.")
	}
	return nil
}

func (s SenderProfile) validate() error {
	switch {
	case oneLine(s.FromName) != s.FromName || len(s.FromName) > 130:
		return badSetup("FromName", "A From name is one line of at most 130 bytes.")
	case !ValidAddress(s.FromAddress):
		return badSetup("FromAddress", "The From address is not an email address.")
	}
	return checkSetup(s.Key, s.Name, s.Description)
}

// CreateProfile stores a new sender profile. Without a key it gets a GUID as one.
func (s *SendSetup) CreateProfile(ctx context.Context, p Principal, v SenderProfile) (SenderProfile, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return v, err
	}
	now := s.Now(p.Tenant)
	v.Tenant, v.MID, v.ID, v.Created, v.Modified = p.Tenant, p.MID, NewGUID(), now, now
	if v.Key == "" {
		v.Key = NewGUID()
	}
	if err := v.validate(); err != nil {
		return v, err
	}
	return v, s.Store.CreateProfile(ctx, v)
}

// UpdateProfile changes a sender profile by the function.
func (s *SendSetup) UpdateProfile(ctx context.Context, p Principal, ref SetupRef, change func(*SenderProfile)) (SenderProfile, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return SenderProfile{}, err
	}
	v, err := s.Store.Profile(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return v, err
	}
	was := v.Modified
	change(&v)
	v.Modified = later(s.Now(p.Tenant), was)
	if err := v.validate(); err != nil {
		return v, err
	}
	return v, s.Store.UpdateProfile(ctx, v, was)
}

// DeleteProfile takes a sender profile away.
func (s *SendSetup) DeleteProfile(ctx context.Context, p Principal, ref SetupRef) (SenderProfile, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return SenderProfile{}, err
	}
	v, err := s.Store.Profile(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return v, err
	}
	return v, s.Store.DeleteProfile(ctx, v)
}

// Profile reads a sender profile that people made.
func (s *SendSetup) Profile(ctx context.Context, p Principal, ref SetupRef) (SenderProfile, error) {
	if err := mayRead(p, ScopeEmailRead, ScopeEmailWrite); err != nil {
		return SenderProfile{}, err
	}
	return s.Store.Profile(ctx, p.Tenant, p.MID, ref)
}

// Classification reads a send classification that people made.
func (s *SendSetup) Classification(ctx context.Context, p Principal, ref SetupRef) (SendClassification, error) {
	if err := mayRead(p, ScopeEmailRead, ScopeEmailWrite); err != nil {
		return SendClassification{}, err
	}
	return s.Store.Classification(ctx, p.Tenant, p.MID, ref)
}

// profileThere refuses a classification whose sender profile is not there.
func (s *SendSetup) profileThere(ctx context.Context, c SendClassification) error {
	if strings.EqualFold(c.ProfileKey, DefaultProfile) {
		return nil
	}
	_, err := s.Store.Profile(ctx, c.Tenant, c.MID, SetupRef{Key: c.ProfileKey})
	if fault.CodeOf(err) == CodeNoSendSetup {
		return badSetup("SenderProfile", "There is no sender profile %q.", clip(c.ProfileKey))
	}
	return err
}

func (c SendClassification) validate() error {
	if c.Kind != KindOperational && c.Kind != KindMarketing {
		return badSetup("SendClassificationType", "A send classification is %s or %s.", KindOperational, KindMarketing)
	}
	return checkSetup(c.Key, c.Name, c.Description)
}

// CreateClassification stores a new send classification. Without a key it gets a GUID as one, without a sender profile
// the default one.
func (s *SendSetup) CreateClassification(ctx context.Context, p Principal, c SendClassification) (SendClassification, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return c, err
	}
	now := s.Now(p.Tenant)
	c.Tenant, c.MID, c.ID, c.Created, c.Modified = p.Tenant, p.MID, NewGUID(), now, now
	if c.Key == "" {
		c.Key = NewGUID()
	}
	if c.ProfileKey == "" {
		c.ProfileKey = DefaultProfile
	}
	if err := c.validate(); err != nil {
		return c, err
	}
	if err := s.profileThere(ctx, c); err != nil {
		return c, err
	}
	return c, s.Store.CreateClassification(ctx, c)
}

// UpdateClassification changes a send classification by the function.
func (s *SendSetup) UpdateClassification(ctx context.Context, p Principal, ref SetupRef, change func(*SendClassification)) (SendClassification, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return SendClassification{}, err
	}
	c, err := s.Store.Classification(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return c, err
	}
	was := c.Modified
	change(&c)
	c.Modified = later(s.Now(p.Tenant), was)
	if err := c.validate(); err != nil {
		return c, err
	}
	if err := s.profileThere(ctx, c); err != nil {
		return c, err
	}
	return c, s.Store.UpdateClassification(ctx, c, was)
}

// DeleteClassification takes a send classification away.
func (s *SendSetup) DeleteClassification(ctx context.Context, p Principal, ref SetupRef) (SendClassification, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return SendClassification{}, err
	}
	c, err := s.Store.Classification(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return c, err
	}
	return c, s.Store.DeleteClassification(ctx, c)
}
