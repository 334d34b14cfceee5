package org

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Times of the device flow (crm-wire 1.3, RFC 8628 section 3.5).
const (
	DeviceLife     = 10 * time.Minute
	DeviceInterval = 5 * time.Second
)

// States of a DeviceRequest.
const (
	DevicePending = "pending"
	DeviceAllowed = "allowed"
	DeviceDenied  = "denied"
	DeviceUsed    = "used"
)

// Codes of refusals about a device's request.
const (
	// CodeDeviceAnswered: the person has answered before, or the request is over.
	CodeDeviceAnswered fault.Code = "device_answered"
	// CodeUserCode: no device waits with the code that was typed.
	CodeUserCode fault.Code = "user_code"
)

// DeviceRequest is an app's wish to be let in by a person who sits at another machine.
type DeviceRequest struct {
	ID           int64 // time-ordered number, which the device code carries
	CodeHash     [32]byte
	UserCodeHash [32]byte
	ConsumerKey  string
	Scopes       []string
	Created      time.Time // domain time, as Expires
	Expires      time.Time
	State        string
	Org, User    ID    // who allowed it; "" before
	Grant        int64 // the approval; 0 before
}

// DeviceStore keeps device requests.
type DeviceStore interface {
	// AddDevice keeps a request; a number or user code that is taken is a Conflict fault with CodeNumberTaken. It throws
	// away a few that are over.
	AddDevice(ctx context.Context, d DeviceRequest) error
	// Device and DeviceByUserCode read a request; a missing one is a NotFound fault.
	Device(ctx context.Context, id int64) (DeviceRequest, error)
	DeviceByUserCode(ctx context.Context, hash [32]byte) (DeviceRequest, error)
	// PollDevice notes that the device asked at the machine time now. soon says that it did not wait for its interval,
	// which then grows by DeviceInterval.
	PollDevice(ctx context.Context, id int64, now time.Time) (soon bool, err error)
	// AnswerDevice keeps what the person said: the approval, or nil for no. One that was answered is a Conflict fault with
	// CodeDeviceAnswered. dropped is as for CodeStore.AddCode.
	AnswerDevice(ctx context.Context, id int64, approval *Grant) (dropped bool, err error)
	// RedeemDevice makes the session of an allowed request, once; after that a Conflict fault with CodeAlreadyUsed.
	RedeemDevice(ctx context.Context, id int64, g Grant, s StoredSession, e LoginEvent) error
}

const deviceMarker = "Dv"

// NewDeviceCode makes the device code of a number, and its hash for the store.
func NewDeviceCode(number int64) (code string, hash [32]byte) {
	code = newSecret(deviceMarker, number, "")
	return code, tokenHash(code)
}

// DeviceNumber is the number in a device code; -1 where the text is none.
func DeviceNumber(code string) int64 { return secretNumber(code, deviceMarker, "") }

// Matches reports whether code is the whole device code.
func (d DeviceRequest) Matches(code string) bool { return sameHash(tokenHash(code), d.CodeHash[:]) }

// userCodeLetters are easy to tell apart and spell no words (RFC 8628 section 6.1).
const userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"

// NewUserCode makes the code that a person types: eight letters of twenty, shown as BCDF-GHJK.
func NewUserCode() (text string, hash [32]byte) {
	var b strings.Builder
	var r [32]byte
	for b.Len() < 9 {
		_, _ = rand.Read(r[:]) // never fails: crypto/rand ends the program instead
		for _, c := range r {
			if c >= 240 || b.Len() == 9 { // 240 = 12*20: no bias
				continue
			}
			if b.Len() == 4 {
				b.WriteByte('-')
			}
			b.WriteByte(userCodeLetters[c%20])
		}
	}
	text = b.String()
	return text, UserCodeHash(text)
}

// UserCodeHash is the hash of a typed user code, whatever its case, spaces and hyphens.
func UserCodeHash(typed string) [32]byte {
	return tokenHash("device:" + strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c - 'a' + 'A'
		}
		if c == '-' || c == ' ' {
			return -1
		}
		return c
	}, typed))
}
