// Package doctor looks at both clouds and at Connect itself and names the cause of what does not work: what is wrong,
// what is wanted instead, why it matters, where to click and what to type (connect-facts 5, document 002).
//
// A check is a name and a function over a [Look]: everything that all checks need, read once. What could not be read is
// remembered in the Look with the reason, and every check that needs it says "not checkable, because", which is never
// healthy. Nothing is changed by looking, except that Connect learns anew how its two spans stand.
//
// # What it costs
//
// The number of calls does not depend on how many users are mapped, but for three lists that are read by page up to a bound. One look makes
// at most [MaxOrgCalls] calls to the org and [MaxTenantCalls] to the tenant. For a connection of 10,000 mapped users that is about
// 30 calls to the org and 35 to the tenant. What lies beyond the bound of a list is said not to have been looked at.
package doctor

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that this package returns.
const (
	// CodeInvalid: a question that cannot be meant.
	CodeInvalid fault.Code = "invalid_doctor"
	// CodeWrongEyes: sessions that were lent belong to other clouds than the connection's.
	CodeWrongEyes fault.Code = "session_of_other_cloud"
)

// Severity says how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	Error   Severity = "error"   // something does not work now
	Warning Severity = "warning" // something works and is not as the documents want it, or will stop
	Notice  Severity = "notice"  // worth knowing
)

// Severities are all, the worst first.
func Severities() []Severity { return []Severity{Error, Warning, Notice} }

// ParseSeverity reads one.
func ParseSeverity(text string) (Severity, error) {
	if s := Severity(text); slices.Contains(Severities(), s) {
		return s, nil
	}
	return "", fault.New(fault.Invalid, CodeInvalid, "severity is error, warning or notice.").In("severity")
}

// AtLeast reports whether s is as bad as other, or worse.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(Severities(), s) <= slices.Index(Severities(), other)
}

// Check is one thing that is looked at. Its texts are what a finding says where the finding does not say it better.
type Check struct {
	ID       string // "D06", as connect-facts 5 numbers them; ours begin with T
	Name     string // "System user is assigned"
	Severity Severity
	Wants    string // the value with which it passes
	Why      string // one sentence: what does not work otherwise
	Click    string // the way through the product's pages
	Command  string // of twinspan; "" where only a click mends it. words in braces stand for what was found
	See      string // a command that shows more and mends nothing, where the check's command is none like that
	Document string // that asks for it, with the article's number where it has one
	Mend     Mend   // by the command, where that is safe
	// In are the standings in which what is looked at is there at all; nil for every one.
	In   []link.Standing
	Look func(*Look) Outcome
}

// Applies reports whether what the check looks at is there in a standing.
func (c Check) Applies(s link.Standing) bool {
	return c.In == nil || s == "" || s == link.Unset || slices.Contains(c.In, s)
}

// Outcome is what a check says. The zero Outcome is: as it should be.
type Outcome struct {
	Found []Found
	// Unread is why the check could not be made; "" where it was.
	Unread string
}

// Found is one thing that is not as it should be. What is "" is taken from the check.
type Found struct {
	Subject  string // whom or what it is about: a user name, a setting
	Seen     string
	Expected string
	Severity Severity
	Click    string
	Command  string
	Value    string // stands for {value} in the command
	// NoCommand: what mends the check's findings otherwise cannot mend this one.
	NoCommand bool
	// ByHand: although the check's findings are safe to mend this one is not. One with a command of its own never is.
	ByHand bool
}

// unread is the outcome of a check that could not be made.
func unread(why string) Outcome { return Outcome{Unread: why} }

// found is the outcome of a check that found one thing.
func found(seen string) Outcome { return Outcome{Found: []Found{{Seen: seen}}} }

// foundAt is found, about a subject.
func foundAt(subject, seen string) Outcome {
	return Outcome{Found: []Found{{Subject: subject, Seen: seen}}}
}

// Finding is something that is not as it should be, ready for people.
type Finding struct {
	Check    string
	Name     string
	Severity Severity
	Subject  string // "" for the connection
	Seen     string
	Expected string
	Why      string
	Click    string
	Command  string // that mends it, or does its part of the click; "" where only a click mends it
	See      string // a command that shows more and mends nothing; "" where there is none
	Document string
	Mend     Mend // the zero Mend where a person has to
}

// Unchecked is a check that could not be made, and why.
type Unchecked struct {
	Check, Name, Because string
}

// Report is the answer of a look.
type Report struct {
	At        time.Time // domain time
	Link      link.Link // as the look found it
	Findings  []Finding // the worst first, then the spans, then by check
	Unchecked []Unchecked
	Passed    []string // ids of the checks that found nothing
	// OrgCalls and TenantCalls are how many calls the look made.
	OrgCalls, TenantCalls int
}

// Healthy reports whether everything was looked at and nothing found.
func (r Report) Healthy() bool { return len(r.Findings) == 0 && len(r.Unchecked) == 0 }

// maxSubjects bounds the findings of one check: the rest is told by number.
const maxSubjects = 50

// spans are the checks whose findings stand first among those as bad, the last of them at the top: until a cloud lets Connect in, what
// else is found there cannot be mended.
var spans = []string{"T01", "T02", "T03"}

