package soapapi_test

import (
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestWire performs the recorded SOAP conversations on both databases.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			sendertest.Wire(t, "soap*.txt", func(t *testing.T) *sendertest.Kit { return kit(t, kind) })
		})
	}
}

func kit(t *testing.T, kind string) *sendertest.Kit {
	t.Helper()
	return sendertest.New(t, sqldbtest.Open(t, sqldbtest.DSN(t, kind), sendertest.Migrations()), sendertest.Options{})
}
