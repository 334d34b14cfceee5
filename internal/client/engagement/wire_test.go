package engagement_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// recorded is a fake that gives the answers of a file of testdata/wire in their order, whatever it is asked, and a session
// on it. The tenant's own tests hold its server to the same files; neither side has the other's structs.
func recorded(t *testing.T, name string) *engagement.Session {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "wire", "engagement", name))
	if err != nil {
		t.Fatal(err)
	}
	f, c := newFake(t)
	s := session(t, f, c)
	answers := strings.Split(string(text), "=== response\n")[1:]
	values := strings.NewReplacer("{guid}", "6f1d0c9e-7a54-4c43-9d5e-2f0f6a1b3c4d", "{time}", "2026-01-02T03:04:05.678Z", "{number}", "7", "{base}", f.url, "{any}", "x", "\n", "")
	f.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if len(answers) == 0 {
			t.Errorf("%s: %s %s is one request too many", name, r.Method, r.URL.Path)
			return
		}
		answer, _, _ := strings.Cut(answers[0], "=== request\n")
		answers = answers[1:]
		head, body, _ := strings.Cut(answer, "\n\n")
		lines := strings.Split(strings.TrimSpace(head), "\n")
		status, err := strconv.Atoi(lines[0])
		if err != nil {
			t.Errorf("%s: status %q", name, lines[0])
		}
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		if strings.HasPrefix(body, "<?xml") {
			w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		}
		for _, l := range lines[1:] {
			field, value, _ := strings.Cut(l, ": ")
			w.Header().Set(field, values.Replace(value))
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(values.Replace(body))) // the client reads it
	})
	return s
}

func TestRecordedMessages(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), recorded(t, "rest-send-one.txt")
	const key = "a0X-003-1700000000000"
	ada := engagement.Message{DefinitionKey: "welcome", ContactKey: "003000000000001AAA", To: "ada@example.com"}
	if got, err := s.SendMessage(ctx, key, ada); err != nil || got.MessageKey != key || got.RequestID == "" {
		t.Errorf("sent: %+v, %v", got, err)
	}
	if m, err := s.MessageStatus(ctx, key); err != nil || m.State != engagement.MessageSent || m.To != ada.To || m.ContactKey != ada.ContactKey || m.At.IsZero() {
		t.Errorf("status: %+v, %v", m, err)
	}
	for _, used := range []string{"a0x-003-1700000000000", key} {
		if _, err := s.SendMessage(ctx, used, ada); fault.CodeOf(err) != client.CodeRefused || client.Unknown(err) {
			t.Errorf("a used key: %v", err)
		}
	}
	if _, err := s.MessageStatus(ctx, "never-sent"); fault.CodeOf(err) != client.CodeNotFound {
		t.Errorf("never sent: %v", err)
	}
}

func TestRecordedRefusalOfAToken(t *testing.T) {
	t.Parallel()
	if _, err := recorded(t, "rest-unauthorized.txt").MessageStatus(t.Context(), "k"); fault.CodeOf(err) != client.CodeUnauthorized {
		t.Errorf("%v", err)
	}
}

func TestRecordedUnits(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), recorded(t, "soap-retrieve-units.txt")
	units, err := s.BusinessUnits(ctx)
	if err != nil || len(units) != 2 || units[0] != (engagement.BusinessUnit{MID: 510000001, Name: "Northern Trail", Active: true}) || units[1].ParentMID != 510000001 {
		t.Errorf("%+v, %v", units, err)
	}
	if none, err := s.BusinessUnits(ctx); err != nil || len(none) != 0 {
		t.Errorf("no hits: %+v, %v", none, err)
	}
	if _, err := s.BusinessUnits(ctx); fault.CodeOf(err) != client.CodeRefused || !strings.Contains(client.Remote(err).Description, "businessunit") {
		t.Errorf("a misspelt type: %v", err)
	}
}
