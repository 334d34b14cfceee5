package mapping

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Codes of faults about imports. A line has those of Map besides.
const (
	// CodeInvalidCSV: the text is no list of users.
	CodeInvalidCSV fault.Code = "invalid_csv"
	// CodeDuplicateLine: an earlier line names the same CRM user, or the same Engagement user.
	CodeDuplicateLine fault.Code = "duplicate_line"
	// CodeImportRunning: the connection works on an import already.
	CodeImportRunning fault.Code = "import_running"
)

// Limits of an import.
const (
	MaxImport      = 8 << 20 // bytes of text
	MaxImportLines = 50_000
)

// ImportState says how far an import has come.
type ImportState string

// The states. In the last three nothing happens any more: what waits is left for another import of the same list.
const (
	ImportQueued    ImportState = "queued"
	ImportRunning   ImportState = "running"
	ImportDone      ImportState = "done"
	ImportCancelled ImportState = "cancelled"
	ImportStopped   ImportState = "stopped" // the connection itself does not work; Error says why
)

// Import is a list of users who are to be mapped.
type Import struct {
	Pair      string
	ID        string // random
	Actor     string
	CreatedAt time.Time // domain time
	State     ImportState
	Error     string // of the last attempt that the connection itself broke off
	Total     int    // lines
	Done      int    // mapped
	Failed    int
}

// LineStatus says how far a line has come.
type LineStatus string

// The statuses. Done and failed are the outcome: each line ends in one of them, once.
const (
	LinePlanned LineStatus = "planned"
	// LineIntended: calls to the clouds have begun and their outcome is not recorded. Taken up again, they are made again:
	// each of them is one that may be repeated.
	LineIntended LineStatus = "intended"
	LineDone     LineStatus = "done"
	LineFailed   LineStatus = "failed"
)

// Line is one user of an import.
type Line struct {
	Position           int // 1 for the first line below the head
	CRMUsername        string
	EngagementUsername string
	MID                int64 // 0 is the Engagement user's default
	Status             LineStatus
	Attempts           int
	Code               string // of a failed line: why; of a done one "mapped_before" where nothing had to be done
	Reason             string
}

// Imports keeps imports and their lines. A missing import is a NotFound fault with CodeNotFound.
type Imports interface {
	// AddImport stores an import with its lines and queues its job. While another one of the pair waits or runs it is a
	// Conflict fault with CodeImportRunning.
	AddImport(ctx context.Context, i Import, lines []Line) error
	// Import reads an import.
	Import(ctx context.Context, pair, id string) (Import, error)
	// ListImports lists a pair's imports, the newest first.
	ListImports(ctx context.Context, pair string, limit int) ([]Import, error)
	// Lines lists lines by position, after the one given. waiting leaves out those that have an outcome.
	Lines(ctx context.Context, pair, id string, waiting bool, after, limit int) ([]Line, error)
	// Intend marks lines as intended, one attempt more, as long as the run holds its job.
	Intend(ctx context.Context, r *jobs.Run, pair, id string, lines []Line) error
	// Settle stores what became of intended lines, and the mappings of those that are done by position, in one
	// transaction, as long as the run holds its job, with one entry in the audit chain that holds the digest of those that
	// have an outcome now. An Engagement user who is mapped to another CRM user fails the line. lost are the mappings of such lines, and
	// those of other Engagement users in whose place mappings came.
	Settle(ctx context.Context, r *jobs.Run, why audit.Change, pair, id string, lines []Line, mappings map[int]Mapping) (lost []Mapping, err error)
	// CancelImport ends an import; lines that have an outcome keep it.
	CancelImport(ctx context.Context, pair, id string, why audit.Change) error
}

// importHead are the columns of an import; mid may be absent.
var importHead = []string{"crm_username", "engagement_username", "mid"}

// ParseImport reads a list of users in CSV with a head line. A line that cannot be right has an outcome already; a text
// that is no such list is refused.
func ParseImport(text []byte) ([]Line, error) {
	refuse := func(format string, args ...any) ([]Line, error) {
		return nil, fault.New(fault.Invalid, CodeInvalidCSV, format, args...).In("csv")
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // spreadsheets begin so
	switch {
	case len(text) > MaxImport:
		return refuse("The list is longer than %d bytes.", MaxImport)
	case !utf8.Valid(text):
		return refuse("The list is not in UTF-8.")
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return refuse("The list is empty. Its first line names the columns: %s.", strings.Join(importHead, ","))
	}
	columns := map[string]int{}
	for i, name := range head {
		columns[strings.ToLower(strings.TrimSpace(name))] = i
	}
	crmAt, ok1 := columns[importHead[0]]
	engagementAt, ok2 := columns[importHead[1]]
	midAt, hasMID := columns[importHead[2]]
	if err != nil || !ok1 || !ok2 || len(columns) != len(head) || len(head) > 3 || len(head) == 3 && !hasMID {
		return refuse("The first line names the columns: %s; mid may be left out.", strings.Join(importHead, ","))
	}
	var lines []Line
	crmSeen, engagementSeen := map[string]int{}, map[string]int{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			return refuse("Line %d is not CSV: %v.", bad.Line, bad.Err)
		}
		if err != nil {
			return refuse("The list cannot be read.")
		}
		if len(lines) == MaxImportLines {
			return refuse("The list has more than %d users.", MaxImportLines)
		}
		n, _ := r.FieldPos(0)
		if len(record) != len(head) {
			return refuse("Line %d has %d fields; the first line has %d.", n, len(record), len(head))
		}
		l := Line{Position: len(lines) + 1, CRMUsername: strings.TrimSpace(record[crmAt]), EngagementUsername: strings.TrimSpace(record[engagementAt]), Status: LinePlanned}
		mid := ""
		if hasMID {
			mid = strings.TrimSpace(record[midAt])
		}
		lines = append(lines, l.read(mid, crmSeen, engagementSeen))
	}
	if len(lines) == 0 {
		return refuse("The list names nobody.")
	}
	return lines, nil
}

// read checks a line by itself and against those before it.
func (l Line) read(mid string, crmSeen, engagementSeen map[string]int) Line {
	var err error
	if mid != "" {
		if l.MID, err = strconv.ParseInt(mid, 10, 64); err != nil {
			l.MID = -1
		}
	}
	if err := (Request{CRMUsername: l.CRMUsername, EngagementUsername: l.EngagementUsername, MID: l.MID}).Check(); err != nil {
		l.CRMUsername, l.EngagementUsername, l.MID = clipName(l.CRMUsername), clipName(l.EngagementUsername), max(l.MID, 0)
		return l.failed(err)
	}
	crmName, engagementName := fold(l.CRMUsername), fold(l.EngagementUsername)
	for _, seen := range []struct {
		at   int
		what string
	}{{crmSeen[crmName], l.CRMUsername}, {engagementSeen[engagementName], l.EngagementUsername}} {
		if seen.at != 0 {
			return l.failed(fault.New(fault.Invalid, CodeDuplicateLine, "User %d of the list names %s already.", seen.at, seen.what))
		}
	}
	crmSeen[crmName], engagementSeen[engagementName] = l.Position, l.Position
	return l
}

// clipName keeps what cannot be a user name short and printable.
func clipName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	for len(s) > 255 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// failed is the line with the outcome that err is. What a cloud refused is told in its own words.
func (l Line) failed(err error) Line {
	l.Status = LineFailed
	l.Code, l.Reason = fault.Told(err)
	if r := client.Remote(err); r != nil && r.Code != "" && fault.KindOf(err) != fault.Internal {
		l.Code, l.Reason = r.Code, r.Description
	}
	return l
}
