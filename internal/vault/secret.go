package vault

import "log/slog"

// Secret is a string that does not show itself: formatted, logged or marshalled it is "***". Reveal gives the string
// where it is really needed. As the key of a map it would show in JSON: encoding/json takes such keys as they are.
type Secret string

const hidden = "***"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String is "***", and "" for no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return `vault.Secret("` + s.String() + `")` }

// LogValue hides the secret from log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoders: JSON, XML, YAML. Unmarshalling takes the text as it is.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
