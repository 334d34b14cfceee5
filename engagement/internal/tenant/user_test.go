package tenant_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestFoldUsername(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Admin@X": "admin@x", " admin@x\t": "admin@x", "": "", "   ": "", "ádmin": "", "\u212aelvin": "", "ａdmin": "", strings.Repeat("a", 255): "",
	} {
		if got := tenant.FoldUsername(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzFoldUsername(f *testing.F) {
	for _, s := range []string{"Admin@X", " a ", "é", "\x00", strings.Repeat("A", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := tenant.FoldUsername(s)
		if tenant.FoldUsername(folded) != folded {
			t.Errorf("folding %q twice changes it", s)
		}
		if tenant.ValidUsername(s) && folded == "" {
			t.Errorf("the valid name %q folds to nothing", s)
		}
	})
}

func TestValidUsername(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"abc": true, "jane.doe@example.com": true, "a+b_c-d": true, "ab": false, "": false, "a b": false, "a/b": false, "jäne": false, "a\nb": false,
		strings.Repeat("a", 254): true, strings.Repeat("a", 255): false, "a%2fb": false, `a"b`: false,
	} {
		if got := tenant.ValidUsername(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestCheckNewPassword(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, fresh string
		ok         bool
	}{
		"good": {"old", "a good one", true}, "seven": {"old", "seven77", false}, "long": {"old", strings.Repeat("x", 257), false},
		"longest": {"old", strings.Repeat("x", 256), true}, "same": {"a good one", "a good one", false}, "name": {"old", "USER@example", false},
		"other script": {"old", "пароль-пароль", true},
	} {
		err := tenant.CheckNewPassword("user@example", c.old, c.fresh)
		if (err == nil) != c.ok || err != nil && fault.CodeOf(err) != tenant.CodeWeakPassword {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseMID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]tenant.MID{
		"1000000": 1000000, "999999999": 999999999, "999999": 0, "1000000000": 0, "01000000": 0, "+1000000": 0, "-1000000": 0, "1e7": 0, "1000000.0": 0,
		"": 0, " 1000000": 0, "9223372036854775808": 0, "1 OR 1=1": 0, "١٠٠٠٠٠٠": 0,
	} {
		got, ok := tenant.ParseMID(in)
		if got != want || ok != (want != 0) {
			t.Errorf("%q: %d %v", in, got, ok)
		}
	}
}
