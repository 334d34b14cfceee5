package org

import (
	"crypto/rand"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// ID is a record id of 18 characters: a three-character key prefix, twelve that identify, and a three-character
// checksum that keeps case for software that does not (crm-wire 5.3). The first 15 alone are case-sensitive.
type ID string

// Key prefixes (crm-wire 5.3).
const (
	PrefixOrganization            = "00D"
	PrefixUser                    = "005"
	PrefixProfile                 = "00e"
	PrefixUserLicense             = "100"
	PrefixPermissionSet           = "0PS"
	PrefixPermissionSetAssignment = "0Pa"
	PrefixSetupEntityAccess       = "0J0"
	PrefixConnectedApplication    = "0H4"
	PrefixLoginHistory            = "0Ya"
	PrefixAuthSession             = "0Ak"
	PrefixUserLogin               = "0Yw"
	PrefixSetupAuditTrail         = "0Ym"
	PrefixAccount                 = "001"
	PrefixContact                 = "003"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewID returns a random id with the prefix. 62^12 values make a clash with a live id as unlikely as 1 in 10^9 among
// 10^12 ids; primary keys refuse the rest.
func NewID(prefix string) ID {
	var b [12]byte
	var out [15]byte
	copy(out[:3], prefix)
	for i := 0; i < len(b); {
		var r [24]byte
		_, _ = rand.Read(r[:]) // never fails: crypto/rand ends the program instead
		for _, c := range r {
			if c < 248 && i < len(b) { // 248 = 4*62: no bias
				out[3+i] = base62[c%62]
				i++
			}
		}
	}
	return ID(string(out[:]) + checksum(string(out[:])))
}

// ParseID accepts 15 or 18 characters, whatever the letters' case in the 18-character form, and returns the exact 18.
// Anything else is an Invalid fault with code "malformed_id".
func ParseID(s string) (ID, error) {
	bad := fault.New(fault.Invalid, CodeMalformedID, "malformed id %s", clip(s))
	if len(s) != 15 && len(s) != 18 {
		return "", bad
	}
	for i := range len(s) {
		if !isAlnum(s[i]) {
			return "", bad
		}
	}
	if len(s) == 15 {
		return ID(s + checksum(s)), nil
	}
	fixed := restoreCase(s[:15], strings.ToUpper(s[15:]))
	if fixed == "" {
		return "", bad
	}
	return ID(fixed + strings.ToUpper(s[15:])), nil
}

// Short is the case-sensitive form of 15 characters, as access tokens and SOAP URLs carry it.
func (id ID) Short() string {
	if len(id) < 15 {
		return string(id)
	}
	return string(id[:15])
}

// Prefix is the first three characters, which name the object.
func (id ID) Prefix() string {
	if len(id) < 3 {
		return ""
	}
	return string(id[:3])
}

const checksumAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

func checksum(s15 string) string {
	var out [3]byte
	for g := range 3 {
		n := 0
		for i := range 5 {
			if c := s15[g*5+i]; c >= 'A' && c <= 'Z' {
				n |= 1 << i
			}
		}
		out[g] = checksumAlphabet[n]
	}
	return string(out[:])
}

// restoreCase gives letters the case that the checksum records; "" where the checksum is none.
func restoreCase(s15, sum string) string {
	out := []byte(s15)
	for g := range 3 {
		n := strings.IndexByte(checksumAlphabet, sum[g])
		if n < 0 {
			return ""
		}
		for i := range 5 {
			c := &out[g*5+i]
			upper := n&(1<<i) != 0
			switch {
			case upper && *c >= 'a' && *c <= 'z':
				*c -= 'a' - 'A'
			case !upper && *c >= 'A' && *c <= 'Z':
				*c += 'a' - 'A'
			case upper && (*c < 'A' || *c > 'Z'):
				return "" // the checksum claims a capital where a digit stands
			}
		}
	}
	return string(out)
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// clip is the beginning of what a caller sent, to be quoted in a refusal.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
