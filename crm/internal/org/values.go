package org

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// Accept turns a caller's value into the field's own. Callers give what JSON has (nil, string, bool, json.Number or
// float64) or texts alone, as XML and CSV have.
func (f *Field) Accept(v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case string:
		return f.acceptText(x)
	case bool:
		switch {
		case f.Type == TypeBoolean:
			return x, nil
		case f.Type.IsText():
			return f.acceptText(strconv.FormatBool(x))
		}
		return nil, f.wrongJSON("VALUE_"+strings.ToUpper(strconv.FormatBool(x)), strconv.FormatBool(x))
	case json.Number:
		return f.acceptNumber(x.String())
	case float64:
		return f.acceptNumber(strconv.FormatFloat(x, 'f', -1, 64))
	case map[string]any:
		if f.Type == TypeComplex {
			return f.acceptComplex(x)
		}
		return nil, f.wrongJSON("START_OBJECT", "")
	case []any:
		return nil, f.wrongJSON("START_ARRAY", "")
	}
	return nil, fmt.Errorf("field %s given a Go value of type %T", f.Name, v)
}

// acceptComplex keeps an object as the text of its JSON.
func (f *Field) acceptComplex(x map[string]any) (any, error) {
	text, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", f.Name, err)
	}
	if len(text) > f.Length {
		return nil, f.refuse(CodeStringTooLong, "%s: data value too large (max length=%d)", f.Label, f.Length)
	}
	return JSON(text), nil
}

func (f *Field) acceptNumber(s string) (any, error) {
	if f.Type == TypeInt || f.Type.IsDouble() || f.Type.IsText() {
		return f.acceptText(s)
	}
	return nil, f.wrongJSON("VALUE_NUMBER", s)
}

func (f *Field) acceptText(s string) (any, error) {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return nil, f.refuse(CodeInvalidValue, "%s: invalid characters in value", f.Label)
	}
	if s == "" {
		return nil, nil
	}
	switch f.Type {
	case TypeComplex:
		return nil, f.wrongJSON("VALUE_STRING", "")
	case TypeBoolean:
		switch strings.ToLower(s) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
		return nil, f.wrongJSON("VALUE_STRING", s)
	case TypeInt:
		return f.acceptInt(s)
	case TypeDouble, TypeCurrency, TypePercent:
		return f.acceptDouble(s)
	case TypeMultipicklist:
		return f.acceptSeveral(s)
	case TypeDate:
		for _, layout := range dateLayouts {
			if t, err := time.Parse(layout, s); err == nil && inCalendar(t) {
				return t.UTC().Format(time.DateOnly), nil
			}
		}
		return nil, f.wrongJSON("VALUE_STRING", s)
	case TypeDateTime:
		t, err := ParseDateTime(s)
		if err != nil {
			return nil, f.wrongJSON("VALUE_STRING", s)
		}
		return t, nil
	case TypeID, TypeReference:
		id, err := ParseID(s)
		if err != nil {
			return nil, f.refuse(CodeMalformedID, "%s: id value of incorrect type: %s", f.Label, clip(s))
		}
		return string(id), nil
	}
	// Blanks around a text are not kept, and blanks alone are no value.
	if s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }); s == "" {
		return nil, nil
	}
	if n := utf8.RuneCountInString(s); n > f.Length {
		return nil, f.refuse(CodeStringTooLong, "%s: data value too large: %s (max length=%d)", f.Label, clip(s), f.Length)
	}
	if f.Type == TypePicklist && f.Restricted && !f.offers(s) {
		return nil, f.badPick(s)
	}
	if f.Type == TypeEmail && !ValidEmail(s) {
		return nil, f.refuse(CodeInvalidEmail, "%s: invalid email address: %s", f.Label, clip(s))
	}
	return s, nil
}

func (f *Field) acceptInt(s string) (any, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		x, ferr := strconv.ParseFloat(s, 64)
		if ferr != nil || x != math.Trunc(x) || math.Abs(x) > math.MaxInt32 {
			return nil, f.wrongJSON("VALUE_STRING", s)
		}
		n = int64(x)
	}
	if n > math.MaxInt32 || n < math.MinInt32 {
		return nil, f.refuse(CodeNumberRange, "%s: value outside of valid range on numeric field: %s", f.Label, clip(s))
	}
	return n, nil
}

// acceptDouble rounds to the field's scale, and refuses what has more digits before the point than the field.
func (f *Field) acceptDouble(s string) (any, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xXpP_nN") {
		if errors.Is(err, strconv.ErrRange) {
			return nil, f.refuse(CodeNumberRange, "%s: value outside of valid range on numeric field: %s", f.Label, clip(s))
		}
		return nil, f.wrongJSON("VALUE_STRING", s)
	}
	x = roundTo(x, f.Scale)
	if math.Abs(x) >= math.Pow10(f.Precision-f.Scale) {
		return nil, f.refuse(CodeNumberRange, "%s: value outside of valid range on numeric field: %s", f.Label, clip(s))
	}
	return x + 0, nil // no negative zero
}

