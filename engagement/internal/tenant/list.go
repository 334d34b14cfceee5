package tenant

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that lists raise.
const (
	// CodeNoList: no list of the business unit has the number or key.
	CodeNoList fault.Code = "no_list"
	// CodeInvalidList: a list that cannot be stored as asked.
	CodeInvalidList fault.Code = "invalid_list"
	// CodeListExists: the customer key belongs to another list.
	CodeListExists fault.Code = "list_exists"
	// CodeListUsed: a triggered send definition sends to the list.
	CodeListUsed fault.Code = "list_used"
)

// MaxLists bounds the lists of a tenant.
const MaxLists = 2000

// List is a subscriber list of a business unit. All Subscribers, whose number is the tenant's EID, is no such list: it is
// part of every tenant, and everybody is on it.
type List struct {
	Tenant            EID
	MID               MID
	ID                int64  // nine digits, unique in the tenant; 0 before it is stored
	ObjectID          string // GUID
	Key               string // customer key, unique in the business unit without regard to case
	Name              string
	Description       string
	Type              string // Public, Private, Salesforce, GlobalUnsubscribe or Master (WSDL, ListTypeEnum)
	Created, Modified time.Time
}

func (l List) validate() error {
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidList, format, args...).In(field)
	}
	switch {
	case l.Key == "" || len(l.Key) > MaxKey || oneLine(l.Key) != l.Key || !utf8.ValidString(l.Key):
		return bad("CustomerKey", "A list needs a customer key of one line and at most %d bytes.", MaxKey)
	case strings.EqualFold(l.Key, AllSubscribers):
		return fault.New(fault.Conflict, CodeListExists, "A list with this customer key exists already.").In("CustomerKey")
	case strings.TrimSpace(l.Name) == "" || utf8.RuneCountInString(l.Name) > 50 || oneLine(l.Name) != l.Name || !utf8.ValidString(l.Name):
		return bad("ListName", "A list needs a name of one line and at most 50 characters.")
	case len(l.Description) > 2000 || !utf8.ValidString(l.Description) || hasNUL(l.Description):
		return bad("Description", "A description may have at most 2000 bytes.")
	case l.Type != "Private" && l.Type != "Public":
		return bad("Type", "A list is Private or Public.")
	}
	return nil
}

// MemberChange is what a caller wants of one subscriber's place on one list.
type MemberChange struct {
	List   int64            // the list's number; the tenant's EID is All Subscribers
	Status SubscriberStatus // "" leaves the standing of one who is on the list, and is Active for one who is not
	Remove bool
	// Fresh demands that the subscriber was not on the list before.
	Fresh bool
}

// ListRef names a list by number, else by ObjectID, else by customer key.
type ListRef struct {
	ID            int64
	ObjectID, Key string
}

// ListStore keeps lists and who is on them. A missing list is a NotFound fault with CodeNoList.
type ListStore interface {
	// ListBy reads a list of the business unit.
	ListBy(ctx context.Context, tenant EID, mid MID, ref ListRef) (List, error)
	// CreateList stores a new list and returns it with its number. A taken key is a Conflict with CodeListExists.
	CreateList(ctx context.Context, l List) (List, error)
	// UpdateList stores l over the list with its number, if that was last modified at the time given.
	UpdateList(ctx context.Context, l List, unmodifiedSince time.Time) error
	// DeleteList takes a list away; its subscribers stay on the others. While a definition that is not deleted sends to
	// it, a Conflict with CodeListUsed.
	DeleteList(ctx context.Context, l List) error
	// SetMember puts a subscriber on a list of the tenant with the status, or takes it off. Where fresh demands it, one
	// that is on the list already is a Conflict with CodeSubscriberExists.
	SetMember(ctx context.Context, tenant EID, subscriber int64, c MemberChange, now time.Time) error
}

