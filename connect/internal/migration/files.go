package migration

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodeNoName: a day has more files than names.
const CodeNoName fault.Code = "no_file_name"

const (
	// maxPart is how large a document is at most, in bytes; what does not fit is in further parts.
	maxPart = 5 << 20
	// maxNames is how many pairs of files a day may have.
	maxNames = 1000
)

// files writes the files of the run's pass into My Documents: both, whatever is in them, once the pass has outcomes to tell
// of. Their name is stored before they are written, so that a second attempt writes the same files again and no others.
func (w *Worker) files(ctx context.Context, at *attempt, r Run) error {
	over := func() error { return w.work.Advance(ctx, at.Run, r, Over, w.machine()) }
	if r.Waiting > 0 && !r.Cancelled {
		some, err := w.store.Users(ctx, r.Pair, r.ID, Filter{Results: []Result{UserReconnected, UserFailed}, Pass: r.Pass, Limit: 1})
		if err != nil {
			return err
		}
		if len(some) == 0 { // all wait: they enter a file when they are proven
			return over()
		}
	}
	f, err := w.writeFiles(ctx, at, r)
	switch {
	case err == nil:
	case ctx.Err() != nil || fault.CodeOf(err) == CodePhase:
		return err
	case passing(err) && at.failures < maxAttempts-1:
		return err
	default: // the outcomes are stored, and the report has them
		f.State, f.Error = FilesFailed, client.Clip(fault.Of(err).Message, 500)
	}
	if f.Pass == 0 {
		f.Pass = r.Pass
	}
	if err := w.work.PutFiles(ctx, at.Run, r, f); err != nil {
		return err
	}
	return over()
}

// writeFiles writes both files, unless that was done before.
func (w *Worker) writeFiles(ctx context.Context, at *attempt, r Run) (Files, error) {
	f := Files{}
	for _, one := range r.Files {
		if one.Pass == r.Pass {
			f = one
		}
	}
	if f.State != "" && f.State != FilesNamed {
		return f, nil
	}
	l, err := w.links.Link(ctx, r.Pair)
	if err != nil {
		return f, err
	}
	zone, err := zoneOf(ctx, w.links, l)
	if err != nil {
		return f, err
	}
	if f.State == "" {
		names, on, err := documents(ctx, w.links, l)
		if err != nil {
			return f, err
		}
		if !on {
			return Files{Pass: r.Pass, State: FilesOff}, nil
		}
		if f, err = w.work.NameFiles(ctx, at.Run, r, l.EID, stems(w.links.Now(l).In(zone), names)); err != nil {
			return f, err
		}
	}
	if err := w.fails(ctx, "named"); err != nil {
		return f, err
	}
	for _, report := range []Report{SuccessReport, FailuresReport} {
		if err := w.upload(ctx, l, r, f, report, zone); err != nil {
			return f, err
		}
		if err := w.fails(ctx, "uploaded"); err != nil {
			return f, err
		}
	}
	f.State = FilesWritten
	return f, nil
}

// documents are the names of the files in My Documents, in lower case. on is false where they are not enabled, or have no API, as a
// real tenant's.
func documents(ctx context.Context, links *link.Service, l link.Link) (names []string, on bool, err error) {
	err = links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		all, err := tenant.Documents(ctx)
		for _, d := range all {
			names = append(names, strings.ToLower(d.Name))
		}
		return err
	})
	if r := client.Remote(err); r != nil && (r.Status == 409 || r.Status == 404) {
		return nil, false, nil
	}
	return names, err == nil, err
}

// stems are what the files of a day may begin with, the first first: the date, and -2, -3 and so on after it. Those under
// which somebody has files are left out.
func stems(now time.Time, names []string) []string {
	date := now.Format(time.DateOnly)
	var free []string
	for n := 1; n <= maxNames; n++ {
		stem := date
		if n > 1 {
			stem = fmt.Sprintf("%s-%d", date, n)
		}
		taken := slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, stem+"migration") })
		if !taken {
			free = append(free, stem)
		}
	}
	return free
}

// part is the name of the n-th part of a file, the first being 1: "2016-05-14migrationsuccess.csv",
// "2016-05-14migrationsuccess.2.csv".
func part(name string, n int) string {
	if n == 1 {
		return name
	}
	return fmt.Sprintf("%s.%d.csv", strings.TrimSuffix(name, ".csv"), n)
}

// upload writes one of the files, in parts that a document may have, each with the head.
func (w *Worker) upload(ctx context.Context, l link.Link, r Run, f Files, report Report, zone *time.Location) error {
	var whole, line bytes.Buffer
	n := 1
	put := func() error {
		return w.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
			return tenant.WriteDocument(ctx, part(f.name(report), n), "text/csv", whole.Bytes())
		})
	}
	encode := func(record []string) error {
		line.Reset()
		out := csv.NewWriter(&line)
		if err := out.Write(record); err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	}
	err := lines(ctx, w.store, r, report, r.Pass, zone, func(record []string) error {
		if err := encode(record); err != nil {
			return err
		}
		if whole.Len()+line.Len() > maxPart {
			if err := put(); err != nil {
				return err
			}
			n++
			whole.Reset()
			again := bytes.Clone(line.Bytes())
			if err := encode(columns); err != nil {
				return err
			}
			whole.Write(line.Bytes())
			whole.Write(again)
			return nil
		}
		whole.Write(line.Bytes())
		return nil
	})
	if err != nil {
		return err
	}
	return put()
}
