package soql

import (
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of queries that are refused. Unknown fields and objects have org.CodeInvalidField and org.CodeInvalidType.
const (
	CodeMalformedQuery fault.Code = "malformed_query"
	CodeFilterOperator fault.Code = "invalid_query_filter_operator" // a value or operator that the field cannot be filtered by
	CodeNumberRange               = org.CodeNumberRange
	CodeTooComplicated fault.Code = "query_too_complicated"
	CodeTimeout        fault.Code = "query_timeout"
	CodeInvalidLocator fault.Code = "invalid_query_locator"
	CodeTooManyGroups  fault.Code = "exceeded_id_limit" // an aggregate query of more rows than one batch holds
)

// snippetBefore and snippetAfter are how many characters of the query an error shows around the place it means.
const (
	snippetBefore = 60
	snippetAfter  = 60
)

// problem is an error with its place: a line of the query, a caret under the place, row and column, and what is wrong
// (crm-wire 3.3). pos is a byte offset.
func problem(text string, pos int, code fault.Code, format string, args ...any) error {
	pos = min(pos, len(text))
	start := strings.LastIndexByte(text[:pos], '\n') + 1
	row, column := strings.Count(text[:start], "\n")+1, len([]rune(text[start:pos]))+1
	before, after := []rune(text[start:pos]), []rune(text[pos:])
	if i := strings.IndexByte(text[pos:], '\n'); i >= 0 {
		after = []rune(text[pos : pos+i])
	}
	before = before[max(0, len(before)-snippetBefore):]
	after = after[:min(len(after), snippetAfter)]
	return fault.New(fault.Invalid, code, "\n%s%s\n%s^\nERROR at Row:%d:Column:%d\n%s",
		string(before), string(after), strings.Repeat(" ", len(before)), row, column, fmt.Sprintf(format, args...))
}

func tooComplicated() error {
	return fault.New(fault.Invalid, CodeTooComplicated, "Query is either selecting too many fields or the filter conditions are too complicated.")
}

const (
	noSuchColumn = "No such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. " +
		"Please reference your WSDL or the describe call for the appropriate names."
	noSuchType = "sObject type '%s' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. " +
		"Please reference your WSDL or the describe call for the appropriate names."
	noSuchChild = "Didn't understand relationship '%s' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' " +
		"after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
	noSuchRelationship = "Didn't understand relationship '%s' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the " +
		"custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
)
