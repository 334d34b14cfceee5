package cli

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/crm"
)

// TestARefusedPasswordIsNotTriedAgain: the password that was refused is known again, another user's or another one is not, and what
// is no refusal of a password is not remembered; the file tells nobody the password.
func TestARefusedPasswordIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	org := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body><soapenv:Fault><faultcode>INVALID_LOGIN</faultcode>` +
			`<faultstring>INVALID_LOGIN: Invalid username, password, security token; or user locked out.</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>`))
	}))
	t.Cleanup(org.Close)
	c, err := crm.New(crm.Options{BaseURL: org.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, wrong := c.Login(t.Context(), "olga@org", "Secret-1")
	olga := twinspan.Login{Username: "olga@org", Password: "Secret-1", SecurityToken: "tok"}
	path, now := refusedPath(filepath.Join(t.TempDir(), "ready.json")), time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	remember := func(err error) {
		t.Helper()
		if err := rememberRefused(path, org.URL, olga, err, now); err != nil {
			t.Fatal(err)
		}
	}
	known := func(l twinspan.Login) bool {
		at, before := refusedBefore(path, org.URL, l)
		return before && at.Equal(now)
	}
	if remember(errors.New("no answer")); known(olga) {
		t.Error("what is no refusal is remembered")
	}
	remember(wrong)
	another, other := olga, olga
	another.Password, other.Username = "Secret-2", "otto@org"
	if !known(olga) || known(another) || known(other) {
		t.Errorf("refused by %v: %v, another password %v, another user %v", wrong, known(olga), known(another), known(other))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if remember(nil); known(olga) {
		t.Error("who is let in is still taken for refused")
	}
}
