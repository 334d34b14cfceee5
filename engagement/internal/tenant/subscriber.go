package tenant

import (
	"context"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// Limits of a subscriber (engagement-wire 3, Subscriber; attribute values as Engagement's profile attributes).
const (
	MaxSubscriberKey   = 254
	MaxAttributes      = 200
	MaxAttributeValue  = 4000
	maxAttributeKeyLen = maxAttributeName
)

// Codes of the faults that subscribers raise.
const (
	// CodeSubscriberExists: the key is on the list already (error 12014).
	CodeSubscriberExists fault.Code = "subscriber_exists"
	// CodeNoSubscriber: no subscriber has the key.
	CodeNoSubscriber fault.Code = "no_subscriber"
	// CodeInvalidSubscriber: a subscriber that cannot be stored; Field names what is wrong with it.
	CodeInvalidSubscriber fault.Code = "invalid_subscriber"
)

// SubscriberStatus is a subscriber's standing on the All Subscribers list.
type SubscriberStatus string

// The standings.
const (
	SubscriberActive       SubscriberStatus = "Active"
	SubscriberBounced      SubscriberStatus = "Bounced"
	SubscriberHeld         SubscriberStatus = "Held"
	SubscriberUnsubscribed SubscriberStatus = "Unsubscribed"
)

// Subscriber is somebody on the tenant's All Subscribers list. Keys are compared exactly: 15-character record ids, which
// differ in case alone, must stay different people.
type Subscriber struct {
	Tenant       EID
	ID           int64 // nine digits, unique in the tenant; 0 before it is stored
	Key          string
	Address      string
	Status       SubscriberStatus
	Attributes   map[string]string // profile attributes by name
	Created      time.Time
	Modified     time.Time
	Unsubscribed time.Time // zero when never
}

// Validate reports what keeps the subscriber from being stored.
func (s Subscriber) Validate() error {
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidSubscriber, format, args...).In(field)
	}
	switch {
	case s.Key == "" || len(s.Key) > MaxSubscriberKey || oneLine(s.Key) != s.Key || !utf8.ValidString(s.Key):
		return bad("SubscriberKey", "A subscriber needs a key of one line and at most %d bytes.", MaxSubscriberKey)
	case !ValidAddress(s.Address):
		return bad("EmailAddress", "The subscriber's email address is not valid.")
	}
	switch s.Status {
	case SubscriberActive, SubscriberBounced, SubscriberHeld, SubscriberUnsubscribed:
	default:
		return bad("Status", "There is no subscriber status %q.", clip(string(s.Status)))
	}
	return ValidAttributes(s.Attributes)
}

// ValidAttributes reports whether attributes can be kept and rendered.
func ValidAttributes(attributes map[string]string) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidSubscriber, format, args...).In("Attributes")
	}
	if len(attributes) > MaxAttributes {
		return bad("There are more than %d attributes.", MaxAttributes)
	}
	seen := make(map[string]bool, len(attributes))
	for name, value := range attributes {
		if seen[strings.ToLower(name)] {
			return bad("The attribute %q is given twice in different spellings.", name)
		}
		seen[strings.ToLower(name)] = true
		switch {
		case name == "" || len(name) > maxAttributeKeyLen || !utf8.ValidString(name) || oneLine(name) != name:
			return bad("An attribute name is one line of 1 to %d bytes.", maxAttributeKeyLen)
		case len(value) > MaxAttributeValue:
			return bad("The value of attribute %q is longer than %d bytes.", name, MaxAttributeValue)
		case !utf8.ValidString(value) || hasNUL(value):
			return bad("The value of attribute %q is not plain UTF-8 text.", name)
		}
	}
	return nil
}

// hasNUL reports a NUL byte, which PostgreSQL's text cannot hold.
func hasNUL(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return true
		}
	}
	return false
}