// Lists is the service over lists.
type Lists struct {
	Store ListStore
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// Create stores a new list in the caller's business unit. Without a key it gets a GUID as one.
func (s *Lists) Create(ctx context.Context, p Principal, l List) (List, error) {
	if err := mayWrite(p, ScopeSubscribersWrite); err != nil {
		return List{}, err
	}
	now := s.Now(p.Tenant)
	l.Tenant, l.MID, l.ID, l.ObjectID, l.Created, l.Modified = p.Tenant, p.MID, 0, NewGUID(), now, now
	if l.Key == "" {
		l.Key = NewGUID()
	}
	if l.Type == "" {
		l.Type = "Private"
	}
	if err := l.validate(); err != nil {
		return List{}, err
	}
	return s.Store.CreateList(ctx, l)
}

// Update changes a list by the function.
func (s *Lists) Update(ctx context.Context, p Principal, ref ListRef, change func(*List)) (List, error) {
	if err := mayWrite(p, ScopeSubscribersWrite); err != nil {
		return List{}, err
	}
	l, err := s.Store.ListBy(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return l, err
	}
	was := l.Modified
	change(&l)
	l.Modified = later(s.Now(p.Tenant), was)
	if err := l.validate(); err != nil {
		return l, err
	}
	return l, s.Store.UpdateList(ctx, l, was)
}

// Find reads a list of the caller's business unit.
func (s *Lists) Find(ctx context.Context, p Principal, ref ListRef) (List, error) {
	if err := mayRead(p, ScopeSubscribersRead, ScopeSubscribersWrite, ScopeEmailRead, ScopeEmailWrite, ScopeEmailSend); err != nil {
		return List{}, err
	}
	return s.Store.ListBy(ctx, p.Tenant, p.MID, ref)
}

// Delete takes a list away.
func (s *Lists) Delete(ctx context.Context, p Principal, ref ListRef) (List, error) {
	if err := mayWrite(p, ScopeSubscribersWrite); err != nil {
		return List{}, err
	}
	l, err := s.Store.ListBy(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return l, err
	}
	return l, s.Store.DeleteList(ctx, l)
}

// SetMembers applies what is wanted of a subscriber's places on lists. All the lists must be there before one is touched.
func (s *Lists) SetMembers(ctx context.Context, p Principal, subscriber int64, changes []MemberChange) error {
	if err := mayWrite(p, ScopeSubscribersWrite); err != nil {
		return err
	}
	if len(changes) > 100 {
		return fault.New(fault.Invalid, CodeInvalidSubscriber, "A subscriber is put on at most 100 lists at a time.").In("Lists")
	}
	if err := s.CheckMembers(ctx, p, changes); err != nil {
		return err
	}
	now := s.Now(p.Tenant)
	for _, c := range changes {
		if c.List == int64(p.Tenant) {
			continue // what stands there is the subscriber's own status (Standing)
		}
		if err := s.Store.SetMember(ctx, p.Tenant, subscriber, c, now); err != nil {
			return err
		}
	}
	return nil
}

// Standing is the status that the changes give the subscriber on All Subscribers, "" for none. His standing there is his
// own Status, so it is changed with the subscriber and not with his lists; nobody is off All Subscribers but by being deleted.
func Standing(tenant EID, changes []MemberChange) (SubscriberStatus, error) {
	var status SubscriberStatus
	for _, c := range changes {
		if c.List != int64(tenant) {
			continue
		}
		if c.Remove {
			return "", fault.New(fault.Invalid, CodeInvalidSubscriber, "A subscriber is not taken off All Subscribers by Lists: unsubscribe or delete the subscriber.").In("Lists")
		}
		if status != "" && c.Status != "" && c.Status != status {
			return "", fault.New(fault.Invalid, CodeInvalidSubscriber, "The subscriber is given two statuses on All Subscribers.").In("Lists")
		}
		if c.Status != "" {
			status = c.Status
		}
	}
	return status, nil
}

// CheckMembers reports a list that is not there or a status that there is not.
func (s *Lists) CheckMembers(ctx context.Context, p Principal, changes []MemberChange) error {
	for _, c := range changes {
		switch c.Status {
		case "", SubscriberActive, SubscriberUnsubscribed, SubscriberHeld, SubscriberBounced:
		default:
			return fault.New(fault.Invalid, CodeInvalidSubscriber, "There is no subscriber status %q.", clip(string(c.Status))).In("Lists")
		}
		if c.List == int64(p.Tenant) {
			continue
		}
		if _, err := s.Store.ListBy(ctx, p.Tenant, p.MID, ListRef{ID: c.List}); err != nil {
			return err
		}
	}
	return nil
}
