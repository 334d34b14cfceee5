package tenant

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeKeyCorrupt: a sealed key of the house cannot be opened: another key file, or a changed database.
const CodeKeyCorrupt fault.Code = "credential_corrupt"

// CodeBadLink: a tracking link that was not made here, or not for this.
const CodeBadLink fault.Code = "bad_link"

// LinkKind is what a tracking link is for. A link of one kind is none of another.
type LinkKind byte

// The kinds of link.
const (
	LinkOpen        LinkKind = 'o' // the picture that is fetched when a message is shown
	LinkClick       LinkKind = 'c' // leads on to a link of the message
	LinkUnsubscribe LinkKind = 'u' // the page that unsubscribes
	LinkVerify      LinkKind = 'v' // the page that proves an address which mail is to be sent from
	linkDomain      LinkKind = 'd' // the value of a domain's TXT record
	linkReturn      LinkKind = 'b' // the local part of the address that bounces come back to
)

// Bytes of a token's signature: a mail address has room for less (RFC 5321 section 4.5.3.1.1: 64 for the local part).
const (
	linkSignature   = 16
	returnSignature = 10
	tokenBody       = 24 // the tenant in 8 bytes, the message's GUID in 16
	returnPrefix    = "b-"
)

// tokenText is base32 in lower case: mail systems and lower-casing clients leave it whole.
var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Links makes the addresses by which a message reports back, and reads them. Each names tenant and message under an
// HMAC-SHA256, so that nobody can make one or turn one into another. The zero value makes none.
type Links struct {
	// Base is the tenant's own base URL without trailing slash; "" for no links.
	Base string
	// Key is the house's, at least 32 bytes.
	Key []byte
	// Returns says that mail to any address of a From domain comes back to this house, so that bounces can be told apart
	// by the address they go to.
	Returns bool
	// ReturnDomain is the domain of the addresses to which bounces come; "" for the domain of each From address.
	ReturnDomain string
}

// MessageRef names a message on the whole server.
type MessageRef struct {
	Tenant EID
	ID     string // GUID
}

// URL is the link of the kind; target is the address that a click leads to, or that is to be proven. It is "" where no links are made.
func (l Links) URL(kind LinkKind, m MessageRef, target string) string {
	token := l.token(kind, m, target, linkSignature)
	if l.Base == "" || token == "" {
		return ""
	}
	link := l.Base + "/t/" + string(kind) + "/" + token
	if kind == LinkClick || kind == LinkVerify {
		link += "?u=" + url.QueryEscape(target)
	}
	return link
}

// ReturnPath is the envelope sender of the message at the domain, to which its bounces come; "" where they do not come
// back here.
func (l Links) ReturnPath(m MessageRef, domain string) string {
	token := l.token(linkReturn, m, "", returnSignature)
	domain = cmp.Or(l.ReturnDomain, domain)
	if !l.Returns || token == "" || domain == "" {
		return ""
	}
	return returnPrefix + token + "@" + domain
}

// Read checks a link's token. A link that was not made for this kind and target is a NotFound fault with CodeBadLink.
func (l Links) Read(kind LinkKind, token, target string) (MessageRef, error) {
	return l.read(kind, token, target, linkSignature)
}

// ReadReturn checks the address that a mail was sent to; it reports false for an ordinary address.
func (l Links) ReadReturn(address string) (MessageRef, bool) {
	local, _, _ := strings.Cut(address, "@")
	token, ok := strings.CutPrefix(strings.ToLower(local), returnPrefix)
	if !ok || !l.Returns {
		return MessageRef{}, false
	}
	m, err := l.read(linkReturn, token, "", returnSignature)
	return m, err == nil
}

func (l Links) token(kind LinkKind, m MessageRef, target string, size int) string {
	id, err := hex.DecodeString(strings.ReplaceAll(m.ID, "-", ""))
	if err != nil || len(id) != 16 || len(l.Key) == 0 {
		return ""
	}
	body := append(binary.BigEndian.AppendUint64(nil, uint64(m.Tenant)), id...)
	return tokenText.EncodeToString(append(body, l.sign(kind, body, target)[:size]...))
}

func (l Links) sign(kind LinkKind, body []byte, target string) []byte {
	h := hmac.New(sha256.New, l.Key)
	h.Write([]byte{byte(kind)})
	h.Write(body) // of fixed length, so what follows cannot be taken for it
	h.Write([]byte(target))
	return h.Sum(nil)
}

func (l Links) read(kind LinkKind, token, target string, size int) (MessageRef, error) {
	raw, err := tokenText.DecodeString(strings.ToLower(token))
	if err != nil || len(raw) != tokenBody+size || len(l.Key) == 0 || !hmac.Equal(raw[tokenBody:], l.sign(kind, raw[:tokenBody], target)[:size]) {
		return MessageRef{}, fault.New(fault.NotFound, CodeBadLink, "This link is not one of ours.")
	}
	id := hex.EncodeToString(raw[8:tokenBody])
	return MessageRef{
		Tenant: EID(binary.BigEndian.Uint64(raw)),
		ID:     strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-"),
	}, nil
}
