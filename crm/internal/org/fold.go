package org

import "strings"

// Fold makes names that differ in case alone equal: user names, API names. It is what *_key columns hold.
func Fold(s string) string { return strings.ToLower(s) }

// SearchKey is a text as searches compare it: whatever the case of its letters, a final sigma being one like others.
func SearchKey(s string) string { return strings.ReplaceAll(Fold(s), "ς", "σ") }

// APIName makes the name that Setup proposes for a label: "Marketing Cloud Connected App" becomes
// "Marketing_Cloud_Connected_App". It may be "" where the label holds nothing usable.
func APIName(label string) string {
	var b strings.Builder
	for _, r := range label {
		switch {
		case r < 128 && isAlnum(byte(r)):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	name := strings.TrimRight(b.String(), "_")
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "X" + name
	}
	if len(name) > maxAPIName {
		name = strings.TrimRight(name[:maxAPIName], "_")
	}
	return name
}

const maxAPIName = 80

// ValidAPIName reports whether the name is of 1 to 80 letters, digits and underscores, begins with a letter, does not
// end with an underscore and has no two in a row.
func ValidAPIName(name string) bool {
	if name == "" || len(name) > maxAPIName || strings.HasSuffix(name, "_") || strings.Contains(name, "__") {
		return false
	}
	for i := range len(name) {
		if !isAlnum(name[i]) && name[i] != '_' {
			return false
		}
	}
	return name[0] >= 'A' && name[0] <= 'Z' || name[0] >= 'a' && name[0] <= 'z'
}
