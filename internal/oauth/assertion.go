package oauth

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
)

// Bounds of an assertion, in bytes.
const (
	maxAssertion = 8 << 10
	maxKeyID     = 256
	maxTokenID   = 512
)

// Assertion is a JWT that somebody presents as proof of who he is (RFC 7523), read and not yet believed: call Verify
// with the key of its issuer, then check audience and times against the clock of the matter.
type Assertion struct {
	KeyID string // kid of the header, "" where absent; a hint, never a path or an address

	// Issuer, Subject and Audience are empty where the claim is missing or of a wrong type, so comparing them with what
	// is expected refuses those too. A single aud text gives one entry.
	Issuer   string
	Subject  string
	Audience []string

	// ID is jti; "" where absent.
	ID string

	// Expires is exp, which is always there: number or numeric text, in seconds or, above 1e11, in milliseconds (some
	// clients send those, crm-wire 0.3). Millis tells that it was in milliseconds.
	Expires time.Time
	Millis  bool
	// IssuedAt and NotBefore are iat and nbf; the zero time where absent.
	IssuedAt  time.Time
	NotBefore time.Time

	digest    [sha256.Size]byte
	signature []byte
}

// ParseAssertion reads an assertion in compact form of at most 8 KB: exactly three parts of unpadded base64url, alg
// RS256 and nothing else, no critical or nesting headers, JSON without repeated keys, exp present. Keys in other letter
// case are other keys; keys and addresses offered by the header (jwk, x5c, jku, x5u) are not looked at. What it refuses
// is an Invalid fault with code "invalid_assertion" whose message says why, for logs: callers of the public get less.
func ParseAssertion(compact string) (*Assertion, error) {
	if len(compact) > maxAssertion {
		return nil, badAssertion("it is over %d bytes", maxAssertion)
	}
	var dots [2]int
	n := 0
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		switch {
		case c == '.':
			if n == len(dots) {
				return nil, badAssertion("it has more than three parts")
			}
			dots[n] = i
			n++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_':
		default: // Go's decoder would skip line ends
			return nil, badAssertion("it is not unpadded base64url")
		}
	}
	if n != len(dots) {
		return nil, badAssertion("it has fewer than three parts")
	}
	header, err1 := base64URL.DecodeString(compact[:dots[0]])
	claims, err2 := base64URL.DecodeString(compact[dots[0]+1 : dots[1]])
	signature, err3 := base64URL.DecodeString(compact[dots[1]+1:])
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, badAssertion("it is not canonical base64url")
	}
	a := &Assertion{signature: signature}
	if err := a.readHeader(header); err != nil {
		return nil, err
	}
	if err := a.readClaims(claims); err != nil {
		return nil, err
	}
	a.digest = sha256.Sum256([]byte(compact[:dots[1]]))
	return a, nil
}

// base64URL refuses padding and trailing bits that are not zero, so that one assertion has one spelling.
var base64URL = base64.RawURLEncoding.Strict()

// Verify checks the signature with the issuer's key. nil means that whoever holds the private key signed exactly these
// claims.
func (a *Assertion) Verify(key *rsa.PublicKey) error {
	if key == nil {
		return badAssertion("there is no key for it")
	}
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, a.digest[:], a.signature); err != nil {
		return badAssertion("its signature is not of the key")
	}
	return nil
}

// Digest is the SHA-256 of what was signed: the same for the same assertion shown again. Tables that remember
// assertions keep this.
func (a *Assertion) Digest() [sha256.Size]byte { return a.digest }

func badAssertion(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, CodeInvalidAssertion, "The assertion is refused: "+format+".", args...)
}

func (a *Assertion) readHeader(data []byte) error {
	if err := strictjson.Check(data); err != nil {
		return badAssertion("its header is no JSON")
	}
	alg := ""
	var refused string
	err := strictjson.Members(data, func(key string, raw []byte) error {
		switch key {
		case "alg":
			alg, _ = jsonText(raw)
		case "typ":
			if typ, ok := jsonText(raw); !ok || !strings.EqualFold(typ, "JWT") {
				refused = key
			}
		case "kid":
			kid, ok := jsonText(raw)
			if !ok || len(kid) > maxKeyID || strings.ContainsFunc(kid, isControl) {
				refused = key
			}
			a.KeyID = kid
		case "crit", "b64", "zip", "cty", "enc":
			refused = key
		}
		return nil
	})
	switch {
	case err != nil:
		return badAssertion("its header is no object with distinct keys")
	case alg != "RS256":
		return badAssertion("its alg is not RS256")
	case refused != "":
		return badAssertion("its header has a %s that is not taken", refused)
	}
	return nil
}

