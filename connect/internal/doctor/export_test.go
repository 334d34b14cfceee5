package doctor

// ForPatient makes the checks of one user on a look.
func ForPatient(l *Look) Report { return l.forPatient() }

// Must is the value of something that was read.
func (r Read[T]) Must() T { return r.value }
