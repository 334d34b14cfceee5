package org

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Values are fields of one record by API name. A value is nil, string (texts, ids, and dates as "2006-01-02"), bool,
// int64, time.Time or JSON; an empty text is nil, as the API knows no empty text.
type Values map[string]any

// JSON is the value of a field of type complexvalue: JSON text, which the data APIs show as it is.
type JSON string

// MarshalJSON implements json.Marshaler.
func (j JSON) MarshalJSON() ([]byte, error) { return []byte(j), nil }

// Text is the text under the name; "" where there is none.
func (v Values) Text(name string) string {
	s, _ := v[name].(string)
	return s
}

// ID is the id under the name; "" where there is none.
func (v Values) ID(name string) ID { return ID(v.Text(name)) }

// Flag is the boolean under the name; false where there is none.
func (v Values) Flag(name string) bool {
	b, _ := v[name].(bool)
	return b
}

// ErrTaken is what a RecordStore answers when a unique key of the database is taken.
var ErrTaken = fault.New(fault.Conflict, "unique_key_taken", "a unique value is taken")

// RecordStore keeps records.
type RecordStore interface {
	// Write runs fn in one transaction; fn may run twice. A unique key that is taken is [ErrTaken].
	Write(ctx context.Context, fn func(RecordTx) error) error
	// Read reads fields of one record of the org, deleted or not. No such record is a NotFound fault.
	Read(ctx context.Context, o *Object, org, id ID, fields []*Field) (Values, error)
	// Lookup finds at most limit records of the org that match, as RecordTx.Find does.
	Lookup(ctx context.Context, o *Object, org ID, match Values, limit int) ([]ID, error)
}

// RecordFinder finds records outside of a transaction.
type RecordFinder interface {
	// FindRecords reads all stored fields of at most limit records of the org that match; texts are compared without case.
	FindRecords(ctx context.Context, o *Object, org ID, match Values, limit int) ([]Values, error)
}

// RecordTx is the record store inside one transaction. Fields that are computed when read are not among what it
// returns. Matches compare texts without case.
type RecordTx interface {
	AppTx
	SessionTx
	BinTx
	// Try runs fn as a part that may fail by itself: its error undoes what fn did, and the transaction goes on. A unique
	// key that is taken is [ErrTaken].
	Try(fn func() error) error
	// Customizing begins a change of the org's customization in the transaction.
	Customizing(org ID) (CustomTx, error)
	// Lock reads all stored fields of one record and keeps others from changing it until the transaction ends. No such
	// record is a NotFound fault.
	Lock(o *Object, org, id ID) (Values, error)
	// Find reads at most limit records that match; an empty org means the whole server.
	Find(o *Object, org ID, match Values, limit int) ([]Values, error)
	// Count counts the records that match.
	Count(o *Object, org ID, match Values) (int, error)
	// NextNumber counts the records of an object that were ever numbered: 1, 2, 3…
	NextNumber(o *Object, org ID) (int64, error)
	// Insert adds one record, whose Id is among the values.
	Insert(o *Object, org ID, values Values) error
	// Update sets values of all records that match and tells how many they were.
	Update(o *Object, org ID, match, values Values) (int, error)
	// Remove removes all records that match for good and tells how many they were.
	Remove(o *Object, org ID, match Values) (int, error)
}

// SessionTx is what a RecordTx does about how users get in.
type SessionTx interface {
	// EndSessions ends all sessions and grants of a user that have begun at the machine time.
	EndSessions(org, user ID, machine time.Time) error
	// EndOtherSessions ends the sessions of a user at the domain time, but for the given one and the one that it came out of;
	// with refresh also the grants that have refresh tokens.
	EndOtherSessions(but Session, user ID, refresh bool, at time.Time) error
	// EndSession ends one session of the org.
	EndSession(org ID, number int64, at time.Time) error
	// Credential reads a user's credential and keeps others from changing it; one who has none has an empty one,
	// whose address is not verified.
	Credential(org, user ID) (Credential, error)
	// PutCredential keeps all of a credential.
	PutCredential(c Credential) error
	// Post queues a letter, which leaves when the transaction has committed.
	Post(l Letter) error
}

// zeroTime is no time at all.
var zeroTime time.Time

// AppTx is what a RecordTx does about connected apps, which are more than their records.
type AppTx interface {
	// AddApp adds a connected app, made by the user at the domain time.
	AddApp(a ConnectedApp, by ID, at time.Time) error
	// KeepPackageApp remembers by which key and certificate the package's app of the org is known, before the app goes.
	KeepPackageApp(org ID) error
	// KeptPackageApp is what KeepPackageApp remembers; both "" for nothing.
	KeptPackageApp(org ID) (consumerKey, certificate string, err error)
	// RevokeGrants revokes the live grants of an app at the domain time, of all users or of one, and tells how many they
	// were; authorization codes that are out are good for nothing any more.
	RevokeGrants(org, app, user ID, at time.Time) (int, error)
	// AppUsers lists the active users of the org by user name, or one of them, as an app sees them.
	AppUsers(org, app, user ID) ([]AppUser, error)
}