// AttributeNames are the names of the attributes in alphabetical order, for answers that must not vary.
func AttributeNames(attributes map[string]string) []string {
	names := make([]string, 0, len(attributes))
	for name := range attributes {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// SubscriberStore keeps subscribers. A missing one is a NotFound fault with CodeNoSubscriber.
type SubscriberStore interface {
	// SubscriberByKey reads one.
	SubscriberByKey(ctx context.Context, tenant EID, key string) (Subscriber, error)
	// CreateSubscriber stores a new one and returns it with its ID; a taken key is a Conflict with
	// CodeSubscriberExists.
	CreateSubscriber(ctx context.Context, s Subscriber) (Subscriber, error)
	// UpdateSubscriber stores s over the one with its ID, unless that was modified after the time given, which is a
	// Conflict.
	UpdateSubscriber(ctx context.Context, s Subscriber, unmodifiedSince time.Time) error
	// DeleteSubscriber takes it off the list; what was sent keeps its key.
	DeleteSubscriber(ctx context.Context, tenant EID, key string) error
}

// The scopes of subscriber calls.
const (
	ScopeSubscribersRead  = "list_and_subscribers_read"
	ScopeSubscribersWrite = "list_and_subscribers_write"
)

// Subscribers is the service over subscribers.
type Subscribers struct {
	Store SubscriberStore
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// SubscriberChange is what a caller wants of a subscriber; empty fields are left as they are.
type SubscriberChange struct {
	Key        string
	Address    string
	Status     SubscriberStatus
	Attributes map[string]string
}

// Create puts somebody on the list. The key defaults to the address, as Engagement does without subscriber keys.
func (s *Subscribers) Create(ctx context.Context, p Principal, c SubscriberChange) (Subscriber, error) {
	if err := mayWrite(p, ScopeSubscribersWrite); err != nil {
		return Subscriber{}, err
	}
	now := s.Now(p.Tenant)
	fresh := Subscriber{
		Tenant: p.Tenant, Key: c.Key, Address: c.Address, Status: c.Status, Attributes: c.Attributes,
		Created: now, Modified: now,
	}
	if fresh.Key == "" {
		fresh.Key = c.Address
	}
	if fresh.Status == "" {
		fresh.Status = SubscriberActive
	}
	if fresh.Status == SubscriberUnsubscribed {
		fresh.Unsubscribed = now
	}
	if err := fresh.Validate(); err != nil {
		return Subscriber{}, err
	}
	return s.Store.CreateSubscriber(ctx, fresh)
}

// Get reads somebody on the list.
func (s *Subscribers) Get(ctx context.Context, p Principal, key string) (Subscriber, error) {
	if err := mayRead(p, ScopeSubscribersRead, ScopeSubscribersWrite); err != nil {
		return Subscriber{}, err
	}
	return s.Store.SubscriberByKey(ctx, p.Tenant, key)
}

// Update changes somebody on the list.
func (s *Subscribers) Update(ctx context.Context, p Principal, c SubscriberChange) (Subscriber, error) {
	if err := mayWrite(p, ScopeSubscribersWrite); err != nil {
		return Subscriber{}, err
	}
	key := c.Key
	if key == "" {
		key = c.Address
	}
	old, err := s.Store.SubscriberByKey(ctx, p.Tenant, key)
	if err != nil {
		return Subscriber{}, err
	}
	fresh := old
	fresh.Modified = later(s.Now(p.Tenant), old.Modified)
	if c.Address != "" {
		fresh.Address = c.Address
	}
	if c.Status != "" && c.Status != old.Status {
		fresh.Status = c.Status
		if c.Status == SubscriberUnsubscribed {
			fresh.Unsubscribed = fresh.Modified
		}
	}
	fresh.Attributes = MergeAttributes(old.Attributes, c.Attributes)
	if err := fresh.Validate(); err != nil {
		return Subscriber{}, err
	}
	return fresh, s.Store.UpdateSubscriber(ctx, fresh, old.Modified)
}

// Delete takes somebody off the list.
func (s *Subscribers) Delete(ctx context.Context, p Principal, key string) error {
	if err := mayWrite(p, ScopeSubscribersWrite); err != nil {
		return err
	}
	return s.Store.DeleteSubscriber(ctx, p.Tenant, key)
}

// MergeAttributes is old with the values of change put over it, as a new map. Names have no case; a known attribute
// keeps its spelling.
func MergeAttributes(old, change map[string]string) map[string]string {
	merged := make(map[string]string, len(old)+len(change))
	spelling := make(map[string]string, len(old))
	for name, value := range old {
		merged[name] = value
		spelling[strings.ToLower(name)] = name
	}
	for name, value := range change {
		if known, ok := spelling[strings.ToLower(name)]; ok {
			name = known
		}
		merged[name] = value
	}
	return merged
}

// KnownAttributes is old with the new values of the attributes that it has; names have no case.
func KnownAttributes(old, change map[string]string) map[string]string {
	values := make(map[string]string, len(change))
	for name, value := range change {
		values[strings.ToLower(name)] = value
	}
	merged := make(map[string]string, len(old))
	for name, value := range old {
		if fresh, ok := values[strings.ToLower(name)]; ok {
			value = fresh
		}
		merged[name] = value
	}
	return merged
}
