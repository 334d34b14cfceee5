package vault

import "time"

// Slots is how many hashes may run at the same time.
func Slots() int { return cap(slots) }

// TakeSlots takes all of them until the function it returns is called.
func TakeSlots() (release func()) {
	for range cap(slots) {
		slots <- struct{}{}
	}
	return func() {
		for range cap(slots) {
			<-slots
		}
	}
}

// ShortWait makes callers wait hardly at all for a slot, until the function it returns is called.
func ShortWait() (restore func()) {
	before := maxHashWait
	maxHashWait = time.Millisecond
	return func() { maxHashWait = before }
}

// ParseCost is what a stored hash costs to verify.
func ParseCost(hash string) (memory, passes uint32, ok bool) {
	p, _, err := parseHash(hash)
	return p.memory, p.time, err == nil
}
