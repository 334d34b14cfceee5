package crm

import "strings"

var soqlEscaper = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`)

// Literal is a text as SOQL quotes it, for queries made of what people typed.
func Literal(s string) string { return "'" + soqlEscaper.Replace(s) + "'" }
