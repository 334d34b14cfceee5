package org

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Numbers draws the numbers of sessions, grants and codes: 41 bits of milliseconds since 2020, 14 bits that tell
// processes apart and 8 bits that count within the millisecond. They grow with time, so the tables keyed by them are
// appended to at the end. Two processes that drew the same 14 bits may draw the same number; the primary key shows it
// and [Numbers.Redraw] parts them.
type Numbers struct {
	machine func() time.Time
	mu      sync.Mutex
	last    int64 // milliseconds and count of the last number
	node    int64
}

const (
	numberEpoch  = 1577836800000 // 2020-01-01 in Unix milliseconds
	numberCount  = 8             // bits of the count
	numberNode   = 14            // bits of the process
	numberDigits = 11            // base 62 digits that hold 63 bits
)

// NewNumbers returns a generator on machine time, which nobody moves.
func NewNumbers(machine func() time.Time) *Numbers {
	return &Numbers{machine: machine, node: randomNode()}
}

func randomNode() int64 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return int64(binary.BigEndian.Uint16(b[:])) & (1<<numberNode - 1)
}

// Next draws a number, greater than all that this generator drew before it.
func (n *Numbers) Next() int64 {
	now := (n.machine().UnixMilli() - numberEpoch) << numberCount
	n.mu.Lock()
	defer n.mu.Unlock()
	if now <= n.last {
		now = n.last + 1 // the same millisecond, or a clock set back
	}
	n.last = now
	return now>>numberCount<<(numberCount+numberNode) | n.node<<numberCount | now&(1<<numberCount-1)
}

// LastNumber is no less than any number drawn up to the machine time t.
func LastNumber(t time.Time) int64 {
	return (t.UnixMilli()-numberEpoch+1)<<(numberCount+numberNode) - 1
}

// Redraw chooses another process number after a clash.
func (n *Numbers) Redraw() {
	node := randomNode()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.node = node
}

// appendNumber writes the number with 11 base 62 digits, so that texts sort as numbers do.
func appendNumber(b []byte, n int64) []byte {
	var d [numberDigits]byte
	for i := numberDigits - 1; i >= 0; i-- {
		d[i] = base62[n%62]
		n /= 62
	}
	return append(b, d[:]...)
}

// parseNumber reads what appendNumber wrote; -1 for anything else.
func parseNumber(s string) int64 {
	if len(s) != numberDigits {
		return -1
	}
	var n int64
	for i := range numberDigits {
		d := base62Value[s[i]]
		if d < 0 || n > (1<<63-1-int64(d))/62 {
			return -1
		}
		n = n*62 + int64(d)
	}
	return n
}

var base62Value = func() (v [256]int8) {
	for i := range v {
		v[i] = -1
	}
	for i := range len(base62) {
		v[base62[i]] = int8(i)
	}
	return v
}()

// NumberID is the record id of a number under a key prefix: an AuthSession's, a LoginHistory row's.
func NumberID(prefix string, n int64) ID {
	b := make([]byte, 0, 18)
	b = append(b, prefix...)
	b = append(b, '0')
	b = appendNumber(b, n)
	return ID(string(b) + checksum(string(b)))
}
