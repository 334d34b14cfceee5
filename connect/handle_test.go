package connect_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
)

// checked looks through all mappings and gives the numbers.
func (w *world) checked(t *testing.T) (looked, given, moved, cleared int) {
	t.Helper()
	status, a := w.call(t, "/api/v1/users/check", "", map[string]any{})
	if status != 200 {
		t.Fatalf("checking: %d %v", status, a)
	}
	number := func(name string) int { return int(a[name].(float64)) }
	return number("looked"), number("given"), number("moved"), len(a["cleared"].([]any))
}

func (w *world) wantChecked(t *testing.T, looked, given, moved, cleared int) {
	t.Helper()
	a, b, c, d := w.checked(t)
	if a != looked || b != given || c != moved || d != cleared {
		t.Fatalf("looked at %d, gave %d, moved %d, cleared %d; want %d, %d, %d, %d", a, b, c, d, looked, given, moved, cleared)
	}
}

// TestHandle: what the org can do to a mapping below package 5.493, and what from there on.
func TestHandle(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.org.Install(5, 400)
		w.connectBoth(t)
		w.wantCall(t, "/api/v1/status", "", nil, 200, "org.package_version", "5.400")
		w.mapUser(t, ann, annMC)
		w.mapUser(t, bob, bobMC)
		handle := w.org.Field(ann.ID)
		if len(handle) != 40 || handle == w.org.Field(bob.ID) {
			t.Fatalf("the fields hold %q and %q", handle, w.org.Field(bob.ID))
		}
		w.wantChecked(t, 2, 0, 0, 0)

		// Who sees asterisks knows that there is something, not what.
		w.org.Mask(true)
		w.org.SetField(ann.ID, strings.Repeat("x", 40))
		w.wantChecked(t, 2, 0, 0, 0)
		w.org.Mask(false)
		w.org.SetField(ann.ID, handle)

		// An org that does not answer leaves everything as it is.
		w.org.Before(func(rw http.ResponseWriter, _ *http.Request) bool {
			linktest.Answer(rw, http.StatusServiceUnavailable, []any{})
			return true
		})
		w.org.SetField(ann.ID, "")
		w.wantCall(t, "/api/v1/users/check", "", map[string]any{}, 502, "error.cloud", "")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 502, "error.cloud", "")
		w.wantCall(t, "/api/v1/users/clear", "", map[string]any{"users": []string{bob.Username}, "reason": "r"}, 200, "next", "")
		w.wantUsers(t, "", ann.Username, "mapped", bob.Username, "mapped")
		w.org.Before(nil)

		// A tenant that does not answer keeps the mapping too: its grant would be nobody's.
		w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodDelete {
				linktest.Answer(rw, http.StatusServiceUnavailable, map[string]any{})
			}
			return r.Method == http.MethodDelete
		})
		w.wantCall(t, "/api/v1/users/check", "", map[string]any{}, 502, "error.cloud", "")
		w.wantUsers(t, "", ann.Username, "mapped", bob.Username, "mapped")
		w.tenant.Before(nil)
		w.wantChecked(t, 2, 0, 0, 1)
		if w.tenant.Granted(annMC.Username) {
			t.Fatal("the grant outlived the mapping")
		}
		w.wantUsers(t, "", ann.Username, "cleared", bob.Username, "mapped")

		// Blanked while the user signs in once more: the old mapping is on record, and his new grant stays.
		tab := w.url + "/marketing-cloud"
		ask := func(b *browser.Browser) *browser.Page {
			t.Helper()
			page, err := b.Visit(t.Context(), tab, browser.Errand{Logins: map[string]browser.Credentials{w.org.URL: {Username: ann.Username, Password: ann.Password}}})
			if err != nil {
				t.Fatal(err)
			}
			return page
		}
		first, second := browser.New(nil), browser.New(nil)
		button := ask(first)
		wantPage(t, w.visit(t, second, tab, ann, annMC), 200, "Connected as ann.mc.")
		w.org.SetField(ann.ID, "")
		form := button.Forms[0]
		login, err := first.Send(t.Context(), form, nil, form.Button("Connect to Marketing Cloud"))
		if err != nil {
			t.Fatal(err)
		}
		in := login.Forms[0]
		page, err := first.Send(t.Context(), in, url.Values{in.Username().Name: {annMC.Username}, in.Password().Name: {annMC.Password}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Connect as this user?")
		if page, err = first.Send(t.Context(), page.Forms[1], nil, page.Forms[1].Button("Yes, connect me")); err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Connected as ann.mc.")
		w.wantUsers(t, "", ann.Username, "mapped", bob.Username, "mapped")
		b := first

		// Past 5.493 what stands in the field is taken away, and nobody is asked.
		w.org.Install(5, 493)
		w.wantChecked(t, 2, 0, 2, 0)
		if w.org.Field(ann.ID)+w.org.Field(bob.ID) != "" {
			t.Fatal("handles are left in the fields")
		}
		w.wantChecked(t, 0, 0, 0, 0)
		page, err = b.Open(t.Context(), tab)
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Connected as ann.mc.")
		w.org.SetField(ann.ID, "somebody's own note")
		w.wantCall(t, "/api/v1/users/clear", "", map[string]any{"users": []string{ann.Username}, "reason": "r"}, 200, "next", "")
		if w.org.Field(ann.ID) != "somebody's own note" {
			t.Error("clearing touched a field that is not Connect's any more")
		}
		w.noSecrets(t)
	})
}

// TestHandleComesLater: a mapping made while the org could not be asked gets its handle by the next look; a package that
// goes takes the fields with it and no mapping.
func TestHandleComesLater(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t) // without a package
		w.mapUser(t, ann, annMC)
		w.wantChecked(t, 0, 0, 0, 0)
		w.org.Install(5, 400)
		w.wantChecked(t, 1, 1, 0, 0)
		if len(w.org.Field(ann.ID)) != 40 {
			t.Fatalf("the field holds %q", w.org.Field(ann.ID))
		}
		w.org.Install(0, 0)
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")
		w.wantChecked(t, 0, 0, 0, 0)
		w.wantUsers(t, "", ann.Username, "mapped")
	})
}

// TestVersionFiveOnly: document 000 applies to version 5 and newer.
//
// seed:api S000-06
func TestVersionFiveOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.org.Install(4, 0)
		w.connectBoth(t)
		wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", ann, annMC), 403, "Mappings need version 5 or newer")
		w.wantUsers(t, "")
		if w.tenant.Granted(annMC.Username) {
			t.Fatal("a grant is left that nobody sees")
		}
	})
}
