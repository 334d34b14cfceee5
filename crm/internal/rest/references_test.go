package rest

import (
	"encoding/json"
	"testing"
)

func someReferences() references {
	return references{
		"a":   {body: object{{"id", "001"}, {"records", []object{{{"Id", "003"}, {"n", 5}, {"x", nil}}}}, {"yes", true}}},
		"bad": {body: []wireError{{Message: "no"}}, failed: true},
		"l":   {body: []object{{{"id", "first"}}, {{"id", "second"}}}},
	}
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
