package org

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
)

// Secrets that the org hands out carry the number of their row, so that finding the row takes one look at a primary
// key, and 43 random base 62 characters (256 bits). The row keeps the SHA-256 of the whole text.
const (
	accessMarker  = "AQ"      // access token: <15-character org id>!AQ…
	refreshMarker = "5Aep861" // refresh token (crm-wire 1.4)
	deleteMarker  = "6Cel861" // OauthToken.DeleteToken, which can only revoke
	codeMarker    = "aPrx"    // authorization code (crm-wire 1.2)
	codeEnd       = "=="      // clients must percent-decode codes, as they must the real ones
	secretLength  = 43
)

// tokenHash is what the store keeps of a secret.
func tokenHash(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// sameHash compares without telling by its time how much of the hashes agrees.
func sameHash(a [32]byte, b []byte) bool { return subtle.ConstantTimeCompare(a[:], b) == 1 }

// appendSecret adds the random part.
func appendSecret(b []byte) []byte {
	end := len(b) + secretLength
	var r [64]byte
	for {
		_, _ = rand.Read(r[:]) // never fails: crypto/rand ends the program instead
		for _, c := range r {
			if c < 248 { // 248 = 4*62: no bias
				b = append(b, base62[c%62])
				if len(b) == end {
					return b
				}
			}
		}
	}
}

func newSecret(before string, number int64, after string) string {
	b := make([]byte, 0, len(before)+numberDigits+secretLength+len(after))
	b = append(b, before...)
	b = appendNumber(b, number)
	b = appendSecret(b)
	return string(append(b, after...))
}

// secretNumber is the number in what newSecret made; -1 where the text has another shape.
func secretNumber(text, before, after string) int64 {
	if len(text) != len(before)+numberDigits+secretLength+len(after) || !strings.HasPrefix(text, before) || !strings.HasSuffix(text, after) {
		return -1
	}
	return parseNumber(text[len(before) : len(before)+numberDigits])
}

// newAccessToken makes an access token of the org.
func newAccessToken(org ID, number int64) string {
	return newSecret(org.Short()+"!"+accessMarker, number, "")
}

const orgShort = 15

// accessNumber is the org's short id and the number in an access token; -1 where the text has another shape.
func accessNumber(token string) (string, int64) {
	if len(token) <= orgShort || token[orgShort] != '!' {
		return "", -1
	}
	return token[:orgShort], secretNumber(token[orgShort+1:], accessMarker, "")
}

// NewRefreshToken makes the refresh token of a grant, and its hash for the store.
func NewRefreshToken(grant int64) (token string, hash []byte) {
	token = newSecret(refreshMarker, grant, "")
	h := tokenHash(token)
	return token, h[:]
}

// RefreshNumber is the number of the grant that a refresh token says it is of; -1 where the text is no refresh token.
func RefreshNumber(token string) int64 { return secretNumber(token, refreshMarker, "") }

// Matches reports whether token is the grant's refresh token.
func (g Grant) Matches(token string) bool { return sameHash(tokenHash(token), g.RefreshHash) }

// RefreshHash is what the store keeps of a refresh token.
func RefreshHash(token string) [32]byte { return tokenHash(token) }

// NewAuthCode makes the authorization code of a number, and its hash for the store.
func NewAuthCode(number int64) (code string, hash [32]byte) {
	code = newSecret(codeMarker, number, codeEnd)
	return code, tokenHash(code)
}

// AuthCodeNumber is the number in an authorization code; -1 where the text is none.
func AuthCodeNumber(code string) int64 { return secretNumber(code, codeMarker, codeEnd) }

// Matches reports whether code is the whole code.
func (c AuthCode) Matches(code string) bool { return sameHash(tokenHash(code), c.Hash[:]) }

// NewDeleteToken makes the text that revokes a grant and can do nothing else.
func NewDeleteToken(grant int64) string { return newSecret(deleteMarker, grant, "") }

// DeleteNumber is the number of the grant that a delete token names; -1 where the text is none.
func DeleteNumber(token string) int64 { return secretNumber(token, deleteMarker, "") }