func (a *Assertion) readClaims(data []byte) error {
	if err := strictjson.Check(data); err != nil {
		return badAssertion("its claims are no JSON")
	}
	expires := false
	err := strictjson.Members(data, func(key string, raw []byte) error {
		var ok bool
		switch key {
		case "iss":
			a.Issuer, _ = jsonText(raw)
		case "sub":
			a.Subject, _ = jsonText(raw)
		case "aud":
			a.Audience = jsonTexts(raw)
		case "jti":
			if a.ID, ok = jsonText(raw); !ok || a.ID == "" || len(a.ID) > maxTokenID {
				return badAssertion("its jti is not a text of 1 to %d bytes", maxTokenID)
			}
		case "exp":
			if text, isText := jsonText(raw); isText {
				if !allDigits(text) {
					return badAssertion("its exp is no number")
				}
				raw = []byte(text)
			}
			if a.Expires, a.Millis, ok = jsonTime(raw); !ok {
				return badAssertion("its exp is no time")
			}
			expires = true
		case "iat":
			if a.IssuedAt, _, ok = jsonTime(raw); !ok {
				return badAssertion("its iat is no time")
			}
		case "nbf":
			if a.NotBefore, _, ok = jsonTime(raw); !ok {
				return badAssertion("its nbf is no time")
			}
		}
		return nil
	})
	switch {
	case fault.CodeOf(err) == CodeInvalidAssertion:
		return err
	case err != nil:
		return badAssertion("its claims are no object with distinct keys")
	case !expires:
		return badAssertion("it has no exp")
	}
	return nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

func allDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// jsonText reads raw, a valid JSON value, as a text.
func jsonText(raw []byte) (string, bool) {
	if raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", false
	}
	return s, true
}

// jsonTexts reads raw as a text or an array of at most 8 texts; nil for anything else.
func jsonTexts(raw []byte) []string {
	if s, ok := jsonText(raw); ok {
		return []string{s}
	}
	var items []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &items) != nil || len(items) > 8 {
		return nil
	}
	var texts []string
	for _, item := range items {
		s, ok := jsonText(item)
		if !ok {
			return nil
		}
		texts = append(texts, s)
	}
	return texts
}

// millisAbove is where a NumericDate can only be milliseconds: as seconds it would be the year 5138.
const millisAbove = 1e11

// jsonTime reads raw, a valid JSON value, as a NumericDate (RFC 7519 section 2) after 1970, to the millisecond.
func jsonTime(raw []byte) (t time.Time, millis, ok bool) {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsNaN(f) || f <= 0 || f > 1e15 { // also refuses true, null and objects
		return time.Time{}, false, false
	}
	if f > millisAbove {
		return time.UnixMilli(int64(f)).UTC(), true, true
	}
	return time.UnixMilli(int64(f * 1000)).UTC(), false, true
}

// Claims are what SignAssertion signs. Empty and zero fields are left out; times are whole seconds. Extra claims must
// not repeat a named one.
type Claims struct {
	Issuer    string
	Subject   string
	Audience  string
	ID        string
	Expires   time.Time
	IssuedAt  time.Time
	NotBefore time.Time
	Extra     map[string]any
}

func (c Claims) object() (map[string]any, error) {
	all := map[string]any{}
	for name, value := range map[string]string{"iss": c.Issuer, "sub": c.Subject, "aud": c.Audience, "jti": c.ID} {
		if value != "" {
			all[name] = value
		}
	}
	for name, at := range map[string]time.Time{"exp": c.Expires, "iat": c.IssuedAt, "nbf": c.NotBefore} {
		if !at.IsZero() {
			all[name] = at.Unix()
		}
	}
	for name := range c.Extra {
		if _, taken := all[name]; taken {
			return nil, fmt.Errorf("oauth: claim %q is given twice", name)
		}
	}
	maps.Copy(all, c.Extra)
	return all, nil
}

// SignAssertion makes a JWT of the claims in compact form, signed with RS256; kid goes into the header where it is not
// empty.
func SignAssertion(key *rsa.PrivateKey, kid string, claims Claims) (string, error) {
	all, err := claims.object()
	if err != nil {
		return "", err
	}
	return sign(key, kid, all)
}

func sign(key *rsa.PrivateKey, kid string, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("oauth: encoding claims: %w", err)
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		options.WithHeader(jose.HeaderKey("kid"), kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, options)
	if err != nil {
		return "", fmt.Errorf("oauth: preparing to sign: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("oauth: signing: %w", err)
	}
	return signed.CompactSerialize()
}
