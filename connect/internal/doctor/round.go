package doctor

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/webhook"
)

// CodeInvalidWatch: settings of the rounds that cannot be meant.
const CodeInvalidWatch fault.Code = "invalid_doctor_watch"

// CodeNoRound: nobody made such a round, or it is kept no more.
const CodeNoRound fault.Code = "round_not_found"

// ActionWatch is the audit chain's word for a change of how a connection is watched.
const ActionWatch = "doctor.watch"

// Bounds of the time between two rounds.
const (
	minEvery     = time.Minute
	maxEvery     = 7 * 24 * time.Hour
	defaultEvery = time.Hour
)

// minSecret is how long a webhook's secret is at least, in bytes.
const minSecret = 16

// Watch says how a connection is looked at again and again, and who is told besides those who are mailed when it breaks.
type Watch struct {
	Every    time.Duration // machine time between two rounds, whole seconds; 0 for never
	Severity Severity      // from which on something counts
	// Origin is scheme, host and port of the webhook; "" where there is none. The whole address, which may be a secret, and the
	// secret that events are signed with lie sealed.
	Origin string
	Sealed []byte
}

// DefaultWatch is how a connection is watched for which nobody said anything.
func DefaultWatch() Watch { return Watch{Every: defaultEvery, Severity: Warning} }

// WatchFacts are what of a watch stands in the audit chain.
type WatchFacts struct {
	EverySeconds int64    `json:"every_seconds"`
	Severity     Severity `json:"severity"`
	Webhook      string   `json:"webhook,omitempty"` // its origin
}

// Facts are those of w.
func (w Watch) Facts() WatchFacts {
	return WatchFacts{int64(w.Every / time.Second), w.Severity, w.Origin}
}

// WatchAAD binds a webhook's address and secret to the pair and to the origin.
func WatchAAD(pair, origin string) []byte {
	return []byte("doctor_watch:target_sealed:" + strconv.Itoa(len(pair)) + ":" + pair + origin)
}

// WatchChange is a change of a watch; what is nil stays.
type WatchChange struct {
	Every    *time.Duration
	Severity *Severity
	// Webhook is an address, "" to tell none any more. Whoever names one gives its secret, also where only the address changes:
	// a secret goes to no other receiver than the one it was shared with.
	Webhook *string
	Secret  vault.Secret
}

// check refuses what cannot be meant.
func (c WatchChange) check(hooks *webhook.Sender) error {
	invalid := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidWatch, format, args...).In(field)
	}
	if c.Every != nil && *c.Every != 0 && (*c.Every < minEvery || *c.Every > maxEvery) {
		return invalid("every_minutes", "Between two rounds are 1 minute to 7 days, or 0 for none.")
	}
	if c.Severity != nil {
		if _, err := ParseSeverity(string(*c.Severity)); err != nil {
			return err
		}
	}
	switch {
	case c.Webhook == nil || *c.Webhook == "":
		if c.Secret != "" {
			return invalid("webhook_secret", "A secret comes with the address of its webhook.")
		}
		return nil
	case len(c.Secret) < minSecret || len(c.Secret) > 500:
		return invalid("webhook_secret", "The secret of a webhook has %d to 500 bytes.", minSecret)
	}
	return hooks.Check(*c.Webhook)
}

// Condition is how a connection is after a round.
type Condition string

// The conditions beside the severities, each of which is one where it is the worst that was found.
const (
	Healthy    Condition = "healthy"        // everything was looked at, and nothing found
	PartlySeen Condition = "partly_checked" // nothing was found, and not everything could be looked at
	Unseen     Condition = "not_looked_at"  // the round came to no end
)

// Bounds of rounds and of what is kept of them.
const (
	inRound     = 100             // findings of a round that are kept
	clipRound   = 300             // bytes of each of their texts
	clipCommand = 1000            // bytes of a command, which is kept whole or not at all
	keepRounds  = 200             // rounds of a connection
	roundTime   = 2 * time.Minute // of one round
	deliverFor  = 5 * time.Minute // how long a process has to tell what it took
)

// Channels of deliveries.
const (
	onlyMails = "mail"
	onlyHooks = "webhook"
)

// RoundFinding is what is kept of a finding; the rest its check says.
type RoundFinding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Subject  string   `json:"subject,omitempty"`
	Seen     string   `json:"seen"`
	Expected string   `json:"expected,omitempty"`
	Click    string   `json:"click,omitempty"`
	Command  string   `json:"command,omitempty"` // whole, or none
	See      string   `json:"see,omitempty"`     // likewise
	Mend     bool     `json:"mend,omitempty"`    // `doctor --fix` may do it
}

