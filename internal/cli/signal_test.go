package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// The first signal asks the program to stop; the second ends the process.
func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	signals, exited := make(chan os.Signal), make(chan int, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs bytes.Buffer
	go watchSignals(ctx, cancel, Env{Stderr: &errs, Signals: signals, Exit: func(code int) { exited <- code }})
	bound := time.After(20 * time.Second)
	signals <- os.Interrupt
	select {
	case <-ctx.Done():
	case <-bound:
		t.Fatal("the first signal did not stop the program")
	}
	select {
	case <-exited:
		t.Fatal("the first signal ended the process")
	default:
	}
	signals <- os.Interrupt
	select {
	case code := <-exited:
		if code != ExitFailed {
			t.Errorf("exit code %d", code)
		}
	case <-bound:
		t.Fatal("the second signal did nothing")
	}
	if !strings.HasPrefix(errs.String(), "twinspan: stopped at once") {
		t.Errorf("said %q", errs.String())
	}
}

func TestErrorsArePutForPeople(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	for want, err := range map[string]error{
		"plain":                          errors.New("plain"),
		"into the org: The org refused.": fmt.Errorf("into the org: %w", fault.Wrap(cause, fault.Denied, "cloud_refused", "The org refused.")),
		"saving: disk full":              fmt.Errorf("saving: %w", fault.Wrap(cause, fault.Internal, "internal", "An unexpected error occurred.")),
	} {
		if got := forPeople(err).Error(); got != want {
			t.Errorf("%v reads %q, want %q", err, got, want)
		}
	}
}
