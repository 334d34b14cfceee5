package mail_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
)

// patience bounds every wait of these tests; none waits that long when all is well.
const patience = 20 * time.Second

var quiet = slog.New(slog.DiscardHandler)

func mailListener() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := mailListener()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// open opens an inbox on dir; it is closed at the test's end, and the returned sender sends to it.
func open(t *testing.T, o mail.InboxOptions) (*mail.Inbox, *mail.SMTP) {
	t.Helper()
	o.Listener, o.Log = listen(t), quiet
	b, err := mail.OpenInbox(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := mail.NewSender(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	return b, s
}

func message() mail.Message {
	return mail.Message{
		From: mail.Address{Name: "Grüße, \"Team\"", Email: "team@example.test"}, To: mail.Address{Name: "Ann", Email: "ann@example.test"},
		Subject: "Willkommen, Jörg – 😀", Text: "Hallo\n.\nÄÖ", HTML: "<p>Hallo</p>", MessageID: "key-1@twinspan.test",
	}
}

func send(t *testing.T, s mail.Sender, m mail.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.Send(ctx, m)
}

func TestSendAndReceive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, s := open(t, mail.InboxOptions{Dir: dir})
	m := message()
	m.ReplyTo = mail.Address{Email: "reply@example.test"}
	m.Headers = map[string]string{"List-Unsubscribe": "<https://x.test/u>", "X-Key": "Ä"}
	m.Date = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	if err := send(t, s, m); err != nil {
		t.Fatal(err)
	}
	list := b.List(mail.Filter{To: "ANN@example.test"})
	if len(list) != 1 || list[0].Text != "" || list[0].Received.IsZero() {
		t.Fatalf("%+v", list)
	}
	got, err := b.Get(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	want := mail.Mail{
		ID: "000000000001", Received: got.Received, EnvelopeFrom: "team@example.test", EnvelopeTo: []string{"ann@example.test"}, MessageID: "key-1@twinspan.test",
		From: `"Grüße, \"Team\"" <team@example.test>`, To: `"Ann" <ann@example.test>`, Subject: m.Subject, Text: m.Text, HTML: m.HTML, Size: got.Size,
	}
	got.From = strings.ReplaceAll(got.From, "\u00a0", " ")
	if diff := cmp.Diff(want.Subject+want.Text+want.HTML+want.MessageID+want.ID, got.Subject+got.Text+got.HTML+got.MessageID+got.ID); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.EnvelopeTo, got.EnvelopeTo); diff != "" || got.EnvelopeFrom != want.EnvelopeFrom || !strings.Contains(got.From, "team@example.test") || !strings.Contains(got.From, "Grüße") {
		t.Errorf("%+v %s", got, diff)
	}
	if !slices.Contains(got.Headers, mail.Header{Name: "X-Key", Value: "Ä"}) || list[0].Headers != nil {
		t.Errorf("headers %+v, in the list %+v", got.Headers, list[0].Headers)
	}
	raw, err := b.Raw(got.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"Reply-To: <reply@example.test>\r\n", "List-Unsubscribe: <https://x.test/u>\r\n", "Message-ID: <key-1@twinspan.test>\r\n", "Date: Wed, 04 Mar 2026 05:06:07"} {
		if !strings.Contains(string(raw), header) {
			t.Errorf("no %q in %s", header, raw)
		}
	}
	if len(b.List(mail.Filter{To: "bob@example.test"})) != 0 || len(b.List(mail.Filter{})) != 1 {
		t.Error("the filter is wrong")
	}
	if _, err := b.Get("000000000002"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("unknown id: %v", err)
	}
	if _, err := b.Raw("../../etc/passwd"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a path as id: %v", err)
	}
}

func TestMailSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, s := open(t, mail.InboxOptions{Dir: dir})
	for range 2 {
		if err := send(t, s, message()); err != nil {
			t.Fatal(err)
		}
	}
	before := b.List(mail.Filter{})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	// What a crash leaves behind, and what does not belong to us.
	for name, text := range map[string]string{"123.tmp": "half", "notes.txt": "mine", "7.eml": "no name of ours"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, s := open(t, mail.InboxOptions{Dir: dir})
	if diff := cmp.Diff(before, again.List(mail.Filter{})); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "123.tmp")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half mail is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Errorf("somebody else's file is gone: %v", err)
	}
	if err := send(t, s, message()); err != nil {
		t.Fatal(err)
	}
	if list := again.List(mail.Filter{}); len(list) != 3 || list[2].ID != "000000000003" {
		t.Errorf("%+v", list)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, s := open(t, mail.InboxOptions{Dir: dir, MaxMessages: 2, MaxMessage: 4096})
	for range 4 {
		if err := send(t, s, message()); err != nil {
			t.Fatal(err)
		}
	}
	list := b.List(mail.Filter{})
	if len(list) != 2 || list[0].ID != "000000000003" {
		t.Errorf("%+v", list)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("files %v, %v", files, err)
	}
	big := message()
	big.Text = strings.Repeat("x", 5000)
	if err := send(t, s, big); fault.CodeOf(err) != mail.CodeRefused || fault.KindOf(err) != fault.Invalid {
		t.Errorf("a large mail: %v", err)
	}
	if len(b.List(mail.Filter{})) != 2 {
		t.Error("the refused mail is there")
	}

	small, s := open(t, mail.InboxOptions{Dir: t.TempDir(), MaxTotal: list[0].Size + 10})
	for range 3 {
		if err := send(t, s, message()); err != nil {
			t.Fatal(err)
		}
	}
	if list := small.List(mail.Filter{}); len(list) != 1 || list[0].ID != "000000000003" {
		t.Errorf("over the bytes kept: %+v", list)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	b, s := open(t, mail.InboxOptions{Dir: t.TempDir()})
	waits := func(subject string) (mail.Mail, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return b.Wait(ctx, func(m mail.Mail) bool { return m.Subject == subject && m.Text != "" })
	}
	var all sync.WaitGroup
	for _, subject := range []string{"one", "two", "three"} {
		all.Go(func() {
			if m, err := waits(subject); err != nil || m.Subject != subject {
				t.Errorf("%s: %+v, %v", subject, m, err)
			}
		})
	}
	for _, subject := range []string{"other", "three", "two", "one"} {
		m := message()
		m.Subject = subject
		if err := send(t, s, m); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	if m, err := waits("other"); err != nil || m.ID != "000000000001" {
		t.Errorf("one that is there already: %+v, %v", m, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Wait(ctx, func(mail.Mail) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
}

func TestManySendersAtOnce(t *testing.T) {
	t.Parallel()
	b, s := open(t, mail.InboxOptions{Dir: t.TempDir()})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				if err := send(t, s, message()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	ids := map[string]bool{}
	for _, m := range b.List(mail.Filter{}) {
		ids[m.ID] = true
	}
	if len(ids) != 40 {
		t.Errorf("%d mails, want 40", len(ids))
	}
}

// Whatever somebody is called, his mail goes out, and no text of his is more than one line.
func TestOneLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "Ann": "Ann", "bell\a\r\nBcc: x": "bell   Bcc: x", "\nAnn\t": "Ann", "a\u2028b\u0085c\x00": "a b c", "a\xffb": "ab", "Ünï \"x\" <y>": "Ünï \"x\" <y>",
		strings.Repeat("ü", 500): strings.Repeat("ü", 499),
	} {
		if got := mail.OneLine(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	_, s := open(t, mail.InboxOptions{Dir: t.TempDir()})
	m := message()
	m.Subject, m.To.Name, m.From.Name = mail.OneLine("a\nb"), mail.OneLine("bell\a\nX"), mail.OneLine(strings.Repeat("ü", 2000))
	if err := s.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func TestNothingCanBeInjected(t *testing.T) {
	t.Parallel()
	b, s := open(t, mail.InboxOptions{Dir: t.TempDir()})
	for _, bad := range []string{"x\r\nBcc: evil@example.test", "x\nBcc: evil@example.test", "x\rBcc: evil@example.test", "x\x00", "x\u2028y", "x\u2029y", "x\x7f", "x\xff", strings.Repeat("x", 999)} {
		for name, change := range map[string]func(*mail.Message){
			"subject":    func(m *mail.Message) { m.Subject = bad },
			"from name":  func(m *mail.Message) { m.From.Name = bad },
			"to name":    func(m *mail.Message) { m.To.Name = bad },
			"from":       func(m *mail.Message) { m.From.Email = bad + "@example.test" },
			"to":         func(m *mail.Message) { m.To.Email = "ann@example.test" + bad },
			"reply to":   func(m *mail.Message) { m.ReplyTo.Email = bad },
			"message id": func(m *mail.Message) { m.MessageID = bad + "@x" },
			"header":     func(m *mail.Message) { m.Headers = map[string]string{"X-A": bad} },
			"name":       func(m *mail.Message) { m.Headers = map[string]string{bad: "a"} },
		} {
			m := message()
			change(&m)
			if err := send(t, s, m); fault.CodeOf(err) != mail.CodeMalformed || strings.Contains(err.Error(), "evil") {
				t.Errorf("%s %q: %v", name, bad, err)
			}
		}
	}
	for name, change := range map[string]func(*mail.Message){
		"two recipients":       func(m *mail.Message) { m.To.Email = "a@x.test,b@x.test" },
		"group":                func(m *mail.Message) { m.To.Email = "g:a@x.test;" },
		"quoted local part":    func(m *mail.Message) { m.To.Email = `"a b"@x.test` },
		"named address":        func(m *mail.Message) { m.To.Email = "Ann <a@x.test>" },
		"source route":         func(m *mail.Message) { m.To.Email = "@y.test:a@x.test" },
		"two at signs":         func(m *mail.Message) { m.To.Email = "a@y@x.test" },
		"no domain":            func(m *mail.Message) { m.To.Email = "a@" },
		"no recipient":         func(m *mail.Message) { m.To = mail.Address{} },
		"long address":         func(m *mail.Message) { m.To.Email = strings.Repeat("a", 250) + "@x.test" },
		"no sender":            func(m *mail.Message) { m.From = mail.Address{} },
		"no message id":        func(m *mail.Message) { m.MessageID = "" },
		"message id with dots": func(m *mail.Message) { m.MessageID = ".a@x" },
		"no body":              func(m *mail.Message) { m.Text, m.HTML = "", "" },
		"body not UTF-8":       func(m *mail.Message) { m.Text = "\xff" },
		"body too long":        func(m *mail.Message) { m.Text = strings.Repeat("x", 11<<20) },
		"own header":           func(m *mail.Message) { m.Headers = map[string]string{"Bcc": "evil@example.test"} },
		"own header, case":     func(m *mail.Message) { m.Headers = map[string]string{"CONTENT-type": "text/html"} },
	} {
		m := message()
		change(&m)
		if err := send(t, s, m); fault.CodeOf(err) != mail.CodeMalformed || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(b.List(mail.Filter{})); n != 0 {
		t.Errorf("%d mails went out", n)
	}
}

func TestBodiesCannotEndTheMail(t *testing.T) {
	t.Parallel()
	b, s := open(t, mail.InboxOptions{Dir: t.TempDir()})
	m := message()
	m.HTML = ""
	m.Text = "a\r\n.\r\nMAIL FROM:<evil@example.test>\r\nb\n.\nc\r.\rd\n.."
	if err := send(t, s, m); err != nil {
		t.Fatal(err)
	}
	list := b.List(mail.Filter{})
	if len(list) != 1 {
		t.Fatalf("%d mails", len(list))
	}
	got, err := b.Get(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.Text, "MAIL FROM") || !strings.HasSuffix(strings.TrimRight(got.Text, "\n"), "..") {
		t.Errorf("%q", got.Text)
	}
}

// server is an SMTP server that answers by a script: lines are taken in turn, answers given for each; "hang up" ends the
// connection instead. "DATA" consumes the mail.
func server(t *testing.T, answers map[string]string) string {
	t.Helper()
	l := listen(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go converse(c, answers)
		}
	}()
	return "smtp://" + l.Addr().String()
}

func converse(c net.Conn, answers map[string]string) {
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return
	}
	say := func(key, standard string) bool {
		answer, ok := answers[key]
		if !ok {
			answer = standard
		}
		if answer == "hang up" {
			return false
		}
		_, err := io.WriteString(c, answer+"\r\n")
		return err == nil
	}
	if !say("connect", "220 hello") {
		return
	}
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "EHLO":
			if !say(verb, "250-localhost\r\n250 8BITMIME") {
				return
			}
		case "DATA":
			if !say(verb, "354 go on") {
				return
			}
			if a := answers["DATA"]; a != "" {
				continue
			}
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
			}
			if !say("dot", "250 taken") {
				return
			}
		case "QUIT":
			say(verb, "221 bye")
			return
		default:
			if !say(verb, "250 fine") {
				return
			}
		}
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		answers map[string]string
		code    fault.Code // "" is sent
		kind    fault.Kind
	}{
		{"taken", nil, "", 0},
		{"refused recipient", map[string]string{"RCPT": "550 5.1.1 no such user"}, mail.CodeRefused, fault.Invalid},
		{"refused sender", map[string]string{"MAIL": "553 no"}, mail.CodeRefused, fault.Invalid},
		{"refused content", map[string]string{"dot": "554 5.6.0 spam"}, mail.CodeRefused, fault.Invalid},
		{"greylisted", map[string]string{"RCPT": "451 4.7.1 later"}, mail.CodeDeferred, fault.Unavailable},
		{"full", map[string]string{"dot": "452 4.3.1 full"}, mail.CodeDeferred, fault.Unavailable},
		{"going down", map[string]string{"DATA": "421 bye"}, mail.CodeDeferred, fault.Unavailable},
		{"not accepting", map[string]string{"connect": "554 no service"}, mail.CodeDeferred, fault.Unavailable},
		{"hangs up at once", map[string]string{"connect": "hang up"}, mail.CodeDeferred, fault.Unavailable},
		{"hangs up at MAIL", map[string]string{"MAIL": "hang up"}, mail.CodeDeferred, fault.Unavailable},
		{"hangs up at DATA", map[string]string{"DATA": "hang up"}, mail.CodeDeferred, fault.Unavailable},
		{"hangs up after the end", map[string]string{"dot": "hang up"}, mail.CodeInDoubt, fault.Unavailable},
		{"taken, then hangs up", map[string]string{"RSET": "hang up"}, "", 0},
		{"taken, then refuses QUIT", map[string]string{"QUIT": "500 what"}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := mail.NewSender(server(t, c.answers))
			if err != nil {
				t.Fatal(err)
			}
			err = send(t, s, message())
			if fault.CodeOf(err) != c.code || err != nil && fault.KindOf(err) != c.kind {
				t.Errorf("%v, want %q of kind %v", err, c.code, c.kind)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l := listen(t)
	address := l.Addr().String()
	l.Close()
	s, err := mail.NewSender("smtp://" + address)
	if err != nil {
		t.Fatal(err)
	}
	if err := send(t, s, message()); fault.CodeOf(err) != mail.CodeDeferred {
		t.Errorf("%v", err)
	}
}

func TestCredentialsNeedTLS(t *testing.T) {
	t.Parallel()
	address := server(t, map[string]string{"EHLO": "250-localhost\r\n250 AUTH PLAIN LOGIN"})
	s, err := mail.NewSender(strings.Replace(address, "smtp://", "smtp://user:canary@", 1))
	if err != nil {
		t.Fatal(err)
	}
	err = send(t, s, message())
	if fault.CodeOf(err) != mail.CodeDeferred || strings.Contains(err.Error(), "canary") {
		t.Errorf("credentials over plain text: %v", err)
	}
}

func TestSendStopsWithItsContext(t *testing.T) {
	t.Parallel()
	l := listen(t)
	defer l.Close()
	reached := make(chan struct{})
	go func() { // greets, then says nothing any more
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "220 hello\r\n")
		r := bufio.NewReader(c)
		r.ReadString('\n')
		io.WriteString(c, "250 localhost\r\n")
		r.ReadString('\n')
		close(reached)
		io.Copy(io.Discard, r)
	}()
	s, err := mail.NewSender("smtp://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Send(ctx, message()) }()
	<-reached
	cancel()
	select {
	case err := <-done:
		if fault.CodeOf(err) != mail.CodeDeferred {
			t.Errorf("%v", err)
		}
	case <-time.After(patience):
		t.Fatal("Send goes on after its context ended")
	}
}

func TestNewSender(t *testing.T) {
	t.Parallel()
	for u, ok := range map[string]bool{
		"smtp://localhost": true, "smtp://127.0.0.1:2525": true, "smtps://mail.example": true, "smtps://u:p@mail.example:465/": true, "smtp://[::1]:25": true,
		"": false, "localhost:25": false, "http://localhost": false, "smtp://": false, "smtp://h/path": false, "smtp://h?x=1": false, "smtp://h:0": false, "smtp://h:70000": false, "smtp://u@h": false,
		"smtp://u:canary%zz@h": false,
	} {
		_, err := mail.NewSender(u)
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", u, err)
		}
	}
}

func TestCloseEndsIdleConversations(t *testing.T) {
	t.Parallel()
	l := listen(t)
	b, err := mail.OpenInbox(mail.InboxOptions{Dir: t.TempDir(), Listener: l, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "220") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadString('\n'); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the conversation goes on: %v", err)
	}
}
