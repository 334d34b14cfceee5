package browser_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/fault"
)

// site is a login page, a consent page and a home page behind a cookie, as the clouds have them.
func site(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { loginPage(w, "") })
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("csrf") != "t&1" || r.Header.Get("Origin") == "" {
			http.Error(w, "forged", http.StatusForbidden)
			return
		}
		if r.PostFormValue("username") != "ann" || r.PostFormValue("pw") != "p w+" {
			loginPage(w, "Please check your username and password.")
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1", Path: "/", HttpOnly: true})
		http.Redirect(w, r, "/consent", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /consent", func(w http.ResponseWriter, r *http.Request) {
		page(w, `<form method="post"><input type="hidden" name="state" value="x">
			<button name="answer" value="no">Deny</button><button name="answer" value="yes"> Allow </button></form>`)
	})
	mux.HandleFunc("POST /consent", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/home?answer="+r.PostFormValue("answer"), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /home", func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("sid"); err != nil || c.Value != "s1" {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		page(w, "<p>connected,  answer "+r.FormValue("answer")+"</p><script>never()</script>")
	})
	mux.HandleFunc("GET /ask", func(w http.ResponseWriter, r *http.Request) { page(w, `<form><button>Allow</button></form>`) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func page(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><title> A  page </title>%s", body)
}

func loginPage(w http.ResponseWriter, msg string) {
	page(w, "<p>"+msg+`</p><form method="POST" action="login"><input type="hidden" name="csrf" value="t&amp;1">
		<label>User <input name="username" autocomplete="username"></label><input type="password" name="pw">
		<input type="checkbox" name="remember"><input type="submit" value="Log In"></form>`)
}

func TestVisitLogsInAndConsents(t *testing.T) {
	t.Parallel()
	ctx, srv := bounded(t), site(t)
	b := browser.New(nil)
	errand := browser.Errand{Logins: map[string]browser.Credentials{srv.URL: {Username: "ann", Password: "p w+"}}, Press: []string{"allow"}}
	p, err := b.Visit(ctx, srv.URL+"/home", errand)
	if err != nil {
		t.Fatal(err)
	}
	if p.Text != "connected, answer yes" || p.Title != "A page" || p.Status != 200 {
		t.Errorf("ended at %s with %d %q %q", p.URL, p.Status, p.Title, p.Text)
	}
	if b.Sent() != 2 || b.Forms[srv.URL] != 2 {
		t.Errorf("sent %v, want a login and a consent", b.Forms)
	}
	if _, err = b.Visit(ctx, srv.URL+"/home", browser.Errand{}); err != nil {
		t.Errorf("the second visit: %v", err)
	}
	if b.Sent() != 2 {
		t.Errorf("the second visit sent a form: %v", b.Forms)
	}
}

func TestVisitSaysWhyItStops(t *testing.T) {
	t.Parallel()
	srv := site(t)
	for name, c := range map[string]struct {
		path   string
		errand browser.Errand
		code   fault.Code
		text   string
	}{
		"wrong password": {"/login", browser.Errand{Logins: map[string]browser.Credentials{srv.URL: {Username: "ann", Password: "no"}}}, browser.CodeLoginRefused, "check your username"},
		"no password":    {"/login", browser.Errand{}, browser.CodeNoCredentials, srv.URL},
		"endless":        {"/ask", browser.Errand{Press: []string{"Allow"}}, browser.CodeEndless, "/ask"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := browser.New(nil).Visit(bounded(t), srv.URL+c.path, c.errand)
			if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %s with %q", err, c.code, c.text)
			}
			if err != nil && strings.Contains(err.Error(), "p w+") {
				t.Error("the password is in the error")
			}
		})
	}
}

func TestFormSendsWhatABrowserWould(t *testing.T) {
	t.Parallel()
	var got url.Values
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		page(w, `<form action="/take?old=1" method="get"><input name="a" value="1"><input name="off" disabled value="x">
			<input type="checkbox" name="c1" checked><input type="checkbox" name="c2" value="y"><textarea name="t">some
text</textarea><select name="s"><option>one<option selected value="2">two</select><input type="file" name="f">
			<input type="reset" name="r" value="r"><button name="b" value="first">First</button><button name="b" value="second">Second</button></form>`)
	})
	mux.HandleFunc("GET /take", func(w http.ResponseWriter, r *http.Request) { got = r.URL.Query() })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	ctx, b := bounded(t), browser.New(nil)
	for _, c := range []struct {
		values url.Values
		button string
		want   string
	}{
		{nil, "", "a=1&b=first&c1=on&s=2&t=some%0Atext"},
		{url.Values{"a": {"å"}, "c2": {"y"}}, "Second", "a=%C3%A5&b=second&c1=on&c2=y&s=2&t=some%0Atext"},
	} {
		p, err := b.Open(ctx, srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Send(ctx, p.Forms[0], c.values, p.Forms[0].Button(c.button)); err != nil {
			t.Fatal(err)
		}
		if got.Encode() != c.want {
			t.Errorf("sent %s, want %s", got.Encode(), c.want)
		}
	}
	p, err := b.Open(ctx, srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Send(ctx, p.Forms[0], url.Values{"nosuch": {"1"}}, nil); err == nil {
		t.Error("a field that the form lacks was sent")
	}
}

func TestErrorsKeepQueriesOut(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	_, err := browser.New(nil).Open(bounded(t), srv.URL+"/callback?code=s3cret")
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "/callback") {
		t.Errorf("got %v, want an error with the path and without the query", err)
	}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// A browser that is to stop at an address takes what it was to be told, and does not go there.
func TestStopAt(t *testing.T) {
	t.Parallel()
	went := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/callback":
			went = true
		case "/new-password":
			page(w, `<form method="post" action="/new-password"><input name="username"><input type="password" name="password"><input type="password" name="new_password"></form>`)
		default:
			http.Redirect(w, r, "/callback?code=c", http.StatusFound)
		}
	}))
	t.Cleanup(srv.Close)
	b := browser.New(nil)
	b.StopAt(srv.URL + "/callback")
	p, err := b.Open(t.Context(), srv.URL+"/go")
	if err != nil || p.URL.Query().Get("code") != "c" || went {
		t.Fatalf("%+v, %v, went %v", p, err, went)
	}
	// A form that comes back for a new password is no refusal of the one that there is.
	_, err = b.Visit(t.Context(), srv.URL+"/new-password", browser.Errand{Logins: map[string]browser.Credentials{srv.URL: {Username: "ann", Password: "x"}}})
	if fault.CodeOf(err) != browser.CodeNewPassword {
		t.Fatalf("a new password is wanted: %v", err)
	}
}
