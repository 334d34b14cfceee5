package tenant

import (
	"strings"
	"testing"
)

// TestNormalValues is the table of values and their normal forms; "!" stands for a refusal.
func TestNormalValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field          DataField
		value, want    string
		shown, because string
	}{
		{field: DataField{Type: FieldText, MaxLength: 3}, value: " é ", want: " é "},
		{field: DataField{Type: FieldText, MaxLength: 3}, value: "abcd", want: "!", because: "longer than 3"},
		{field: DataField{Type: FieldText, MaxLength: 3}, value: "a\x00", want: "!", because: "plain UTF-8"},
		{field: DataField{Type: FieldNumber}, value: " +007 ", want: "7"},
		{field: DataField{Type: FieldNumber}, value: "2147483648", want: "!", because: "integer"},
		{field: DataField{Type: FieldNumber}, value: "1.0", want: "!"},
		{field: DataField{Type: FieldDecimal, MaxLength: 5, Scale: 2}, value: "999.994", want: "999.99"},
		{field: DataField{Type: FieldDecimal, MaxLength: 5, Scale: 2}, value: "999.995", want: "!", because: "more digits"},
		{field: DataField{Type: FieldDecimal, MaxLength: 5, Scale: 2}, value: "-0.004", want: "0.00"},
		{field: DataField{Type: FieldDecimal, MaxLength: 5, Scale: 2}, value: "-.5", want: "-0.50"},
		{field: DataField{Type: FieldDecimal, MaxLength: 5, Scale: 2}, value: "1e3", want: "!"},
		{field: DataField{Type: FieldDecimal, MaxLength: 5, Scale: 2}, value: "1/3", want: "!"},
		{field: DataField{Type: FieldDecimal, MaxLength: 5, Scale: 2}, value: strings.Repeat("9", 100), want: "!"},
		{field: DataField{Type: FieldDate}, value: "2026-02-01T10:00:00+02:00", want: "2026-02-01T08:00:00", shown: "2/1/2026 8:00:00 AM"},
		{field: DataField{Type: FieldDate}, value: "2/1/2026 1:05:09 PM", want: "2026-02-01T13:05:09", shown: "2/1/2026 1:05:09 PM"},
		{field: DataField{Type: FieldDate}, value: "1700-01-01", want: "!"},
		{field: DataField{Type: FieldDate}, value: "tomorrow", want: "!", because: "date"},
		{field: DataField{Type: FieldBoolean}, value: "Y", want: "True"},
		{field: DataField{Type: FieldBoolean}, value: "0", want: "False"},
		{field: DataField{Type: FieldBoolean}, value: "maybe", want: "!"},
		{field: DataField{Type: FieldEmailAddress, MaxLength: 10}, value: " a@b.ex ", want: "a@b.ex"},
		{field: DataField{Type: FieldEmailAddress, MaxLength: 10}, value: "long@example.com", want: "!"},
		{field: DataField{Type: FieldPhone, MaxLength: 50}, value: "+1 (317) 555-0100", want: "+1 (317) 555-0100"},
		{field: DataField{Type: FieldPhone, MaxLength: 50}, value: "call me", want: "!"},
		{field: DataField{Type: FieldLocale, MaxLength: 5}, value: "fr-CA", want: "fr-CA"},
		{field: DataField{Type: FieldLocale, MaxLength: 5}, value: "french", want: "!"},
	} {
		got, err := c.field.normal(c.value)
		if err != nil {
			if c.want != "!" || !strings.Contains(err.Error(), c.because) {
				t.Errorf("%s %q: %v", c.field.Type, c.value, err)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%s %q is %q, want %q", c.field.Type, c.value, got, c.want)
		}
		if c.shown != "" && c.field.ShowValue(got) != c.shown {
			t.Errorf("%q is shown as %q", got, c.field.ShowValue(got))
		}
		if again, err := c.field.normal(got); err != nil || again != got {
			t.Errorf("%s %q is not normal: %q, %v", c.field.Type, got, again, err)
		}
	}
}

// TestRowKeys: no two keys are one, whatever stands in their values, and case alone makes no other key.
func TestRowKeys(t *testing.T) {
	t.Parallel()
	key := []DataField{{Slot: 1}, {Slot: 2}}
	of := func(a, b string) string { return rowKey(key, map[int64]string{1: a, 2: b}) }
	seen := map[string]bool{}
	for _, k := range []string{of("a", "b"), of("ab", ""), of("", "ab"), of(`a","b`, ""), of("a", `b"`), of(strings.Repeat("x", 2000), "1"), of(strings.Repeat("x", 2000), "2")} {
		if seen[k] || len(k) > maxRowKey {
			t.Errorf("the key %.40q is there twice, or too long", k)
		}
		seen[k] = true
	}
	if of("A", "É") != of("a", "é") {
		t.Error("case makes another key")
	}
}

func FuzzNormalValue(f *testing.F) {
	for _, s := range []string{"1", "-0.5", "2026-02-01", "True", "a@b.ex", "+1 2", "en-GB", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []FieldType{FieldText, FieldNumber, FieldDecimal, FieldDate, FieldBoolean, FieldEmailAddress, FieldPhone, FieldLocale} {
			field := DataField{Name: "a", Type: kind}.WithLengths()
			kept, err := field.normal(text)
			if err != nil {
				continue
			}
			if again, err := field.normal(kept); err != nil || again != kept {
				t.Errorf("%s: %q becomes %q becomes %q, %v", kind, text, kept, again, err)
			}
		}
	})
}
