// Package sheet holds what every list that people open in a spreadsheet has in common.
package sheet

import "strings"

// Cell keeps a spreadsheet from taking a value for a formula: one that begins like a formula gets an apostrophe before it.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
