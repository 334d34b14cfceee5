package crm_test

import (
	"testing"

	"github.com/twinspan/twinspan/internal/client/crm"
)

func TestLiteral(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                `''`,
		"ann@org.e":       `'ann@org.e'`,
		`O'Hara`:          `'O\'Hara'`,
		`\' OR Id != '`:   `'\\\' OR Id != \''`,
		"two\r\nlines, ü": `'two\r\nlines, ü'`,
	} {
		if got := crm.Literal(in); got != want {
			t.Errorf("%q is quoted %s, want %s", in, got, want)
		}
	}
}
