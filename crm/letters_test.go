package crm_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// A mail server that is down fails no request, and the mail goes out when it is back, once.
func TestLettersWaitForTheMailServer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		down, tried := true, 0
		h.mails.fail = func(mail.Message) error {
			if tried++; down && tried >= 2 {
				down = false // back from the third attempt on
				return fault.New(fault.Unavailable, mail.CodeDeferred, "451 later")
			} else if down {
				return fault.New(fault.Unavailable, mail.CodeDeferred, "connection refused")
			}
			return nil
		}
		before := time.Now()
		_, username, address := h.newUser(t, "patient", "Standard User")
		if took := time.Since(before); took > 30*time.Second {
			t.Errorf("the request took %v", took)
		}
		if got := h.mails.to(address); len(got) != 1 || tried != 3 {
			t.Fatalf("%d mails after %d attempts", len(got), tried)
		}
		h.setByLink(t, address, "chosen-pass-1")
		h.wantLogin(t, username, "chosen-pass-1"+h.mails.token(t, address), "")
	})
}

// What may have been taken is not sent again: neither where the server's answer was lost, nor where the process ended
// in the middle.
func TestLettersAreNotSentTwice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		sent := map[string]int{}
		h.mails.fail = func(m mail.Message) error {
			sent[m.To.Email]++
			switch {
			case strings.HasPrefix(m.To.Email, "doubt@"):
				return fault.New(fault.Unavailable, mail.CodeInDoubt, "the connection broke")
			case strings.HasPrefix(m.To.Email, "crash@"):
				panic("the process ends here")
			case strings.HasPrefix(m.To.Email, "refused@"):
				return fault.New(fault.Invalid, mail.CodeRefused, "550 nobody here")
			}
			return nil
		}
		for _, name := range []string{"doubt", "crash", "refused", "fine"} {
			_, _, address := h.newUser(t, name, "Standard User")
			h.mails.settle()
			if sent[address] != 1 {
				t.Errorf("%s: handed over %d times", name, sent[address])
			}
		}
		_, states, err := h.cloud.Letters(t.Context())
		if err != nil || slices.Index(states, "done") != 3 || len(states) != 4 {
			t.Errorf("letters %v, %v", states, err)
		}
	})
}

// A server that does not answer holds up the letters and no request; what waits is sealed, and another process sends it.
func TestLettersOutliveTheProcess(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			v, err := vault.Open(filepath.Join(t.TempDir(), "key.json"))
			if err != nil {
				t.Fatal(err)
			}
			dsn, s := sqldbtest.DSN(t, kind), spec()
			start := func(sender mail.Sender) *house {
				t.Helper()
				return openWith(t, crm.Options{DSN: dsn, Relaxed: true, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Vault: v, Mail: sender}, s)
			}
			stuck := &hanging{begun: make(chan struct{})}
			h := start(stuck)
			_, username, address := h.newUser(t, "late", "Standard User")
			<-stuck.begun
			h.wantLogin(t, h.spec.Users[1].Username, "user-pw-1TOKEN", "") // while the letter hangs
			if err := h.cloud.Close(); err != nil {
				t.Fatal(err)
			}
			mails := &outbox{}
			h = start(mails)
			h.useMails(t, mails)
			// The one that hung is in doubt; the next one is sent.
			if got := mails.to(address); len(got) != 0 {
				t.Errorf("what was being sent when the process ended was sent again: %d", len(got))
			}
			p := h.person(t)
			p.post(t, "/secur/forgotpassword.jsp", "username", username)
			link := mails.link(t, address)
			payloads, _, err := h.cloud.Letters(t.Context())
			if err != nil || len(payloads) != 2 {
				t.Fatal(payloads, err)
			}
			code := strings.TrimPrefix(link, "/secur/setpassword.jsp?code=")
			for _, text := range payloads {
				var l struct{ Sealed []byte }
				if err := json.Unmarshal([]byte(text), &l); err != nil {
					t.Fatal(err)
				}
				for _, secret := range []string{code, base64.StdEncoding.EncodeToString([]byte(code)), address} {
					if strings.Contains(text, secret) || strings.Contains(string(l.Sealed), secret) {
						t.Error("a letter lies open in the queue")
					}
				}
			}
			if err := h.cloud.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// hanging is a mail server that never answers; begun is closed when it is first talked to.
type hanging struct {
	begun chan struct{}
	once  sync.Once
}

func (s *hanging) Send(ctx context.Context, _ mail.Message) error {
	s.once.Do(func() { close(s.begun) })
	<-ctx.Done()
	return fault.New(fault.Unavailable, mail.CodeInDoubt, "cut off")
}

// Without a mail server a security token is not reset, since nobody would ever learn the new one.
func TestNoMailServer(t *testing.T) {
	t.Parallel()
	v, err := vault.Open(filepath.Join(t.TempDir(), "key.json"))
	if err != nil {
		t.Fatal(err)
	}
	h := openWith(t, crm.Options{DSN: sqldbtest.DSN(t, "sqlite"), Relaxed: true, Vault: v}, spec())
	t.Cleanup(func() {
		if err := h.cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	user := h.spec.Users[1].Username
	p := h.person(t)
	p.signIn(t, user, "user-pw-1")
	if status, page := p.post(t, "/_ui/system/security/ResetApiTokenConfirm"); status != 503 || !strings.Contains(page, "no mail server") {
		t.Errorf("%d %s", status, page)
	}
	h.wantLogin(t, user, "user-pw-1TOKEN", "")
}
