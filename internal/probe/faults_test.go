package probe_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/probe"
)

var theHouses = []string{"crm", "engagement"}

// faulty is a server of a house with faults in its way, what it recorded, and how often the house was reached.
func faulty(t *testing.T) (*probe.Faults, *probe.Recorder, *httptest.Server, *atomic.Int64) {
	t.Helper()
	faults, rec, reached := probe.NewFaults(theHouses), probe.NewRecorder(20), new(atomic.Int64)
	srv := httptest.NewServer(rec.Wrap("crm", faults.Wrap("crm", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		w.Header().Set("Content-Type", "text/plain")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	}))))
	t.Cleanup(srv.Close)
	return faults, rec, srv, reached
}

// calls posts a body and gives the answer's status and body; 0 where there was none.
func calls(t *testing.T, srv *httptest.Server, path, kind, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.GetBody = nil // a client that could would try again where the connection broke
	res, err := srv.Client().Do(req)
	if err != nil {
		if !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func set(t *testing.T, f *probe.Faults, one probe.Fault) string {
	t.Helper()
	one, err := f.Set(one)
	if err != nil {
		t.Fatal(err)
	}
	return one.ID
}

func TestAStatusInTheHousesPlace(t *testing.T) {
	t.Parallel()
	faults, rec, srv, reached := faulty(t)
	id := set(t, faults, probe.Fault{House: "crm", Path: "/services/*/query*", Status: 503})
	if status, text := calls(t, srv, "/Services/data/v65.0/query?q=x", "application/json", `{"a":1}`); status != 503 || !strings.Contains(text, "fault "+id) || reached.Load() != 0 {
		t.Errorf("%d %s, reached %d", status, text, reached.Load())
	}
	if status, text := calls(t, srv, "/services/data", "text/plain", "b"); status != 200 || text != "b" {
		t.Errorf("another path: %d %s", status, text)
	}
	if list := rec.List(probe.Filter{}); len(list) != 2 || list[0].Fault != id || list[0].Status != 503 || list[0].ResponseHeader.Get(probe.FaultHeader) != id || list[0].RequestBody != `{"a":1}` || list[1].Fault != "" {
		t.Errorf("recorded %+v", list)
	}
	if one := faults.List()[0]; one.Matched != 1 || one.Struck != 1 {
		t.Errorf("%+v", one)
	}
	if err := faults.End(id); err != nil {
		t.Fatal(err)
	}
	if status, _ := calls(t, srv, "/services/data/v65.0/query", "text/plain", "b"); status != 200 || fault.CodeOf(faults.End(id)) != probe.CodeNoFault {
		t.Errorf("after its end: %d", status)
	}
}

func TestConnectionsThatBreak(t *testing.T) {
	t.Parallel()
	faults, rec, srv, reached := faulty(t)
	set(t, faults, probe.Fault{Path: "/before", Drop: probe.DropBefore})
	set(t, faults, probe.Fault{Path: "/after", Drop: probe.DropAfter})
	for i, path := range []string{"/before", "/after"} {
		if status, _ := calls(t, srv, path, "text/plain", "b"); status != 0 || reached.Load() != int64(i) {
			t.Errorf("%s: %d, reached %d", path, status, reached.Load())
		}
	}
	none, err := probe.ParseStatus("none")
	if err != nil {
		t.Fatal(err)
	}
	if list := rec.List(probe.Filter{Status: none}); len(list) != 2 {
		t.Errorf("recorded without an answer: %+v", list)
	}
	if n := faults.EndAll(); n != 2 || len(faults.List()) != 0 {
		t.Errorf("ended %d", n)
	}
}

func TestEveryFourthAndThreeTimes(t *testing.T) {
	t.Parallel()
	faults, _, srv, _ := faulty(t)
	set(t, faults, probe.Fault{Path: "/rate", Status: 429, Rate: 0.25})
	set(t, faults, probe.Fault{Path: "/times", Status: 500, Times: 2})
	var got []int
	for range 8 {
		status, _ := calls(t, srv, "/rate", "text/plain", "")
		got = append(got, status)
	}
	for i, status := range got {
		if want := map[bool]int{true: 429, false: 200}[i%4 == 3]; status != want {
			t.Errorf("request %d: %d, want %d", i+1, status, want)
		}
	}
	for i, want := range []int{500, 500, 200} {
		if status, _ := calls(t, srv, "/times", "text/plain", ""); status != want {
			t.Errorf("time %d: %d, want %d", i+1, status, want)
		}
	}
	if list := faults.List(); len(list) != 1 {
		t.Errorf("it happened as often as it was to, and stays: %+v", list)
	}
}

// A fault of one grant looks into the body, which reaches the house whole.
func TestOneGrantAlone(t *testing.T) {
	t.Parallel()
	faults, _, srv, _ := faulty(t)
	set(t, faults, probe.Fault{Grant: "client_credentials", Status: 400})
	const form, asJSON = "application/x-www-form-urlencoded", "application/json; charset=utf-8"
	long := `{"a":"` + strings.Repeat("x", 100<<10) + `"}`
	for name, c := range map[string]struct {
		kind, body string
		want       int
	}{
		"form":          {form, "client_id=a&grant_type=client_credentials", 400},
		"json":          {asJSON, `{"grant_type":"client_credentials","client_id":"a"}`, 400},
		"another grant": {form, "grant_type=refresh_token", 200},
		"no grant":      {asJSON, `{"a":1}`, 200},
		"no json":       {asJSON, `{"grant_type":`, 200},
		"no form":       {form, "grant_type=%zz", 200},
		"another type":  {"text/plain", "grant_type=client_credentials", 200},
		"too long":      {asJSON, long, 200},
		"nothing":       {form, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, text := calls(t, srv, "/v2/token", c.kind, c.body); status != c.want || status == 200 && text != c.body {
				t.Errorf("%d, %d bytes of %d came through", status, len(text), len(c.body))
			}
		})
	}
}

func TestADelay(t *testing.T) {
	t.Parallel()
	faults, _, srv, reached := faulty(t)
	id := set(t, faults, probe.Fault{Delay: 20 * time.Millisecond})
	start := time.Now()
	if status, text := calls(t, srv, "/", "text/plain", "late"); status != 200 || text != "late" || time.Since(start) < 20*time.Millisecond || reached.Load() != 1 {
		t.Errorf("%d %q after %s", status, text, time.Since(start))
	}
	if err := faults.End(id); err != nil {
		t.Fatal(err)
	}
	set(t, faults, probe.Fault{Delay: 40 * time.Second})
	impatient := &http.Client{Timeout: 50 * time.Millisecond}
	if _, err := impatient.Get(srv.URL); err == nil || reached.Load() != 1 { //nolint:bodyclose // there is none
		t.Errorf("who did not wait was answered, or what he asked was done: %v", err)
	}
}

func TestFaultsThatAreNone(t *testing.T) {
	t.Parallel()
	faults := probe.NewFaults(theHouses)
	for field, list := range map[string][]probe.Fault{
		"house":   {{House: "connect", Status: 500}},
		"path":    {{Path: "services", Status: 500}, {Path: "/" + strings.Repeat("x", 600), Status: 500}},
		"grant":   {{Grant: strings.Repeat("x", 600), Status: 500}},
		"status":  {{}, {Status: 200}, {Status: 600}, {Path: "/x", Times: 3}},
		"latency": {{Delay: -1}, {Delay: time.Hour}},
		"drop":    {{Drop: "now"}, {Drop: probe.DropAfter, Status: 500}},
		"rate":    {{Status: 500, Rate: 1.5}, {Status: 500, Rate: -1}},
		"times":   {{Status: 500, Times: -1}},
	} {
		for _, one := range list {
			if _, err := faults.Set(one); fault.CodeOf(err) != probe.CodeBadFault || fault.Of(err).Field != field {
				t.Errorf("%+v: %v, in %q", one, err, fault.Of(err).Field)
			}
		}
	}
	for range 100 {
		set(t, faults, probe.Fault{Status: 500})
	}
	if _, err := faults.Set(probe.Fault{Status: 500}); fault.CodeOf(err) != probe.CodeTooManyFaults {
		t.Errorf("the 101st: %v", err)
	}
	var none *probe.Faults
	w := httptest.NewRecorder()
	none.Wrap("crm", http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 404 {
		t.Error("a nil Faults is in the way")
	}
}
