// Package standing says whose clouds a connection stands between (DESIGN 2), and what can be done there: by command, by click,
// or not at all, and why. It is a table, rows.tsv, which Connect's API, the command line and docs/real-clouds.md share.
package standing

import (
	_ "embed" // for the table
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/twinspan/twinspan/internal/fault"
)

// Standing says whose clouds the connection stands between and who holds the key.
type Standing string

// The standings.
const (
	Unset         Standing = "unset"              // nobody has said yet where the clouds are
	Embedded      Standing = "embedded"           // Twinspan's own org and tenant; Connect holds both keys
	OwnLink       Standing = "own_link"           // real clouds under an app of the customer's, whose key Connect holds
	BesidePackage Standing = "beside_the_package" // real clouds joined by the vendor's package; Connect reads, checks and guides
)

// All are the standings of a connection whose clouds are known, in the order of the table's columns.
func All() []Standing { return []Standing{Embedded, OwnLink, BesidePackage} }

// String says the standing to people.
func (s Standing) String() string {
	switch s {
	case Unset:
		return "not said yet: `twinspan connect --standing` says where the org and the tenant are"
	case Embedded:
		return "embedded: Twinspan's own org and tenant"
	case OwnLink:
		return "own link: a real org and tenant, joined under your own app"
	case BesidePackage:
		return "beside the package: a real org and tenant, joined by the vendor's managed package"
	}
	return string(s)
}

// where is how a refusal names the standing.
func (s Standing) where() string {
	switch s {
	case OwnLink:
		return "under an own link"
	case BesidePackage:
		return "beside the package"
	}
	return "here"
}

// CodeFixed: whose clouds a connection stands between cannot be said anew.
const CodeFixed fault.Code = "standing_fixed"

// Fixed refuses another standing for embedded clouds.
func Fixed() *fault.Error {
	return fault.New(fault.Conflict, CodeFixed, "The org and the tenant of this connection are the program's own. Start one with --clouds none for real ones.")
}

// Operation is something that Connect's API does and that is not possible in every standing; "" is what always is.
type Operation string

// The operations, by the word that the table has for them.
const (
	SeeMappings            Operation = "see-mappings"
	ClearMappings          Operation = "clear-mappings"
	MapUsers               Operation = "map-users"
	SignInUsers            Operation = "sign-in-users"
	BusinessUnits          Operation = "business-units"
	ConnectAPIUser         Operation = "connect-api-user" // "Connect to Marketing Cloud": he signs in, for the vendor's or Connect's own key
	ConnectAccount         Operation = "connect-account"  // "Connect Account": the system user signs in
	ReadOrg                Operation = "read-org"
	KeyIntoEngagement      Operation = "key-into-engagement"
	PackageIntoEngagement  Operation = "package-into-engagement"
	PasswordIntoOrg        Operation = "password-into-org"
	PasswordIntoEngagement Operation = "password-into-engagement"
	Upgrade                Operation = "upgrade"
	Outage                 Operation = "outage"
	APIUserChange          Operation = "api-user-change"
	Send                   Operation = "send"
	IntegrationUser        Operation = "integration-user"
	MendFindings           Operation = "mend-findings" // what of the doctor's findings a command mends, one by one as its check has it
)

// The operations that nobody asks for: Connect does them in the background, and asks for each pair before it begins.
const (
	FireTriggers         Operation = "fire-triggers" // looks at records of the org, and fires triggered sends
	DeliverSends         Operation = "deliver-sends" // scheduled sends, held ones, and what is left of those that have begun
	BringBack            Operation = "bring-back"    // results into the org, opt-outs both ways
	SweepMappings        Operation = "sweep-mappings"
	SettleUnits          Operation = "settle-units"
	RenewTokens          Operation = "renew-tokens"
	MoveTokens           Operation = "move-tokens"
	TellUpgrades         Operation = "tell-upgrades"
	WatchIntegrationUser Operation = "watch-integration-user"
)

// Background are the operations that nobody asks for.
func Background() []Operation {
	return []Operation{FireTriggers, DeliverSends, BringBack, SweepMappings, SettleUnits, RenewTokens, MoveTokens, TellUpgrades, WatchIntegrationUser}
}

// Operations are all of them.
func Operations() []Operation {
	return append([]Operation{
		SeeMappings, ClearMappings, MapUsers, SignInUsers, BusinessUnits, ConnectAPIUser, ConnectAccount, ReadOrg, KeyIntoEngagement, PackageIntoEngagement, PasswordIntoOrg,
		PasswordIntoEngagement, Upgrade, Outage, APIUserChange, Send, IntegrationUser, MendFindings,
	}, Background()...)
}

// How something is done.
type How string

