package tenant

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults about documents.
const (
	// CodeDocumentsOff: "My Documents in Content" is not enabled.
	CodeDocumentsOff fault.Code = "documents_off"
	// CodeInvalidDocument: a document that cannot be kept.
	CodeInvalidDocument fault.Code = "invalid_document"
)

// Bounds of what a tenant keeps as documents, in bytes and in files.
const (
	MaxDocument          = 5 << 20
	maxDocuments         = 2000
	maxDocumentsTogether = 200 << 20
	maxDocumentName      = 200
	maxDocumentPage      = 100
)

// documentTypes are the media types that documents keep; others become application/octet-stream. None of them runs in a
// browser.
var documentTypes = []string{"text/csv", "text/plain", "application/json"}

// Document is a file in "My Documents in Content".
type Document struct {
	Tenant     EID
	Name       string // unique in the tenant without regard to case
	MediaType  string
	Size       int64
	Content    []byte // nil in lists
	Created    time.Time
	Modified   time.Time
	ModifiedBy int64
}

// DocumentStore keeps documents.
type DocumentStore interface {
	// PutDocument stores a document under its name, over one that is there, and gives it with its times. A tenant that
	// would then have more than so many files or bytes is a TooLarge fault with CodeInvalidDocument.
	PutDocument(ctx context.Context, d Document, files int, bytes int64) (Document, error)
	// Document reads one; a missing one is a NotFound fault with CodeNotFound.
	Document(ctx context.Context, eid EID, name string) (Document, error)
	// Documents lists them by folded name, without contents: at most limit after the name given.
	Documents(ctx context.Context, eid EID, after string, limit int) ([]Document, error)
	// DeleteDocument removes one; a missing one is a NotFound fault with CodeNotFound.
	DeleteDocument(ctx context.Context, eid EID, name string) error
}

// Documents is the service over documents.
type Documents struct {
	Registry *Registry
	Store    DocumentStore
	Clock    Clock
}

// documentReaders and documentWriters are the scopes of which a caller needs one. Connect's package has email_write, and
// writes the reports of an upgrade (document 003), as an API user who outside Enterprise 2.0 is Marketing Cloud Administrator
// alone, and writes no emails.
var (
	documentReaders = []string{"documents_and_images_read", "documents_and_images_write", ScopeEmailRead}
	documentWriters = []string{"documents_and_images_write", "email_write"}
)

// Put keeps a document, in the place of one of the same name.
func (s *Documents) Put(ctx context.Context, p Principal, name, mediaType string, content []byte) (Document, error) {
	if !slices.ContainsFunc(documentWriters, func(scope string) bool {
		return mayWrite(p, scope) == nil || p.HasScope(scope) && p.Can(PermMarketingCloudAdmin)
	}) {
		return Document{}, insufficient(strings.Join(documentWriters, " or "))
	}
	if err := s.enabled(ctx, p.Tenant); err != nil {
		return Document{}, err
	}
	switch {
	case !validDocumentName(name):
		return Document{}, fault.New(fault.Invalid, CodeInvalidDocument, "A document's name is one line of 1 to %d bytes without slashes that does not begin with a dot.", maxDocumentName).In("name")
	case len(content) > MaxDocument:
		return Document{}, fault.New(fault.TooLarge, CodeInvalidDocument, "A document has at most %d bytes.", MaxDocument)
	}
	if !slices.Contains(documentTypes, mediaType) {
		mediaType = "application/octet-stream"
	}
	now := s.Clock.Now(p.Tenant)
	if content == nil {
		content = []byte{}
	}
	return s.Store.PutDocument(ctx, Document{
		Tenant: p.Tenant, Name: name, MediaType: mediaType, Size: int64(len(content)), Content: content, Created: now, Modified: now, ModifiedBy: p.UserID,
	}, maxDocuments, maxDocumentsTogether)
}

// Get reads a document with its content.
func (s *Documents) Get(ctx context.Context, p Principal, name string) (Document, error) {
	if err := s.readable(ctx, p); err != nil {
		return Document{}, err
	}
	if !validDocumentName(name) {
		return Document{}, fault.New(fault.NotFound, CodeNotFound, "There is no such document.")
	}
	return s.Store.Document(ctx, p.Tenant, name)
}

// List gives documents by name, without contents, after the one named; more says that there are others.
func (s *Documents) List(ctx context.Context, p Principal, after string) (list []Document, more bool, err error) {
	if err := s.readable(ctx, p); err != nil {
		return nil, false, err
	}
	if hasNUL(after) {
		after = ""
	}
	list, err = s.Store.Documents(ctx, p.Tenant, after, maxDocumentPage+1)
	if len(list) > maxDocumentPage {
		return list[:maxDocumentPage], true, err
	}
	return list, false, err
}

// Delete removes a document.
func (s *Documents) Delete(ctx context.Context, p Principal, name string) error {
	if err := mayWrite(p, "documents_and_images_write"); err != nil {
		return err
	}
	if err := s.enabled(ctx, p.Tenant); err != nil {
		return err
	}
	if !validDocumentName(name) {
		return fault.New(fault.NotFound, CodeNotFound, "There is no such document.")
	}
	return s.Store.DeleteDocument(ctx, p.Tenant, name)
}

func (s *Documents) readable(ctx context.Context, p Principal) error {
	readers := documentReaders
	if p.ClientID == "" { // a person; whoever may read email alone has no business in documents
		readers = readers[:2]
	}
	if err := mayRead(p, readers...); err != nil {
		return err
	}
	return s.enabled(ctx, p.Tenant)
}

func (s *Documents) enabled(ctx context.Context, eid EID) error {
	t, err := s.Registry.Tenant(ctx, eid)
	if err != nil {
		return err
	}
	if !t.Settings.MyDocuments {
		return fault.New(fault.Conflict, CodeDocumentsOff, "My Documents in Content is not enabled.")
	}
	return nil
}

func validDocumentName(name string) bool {
	return name != "" && len(name) <= maxDocumentName && utf8.ValidString(name) && oneLine(name) == name && !strings.ContainsAny(name, `/\`) && name[0] != '.'
}
