package mailing_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

const report, guests = "00O000000000001EAA", "Guests"

// read counts a question for a page of an audience, and tells whether it is answered further.
func (w *world) read(rw http.ResponseWriter, at string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 1
	for _, times := range w.reads {
		n += times
	}
	w.reads[at]++
	if w.reading != nil && !w.reading(n) {
		linktest.Answer(rw, 500, []map[string]any{{"errorCode": "UNKNOWN_EXCEPTION", "message": "x"}})
		return false
	}
	return true
}

// report answers for a report of the members' ids, some of 15 characters and one of them twice.
func (w *world) report(rw http.ResponseWriter, r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, "/analytics/reports/"+report) {
		return false
	}
	if !w.read(rw, "") {
		return true
	}
	cell := func(v string) map[string]any { return map[string]any{"label": v, "value": v} }
	facts := map[string][]map[string]any{"T!T": {}}
	for i := range w.members + 1 {
		person, _ := mailing.RecordID(fmt.Sprintf("003%012d", i%w.members))
		group := "T!T"
		if w.grouped {
			group = fmt.Sprintf("%d_%d!T", i%3, i%2)
		}
		facts[group] = append(facts[group], map[string]any{"dataCells": []any{cell("P"), cell(person[:15+3*(i%2)])}})
	}
	shown := map[string]any{}
	for group, rows := range facts {
		shown[group] = map[string]any{"aggregates": []any{}, "rows": rows}
	}
	linktest.Answer(rw, 200, map[string]any{
		"allData": !w.cut, "attributes": map[string]any{"reportName": "Kims"}, "factMap": shown,
		"reportMetadata": map[string]any{"detailColumns": []string{"NAME", "CONTACT_ID"}},
	})
	return true
}

