package soql

import (
	"math"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
)

func isNumber(t org.FieldType) bool { return t == org.TypeInt || IsDouble(t) }

// IsDouble reports whether values of the type are float64.
func IsDouble(t org.FieldType) bool { return t.IsDouble() }

// IsText reports whether values of the type are texts that are compared without case.
func IsText(t org.FieldType) bool {
	switch t {
	case org.TypeID, org.TypeReference, org.TypeBoolean, org.TypeInt, org.TypeDate, org.TypeDateTime, org.TypeDouble, org.TypeCurrency, org.TypePercent:
		return false
	}
	return true
}

func isID(t org.FieldType) bool { return t == org.TypeID || t == org.TypeReference }

// numeral reads a number. An int column is compared with whole numbers of 64 bits; COUNT may exceed a field's 32.
func numeral(text string, kind org.FieldType, mismatch func() error) (any, error) {
	if kind == org.TypeInt {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(text, "xXpP_nN") || math.IsInf(x, 0) {
		return nil, mismatch()
	}
	if kind != org.TypeInt {
		return x, nil
	}
	if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		return nil, mismatch()
	}
	return int64(x), nil
}
