package doctor

import (
	"math"
	"slices"
)

// ForPatient makes the checks of one user on a look.
func ForPatient(l *Look) Report { return l.forPatient() }

// Must is the value of something that was read.
func (r Read[T]) Must() T { return r.value }

// Judge says what became of mends, by what a look finds afterwards.
func Judge(mends []Mending, l *Look, failed []Unmended) []Mending {
	f := Fix{Mends: slices.Clone(mends)}
	f.judge(examine(l, Checks(), math.MaxInt), failed)
	return f.Mends
}

// RoundAfter is the round of a look that follows another.
func RoundAfter(l *Look, before Round, s Severity) Round {
	r := Examine(l, Checks())
	return roundOf(r, 0).after(before, keysOf(r, s))
}

// OnlyLooks reports whether a command shows something and changes nothing.
func OnlyLooks(command string) bool { return onlyLooks(command) }
