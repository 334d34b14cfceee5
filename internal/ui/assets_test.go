package ui_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// get asks a house for what a page loads.
func get(t *testing.T, path, encoding string) *httptest.ResponseRecorder {
	t.Helper()
	mux := web.NewMux()
	ui.Mount(mux)
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	mux.ServeHTTP(w, r)
	return w
}

// loaded is the address and the integrity of an element of a page.
func loaded(doc *html.Node, element, at string) (href, integrity string) {
	walk(doc, func(n *html.Node) {
		if n.Type == html.ElementNode && n.Data == element {
			if sum, ok := attr(n, "integrity"); ok {
				href, _ = attr(n, at)
				integrity = sum
			}
		}
	})
	return href, integrity
}

func style(t *testing.T) string {
	t.Helper()
	_, doc := render(t, ui.Page{Title: "x"})
	href, _ := loaded(doc, "link", "href")
	return get(t, href, "").Body.String()
}

func sum(body []byte) string {
	s := sha256.Sum256(body)
	return "sha256-" + base64.StdEncoding.EncodeToString(s[:])
}

func TestPagesLoadTheirStyleSheet(t *testing.T) {
	t.Parallel()
	_, doc := render(t, ui.Page{Title: "x"})
	href, integrity := loaded(doc, "link", "href")
	plain, packed := get(t, href, ""), get(t, href, "br, gzip")
	if plain.Code != 200 || plain.Header().Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(plain.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %d, %v", href, plain.Code, plain.Header())
	}
	if got := sum(plain.Body.Bytes()); got != integrity {
		t.Errorf("the page loads %s, the house has %s", integrity, got)
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(unpacked, plain.Body.Bytes()) {
		t.Errorf("packed, the style sheet is another: %v", err)
	}
	if n := packed.Body.Len(); n > 30_000 {
		t.Errorf("the style sheet is %d bytes packed", n)
	}
	icons := regexp.MustCompile(`url\((/\.twinspan/[^)]*)\)`).FindAllStringSubmatch(plain.Body.String(), -1)
	if len(icons) == 0 {
		t.Error("no icons are used")
	}
	for _, m := range icons {
		if w := get(t, m[1], ""); w.Code != 200 || w.Header().Get("Content-Type") != "image/svg+xml" {
			t.Errorf("%s: %d, %s", m[1], w.Code, w.Header().Get("Content-Type"))
		}
	}
	if regexp.MustCompile(`@import|url\(["']?(https?:)?//`).MatchString(plain.Body.String()) {
		t.Error("the style sheet names another host")
	}
	if w := get(t, "/.twinspan/page.html", ""); w.Code != 404 {
		t.Errorf("what no page loads: %d", w.Code)
	}
}

// The style sheet is made by make look, which needs npm; this says when it has to be made again.
func TestStyleSheetIsOfTheseTemplates(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("slds/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var locked struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(lock, &locked); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("*.html")
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]bool{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range regexp.MustCompile(`\bslds-[\w-]+`).FindAllString(string(text), -1) {
			classes[c] = true
		}
	}
	inputs := []string{}
	for c := range classes {
		inputs = append(inputs, c)
	}
	slices.Sort(inputs)
	h := sha256.Sum256([]byte(strings.Join(append([]string{locked.Packages["node_modules/@salesforce-ux/design-system"].Version}, inputs...), "\n")))
	css, err := os.ReadFile("slds/slds.css")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(css), "Inputs "+hex.EncodeToString(h[:])) {
		t.Error("the templates use other classes than slds/slds.css was made for: run make look")
	}
}

func TestOnlyWhatMovesHasScript(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		block ui.Block
		moves bool
	}{
		"countdown":         {ui.Countdown{Label: "Outage", Now: now, Until: now.Add(2 * time.Hour)}, true},
		"countdown's end":   {ui.Countdown{Label: "Outage", Now: now, Until: now}, false},
		"live progress":     {ui.Progress{Label: "Upgrade", Done: 1, Total: 3, Live: "/events", Reload: "/upgrade"}, true},
		"progress of a day": {ui.Progress{Label: "Upgrade", Done: 1, Total: 3, Reload: "/upgrade"}, false},
		"text":              {ui.Text("x"), false},
	} {
		w, doc := render(t, ui.Page{Title: "x", Blocks: []ui.Block{c.block}})
		href, integrity := loaded(doc, "script", "src")
		policy := w.Header().Get("Content-Security-Policy")
		if (href != "") != c.moves || strings.Contains(policy, "script-src '"+integrity+"'; connect-src 'self'") != c.moves || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: script %q, policy %q", name, href, policy)
		}
		if c.moves && sum(get(t, href, "").Body.Bytes()) != integrity {
			t.Errorf("%s: the script is another than the page names", name)
		}
	}
}