// kept is what is kept of f.
func kept(f Finding) RoundFinding {
	r := RoundFinding{f.Check, f.Severity, clip(f.Subject, clipRound), clip(f.Seen, clipRound), clip(f.Expected, clipRound), clip(f.Click, clipRound), f.Command, f.See, f.Mend.Safe()}
	if len(f.Command) > clipCommand {
		r.Command, r.Mend = "", false
	}
	if len(f.See) > clipCommand {
		r.See = ""
	}
	return r
}

// Finding is what was found, as the connection's names are now.
func (r RoundFinding) Finding(l link.Link) Finding {
	f := Finding{Check: r.Check, Name: r.Check, Severity: r.Severity, Subject: r.Subject, Seen: r.Seen, Expected: r.Expected, Click: r.Click, Command: r.Command, See: r.See}
	for _, c := range Checks() {
		if c.ID == r.Check {
			f.Name, f.Why, f.Document = c.Name, fill(&Look{Link: l}, c.Why, Found{Subject: r.Subject}, plain), c.Document
			if r.Mend {
				f.Mend = c.Mend
			}
		}
	}
	return f
}

// Round is a look that was made by itself, or when somebody asked for one to be kept.
type Round struct {
	Seq   int64     // from 1 on
	At    time.Time // domain time
	State Condition
	Detail
	Traces
}

// Detail is what of a round is kept as JSON.
type Detail struct {
	Findings  []RoundFinding    `json:"findings"`
	More      int               `json:"more,omitempty"` // findings that are not kept
	Counts    map[Severity]int  `json:"counts"`
	Unchecked map[string]string `json:"unchecked,omitempty"` // why, by the check's id
	Passed    int               `json:"passed"`
	OrgCalls  int               `json:"org_calls"`
	// TenantCalls are those to Engagement.
	TenantCalls int    `json:"engagement_calls"`
	TookMS      int64  `json:"took_ms"`           // machine time
	Trouble     string `json:"trouble,omitempty"` // why it came to no end
	// Open are the checks that find something that counts; what could not be checked is as it was. Began and Ended are what is
	// new in it, and what is gone.
	Open  []string `json:"open,omitempty"`
	Began []string `json:"began,omitempty"`
	Ended []string `json:"ended,omitempty"`
}

// Traces are what of a round is kept for those after it alone.
type Traces struct {
	// Keys are what is open more closely: of whom each of them is true, and how bad it is.
	Keys []Key `json:"keys,omitempty"`
	// Used is the use of the org's rolling 24-hour limit; 0 where it could not be read.
	Used int64 `json:"used,omitempty"`
}

// Key is one thing that is open.
type Key struct {
	Check    string   `json:"c"`
	Severity Severity `json:"s"`
	// Subject is a digest of whom it is about; "" where the check finds more than maxKeys.
	Subject string `json:"o,omitempty"`
}

// maxKeys bounds the keys of one check: beyond it whom it is about is not told apart.
const maxKeys = 200

// keysOf are the keys of what a report found that is as bad as s, or worse.
func keysOf(r Report, s Severity) []Key {
	var out []Key
	counts := map[string]int{}
	for _, f := range r.Findings { // the worst come first
		if f.Severity.AtLeast(s) {
			counts[f.Check]++
		}
	}
	for _, f := range r.Findings {
		if !f.Severity.AtLeast(s) {
			continue
		}
		k := Key{f.Check, f.Severity, ""}
		if counts[f.Check] <= maxKeys {
			digest := sha256.Sum256([]byte(fold(f.Subject)))
			k.Subject = hex.EncodeToString(digest[:8])
		} else if slices.ContainsFunc(out, func(have Key) bool { return have.Check == f.Check }) {
			continue
		}
		out = append(out, k)
	}
	return out
}

// tells reports whether k is not told by what was open before: nobody said it of this subject, or not as badly.
func (k Key) tells(before Round) bool {
	if !slices.Contains(before.Open, k.Check) {
		return true
	}
	worse, closely := true, false
	for _, have := range before.Keys {
		if have.Check != k.Check {
			continue
		}
		closely = true
		if have.Subject == k.Subject || have.Subject == "" || k.Subject == "" {
			worse = worse && !have.Severity.AtLeast(k.Severity)
		}
	}
	return closely && worse
}

