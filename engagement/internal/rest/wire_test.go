package rest_test

import (
	"context"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestWire performs the recorded REST conversations on both databases.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			sendertest.Wire(t, "rest-*.txt", func(t *testing.T) *sendertest.Kit { return kit(t, kind) })
		})
	}
}

func kit(t *testing.T, kind string) *sendertest.Kit {
	t.Helper()
	return sendertest.New(t, sqldbtest.Open(t, sqldbtest.DSN(t, kind), sendertest.Migrations()), sendertest.Options{})
}

// lost is a mail server whose connection always breaks after the last dot.
type lost struct{}

func (lost) Send(context.Context, mail.Message) error {
	return fault.New(fault.Unavailable, mail.CodeInDoubt, "The connection broke.")
}
