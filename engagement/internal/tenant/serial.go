package tenant

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
)

const serialBits = 21 // below the milliseconds: 63 - 21 = 42 bits of them last until 2109

// Serials makes time-ordered numbers: milliseconds of machine time above 21 bits that begin at random in each
// millisecond. They never repeat in one process; two processes that write to one database repeat one about once in two
// million within a millisecond, where the primary key refuses the second and the writer takes another.
type Serials struct {
	machine clock.Machine
	mu      sync.Mutex
	last    int64
}

// NewSerials returns a source of numbers on machine time, time.Now where machine is nil.
func NewSerials(machine clock.Machine) *Serials {
	if machine == nil {
		machine = time.Now
	}
	return &Serials{machine: machine}
}

// Next is a number greater than every one before.
func (s *Serials) Next() int64 {
	first := SerialAt(s.machine())
	s.mu.Lock()
	defer s.mu.Unlock()
	if first > s.last>>serialBits<<serialBits {
		var r [4]byte
		_, _ = rand.Read(r[:]) // never fails: crypto/rand ends the program instead
		// Half the room is left free, so that counting on from here does not run into the next millisecond.
		s.last = first | int64(binary.LittleEndian.Uint32(r[:])&(1<<(serialBits-1)-1))
		return s.last
	}
	s.last++
	return s.last
}

// SerialAt is the lowest number of the millisecond t, for ranges over a time.
func SerialAt(t time.Time) int64 { return t.UnixMilli() << serialBits }
