package tenant_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

func values(known map[string]string) func(string) string {
	return func(name string) string { return known[name] }
}

func TestPersonalisation(t *testing.T) {
	t.Parallel()
	known := values(map[string]string{"first name": "Ada", "html": `<b>"x"</b>`, "evil": "a\r\nBcc: b@example.com\x00", "nested": "%%First Name%%", "größe": "1,80"})
	for name, c := range map[string]struct{ in, want string }{
		"plain":                {"Hello", "Hello"},
		"one":                  {"Hello %%First Name%%!", "Hello Ada!"},
		"any case and blanks":  {"%%FIRST NAME%% %% first name %%", "Ada Ada"},
		"unknown is nothing":   {"[%%Nobody%%]", "[]"},
		"side by side":         {"%%First Name%%%%First Name%%", "AdaAda"},
		"percent signs stay":   {"100%% wool, 50%% silk", "100%% wool, 50%% silk"},
		"unclosed":             {"Hello %%First Name", "Hello %%First Name"},
		"values are no text":   {"%%nested%%", "%%First Name%%"},
		"letters of all kinds": {"%%Größe%%", "1,80"},
		"too far apart":        {"%%" + strings.Repeat("a", 200) + "%%", "%%" + strings.Repeat("a", 200) + "%%"},
		"empty name":           {"a%%%%b", "a%%%%b"},
	} {
		got := tenant.Email{Text: c.in}.Render(known)
		if got.Text != c.want {
			t.Errorf("%s: %q, want %q", name, got.Text, c.want)
		}
	}
	got := tenant.Email{Subject: "Hi %%evil%%", HTML: "<p>%%html%%</p>", Text: "%%html%%"}.Render(known)
	if got.Subject != "Hi a  Bcc: b@example.com " {
		t.Errorf("subject %q", got.Subject)
	}
	if got.HTML != "<p>&lt;b&gt;&#34;x&#34;&lt;/b&gt;</p>" || got.Text != `<b>"x"</b>` {
		t.Errorf("HTML %q, text %q", got.HTML, got.Text)
	}
}

func TestPreHeaderIsHiddenInTheBody(t *testing.T) {
	t.Parallel()
	got := tenant.Email{HTML: `<html><BODY class="x"><p>Hi</p></BODY></html>`, PreHeader: "A <peek>"}.Render(values(nil))
	want := `<html><BODY class="x"><div style="display:none;max-height:0;overflow:hidden">A &lt;peek&gt;</div><p>Hi</p></BODY></html>`
	if got.HTML != want {
		t.Errorf("%s", got.HTML)
	}
	if got := (tenant.Email{HTML: "Hi", PreHeader: "A"}).Render(values(nil)); !strings.HasSuffix(got.HTML, "</div>Hi") {
		t.Errorf("%s", got.HTML)
	}
	if got := (tenant.Email{Text: "Hi", PreHeader: "A"}).Render(values(nil)); got.HTML != "" {
		t.Errorf("a text email got HTML: %s", got.HTML)
	}
}

func TestEmailsThatCannotBeStored(t *testing.T) {
	t.Parallel()
	good := tenant.Email{CustomerKey: "k", Name: "n", Subject: "s", HTML: "<p>x</p>"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*tenant.Email){
		"CustomerKey": func(e *tenant.Email) { e.CustomerKey = strings.Repeat("k", tenant.MaxKey+1) },
		"Name":        func(e *tenant.Email) { e.Name = "" },
		"Subject":     func(e *tenant.Email) { e.Subject = "a\nBcc: x" },
		"HTMLBody":    func(e *tenant.Email) { e.HTML = "" },
		"TextBody":    func(e *tenant.Email) { e.Text = "%%[ SET @a = 1 ]%%" },
		"PreHeader":   func(e *tenant.Email) { e.PreHeader = "\xff" },
	} {
		e := good
		change(&e)
		if f := fault.Of(e.Validate()); f == nil || f.Field != field {
			t.Errorf("%s: %v", field, f)
		}
	}
	e := good
	e.HTML = strings.Repeat("x", tenant.MaxEmailBody+1)
	if fault.KindOf(e.Validate()) != fault.TooLarge {
		t.Error("a body over the limit is taken")
	}
}

// Program text would be sent as it stands, however its tag is spelled and wherever it stands; what browsers run is no
// business of the server.
func TestServerScriptIsRefusedInAnySpelling(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{
		`<script runat="server">Platform.Load("Core","1")</script>`:       true,
		`<SCRIPT  RUNAT='Server'>x</SCRIPT>`:                              true,
		`<script runat=server>x</script>`:                                 true,
		`<script language="ampscript" runat="server">set @a = 1</script>`: true,
		"<script\nlanguage='javascript'\trunat = \"server\" >x</script>":  true,
		`<script/runat="&#115;erver">x</script>`:                          true,
		`<!-- <script runat=server>x</script> -->`:                        true,
		`<title><script runat=server>x</script></title>`:                  true,
		`<script a="<script>" runat=server>x</script>`:                    true,
		`<script x="` + "<script runat=server>x</script>":                 true, // a quote that never ends
		`<script a="` + strings.Repeat("x", 5000) + `" runat="server">`:   true,
		`%%[ set @a = 1 ]%% `:                                             true,
		`%%=v(@a)=%%`:                                                     true,
		`<script>alert(1)</script>`:                                       false,
		`<script type="application/ld+json">{"runat":"server"}</script>`:  false,
		`<scripted runat="server">x</scripted>`:                           false,
		`<p runat="server">The tag &lt;script runat=server&gt;</p>`:       false,
		`<script runat="client">x</script>`:                               false,
	} {
		e := tenant.Email{CustomerKey: "k", Name: "n", Subject: "s", HTML: text}
		if err := e.Validate(); (fault.CodeOf(err) == tenant.CodeUnsupportedContent) != refused || err != nil && !refused {
			t.Errorf("%.60s: %v", text, err)
		}
	}
	// A body of nothing but beginnings costs no more than its length allows.
	e := tenant.Email{CustomerKey: "k", Name: "n", Subject: "s", HTML: strings.Repeat("<script ", tenant.MaxEmailBody/8)}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	e.HTML = e.HTML[:len(e.HTML)-8] + "runat"
	if err := e.Validate(); fault.CodeOf(err) != tenant.CodeUnsupportedContent {
		t.Error(err)
	}
}

func FuzzRender(f *testing.F) {
	for _, seed := range []string{"Hello %%First Name%%", "%%%%", "100%% of 50%%", "%%a%%%%b", "%% %%", "\xff%%x%%"} {
		f.Add(seed, "Ada")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		got := tenant.Email{Subject: text, Text: text, HTML: text}.Render(func(name string) string {
			if name != strings.ToLower(strings.TrimSpace(name)) || name == "" {
				t.Errorf("asked for %q", name)
			}
			return value
		})
		if strings.ContainsAny(got.Subject, "\r\n\x00") {
			t.Errorf("subject %q", got.Subject)
		}
		if !strings.Contains(text, "%%") && got.Text != text {
			t.Errorf("%q became %q", text, got.Text)
		}
	})
}
