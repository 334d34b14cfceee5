package tenant

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"math/big"
	"strings"
	"time"
)

// Lifetimes in domain time (engagement-wire 2.1).
const (
	// AccessTokenLife is how long an access token is honoured.
	AccessTokenLife = 1200 * time.Second
	// AccessTokenAnnounced is what expires_in says; the real server announces less than it honours.
	AccessTokenAnnounced = 1079 * time.Second
	// LegacyTokenLife is how long a token of a legacy package is honoured, and what it announces but for a second
	// (engagement-wire 2.5).
	LegacyTokenLife = time.Hour
	// LegacyRefreshLife and LegacyRefreshGrace are those of its refresh tokens.
	LegacyRefreshLife  = 700 * 24 * time.Hour
	LegacyRefreshGrace = 5 * time.Minute
	// CodeLife is how long an authorization code can be exchanged.
	CodeLife = 5 * time.Minute
	// RefreshGrace is how long a used refresh token still gets the same successor again, so that a lost answer or two
	// racing replicas do not end a connection. It ends at once when the successor is used.
	RefreshGrace = 30 * time.Second
)

// Kinds of credential, which are their first letter, so that one is never taken for another.
const (
	kindAccess  = 'a'
	kindRefresh = 'r'
	kindCode    = 'c'
	kindSession = 's'
)

// AccessToken is a live access token as the store has it. It never changes.
type AccessToken struct {
	ID       int64
	Hash     [32]byte
	Tenant   EID
	ClientID string
	UserID   int64
	MID      MID
	Scopes   []string
	FamilyID int64 // the sign-in it came of; 0 for client credentials and JWT bearer
	GrantID  int64 // the standing grant it came of; 0 outside "connect" packages
	Expires  time.Time
}

// Family is one sign-in through a package: its authorization code, and what all tokens that came of it have in common.
type Family struct {
	ID          int64
	CodeHash    [32]byte
	Tenant      EID
	ClientID    string
	UserID      int64
	MID         MID
	Scopes      []string
	Snapshot    Snapshot
	RedirectURI string
	Challenge   string // PKCE S256; "" where none was sent
	SessionID   int64
	GrantID     int64
	Offline     bool // whether the tokens outlive the browser session
	Created     time.Time
	CodeExpires time.Time
	CodeUsed    time.Time
	Ended       time.Time
}

// RefreshToken is one link of a family's chain.
type RefreshToken struct {
	ID         int64
	Hash       [32]byte
	FamilyID   int64
	PreviousID int64
	Scopes     []string
	MID        MID
	Created    time.Time
	Expires    time.Time
	Used       time.Time
	NextID     int64
	NextSeed   []byte
}

// Session is a browser session of the sign-in page.
type Session struct {
	ID        int64
	Hash      [32]byte
	Tenant    EID
	UserID    int64
	UserAgent string // as the browser calls itself, at most 200 bytes
	MID       MID    // the business unit that the person chose; 0 for his default one
	Created   time.Time
	Seen      time.Time
	Ended     time.Time
}

// credential is the text of a token, code or session: a letter for its kind, its number in 11 base62 digits so that
// the primary key finds the row, and 43 base62 digits that are the secret.
type credential struct {
	id   int64
	text string
}

const (
	base62     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idDigits   = 11
	secretSize = 43
)

func newCredential(kind byte, id int64) credential {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand ends the program instead
	return credential{id: id, text: credentialText(kind, id, secret)}
}

func credentialText(kind byte, id int64, secret [32]byte) string {
	var out [1 + idDigits + secretSize]byte
	out[0] = kind
	for i := idDigits; i >= 1; i-- {
		out[i] = base62[id%62]
		id /= 62
	}
	digits := new(big.Int).SetBytes(secret[:]).Append(nil, 62)
	// math/big orders its digits 0-9a-zA-Z; the alphabet does not matter to anybody, the length does.
	pad := secretSize - len(digits)
	for i := range pad {
		out[1+idDigits+i] = '0'
	}
	copy(out[1+idDigits+pad:], digits)
	return string(out[:])
}

// parseCredential finds the number in a credential's text; false for anything that is none of the kind.
func parseCredential(kind byte, text string) (int64, bool) {
	if len(text) != 1+idDigits+secretSize || text[0] != kind {
		return 0, false
	}
	var id int64
	for i := 1; i <= idDigits; i++ {
		d := strings.IndexByte(base62, text[i])
		if d < 0 || id > (1<<63-1-int64(d))/62 {
			return 0, false
		}
		id = id*62 + int64(d)
	}
	return id, true
}

func (c credential) hash() [32]byte { return sha256.Sum256([]byte(c.text)) }

func sameHash(text string, hash [32]byte) bool {
	sum := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(sum[:], hash[:]) == 1
}

// successor is the refresh token that takes the place of old. It is made of the old one, which only the client has,
// and a seed, which only the store has: so the same one can be given again while the grace lasts, and neither a
// stolen database nor a stolen old token gives it away.
func successor(id int64, seed []byte, old string) credential {
	h := sha256.New()
	h.Write([]byte("twinspan refresh token\x00"))
	h.Write(seed)
	h.Write([]byte(old))
	return credential{id: id, text: credentialText(kindRefresh, id, [32]byte(h.Sum(nil)))}
}
