package browser

import (
	"bytes"
	"net/url"
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add("text/html", []byte(`<title>x</title><form method=post action="//b/c?d"><input type=password name=p><button>Go</button></form>`))
	f.Add("text/html; charset=utf-8", bytes.Repeat([]byte("<div>"), 600))
	f.Add("text/plain", []byte("<form>"))
	f.Add("", []byte("<select name=s><option>1<option selected>2</select><textarea>"))
	at, err := url.Parse("http://127.0.0.1:1/a/b")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, contentType string, data []byte) {
		p, err := parse(at, 200, contentType, bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, form := range p.Forms {
			if form.Action == nil || form.Method == "" {
				t.Fatalf("a form without target: %+v", form)
			}
			if _, err := form.encode(nil, nil); err != nil {
				t.Fatalf("a form cannot be sent as it stands: %v", err)
			}
		}
	})
}
