package rest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// plain writes a filter in one way.
func plain(f *tenant.Filter) string {
	switch {
	case f == nil:
		return ""
	case f.Joined() && f.Or:
		return "(" + plain(f.Left) + " | " + plain(f.Right) + ")"
	case f.Joined():
		return "(" + plain(f.Left) + " & " + plain(f.Right) + ")"
	}
	return fmt.Sprintf("%s %s %q", f.Property, f.Operator, f.Values)
}

func TestParseFilter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"name eq 'x'":                        `name equals ["x"]`,
		"name like a b c":                    `name like ["a b c"]`,
		"Name EQ 'it''s' and Id gt 5":        `(Name equals ["it's"] & Id greaterThan ["5"])`,
		"a eq 1 or b eq 2 and c eq 3":        `(a equals ["1"] | (b equals ["2"] & c equals ["3"]))`,
		"(a eq 1 or b eq 2) and c neq \"3\"": `((a equals ["1"] | b equals ["2"]) & c notEquals ["3"])`,
		"a in (1, 'two', three)":             `a IN ["1" "two" "three"]`,
		"a in ('one')":                       `a equals ["one"]`,
		"a eq ''":                            `a equals [""]`,
	} {
		f, err := parseFilter(text)
		if err != nil || plain(f) != want {
			t.Errorf("%s: %s, %v", text, plain(f), err)
		}
	}
	for _, text := range []string{"name", "name eq", "name is x", "'name", "a eq 'x", "(a eq 1", "a eq 1)", "a eq 1 and", "a eq (", strings.Repeat("(", 40) + "a eq 1", strings.Repeat("x", 9000)} {
		if f, err := parseFilter(text); err == nil {
			t.Errorf("%.40s: %s", text, plain(f))
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"name eq 'x'", "(a eq 1 or b eq 2) and c neq \"3\"", "a in (1,'b')", "a like x y", "((("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseFilter(text)
		if err == nil && parsed != nil && strings.TrimSpace(text) == "" {
			t.Error("a filter of nothing")
		}
	})
}
