package connect_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
)

// renamed stands before the test org as one in which the package's things are called otherwise: the namespace is acme, the
// field of the token Handle__c. Whoever uses the vendor's names there is counted.
func renamed(t *testing.T, org string) (proxy string, vendors *atomic.Int64) {
	t.Helper()
	to, err := url.Parse(org)
	if err != nil {
		t.Fatal(err)
	}
	vendors = &atomic.Int64{}
	inward := strings.NewReplacer("acme__Handle__c", "et4ae5__ExactTarget_OAuth_Token__c", "acme__", "et4ae5__")
	outward := strings.NewReplacer("et4ae5__ExactTarget_OAuth_Token__c", "acme__Handle__c", "et4ae5", "acme")
	p := httputil.NewSingleHostReverseProxy(to)
	p.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body = []byte(outward.Replace(string(body)))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if strings.Contains(r.URL.RawQuery+string(body), "et4ae5") {
			vendors.Add(1)
		}
		r.URL.RawQuery = inward.Replace(r.URL.RawQuery)
		body = []byte(inward.Replace(string(body)))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, vendors
}

// What the package's things are called is a setting of the connection, and nothing in Connect knows better: under another
// namespace, with another field, a mapping leaves its handle and is cleared by it.
func TestOtherNames(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var vendors *atomic.Int64
		w.org.URL, vendors = renamed(t, w.org.URL)
		w.put(t, linktest.Pair, apiToken)
		w.org.Install(5, 400)
		const settings = "/api/v1/connection/settings"
		for key, value := range map[string]string{
			"namespace": "x' OR Name LIKE '%", "token_field": "Handle__c FROM User--", "user_box": "Box", "approval_set": "two\nlines", "nonsense": "x",
		} {
			field := "names." + key
			if key == "nonsense" {
				field = "names"
			}
			w.wantCall(t, settings, "", map[string]any{"names": map[string]any{key: value}}, 400, "error.field", field)
		}
		w.wantCall(t, settings, "", nil, 200, "names.namespace", "et4ae5")
		w.wantCall(t, settings, "", map[string]any{"by": "olga", "names": map[string]any{
			"namespace": "acme", "token_field": "Handle__c", "token_label": "Bridge Handle", "connected_app": "Our Bridge", "approval_set": "Our Bridge Users",
		}}, 200, "names.namespace", "acme")
		w.connectBoth(t)
		s := w.wantCall(t, "/api/v1/status", "", nil, 200, "org.package_version", "5.400")
		if linktest.Text(s, "org.connected_app") != "Our Bridge" {
			t.Errorf("the app is %q", linktest.Text(s, "org.connected_app"))
		}
		w.org.EnableUnits(linktest.EID)
		w.mapUser(t, ann, annMC)
		if len(w.org.Field(ann.ID)) != 40 {
			t.Errorf("the field holds %q", w.org.Field(ann.ID))
		}
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "token_store", "user_field")
		w.org.SetField(ann.ID, "")
		w.wantCall(t, "/api/v1/users/check", "", map[string]any{}, 200, "package_version", "5.400")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "reason", "Bridge Handle was blanked on the Salesforce user.")
		w.org.Copy("00D000000000007EAA")
		if text := linktest.Text(w.wantCall(t, "/api/v1/status/check", "", map[string]any{}, 200, "org.cause.code", "connection_copied"), "org.cause.message"); !strings.Contains(text, "acme.SupportUtilities.resetConfiguration();") {
			t.Errorf("a copy: %s", text)
		}
		w.org.Copy("")
		if n := vendors.Load(); n != 0 {
			t.Errorf("%d calls named the vendor's namespace", n)
		}
		// Kept on record, over a new start of the program too, and taken back.
		w.put(t, linktest.Pair, apiToken)
		w.wantCall(t, settings, "", nil, 200, "names.connected_app", "Our Bridge")
		w.wantCall(t, settings, "", map[string]any{"names": map[string]any{"namespace": "", "connected_app": ""}}, 200, "names.namespace", "et4ae5")
		w.wantCall(t, settings, "", nil, 200, "names.connected_app", "Salesforce Marketing Cloud")
		w.wantCall(t, settings, "", nil, 200, "names.token_label", "Bridge Handle")
	})
}
