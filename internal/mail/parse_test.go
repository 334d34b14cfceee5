package mail

import (
	"strings"
	"testing"
)

const envelope = "Return-Path: <f@x>\r\nDelivered-To: a@x\r\nDelivered-To: b@x\r\nReceived: by localhost with ESMTP; Wed, 04 Mar 2026 05:06:07.123 +0000\r\n"

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, subject, plain, html string }{
		{"plain", "Subject: s\r\n\r\nbody\r\n", "s", "body\n", ""},
		{"latin-1", "Subject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n\xfc", "Grüße", "ü", ""},
		{"windows-1252, base64", "Content-Type: text/html; charset=windows-1252\r\nContent-Transfer-Encoding: base64\r\n\r\ngA==\r\n", "", "", "€"},
		{"quoted-printable", "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4=\r\nb", "", "äb", ""},
		{"unknown charset", "Subject: =?x-none?Q?abc?=\r\nContent-Type: text/plain; charset=x-none\r\n\r\nbody", "=?x-none?Q?abc?=", "body", ""},
		{"alternative", "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\np\r\n--b\r\nContent-Type: text/html\r\n\r\nh\r\n--b--\r\n", "", "p", "h"},
		{"attachment is no body", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nfile\r\n--b\r\nContent-Type: text/plain\r\n\r\np\r\n--b--\r\n", "", "p", ""},
		{"no header at all", "\r\nbody", "", "body", ""},
		{"headers that lie about delivery", "Delivered-To: evil@x\r\nSubject: s\r\n\r\nbody", "s", "body", ""},
		{"not a mail", "\x00\x01\x02", "", "", ""},
		{"empty", "", "", "", ""},
	} {
		m := parse([]byte(envelope + c.text))
		if m.Subject != c.subject || m.Text != c.plain || m.HTML != c.html {
			t.Errorf("%s: %q %q %q", c.name, m.Subject, m.Text, m.HTML)
		}
		if m.EnvelopeFrom != "f@x" || strings.Join(m.EnvelopeTo, " ") != "a@x b@x" || m.Received.Nanosecond() != 123e6 {
			t.Errorf("%s: envelope %+v", c.name, m)
		}
	}
	if m := parse([]byte("Subject: s\r\n\r\nbody")); m.Subject != "s" || len(m.EnvelopeTo) != 0 {
		t.Errorf("a file without envelope: %+v", m)
	}
}

func TestParseIsBounded(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 10_000) + "\r\nx"
	if m := parse([]byte(envelope + deep)); m.Text != "" {
		t.Errorf("%q", m.Text)
	}
	wide := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: image/png\r\n\r\nx\r\n", 10_000) + "--b\r\n\r\nlate\r\n--b--"
	if m := parse([]byte(envelope + wide)); m.Text != "" {
		t.Errorf("%q", m.Text)
	}
	if m := parse([]byte(envelope + "\r\n" + strings.Repeat("x", 2<<20))); len(m.Text) != maxPartText {
		t.Errorf("%d bytes of text", len(m.Text))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(envelope + "Subject: =?utf-8?B?w6Q=?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--"))
	f.Add([]byte("Return-Path: \r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := parse(data)
		if m.Size != int64(len(data)) || len(m.Text) > 4*maxPartText {
			t.Fatalf("%+v", m)
		}
	})
}