// Changed reports whether the round found another state than the one before.
func (r Round) Changed() bool { return len(r.Began)+len(r.Ended) > 0 }

// roundOf is what is kept of a report.
func roundOf(r Report, took time.Duration) Round {
	out := Round{At: r.At, State: Healthy, Detail: Detail{
		Counts: map[Severity]int{}, Unchecked: map[string]string{}, Passed: len(r.Passed), OrgCalls: r.OrgCalls, TenantCalls: r.TenantCalls, TookMS: took.Milliseconds(), Findings: []RoundFinding{},
	}}
	if len(r.Unchecked) > 0 {
		out.State = PartlySeen
	}
	for i, f := range r.Findings { // the worst come first
		if out.Counts[f.Severity]++; i == 0 {
			out.State = Condition(f.Severity)
		}
		if i < inRound {
			out.Findings = append(out.Findings, kept(f))
		}
		if !slices.Contains(out.Open, f.Check) {
			out.Open = append(out.Open, f.Check)
		}
	}
	out.More = max(0, len(r.Findings)-inRound)
	for _, u := range r.Unchecked {
		out.Unchecked[u.Check] = clip(u.Because, clipRound)
	}
	return out
}

// after says what is new in the round and what is gone, by the one before. severe are the keys of what it found that counts.
func (r Round) after(before Round, severe []Key) Round {
	var open, began []string
	add := func(to *[]string, id string) {
		if !slices.Contains(*to, id) {
			*to = append(*to, id)
		}
	}
	for _, k := range severe {
		if add(&open, k.Check); k.tells(before) {
			add(&began, k.Check)
		}
	}
	r.Keys = severe
	for _, id := range before.Open {
		_, unseen := r.Unchecked[id]
		if !unseen && r.Trouble == "" {
			continue
		}
		add(&open, id)
		for _, k := range before.Keys { // who was not looked at is as he was
			if k.Check == id && !slices.ContainsFunc(severe, func(have Key) bool { return have.Check == id && have.Subject == k.Subject }) {
				r.Keys = append(r.Keys, k)
			}
		}
	}
	slices.Sort(open)
	slices.Sort(began)
	r.Open, r.Began = open, began
	r.Ended = slices.DeleteFunc(slices.Clone(before.Open), func(id string) bool { return slices.Contains(open, id) })
	return r
}

// Delivery is a message about a change of state, to one receiver.
type Delivery struct {
	Pair    string
	Seq     int64 // of the round
	Channel string
	Target  string // address that is mailed; "" for the webhook
	Subject string // of a mail
	Body    string
	Tries   int // those that were begun
}

// tries are the times between the attempts of a webhook, machine time; after the last it is given up.
var tries = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}

// CheckName is the name of a check by its id; the id where there is none.
func CheckName(id string) string {
	for _, c := range Checks() {
		if c.ID == id {
			return c.Name
		}
	}
	return id
}

// tell is the text of a change for people.
func (r Round) tell(l link.Link, base string) (subject, text string) {
	var b strings.Builder
	list := func(title string, ids []string) {
		if len(ids) == 0 {
			return
		}
		b.WriteString(title + ":\n")
		for _, id := range ids {
			b.WriteString("  " + id + " " + CheckName(id) + "\n")
			for _, f := range r.Findings {
				if f.Check == id {
					b.WriteString("    " + strings.TrimPrefix(f.Subject+": ", ": ") + f.Seen + "\n")
				}
			}
		}
		b.WriteString("\n")
	}
	list("New", r.Began)
	list("Gone", r.Ended)
	b.WriteString("When:  " + day(r.At) + "\nWhere: " + base + ", connection " + l.Pair + " (org " + or(l.Org.OrgID, "none") + ", Engagement " + strconv.FormatInt(l.EID, 10) + ")\n\n")
	b.WriteString("`twinspan doctor` says why and where to mend it, `twinspan doctor --fix` mends what is safe to mend; see also " + base + "/troubleshoot-connected-app.\n")
	switch {
	case len(r.Began) == 0 && len(r.Open) == 0:
		subject = "The connection is as it should be again"
	case len(r.Began) == 0:
		subject = "Something is mended: " + strings.Join(r.Ended, ", ")
	default:
		subject = "Something is wrong with the connection: " + r.Began[0] + " " + CheckName(r.Began[0])
		if len(r.Began) > 1 {
			subject += " and " + count(len(r.Began)-1, "more")
		}
	}
	return subject, b.String()
}
