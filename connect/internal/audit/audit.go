// Package audit is the record of what was changed in a connection: by whom, when, what it was before and what after. The
// entries of a connection form a chain: each is signed together with the signature of the one before, by a key that lies
// sealed in the vault, so that whoever can write to the database and has not the key can change, add, take out or
// reorder nothing unnoticed. Entries that were cut off at the end show by a signature that was noted before.
package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that this package returns.
const (
	// CodeKeyCorrupt: the key of a chain cannot be opened.
	CodeKeyCorrupt fault.Code = "credential_corrupt"
	// CodeInvalidHead: a head that is none.
	CodeInvalidHead fault.Code = "invalid_head"
)

// The actions. Subject of those about a user is his CRM user name.
const (
	ConnectionPut      = "connection.put"       // parameters of the pair: addresses, clients
	TokenReplaced      = "connection.api_token" // of Connect's API; no value is kept
	ConnectionSettings = "connection.settings"
	StandingSaid       = "connection.standing" // whose clouds, and where they are
	OrgConnected       = "connection.org"
	TenantConnected    = "connection.engagement"
	UserMapped         = "user.mapped"
	UserCleared        = "user.cleared"
	UsersImported      = "users.imported" // one entry a batch; After has the digest of its lines
	ImportStarted      = "import.started"
	ImportCancelled    = "import.cancelled"
	IntegrationChanged = "connection.integration_user"
	Disconnected       = "connection.disconnected"
	TriggerAdded       = "trigger.added" // Subject is its name
	TriggerChanged     = "trigger.changed"
	TriggerRemoved     = "trigger.removed"
	SendAsked          = "send.asked"
	SendEnded          = "send.ended"
	SendCancelled      = "send.cancelled"
	SendSettings       = "send.settings"
	OutageSet          = "outage.set"
	OutageEnded        = "outage.ended"
	UpgradeStarted     = "upgrade.started" // Subject of these is its id
	UpgradeTold        = "upgrade.told"    // an admin said that his step may be done, or was
	UpgradeStep        = "upgrade.step"    // a step came to its end
	UpgradeUndone      = "upgrade.undone"  // a step was taken back
	UpgradeCancelled   = "upgrade.cancelled"
	UpgradeEnded       = "upgrade.ended"
	UnitChanged        = "business_unit.changed" // Subject is the MID
	MigrationStarted   = "migration.started"     // Subject is its id
	MigrationProven    = "migration.proven"      // those who waited for approval were tried again
	MigrationCancelled = "migration.cancelled"
	MigrationUndone    = "migration.undone"
	TokenCreated       = "api_token.created" // Subject of these is its name
	TokenRevoked       = "api_token.revoked"
	ConsoleLinkTaken   = "console_link.taken" // somebody came in by it as an administrator
	UsersReconnected   = "users.reconnected"  // one entry a batch of outcomes; After has the digest
)

// Change is what a caller has to say about a change; the zero value is a change that is not recorded, because nobody made
// it: what a cloud was found to be like.
type Change struct {
	At      time.Time // domain time
	Actor   string    // "API: olga", a CRM user name, "org", "system"
	Action  string
	Subject string // whom or what it is about; "" for the connection
	Reason  string
}

// Entry is one change as it is kept.
type Entry struct {
	Pair    string
	Seq     int64     // from 1 on, without a gap
	At      time.Time // domain time, whole milliseconds
	Actor   string
	Action  string
	Subject string
	Reason  string
	// Before and After are JSON objects of what counts, "null" where there was or is nothing. No secrets.
	Before, After string
	Signature     []byte // over all above and the signature of the entry before
}

// JSON is v as Before and After hold it. What is kept there are structs of texts and numbers, which always have a JSON.
func JSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("audit: " + err.Error())
	}
	return string(text)
}

// Sign gives the signature of an entry that follows the one with the signature prev; nil for the first.
func (e Entry) Sign(key, prev []byte) []byte {
	mac := hmac.New(sha256.New, key)
	write := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		mac.Write(n[:])
		mac.Write([]byte(s))
	}
	write("twinspan/audit/v1")
	for _, s := range []string{e.Pair, fmt.Sprint(e.Seq), fmt.Sprint(e.At.UnixMilli()), e.Actor, e.Action, e.Subject, e.Reason, e.Before, e.After, string(prev)} {
		write(s)
	}
	return mac.Sum(nil)
}

// Head is the end of a chain.
type Head struct {
	Seq       int64
	Signature []byte
}

// String is the head as people note it: "17:9f86d0…"; "0:" of an empty chain.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, hex.EncodeToString(h.Signature)) }

// ParseHead reads what String wrote.
func ParseHead(s string) (Head, error) {
	seq, signature, ok := strings.Cut(s, ":")
	var h Head
	_, err := fmt.Sscanf(seq, "%d", &h.Seq)
	if ok && err == nil {
		h.Signature, err = hex.DecodeString(signature)
	}
	if !ok || err != nil || h.Seq < 0 || h.String() != s && !(h.Seq == 0 && len(h.Signature) == 0) || h.Seq > 0 && len(h.Signature) != sha256.Size {
		return Head{}, fault.New(fault.Invalid, CodeInvalidHead, "A head is a number, a colon and 64 hexadecimal digits, as verifying prints it.").In("head")
	}
	return h, nil
}

// Item is one of the things that an entry with a digest is about.
type Item struct {
	Position           int
	CRMUsername        string
	EngagementUsername string
	MID                int64
	Status, Code       string
}

// Digest is the SHA-256 of items in their order, in hexadecimal.
func Digest(items []Item) string {
	h := sha256.New()
	for _, i := range items {
		text := JSON([]any{i.Position, i.CRMUsername, i.EngagementUsername, i.MID, i.Status, i.Code})
		_, _ = h.Write(append([]byte(text), '\n')) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Batch is After of an entry about a batch of an import's lines.
type Batch struct {
	Mapped int    `json:"mapped"`
	Failed int    `json:"failed"`
	Digest string `json:"digest"`
}

// Store keeps chains. Entries are added by what changes things, in the same transaction.
type Store interface {
	// Entries lists a pair's entries after a number, in order.
	Entries(ctx context.Context, pair string, after int64, limit int) ([]Entry, error)
	// ChainHead reads where the chain ends.
	ChainHead(ctx context.Context, pair string) (Head, error)
	// Items lists what the entry of a batch is about, in order. batchID is of the import or migration.
	Items(ctx context.Context, pair, batchID string, seq int64) ([]Item, error)
}

// Keys keeps the sealed keys of chains. A missing one is a NotFound fault.
type Keys interface {
	AuditKey(ctx context.Context, pair string) (sealed []byte, err error)
	// AddAuditKey stores a key unless there is one, and returns the one that is stored.
	AddAuditKey(ctx context.Context, pair string, sealed []byte) ([]byte, error)
}
