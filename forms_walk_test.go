package twinspan_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/ui/uitest"
)

// record matches what tells one record of a kind of page from another, as test/browser/kinds.mjs does.
var record = regexp.MustCompile(`/[A-Za-z0-9._-]*\d[A-Za-z0-9._-]*`)

// pageKind is an address without what tells one record from another.
func pageKind(u *url.URL) string {
	return record.ReplaceAllStringFunc(u.Path, func(part string) string {
		if len(part) < 7 && strings.Trim(part[1:], "0123456789") != "" {
			return part
		}
		return "/{id}"
	}) + strings.Join(slices.Sorted(maps.Keys(u.Query())), "?")
}

// Forms that the walk does not send: they would end what it walks in, or make much of it.
var notSent = regexp.MustCompile(`logout|sign-?out|/workbench/pairs|/unit$|/disconnect$`)

// formsOf are the forms of all kinds of pages that links lead to from where the person is, by whom they are told apart.
func formsOf(t *testing.T, who *uitest.Person) map[string]uitest.Form {
	t.Helper()
	begin, err := url.Parse(who.At())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uitest.Form{}
	known, ways := map[string]bool{pageKind(begin): true}, []*url.URL{begin}
	for len(ways) > 0 {
		at := ways[0]
		ways = ways[1:]
		if who.Open(at.String()); who.Status() != http.StatusOK || !strings.Contains(who.Header().Get("Content-Type"), "text/html") {
			continue
		}
		for _, f := range who.Forms() {
			to, err := url.Parse(f.Action)
			if err != nil || to.Host != begin.Host || notSent.MatchString(to.Path) || f.Uploads || len(f.Texts)+len(f.Passwords)+len(f.Lists) == 0 {
				continue
			}
			names := slices.Sorted(maps.Keys(f.Values))
			out[pageKind(to)+" "+f.Button+" "+strings.Join(names, ",")] = f
		}
		for _, to := range who.Links() {
			if kind := pageKind(to); to.Host == begin.Host && !known[kind] && !regexp.MustCompile(`logout|\.(csv|json|txt|pem)$|/download|/html$`).MatchString(to.Path) {
				known[kind] = true
				ways = append(ways, to)
			}
		}
	}
	return out
}

// TestFormsKeepWhatWasTyped sends each form of each page with nothing, with far too much and with nonsense in each of its
// fields. What is refused is kept in the form, and the reason stands beside the field or is announced; nothing is an error of
// the server's.
func TestFormsKeepWhatWasTyped(t *testing.T) {
	t.Parallel()
	conf := freePorts("")
	conf.Ephemeral = true
	p := start(t, conf)
	r := p.Ready()
	houses := []struct {
		name string
		who  *uitest.Person
		in   func(who *uitest.Person)
	}{
		{"org", uitest.New(t, r.CRM.URL), func(who *uitest.Person) {
			who.Open("/login").Fill("Username", r.CRM.Admin.Username).Fill("Password", r.CRM.Admin.Password).Press("Log In").Open("/setup")
		}},
		{"tenant", uitest.New(t, strings.TrimSuffix(r.Engagement.AuthURL, "/")), func(who *uitest.Person) {
			who.Open("/").Fill("User name", r.Engagement.Admin.Username).Fill("Password", r.Engagement.Admin.Password).Press("Login").Open("/cloud")
		}},
		{"Connect", uitest.New(t, r.Connect.URL), func(who *uitest.Person) {
			link, err := p.ConsoleLink(bounded(t))
			if err != nil {
				t.Fatal(err)
			}
			who.Open(link).Press("Open the console")
		}},
		{"workbench", uitest.New(t, r.Control.URL), func(who *uitest.Person) { who.Open(p.WorkbenchLink()).Press("Open the workbench") }},
	}
	for _, h := range houses { // one after the other: what is sent to one may be seen in another
		t.Run(h.name, func(t *testing.T) {
			h.in(h.who)
			forms := formsOf(t, h.who)
			sent, refused := 0, 0
			for _, key := range slices.Sorted(maps.Keys(forms)) {
				f := forms[key]
				for i, field := range slices.Concat(f.Texts, f.Passwords, f.Lists) {
					tries := map[string]string{"nonsense": `nonsense "<b>' \x; ☃💥`}
					if !slices.Contains(f.Lists, field) {
						tries["nothing"], tries["too much"] = "", strings.Repeat("long ", 1000)+"end"
					}
					if i == 0 { // what no form is read with
						tries["NUL"], tries["no UTF-8"] = "a\x00b", "\xff\xfe"
					}
					for what, value := range tries {
						values := maps.Clone(f.Values)
						values.Set(field, value)
						h.who.Sends(f, values)
						sent++
						status, reason := h.who.Status(), h.who.Refusal()
						if status >= 500 {
							t.Errorf("%s: %s in %s: %d %s", key, what, field, status, h.who.Text())
						}
						if status < 400 && reason == "" {
							continue
						}
						refused++
						if reason == "" {
							t.Errorf("%s: %s in %s is refused with %d and no reason beside a field or announced: %.300s", key, what, field, status, h.who.Text())
						}
						if what == "NUL" || what == "no UTF-8" {
							continue
						}
						for _, kept := range f.Texts {
							if now := values.Get(kept); now != "" && !h.who.Keeps(kept, now) {
								t.Errorf("%s: %s in %s is refused (%d, %.80q), and %s loses what was in it", key, what, field, status, reason, kept)
							}
						}
					}
				}
			}
			t.Logf("%d forms, sent %d times, refused %d times", len(forms), sent, refused)
			if len(forms) < 5 || refused == 0 {
				t.Error("the walk found next to nothing")
			}
			typedInVain(t, h.who, h.in, forms)
		})
	}
}

