package cli

import (
	"strings"
	"testing"
)

func TestParseSettings(t *testing.T) {
	t.Parallel()
	got, err := parseSettings(strings.NewReader("# where\ncrm-addr: 127.0.0.1:0\nrecord: 50\nephemeral: yes\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got["crm-addr"] != "127.0.0.1:0" || got["record"] != "50" || got["ephemeral"] != "yes" || len(got) != 3 {
		t.Errorf("read %v", got)
	}
	for _, empty := range []string{"", "\n# nothing\n", "~"} {
		if got, err := parseSettings(strings.NewReader(empty)); err != nil || len(got) != 0 {
			t.Errorf("%q is %v, %v", empty, got, err)
		}
	}
	for text, says := range map[string]string{
		"- a\n- b\n":                            "name: value",
		"data: [a]\n":                           "line 1: data wants one value",
		"data: a\ndata: b\n":                    "twice",
		"a: \"":                                 "not YAML",
		strings.Repeat("#", maxSettings) + "\n": "larger than",
	} {
		if _, err := parseSettings(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v, want %q", text, err, says)
		}
	}
}

func FuzzParseSettings(f *testing.F) {
	f.Add("crm-addr: 127.0.0.1:0\n")
	f.Add("a: &x [*x]\n")
	f.Add("? [a]: b")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = parseSettings(strings.NewReader(text)) // must end, whatever it says
	})
}

func TestParseRecord(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "off": -1, "1": 1, "500": 500} {
		if got, err := parseRecord(text); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-1", "many", "1000001"} {
		if _, err := parseRecord(text); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}
