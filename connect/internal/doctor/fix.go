package doctor

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Codes of the faults of fixes.
const (
	// CodeNoFix: nobody began such a fix.
	CodeNoFix fault.Code = "fix_not_found"
	// CodeFixEnded: the fix has come to its end before.
	CodeFixEnded fault.Code = "fix_ended"
)

// The audit chain's words for fixes, whose id is the subject.
const (
	ActionFix   = "doctor.fix"   // somebody is about to make mends; After names them
	ActionFixed = "doctor.fixed" // he has, and Connect has looked again; After says what became of each
)

// Person is whose session a mend needs. Connect holds no administrator's: who asks for the fix signs them in.
type Person string

// The persons.
const (
	OrgAdmin        Person = "org_admin"
	EngagementAdmin Person = "engagement_admin"
	ConnectAdmin    Person = "connect_admin" // over Connect's own API
)

// Mend says that the command of a finding mends it and that doing so is safe: it gives what the documents ask for to whom
// they ask it for, takes nothing from anybody, sends nothing, and doing it twice is doing it once. The zero Mend is of what
// a person has to decide.
type Mend struct {
	By     Person
	Effect string // one sentence
	// Last: it is made only where, after all others, everybody is let in who has to be; before it would shut somebody out.
	Last bool
}

// Safe reports whether there is such a mend.
func (m Mend) Safe() bool { return m.By != "" }

// maxMends bounds the mends of one fix; what is more is another's.
const maxMends = 200

// maxFixes is how many fixes of a connection are kept.
const maxFixes = 100

// MendState is what became of a mend.
type MendState string

// The states.
const (
	Mended  MendState = "mended"  // looked at again, and not found any more
	Left    MendState = "left"    // still found
	Failed  MendState = "failed"  // it could not be made; Why says why not
	Unknown MendState = "unknown" // it cannot be looked at now; Why says why not
)

// Mending is one mend of a fix.
type Mending struct {
	Check   string    `json:"check"`
	Subject string    `json:"subject,omitempty"`
	Seen    string    `json:"seen,omitempty"` // before
	Command string    `json:"command"`
	Click   string    `json:"click,omitempty"` // where whoever mends it does so on the clouds' own pages
	By      Person    `json:"by"`
	State   MendState `json:"state,omitempty"` // "" while it is under way
	Why     string    `json:"why,omitempty"`
}

// Fix is what somebody mends after one look.
type Fix struct {
	ID           string
	Actor        string
	Begun, Ended time.Time // domain time; Ended is zero while it is under way
	Mends        []Mending
}

// Fixes keeps fixes.
type Fixes interface {
	// AddFix stores a new one with an entry in the audit chain, and forgets all but the newest keep.
	AddFix(ctx context.Context, pair string, f Fix, why audit.Change, keep int) error
	// Fix reads one; a NotFound fault with CodeNoFix where there is none.
	Fix(ctx context.Context, pair, id string) (Fix, error)
	// EndFix stores what became of one, with an entry in the audit chain; a Conflict fault with CodeFixEnded where it has ended.
	EndFix(ctx context.Context, pair string, f Fix, why audit.Change) error
}

// Unmended is a mend that could not be made, and why.
type Unmended struct{ Check, Subject, Why string }

// BeginFix puts on record what somebody is about to mend.
func (s *Service) BeginFix(ctx context.Context, l link.Link, actor string, mends []Mending) (Fix, error) {
	if len(mends) == 0 || len(mends) > maxMends {
		return Fix{}, fault.New(fault.Invalid, CodeInvalid, "A fix has 1 to %d mends.", maxMends).In("mends")
	}
	all := Checks()
	for i, m := range mends {
		at := slices.IndexFunc(all, func(c Check) bool { return c.ID == m.Check })
		if at < 0 || !all[at].Mend.Safe() || !all[at].Applies(l.Standing) {
			return Fix{}, fault.New(fault.Invalid, CodeInvalid, "A check is named whose findings are mended by hand.").In("mends")
		}
		for _, text := range []string{m.Subject, m.Seen, m.Command, m.Click} {
			if len(text) > 1000 || strings.ContainsFunc(text, unicode.IsControl) {
				return Fix{}, fault.New(fault.Invalid, CodeInvalid, "Say each thing in one line of at most 1000 bytes.").In("mends")
			}
		}
		mends[i].By, mends[i].State, mends[i].Why = all[at].Mend.By, "", ""
	}
	f := Fix{ID: oauth.NewToken(12), Actor: actor, Begun: s.links.Now(l), Mends: mends}
	return f, s.own.Fixes.AddFix(ctx, l.Pair, f, audit.Change{At: f.Begun, Actor: actor, Action: ActionFix, Subject: f.ID}, maxFixes)
}

// EndFix looks again and says of each mend what became of it: that it was made counts for nothing, only that the finding is
// gone.
func (s *Service) EndFix(ctx context.Context, l link.Link, id, actor string, eyes Eyes, failed []Unmended) (Fix, Report, error) {
	f, err := s.own.Fixes.Fix(ctx, l.Pair, id)
	if err == nil && !f.Ended.IsZero() {
		err = fault.New(fault.Conflict, CodeFixEnded, "That fix has come to its end.")
	}
	if err != nil {
		return Fix{}, Report{}, err
	}
	look, err := s.Read(ctx, l, eyes)
	if err != nil {
		return Fix{}, Report{}, err
	}
	f.judge(examine(look, Checks(), math.MaxInt), failed)
	f.Ended = s.links.Now(l)
	if err := s.own.Fixes.EndFix(ctx, l.Pair, f, audit.Change{At: f.Ended, Actor: actor, Action: ActionFixed, Subject: f.ID}); err != nil {
		return Fix{}, Report{}, err
	}
	return f, Examine(look, Checks()), nil
}

// judge says what became of each mend, by a report in which no subject is left out.
func (f *Fix) judge(r Report, failed []Unmended) {
	for i := range f.Mends {
		m := &f.Mends[i]
		same := func(check, subject string) bool { return check == m.Check && subject == m.Subject }
		why := slices.IndexFunc(failed, func(u Unmended) bool { return same(u.Check, u.Subject) })
		still := slices.IndexFunc(r.Findings, func(g Finding) bool { return same(g.Check, g.Subject) })
		unchecked := slices.IndexFunc(r.Unchecked, func(u Unchecked) bool { return u.Check == m.Check })
		switch {
		case still < 0 && unchecked < 0:
			m.State = Mended // also where another mend did it
		case why >= 0:
			m.State, m.Why = Failed, clip(failed[why].Why, 1000)
		case still >= 0:
			m.State, m.Why = Left, r.Findings[still].Seen
		default:
			m.State, m.Why = Unknown, r.Unchecked[unchecked].Because
		}
	}
}

// clip is a text in one line of at most n bytes.
func clip(s string, n int) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
