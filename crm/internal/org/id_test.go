package org_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestIDsOfBothLengths(t *testing.T) {
	t.Parallel()
	// A published pair: the checksum of crm-wire 5.3.
	for _, in := range []string{"00Dxx0000001gPL", "00Dxx0000001gPLEAY", "00dXX0000001gplEAY", "00DXX0000001GPLeay"} {
		id, err := org.ParseID(in)
		if err != nil || id != "00Dxx0000001gPLEAY" || id.Short() != "00Dxx0000001gPL" || id.Prefix() != "00D" {
			t.Errorf("%s: %s, %v", in, id, err)
		}
	}
	for _, bad := range []string{
		"", "00Dxx0000001gP", "00Dxx0000001gPLEA", "00Dxx0000001gPLEAYA", "00Dxx0000001gPL***", "00Dxx0000001gP'", "00Dxx0000001gPL999", "00Dxx0000001gPLÄ",
		"\x00" + strings.Repeat("0", 14),
	} {
		if id, err := org.ParseID(bad); fault.CodeOf(err) != org.CodeMalformedID {
			t.Errorf("%q: %s, %v", bad, id, err)
		}
	}
}

// Refusals quote what was sent; they must not cut a character in half.
func TestRefusalsAreText(t *testing.T) {
	t.Parallel()
	_, err := org.ParseID("x" + strings.Repeat("ä", 30))
	if m := fault.Of(err).Message; !utf8.ValidString(m) || !strings.HasSuffix(m, "ä…") {
		t.Errorf("%q", m)
	}
}

func TestNewIDs(t *testing.T) {
	t.Parallel()
	seen := map[org.ID]bool{}
	for range 2000 {
		id := org.NewID(org.PrefixContact)
		again, err := org.ParseID(strings.ToLower(string(id)))
		if err != nil || again != id || seen[id] || id.Prefix() != org.PrefixContact {
			t.Fatalf("%s: %s, %v", id, again, err)
		}
		seen[id] = true
	}
	if org.ID("x").Short() != "x" || org.ID("x").Prefix() != "" {
		t.Error("short texts")
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"00Dxx0000001gPL", "00Dxx0000001gPLEAY", "'", "00Dxx0000001gPL999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := org.ParseID(s)
		if err != nil {
			return
		}
		if again, err := org.ParseID(string(id)); err != nil || again != id || len(id) != 18 {
			t.Fatalf("%q: %q, then %q, %v", s, id, again, err)
		}
	})
}
