package sheet_test

import (
	"testing"

	"github.com/twinspan/twinspan/internal/sheet"
)

func TestCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "ann": "ann", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "a=1": "a=1", "ü@x": "ü@x"} {
		if got := sheet.Cell(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