// typedInVain sends a form once nobody is signed in any more: what was typed stands on the page that says so, but for secrets, and is
// sent from there once he is signed in again.
func typedInVain(t *testing.T, who *uitest.Person, in func(*uitest.Person), forms map[string]uitest.Form) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(forms)) {
		f := forms[key]
		if f.Get || len(f.Texts) == 0 {
			continue
		}
		who.Forgets()
		values := maps.Clone(f.Values)
		values.Set(f.Texts[0], "kept <words>")
		values.Set("password", "of no concern")
		who.Sends(f, values).Sees("Nothing was saved", "What you typed", f.Texts[0], "kept <words>").SeesNot("of no concern")
		if who.Status() != http.StatusUnauthorized {
			t.Errorf("%s: %d", key, who.Status())
		}
		lapsed := who.Forms()
		at := slices.IndexFunc(lapsed, func(f uitest.Form) bool { return f.Button == "Send once more" })
		if at < 0 {
			t.Fatalf("%s: no way to send it once more: %s", key, who.Text())
		}
		if _, kept := lapsed[at].Values["password"]; kept {
			t.Errorf("%s: the password is kept", key)
		}
		way := "Sign in (in a new window)"
		if !strings.Contains(who.Text(), way) {
			way = "Log In (in a new window)"
		}
		if who.Click(way); who.Status() >= 400 {
			t.Errorf("%s: the way to sign in leads to %s, %d", key, who.At(), who.Status())
		}
		// Signed in again, in another window, he sends it from the first one; where forms are of a session he is asked first.
		in(who)
		who.Sends(lapsed[at], lapsed[at].Values)
		if strings.Contains(who.Text(), "Send this form once more?") {
			who.Sees("kept <words>").Press("Send once more")
		}
		if strings.Contains(who.Text(), "Your session has ended") || strings.Contains(who.Text(), "Send this form once more?") || who.Status() == http.StatusForbidden {
			t.Errorf("%s: sent once more, it is not taken: %d %s", key, who.Status(), who.Text())
		}
		if refused := who.Refusal(); refused != "" && !who.Keeps(f.Texts[0], "kept <words>") {
			t.Errorf("%s: it is refused (%s) and empty", key, refused)
		}
		return
	}
	t.Error("no form in which something is typed")
}
