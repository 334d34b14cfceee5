package send_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestMessageKey(t *testing.T) {
	t.Parallel()
	base := send.MessageKey("p", "Welcome", "003000000000001", "key:1")
	if send.CheckMessageKey(base) != nil {
		t.Errorf("%q is no message key", base)
	}
	if send.MessageKey("p", "welcome", "003000000000001", "key:1") != base {
		t.Error("letter case of the definition makes another send")
	}
	seen := map[string]bool{base: true}
	for _, parts := range [][4]string{
		{"q", "welcome", "003000000000001", "key:1"},
		{"p", "other", "003000000000001", "key:1"},
		{"p", "welcome", "003000000000002", "key:1"},
		{"p", "welcome", "003000000000001", "key:2"},
		{"p", "welcome", "003000000000001k", "ey:1"},
		{"pw", "elcome", "003000000000001", "key:1"},
		{"p", "welcome", "003000000000001", "at:1"},
	} {
		key := send.MessageKey(parts[0], parts[1], parts[2], parts[3])
		if seen[key] {
			t.Errorf("%v has another's key", parts)
		}
		seen[key] = true
	}
	for _, bad := range []string{"", base[:39], base + "0", strings.ToUpper(base), strings.Repeat("g", 40)} {
		if bad != base && fault.CodeOf(send.CheckMessageKey(bad)) != send.CodeNotFound {
			t.Errorf("%q is a message key", bad)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("003000000000001AAA", "welcome", "k")
	f.Add("003000000000001", "é welcome", "")
	f.Add("003/../../../etc/p", "a\r\nb", "x")
	f.Fuzz(func(t *testing.T, contact, definition, key string) {
		r := send.Request{ContactID: contact, DefinitionKey: definition, IdempotencyKey: key}
		if err := r.Check(); err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		if strings.ContainsAny(contact, "/?#%.& ") || strings.ContainsAny(definition, "\r\n\x00") {
			t.Fatalf("%q %q passed", contact, definition)
		}
		if err := send.CheckMessageKey(send.MessageKey("p", definition, contact[:15], key)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestMailable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contact send.Contact
		code    fault.Code
	}{
		"whole": {send.Contact{Email: "a@b.example"}, ""}, "no email": {send.Contact{}, send.CodeNoEmail}, "blank": {send.Contact{Email: " "}, send.CodeNoEmail},
		"opted out": {send.Contact{Email: "a@b.example", OptedOut: true}, send.CodeOptedOut}, "opted out without": {send.Contact{OptedOut: true}, send.CodeOptedOut},
	} {
		var code fault.Code
		if err := c.contact.Mailable(); err != nil {
			code = err.Code
		}
		if code != c.code {
			t.Errorf("%s: %q", name, code)
		}
	}
}