// roundTo rounds half away from zero to so many digits after the point, as the number is written: 1.005 is 1.01, though
// the double next to it is below it.
func roundTo(x float64, scale int) float64 {
	text := strconv.FormatFloat(x, 'f', -1, 64)
	at := strings.IndexByte(text, '.')
	if at < 0 || len(text)-at-1 <= scale {
		return x
	}
	kept, next := text[:at]+text[at+1:at+1+scale], text[at+1+scale]
	n, _ := new(big.Int).SetString(kept, 10) // digits of our own making; "-0" is 0
	if next >= '5' {
		n.Add(n, big.NewInt(int64(math.Copysign(1, x))))
	}
	rounded, err := strconv.ParseFloat(n.String()+"e-"+strconv.Itoa(scale), 64)
	if err != nil { // cannot be: it is no larger than x was
		return x
	}
	return rounded
}

// acceptSeveral reads "B;A" and keeps "A;B": the values in the picklist's order, those that it lacks at the end.
func (f *Field) acceptSeveral(s string) (any, error) {
	var given []string
	for v := range strings.SplitSeq(s, ";") {
		v = strings.TrimSpace(v)
		switch {
		case v == "" || slices.Contains(given, v):
			continue
		case f.Restricted && !f.offers(v):
			return nil, f.badPick(v)
		}
		given = append(given, v)
	}
	place := func(v string) int {
		i := slices.IndexFunc(f.Picklist, func(p PicklistValue) bool { return p.Value == v })
		if i < 0 {
			return len(f.Picklist)
		}
		return i
	}
	slices.SortStableFunc(given, func(a, b string) int { return place(a) - place(b) })
	out := strings.Join(given, ";")
	if utf8.RuneCountInString(out) > f.Length {
		return nil, f.refuse(CodeStringTooLong, "%s: data value too large: %s (max length=%d)", f.Label, clip(s), f.Length)
	}
	return nilIfEmpty(out), nil
}

func (f *Field) offers(v string) bool {
	return slices.ContainsFunc(f.Picklist, func(p PicklistValue) bool { return p.Value == v })
}

func (f *Field) badPick(v string) error {
	return f.refuse(CodeInvalidPicklistValue, "%s: bad value for restricted picklist field: %s", f.Label, clip(v))
}

func (f *Field) refuse(code fault.Code, format string, args ...any) error {
	return fault.New(fault.Invalid, code, format, args...).In(f.Name)
}

// wrongJSON words a mismatch as the service's JSON reader does.
func (f *Field) wrongJSON(token, value string) error {
	kind := string(f.Type)
	if f.Type.IsText() {
		kind = "string"
	}
	if value != "" {
		value = " value " + clip(value)
	}
	return f.refuse(CodeWrongJSONType, "Cannot deserialize instance of %s from %s%s or request may be missing a required field", kind, token, value)
}

var dateLayouts = []string{time.DateOnly, "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.999Z0700", "2006-01-02Z"}

var dateTimeLayouts = []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04Z07:00"}

// ParseDateTime reads an ISO 8601 time with a zone ("Z", "+01:00" or "+0100"), in UTC and cut to milliseconds.
func ParseDateTime(s string) (time.Time, error) {
	for _, layout := range dateTimeLayouts {
		if t, err := time.Parse(layout, s); err == nil && inCalendar(t) {
			return t.UTC().Truncate(time.Millisecond), nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, CodeInvalidValue, "not a date and time: %s", clip(s))
}

// FormatDateTime writes a time as the data APIs do: "2026-01-02T03:04:05.000+0000".
func FormatDateTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }

// inCalendar reports whether the vendor's date fields hold it: years 1700 to 4000.
func inCalendar(t time.Time) bool { return t.Year() >= 1700 && t.Year() <= 4000 }

// ValidEmail reports whether s is one bare address with a dot in its domain, in ASCII or not: one that mail can be sent to. One
// with U+FFFD is not what anybody typed.
func ValidEmail(s string) bool {
	if len(s) > 254 || strings.ContainsAny(s, " \t\r\n<>(),;:\"\\[]\u2028\u2029\ufffd") || strings.ContainsFunc(s, unicode.IsControl) {
		return false
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return false
	}
	_, domain, _ := strings.Cut(s, "@")
	return strings.Contains(domain, ".") || domain == "localhost"
}
