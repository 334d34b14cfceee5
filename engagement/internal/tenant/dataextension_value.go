package tenant

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Rows keep values in one normal form of each type, so that what is equal is equal as text: numbers without leading
// zeros, decimals with all digits of their scale, dates as dataTime, booleans as True and False.
const dataTime = "2006-01-02T15:04:05"

// dataTimes are the forms in which clients write dates. One without a zone is taken as it stands; one with a zone is
// turned to UTC.
var dataTimes = []string{
	dataTime, time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02",
	"1/2/2006 3:04:05 PM", "1/2/2006 15:04:05", "1/2/2006 3:04 PM", "1/2/2006",
}

var (
	phonePattern  = regexp.MustCompile(`^\+?[0-9 ().x/-]*[0-9][0-9 ().x/-]*$`)
	localePattern = regexp.MustCompile(`^[A-Za-z]{2}(-[A-Za-z]{2})?$`)
	// A bound on digits: Rat would take "1e999999999" and spend minutes on it.
	decimalPattern = regexp.MustCompile(`^[+-]?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})$`)
)

// valueProblem is why a value does not fit its field, in the words that stand in the real service's brackets.
type valueProblem string

// Error tells which.
func (v valueProblem) Error() string { return string(v) }

// normal is the normal form of a value. The empty text stands for no value but in fields of type Text, where it is one;
// callers sort that out before.
func (f DataField) normal(text string) (string, error) {
	if !utf8.ValidString(text) || hasNUL(text) {
		return "", valueProblem("is not plain UTF-8 text")
	}
	trimmed := strings.TrimSpace(text)
	switch f.Type {
	case FieldText:
		return text, f.fits(text)
	case FieldEmailAddress:
		if !ValidAddress(trimmed) {
			return "", valueProblem("is not a valid email address. Parse error [InvalidEmailAddress]")
		}
		return trimmed, f.fits(trimmed)
	case FieldPhone:
		if !phonePattern.MatchString(trimmed) {
			return "", valueProblem("is not a valid phone number")
		}
		return trimmed, f.fits(trimmed)
	case FieldLocale:
		if !localePattern.MatchString(trimmed) {
			return "", valueProblem("is not a valid locale")
		}
		return trimmed, nil
	case FieldNumber:
		n, err := strconv.ParseInt(trimmed, 10, 32)
		if err != nil {
			return "", valueProblem("is not a valid integer")
		}
		return strconv.FormatInt(n, 10), nil
	case FieldDecimal:
		return f.normalDecimal(trimmed)
	case FieldBoolean:
		switch strings.ToLower(trimmed) {
		case "true", "1", "yes", "y", "t":
			return "True", nil
		case "false", "0", "no", "n", "f":
			return "False", nil
		}
		return "", valueProblem("is not a valid boolean")
	case FieldDate:
		for _, layout := range dataTimes {
			if t, err := time.Parse(layout, trimmed); err == nil && t.Year() >= 1753 && t.Year() <= 9999 {
				return t.UTC().Format(dataTime), nil
			}
		}
		return "", valueProblem("is not a valid date")
	}
	return "", valueProblem("has no type")
}

// normalDecimal rounds to the scale, half away from zero, as the real service's database does.
func (f DataField) normalDecimal(text string) (string, error) {
	if !decimalPattern.MatchString(text) {
		return "", valueProblem("is not a valid decimal")
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return "", valueProblem("is not a valid decimal")
	}
	out := r.FloatString(f.Scale)
	whole, _, _ := strings.Cut(strings.TrimLeft(out, "-"), ".")
	if whole != "0" && len(whole) > f.MaxLength-f.Scale {
		return "", valueProblem("has more digits than the field")
	}
	if strings.Trim(out, "-0.") == "" {
		out = strings.TrimLeft(out, "-")
	}
	return out, nil
}

func (f DataField) fits(text string) error {
	if utf8.RuneCountInString(text) > f.MaxLength {
		return valueProblem("is longer than " + strconv.Itoa(f.MaxLength) + " characters")
	}
	return nil
}

// ShowValue is a kept value as answers write it: dates in the form of the real service's answers, everything else as it
// is kept.
func (f DataField) ShowValue(kept string) string {
	if f.Type != FieldDate {
		return kept
	}
	t, err := time.Parse(dataTime, kept)
	if err != nil {
		return kept
	}
	return t.Format("1/2/2006 3:04:05 PM")
}

// maxRowKey is the longest row key that is kept as it is, in bytes; an index takes no more than some thousands.
const maxRowKey = 1000

// rowKey is the key of a row: the values of its primary key, folded, since the real service's database knows no case
// there, in a form that no two lists of values share.
func rowKey(key []DataField, values map[int64]string) string {
	list := make([]string, len(key))
	for i, f := range key {
		list[i] = strings.ToLower(values[f.Slot])
	}
	text, err := json.Marshal(list)
	if err != nil { // a list of texts is always JSON
		panic(err)
	}
	if len(text) > maxRowKey {
		sum := sha256.Sum256(text)
		return "#" + hex.EncodeToString(sum[:])
	}
	return string(text)
}