// The ways.
const (
	Command How = "command" // by a command over public APIs, read back
	Click   How = "click"   // by a person
	Package How = "package" // by the vendor's package, which needs nobody
	No      How = "no"      // not at all
)

// Way is how something is done in one standing.
type Way struct {
	How     How
	Text    string // what does it; where it is not done, why not
	Instead string // where it is not done; "" elsewhere
}

// String is the way as the pages have it.
func (w Way) String() string {
	text := string(w.How) + ": " + w.Text
	if w.Instead != "" {
		text += "; instead " + w.Instead
	}
	return text
}

// Row is a line of the table.
type Row struct {
	Section    string // the founding document, "000"; Steps for the rows that name requirements, Unasked for what runs in the background
	Operations []Operation
	What       string
	Ways       map[Standing]Way
}

// In is how it is done in a standing, in words that stand alone: "the same" is what the column before says.
func (r Row) In(s Standing) Way {
	way, before := r.Ways[s], Embedded
	for _, one := range All() {
		if one == s {
			break
		}
		before = one
	}
	if rest, same := strings.CutPrefix(way.Text, "the same"); same && before != s {
		way.Text = r.In(before).Text + rest
	}
	return way
}

// Text is the row as a line of a table in Markdown.
func (r Row) Text() string {
	cells := []string{r.What}
	for _, s := range All() {
		cells = append(cells, r.Ways[s].String())
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

//go:embed rows.tsv
var table string

var parsed = sync.OnceValues(func() ([]Row, error) {
	var rows []Row
	for n, line := range strings.Split(strings.TrimSpace(table), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 3+len(All()) {
			return nil, fmt.Errorf("standing: line %d of the table has %d cells", n+1, len(cells))
		}
		r := Row{Section: cells[0], What: cells[2], Ways: map[Standing]Way{}}
		for op := range strings.SplitSeq(cells[1], ",") {
			if op == "-" {
				continue
			}
			if !slices.Contains(Operations(), Operation(op)) {
				return nil, fmt.Errorf("standing: line %d of the table is about %q, which is no operation", n+1, op)
			}
			r.Operations = append(r.Operations, Operation(op))
		}
		for i, s := range All() {
			w, err := parseWay(cells[3+i])
			if err != nil {
				return nil, fmt.Errorf("standing: line %d of the table, %s: %w", n+1, s, err)
			}
			r.Ways[s] = w
		}
		rows = append(rows, r)
	}
	return rows, nil
})

func parseWay(cell string) (Way, error) {
	how, text, ok := strings.Cut(cell, ": ")
	w := Way{How: How(how), Text: text}
	if !ok || text == "" || !slices.Contains([]How{Command, Click, Package, No}, w.How) {
		return w, fmt.Errorf("%q does not say how", cell)
	}
	if w.How == No {
		w.Text, w.Instead, _ = strings.Cut(text, "; instead ")
	}
	return w, nil
}

// Rows are all rows of the table. An error is a mistake in it, which its test finds.
func Rows() ([]Row, error) { return parsed() }

// CodeNotPossible: what was asked for is not possible where the connection stands.
const CodeNotPossible fault.Code = "not_possible_in_this_standing"

// CodeUnset: nobody has said yet where the clouds are.
const CodeUnset fault.Code = "standing_not_said"

// May is nil where the operation is done by Connect in the standing; else a refusal that says what is not possible, why,
// and what to do instead.
func (s Standing) May(op Operation) error {
	switch {
	case op == "" || s == Embedded:
		return nil
	case s == Unset:
		return fault.New(fault.Conflict, CodeUnset, "Nobody has said yet where the org and the tenant are: `twinspan connect --standing own-link` or `--standing beside-package` says it.")
	}
	rows, err := Rows()
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Section == Steps || !slices.Contains(r.Operations, op) {
			continue
		}
		way := r.In(s)
		switch way.How {
		case Command:
			return nil
		case No:
			return fault.New(fault.Conflict, CodeNotPossible, "Not possible %s (%s): %s. Instead: %s.", s.where(), r.What, way.Text, way.Instead)
		default:
			why := "no public API does it"
			if s == BesidePackage {
				why = "it is for the vendor's package to do, which keeps the key of its app and the mappings"
			}
			return fault.New(fault.Conflict, CodeNotPossible, "Not possible %s (%s): %s. Instead, by hand: %s.", s.where(), r.What, why, way.Text)
		}
	}
	return fault.New(fault.Internal, CodeNotPossible, "The table of standings has no row for %s.", op)
}

// Sections beside the founding documents.
const (
	Steps   = "steps"      // rows that name requirements
	Unasked = "background" // what Connect does without being asked
)
