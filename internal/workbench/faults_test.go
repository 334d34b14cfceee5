package workbench_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/twinspan/twinspan/internal/probe"
)

// A tester lets requests of a kind fail, sees one that did, and ends it.
func TestFaults(t *testing.T) {
	t.Parallel()
	b := signedIn(t)
	b.Open("/workbench/faults").Sees("every request is answered as it is").SeesNot("End all faults")
	b.Fill("Path", "services").Fill("Status", "5o3").Press("Set the fault").Sees("Error: A status is a number: 503.")
	if b.Status() != http.StatusBadRequest || b.Value("Status") != "5o3" || b.Value("Path") != "services" {
		t.Errorf("refused with %d, %q and %q stay", b.Status(), b.Value("Status"), b.Value("Path"))
	}
	b.Fill("Status", "503").Press("Set the fault").Sees("Error: A path begins with / or *")
	for label, c := range map[string]struct{ value, reason string }{
		"Delay": {"soon", "A delay is written as 2s"}, "Share of the requests": {"half", "A share is a number"}, "Times": {"twice", "That is no whole number."},
	} {
		b.Open("/workbench/faults").Fill(label, c.value).Press("Set the fault").Sees("Error: " + c.reason)
	}
	b.Open("/workbench/faults").Press("Set the fault").Sees("Say what goes wrong")
	b.asks("crm", "GET", "/services/data/v65.0/query?q=1", "", "", 200)
	b.Open("/workbench/requests/1").Click("Set a fault for requests like this")
	if b.Value("House") != "crm" || b.Value("Path") != "/services/data/v65.0/query" {
		t.Errorf("the form has %q %q", b.Value("House"), b.Value("Path"))
	}
	b.Fill("Status", "503").Fill("Delay", "1ms").Fill("Share of the requests", "1").Fill("Times", "3").Press("Set the fault")
	b.Sees("The fault is set.", "a delay of 1ms, then status 503", "Org /services/data/v65.0/query", "every one, 3 times", "0 of 0")
	b.Choose("House", "Connect").Fill("Grant", "password").Choose("Connection", "Breaks when it is done").Fill("Share of the requests", "0.5").Press("Set the fault")
	b.Sees("the connection breaks after", "Connect, grant password", "0.5 of them")
	w := httptest.NewRecorder()
	b.seen.Wrap("crm", b.faulty.Wrap("crm", http.NotFoundHandler())).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/services/data/v65.0/query", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get(probe.FaultHeader) != "1" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	b.Open("/workbench/requests?status=failed").Sees("503").Click("GET /services/data/v65.0/query").Click("fault 1 was put in its way").Sees("1 of 1")
	b.PressIn("/services/data", "End").Sees("The fault is ended.", "Connect, grant password").SeesNot("status 503")
	b.Choose("House", "Org").Fill("Status", "429").Press("Set the fault").Press("End all faults").Sees("All faults are ended.", "every request is answered as it is")
	if len(b.faulty.List()) != 0 {
		t.Errorf("%+v", b.faulty.List())
	}
}