// extension answers for a data extension of the members' ids. Somebody of its first rows is in its last row again.
func (w *world) extension(rw http.ResponseWriter, r *http.Request) bool {
	switch {
	case strings.HasSuffix(r.URL.Path, "/customobjectdata/key/"+guests+"/rowset"):
		page, _ := strconv.Atoi(r.URL.Query().Get("$page"))
		size, _ := strconv.Atoi(r.URL.Query().Get("$pagesize"))
		if w.most > 0 {
			size = min(size, w.most)
		}
		if !w.read(rw, strconv.Itoa(page)) {
			return true
		}
		items := []map[string]any{}
		for i := (page - 1) * size; i < min(page*size, w.members+1); i++ {
			person := fmt.Sprintf("003%012d", i%w.members)
			if i >= w.members {
				person, _ = mailing.RecordID(person)
			}
			items = append(items, map[string]any{"keys": map[string]string{"contact id": person}, "values": map[string]string{"mail": fmt.Sprintf("p%d@x.example", i)}})
		}
		linktest.Answer(rw, 200, map[string]any{"count": w.members + 1, "page": page, "pageSize": size, "items": items})
		return true
	case !strings.HasSuffix(r.URL.Path, ".asmx"):
		return false
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || !bytes.Contains(text, []byte("DataExtensionField")) {
		r.Body = io.NopCloser(bytes.NewReader(text))
		return false
	}
	rw.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = io.WriteString(rw, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>OK</OverallStatus>`+
		`<Results><Name>Contact ID</Name><FieldType>Text</FieldType></Results><Results><Name>Mail</Name><FieldType>EmailAddress</FieldType></Results></RetrieveResponseMsg></s:Body></s:Envelope>`)
	return true
}

var audiences = map[mailing.Kind]string{mailing.Campaign: campaign, mailing.Report: report, mailing.DataExtension: guests}

// TestPages: an audience of several pages is mailed, each member once, wherever pages and batches end.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind    mailing.Kind
		pages   int
		most    int
		grouped bool
		want    int // pages read
	}{
		"campaign":                                     {mailing.Campaign, 100, 0, false, 5},
		"campaign, the last page is full":              {mailing.Campaign, 150, 0, false, 4},
		"data extension":                               {mailing.DataExtension, 100, 0, false, 5},
		"data extension, one row left":                 {mailing.DataExtension, 225, 0, false, 3},
		"data extension, smaller pages than asked for": {mailing.DataExtension, 2000, 120, false, 4},
		"report":         {mailing.Report, 100, 0, false, 1},
		"grouped report": {mailing.Report, 100, 0, true, 1},
	} {
		for _, kind := range sqldbtest.Kinds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, kind)
				w.pages, w.most, w.grouped, w.left[7] = c.pages, c.most, c.grouped, true
				service, _, stop := w.work(t)
				defer stop()
				m := w.end(t, service, w.startTo(t, service, c.kind, audiences[c.kind]).ID)
				if want := (mailing.Counts{Total: 450, Accepted: 448, NotSent: 1, Refused: 1}); m.State != mailing.Completed || m.Counts != want {
					t.Errorf("it ended as %+v", m)
				}
				w.once(t, m)
				w.everybody(t, service, m)
				w.readOnce(t, c.want)
			})
		}
	}
}

// everybody holds the mailing's recipients to the members: each once.
func (w *world) everybody(t *testing.T, s *mailing.Service, m mailing.Mailing) {
	t.Helper()
	got, err := s.Recipients(t.Context(), w.link(t), m.ID, 0, w.members+10)
	if err != nil {
		t.Fatal(err)
	}
	var ids, want []string
	for _, one := range got {
		ids = append(ids, one.RecordID)
	}
	for i := range w.members {
		id, _ := mailing.RecordID(fmt.Sprintf("003%012d", i))
		want = append(want, id)
	}
	slices.Sort(ids)
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		t.Errorf("%d recipients for %d members", len(ids), w.members)
	}
}

// readOnce holds the questions for pages to so many pages, each asked for once.
func (w *world) readOnce(t *testing.T, pages int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.reads) != pages {
		t.Errorf("%d pages were read, want %d: %v", len(w.reads), pages, w.reads)
	}
	for at, times := range w.reads {
		if times != 1 {
			t.Errorf("the page at %q was read %d times", at, times)
		}
	}
}

// TestStoppedBetweenPages: a program that stops while it reads an audience goes on where it was with the next start, and
// reads no page again that it has.
func TestStoppedBetweenPages(t *testing.T) {
	t.Parallel()
	for _, audience := range []mailing.Kind{mailing.Campaign, mailing.DataExtension} {
		for _, kind := range sqldbtest.Kinds {
			t.Run(string(audience)+"/"+kind, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, kind)
				w.pages, w.left[7] = 100, true
				reached := make(chan struct{})
				w.reading = func(n int) bool {
					if n == 3 {
						close(reached)
					}
					return n < 3
				}
				service, _, stop := w.work(t)
				id := w.startTo(t, service, audience, audiences[audience]).ID
				<-reached
				stop()
				m, err := service.Mailing(t.Context(), w.link(t), id)
				if err != nil || m.Collected || m.State != mailing.Running || m.Cursor == "" || m.Counts.Total != 200 {
					t.Fatalf("it stopped as %+v, %v", m, err)
				}
				w.mu.Lock()
				w.reading = nil
				w.reads = map[string]int{}
				w.mu.Unlock()
				service, worker, stop := w.work(t)
				defer stop()
				if err := worker.Tick(t.Context()); err != nil {
					t.Fatal(err)
				}
				m = w.end(t, service, id)
				if want := (mailing.Counts{Total: 450, Accepted: 448, NotSent: 1, Refused: 1}); m.State != mailing.Completed || m.Counts != want {
					t.Errorf("it ended as %+v", m)
				}
				w.once(t, m)
				w.everybody(t, service, m)
				w.readOnce(t, 3)
			})
		}
	}
}

// TestReportTooLarge: of a report with more rows than the org's API shows, nobody is mailed.
func TestReportTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.cut = true
	service, _, stop := w.work(t)
	defer stop()
	m := w.end(t, service, w.startTo(t, service, mailing.Report, report).ID)
	if m.State != mailing.Failed || m.ReasonCode != string(mailing.CodeReportTooLarge) || m.Counts.Total != 0 || w.posts != 0 {
		t.Errorf("it ended as %+v, after %d posts", m, w.posts)
	}
}
