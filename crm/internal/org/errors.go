package org

import "github.com/twinspan/twinspan/internal/fault"

// Codes of the record layer. Each has one error code of the data API (crm-wire 3.3); the edges' tables name it.
const (
	CodeRequiredFieldMissing fault.Code = "required_field_missing" // Field lists the fields, joined by commas
	CodeInvalidField         fault.Code = "invalid_field"          // no such field
	CodeFieldNotWriteable    fault.Code = "field_not_writeable"    // a field that creating or updating may not set
	CodeDuplicateValue       fault.Code = "duplicate_value"
	CodeDuplicateUsername    fault.Code = "duplicate_username"
	CodeDuplicateNickname    fault.Code = "duplicate_nickname"
	CodeStringTooLong        fault.Code = "string_too_long"
	CodeEntityDeleted        fault.Code = "entity_deleted"
	CodeInvalidType          fault.Code = "invalid_type"      // no such sObject, or none that this user may see
	CodeNotForOperation      fault.Code = "type_not_for_this" // the sObject cannot be created, updated or deleted
	CodeInsufficientAccess   fault.Code = "insufficient_access"
	CodeInvalidReference     fault.Code = "invalid_reference" // an id that names no record, or one of another kind
	CodeInvalidValue         fault.Code = "invalid_value"
	CodeWrongJSONType        fault.Code = "wrong_json_type" // a JSON value of a type that the field does not take
	CodeInvalidPicklistValue fault.Code = "invalid_picklist_value"
	CodeInvalidEmail         fault.Code = "invalid_email"
	CodeLastAdmin            fault.Code = "last_admin"
	CodeLicenseLimit         fault.Code = "license_limit"
	// CodeCircular: a record that would be its own parent.
	CodeCircular        fault.Code = "circular_dependency"
	CodeInactiveOwner   fault.Code = "inactive_owner"
	CodeInUse           fault.Code = "in_use" // deleting what others depend on
	CodeNumberRange     fault.Code = "number_outside_valid_range"
	CodeMissingArgument fault.Code = "missing_argument"
)