// Examine makes the checks on what a look has read.
func Examine(l *Look, checks []Check) Report { return examine(l, checks, maxSubjects) }

// examine names at most that many subjects of each check.
func examine(l *Look, checks []Check, subjects int) Report {
	r := Report{At: l.Now, Link: l.Link, OrgCalls: l.orgCalls, TenantCalls: l.tenantCalls}
	for _, c := range checks {
		if !c.Applies(l.Link.Standing) {
			continue
		}
		o := c.Look(l)
		if o.Unread != "" {
			r.Unchecked = append(r.Unchecked, Unchecked{c.ID, c.Name, o.Unread})
		}
		if len(o.Found) == 0 && o.Unread == "" {
			r.Passed = append(r.Passed, c.ID)
		}
		r.Findings = append(r.Findings, c.findings(l, o.Found, subjects)...)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(slices.Index(Severities(), a.Severity)-slices.Index(Severities(), b.Severity), slices.Index(spans, b.Check)-slices.Index(spans, a.Check))
	})
	return r
}

func (c Check) findings(l *Look, all []Found, subjects int) []Finding {
	more := ""
	if len(all) > subjects {
		more = " (and " + count(len(all)-subjects, "more") + ")"
		all = all[:subjects]
	}
	out := make([]Finding, len(all))
	for i, f := range all {
		out[i] = Finding{
			Check: c.ID, Name: c.Name, Severity: or(f.Severity, c.Severity), Subject: f.Subject, Seen: f.Seen, Expected: fill(l, or(f.Expected, c.Wants), f, plain), Why: fill(l, c.Why, f, plain),
			Click: fill(l, or(f.Click, c.Click), f, plain), Command: fill(l, or(f.Command, c.Command), f, quote), Document: c.Document,
		}
		if f.NoCommand {
			out[i].Command = ""
		}
		out[i].See = fill(l, c.See, f, quote)
		out[i].Command, out[i].See = l.Link.Typed(out[i].Command), l.Link.Typed(out[i].See)
		if onlyLooks(out[i].Command) {
			out[i].Command, out[i].See = "", out[i].Command
		}
		if f.Command == "" && !f.ByHand && out[i].Command != "" {
			out[i].Mend = c.Mend
		}
	}
	if more != "" {
		out[len(out)-1].Seen += more
	}
	return out
}

// looking are the beginnings of the commands that show something and change nothing. None of them is printed as if it mended.
var looking = []string{
	"business-units check", "connect --plan", "guide", "integration-user check", "org app list", "org app show", "org app usage", "org email show", "org logins", "org permset show", "org profile show",
	"org site list", "org user list", "org user show", "send list", "send scheduled", "send triggered list", "status", "tenant package list", "tenant user list", "tenant user show", "upgrade plan", "upgrade watch", "usage", "users list", "users show", "doctor",
}

// onlyLooks reports whether a command of twinspan shows something and changes nothing.
func onlyLooks(command string) bool {
	words, ok := strings.CutPrefix(command, "twinspan ")
	return ok && slices.ContainsFunc(looking, func(begin string) bool { return words == begin || strings.HasPrefix(words, begin+" ") })
}

func or[T ~string](a, b T) T {
	if a != "" {
		return a
	}
	return b
}

// fill puts what was found into a command or a click path; word writes one name.
func fill(l *Look, text string, f Found, word func(string) string) string {
	n := l.Link.Names()
	set, _ := l.approvalSet()
	return strings.NewReplacer(
		"{user_box}", n.UserBoxName(), "{admin_box}", n.AdminBoxName(), "{user_box_label}", n.UserBoxLabel, "{admin_box_label}", n.AdminBoxLabel, "{token_label}", n.TokenLabel, "{clear}", l.clickClear(),
		"{package_sets}", strings.Join(n.PackageSets(), ", "), "{reset}", n.ResetApex(),
		"{user}", word(or(f.Subject, l.systemUsername())), "{subject}", word(f.Subject), "{value}", word(f.Value),
		"{app}", word(l.Link.ConnectedApp), "{system}", word(l.systemUsername()), "{set}", word(set),
	).Replace(text)
}

func plain(s string) string { return s }

// quote is a word of a command line, in quotes where it needs them.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '.' && r != '@' && r != '-' && r != '_' && r != '+' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Service looks. It is safe for concurrent use.
type Service struct {
	links *link.Service
	own   Own
	doors Pinger
	back  Callbacks

	patience time.Duration
}

// NewService wires the service. own tells what Connect knows, doors what the clouds' front doors say, back where the clouds
// are to send browsers back to.
func NewService(links *link.Service, own Own, doors Pinger, back Callbacks) *Service {
	return &Service{links: links, own: own, doors: doors, back: back, patience: patience}
}

// patience is how long a cloud may take to let Connect in.
const patience = 8 * time.Second

// Within is the service with another patience.
func (s *Service) Within(patience time.Duration) *Service {
	other := *s
	other.patience = patience
	return &other
}

// Look reads both clouds and Connect and makes the checks.
func (s *Service) Look(ctx context.Context, l link.Link, eyes Eyes, checks []Check) (Report, error) {
	look, err := s.Read(ctx, l, eyes)
	if err != nil {
		return Report{}, err
	}
	return Examine(look, checks), nil
}
