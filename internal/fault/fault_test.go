package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/fault"
)

func TestOfKeepsTheErrorInside(t *testing.T) {
	t.Parallel()
	inner := fault.New(fault.Denied, "not_approved", "user is not admin approved to access this app")
	got := fault.Of(fmt.Errorf("minting a token: %w", inner))
	if got != inner {
		t.Fatalf("Of = %v, want the wrapped error itself", got)
	}
	if !errors.Is(fmt.Errorf("outer: %w", inner.In("username")), inner) {
		t.Error("a copy with a field is no longer the declared error")
	}
}

func TestUnknownErrorsShowNothing(t *testing.T) {
	t.Parallel()
	got := fault.Of(fmt.Errorf("open /var/secret: %w", io.ErrUnexpectedEOF))
	if got.Kind != fault.Internal || strings.Contains(got.Message, "secret") {
		t.Fatalf("Of = %+v, want an internal error whose message tells nothing", got)
	}
	if !errors.Is(got, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost to the log")
	}
	if fault.Of(nil) != nil || fault.CodeOf(nil) != "" || fault.KindOf(nil) <= fault.Unavailable {
		t.Error("nil is an error")
	}
}

func TestEveryKindHasNameAndStatus(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if seen[k.String()] || strings.HasPrefix(k.String(), "kind ") {
			t.Errorf("kind %d is called %q", k, k)
		}
		seen[k.String()] = true
		if s := k.HTTPStatus(); s < 400 || s > 599 {
			t.Errorf("%v has status %d", k, s)
		}
	}
	if k := fault.Kind(200); k.HTTPStatus() != 500 || k.String() != "kind 200" {
		t.Errorf("unknown kind: %v %d", k, k.HTTPStatus())
	}
}

func TestFieldNamesAreFitToShow(t *testing.T) {
	t.Parallel()
	base := fault.New(fault.Invalid, "malformed", "No.")
	for in, want := range map[string]string{
		"client_id":              "client_id",
		"a\x00b\nc":              "a?b?c",
		"bad\xff":                "bad?",
		strings.Repeat("é", 100): strings.Repeat("é", 32),
	} {
		if got := base.In(in).Field; got != want {
			t.Errorf("In(%q).Field = %q, want %q", in, got, want)
		}
	}
	if base.Field != "" {
		t.Error("In changed the declared error")
	}
}

// TestTold: what is shown and kept of an error names nothing that is nobody's business.
func TestTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err        error
		code, text string
	}{
		{fault.New(fault.Denied, "no_right", "You may not."), "no_right", "You may not."},
		{fault.New(fault.Internal, "store", "table send is away"), "internal", "An unexpected error occurred."},
		{errors.New("table send is away"), "internal", "An unexpected error occurred."},
	} {
		if code, text := fault.Told(c.err); code != c.code || text != c.text {
			t.Errorf("%v is told as %s: %s", c.err, code, text)
		}
	}
}
