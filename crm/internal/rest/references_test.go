package rest

import (
	"encoding/json"
	"strings"
	"testing"
)

func someReferences() *references {
	return &references{left: maxReferred, answers: map[string]*reference{
		"a":   {body: object{{"id", "001"}, {"records", []object{{{"Id", "003"}, {"n", 5}, {"x", nil}}}}, {"yes", true}}},
		"bad": {body: []wireError{{Message: "no"}}, failed: true},
		"l":   {body: []object{{{"id", "first"}}, {{"id", "second"}}}},
	}}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"plain"`:                  `"plain"`,
		`"@{a.id}"`:                `"001"`,
		`"@{a.records[0].n}"`:      `5`,
		`"n is @{a.records[0].n}"`: `"n is 5"`,
		`"@{a.id}/@{l[1].id}"`:     `"001/second"`,
		`{"k":["@{a.yes}",{"x":"@{a.id}"}],"n":1.5}`: `{"k":[true,{"x":"001"}],"n":1.5}`,
		`"@{a.Id}"`:            `missing a.Id`,
		`"@{a.records[1].Id}"`: `missing a.records[1].Id`,
		`"@{a.records.Id}"`:    `missing a.records.Id`,
		`"@{a.records}"`:       `missing a.records`,
		`"@{a.records[0].x}"`:  `missing a.records[0].x`,
		`"@{a}"`:               `missing a`,
		`"@{a[0]}"`:            `missing a[0]`,
		`["x","@{bad.id}"]`:    `missing bad.id`,
		`{"x":"@{nobody.id}"}`: `missing nobody.id`,
		`"@{not a reference}"`: `"@{not a reference}"`,
		`"@{a.id"`:             `"@{a.id"`,
	} {
		var v any
		if err := json.Unmarshal([]byte(in), &v); err != nil {
			t.Fatal(err)
		}
		out, missing := someReferences().inValue(v)
		got := "missing " + missing
		if missing == "" {
			text, err := json.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			got = string(text)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// A number in the middle of a text has all its digits.
func TestNumbersInTexts(t *testing.T) {
	t.Parallel()
	refs := newReferences()
	refs.answers["q"] = &reference{body: object{{"n", 1_500_000.0}, {"x", 0.25}}}
	if out, missing := refs.inText("/Ext__c/@{q.n}?x=@{q.x}"); out != "/Ext__c/1500000?x=0.25" || missing != "" {
		t.Errorf("%q, %q missing", out, missing)
	}
}

// What placeholders put into the requests of a composite is bounded, however small the composite is.
func TestReferencesAreBounded(t *testing.T) {
	t.Parallel()
	refs := newReferences()
	refs.answers["a"] = &reference{body: object{{"D", strings.Repeat("x", 32<<10)}}}
	text := strings.Repeat("@{a.D}", 256)
	if out, missing := refs.inText(text); missing != "" || len(out) != maxReferred || refs.spent() {
		t.Fatalf("%d bytes, %q missing", len(out), missing)
	}
	for range 2 { // and no more afterwards
		if out, _ := refs.inText(text); !refs.spent() || out != text {
			t.Errorf("%d bytes past the bound", len(out))
		}
	}
	if _, missing := refs.inValue("@{a.D}"); missing == "" || !refs.spent() {
		t.Error("a value past the bound")
	}
}

func FuzzReferences(f *testing.F) {
	for _, seed := range []string{"@{a.id}", "@{a.records[0].Id}", "@{l[99999999].id}", "@{@{a.id}}", "@{a..id}", "@{a[]}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		refs := someReferences()
		one, missing := refs.inText(text)
		if again, m := refs.inText(text); one != again || m != missing {
			t.Errorf("%q differs from time to time", text)
		}
		_, _ = refs.inValue(map[string]any{"k": []any{text}})
	})
}
