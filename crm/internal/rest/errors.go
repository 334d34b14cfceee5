package rest

import (
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
)

// Codes of this edge's own refusals.
const (
	codeBadAuthHeader    fault.Code = "bad_auth_header"
	codeNotForREST       fault.Code = "session_not_for_rest"
	codeAPIDisabled      fault.Code = "api_disabled_for_user"
	codeMethodNotAllowed fault.Code = "method_not_allowed"
	codeRetired          fault.Code = "retired_version"
	codeBadParameter     fault.Code = "bad_parameter"
	codeNoSetup          fault.Code = "setup_not_visible"
	codeNoDryRun         fault.Code = "no_dry_run"
	codeTooManyRecords   fault.Code = "too_many_records"
	codeOverLimit        fault.Code = "over_limit"
	codeIDMissing        fault.Code = "id_missing"
	codePrecondition     fault.Code = "precondition_failed"
	codeReplicationDate  fault.Code = "replication_date"
)

// wireError is a refusal as the API writes it, always in an array (crm-wire 3.3).
type wireError struct {
	Message   string   `json:"message"`
	ErrorCode string   `json:"errorCode"`
	Fields    []string `json:"fields,omitempty"`
}

// translation is the one table from the codes inside to the API's. A status of 0 is the kind's.
var translation = map[fault.Code]struct {
	status int
	code   string
}{
	org.CodeInvalidSession:       {401, "INVALID_SESSION_ID"},
	codeNotForREST:               {401, "INVALID_SESSION_ID"},
	codeBadAuthHeader:            {401, "INVALID_AUTH_HEADER"},
	codeAPIDisabled:              {403, "API_CURRENTLY_DISABLED"},
	codeNoSetup:                  {403, "INSUFFICIENT_ACCESS"},
	org.CodeUserRate:             {403, "REQUEST_LIMIT_EXCEEDED"},
	org.CodeAddressRate:          {403, "REQUEST_LIMIT_EXCEEDED"},
	org.CodeRequestLimit:         {403, "REQUEST_LIMIT_EXCEEDED"},
	codeRetired:                  {410, "UNSUPPORTED_API_VERSION"},
	codeMethodNotAllowed:         {405, "METHOD_NOT_ALLOWED"},
	codeBadParameter:             {400, "INVALID_QUERY_PARAMETER"},
	codeNoDryRun:                 {400, "INVALID_OPERATION"},
	codeTooManyRecords:           {400, "EXCEEDED_ID_LIMIT"},
	codeOverLimit:                {400, wireOverLimit},
	codeIDMissing:                {400, "MISSING_ARGUMENT"},
	codePrecondition:             {412, "PRECONDITION_FAILED"},
	codeReplicationDate:          {400, "INVALID_REPLICATION_DATE"},
	org.CodeRolledBack:           {400, "ALL_OR_NONE_OPERATION_ROLLED_BACK"},
	org.CodeBulkState:            {400, "INVALIDJOBSTATE"},
	org.CodeBulkInvalidJob:       {400, "INVALIDJOB"},
	org.CodeBulkEntity:           {400, "INVALIDENTITY"},
	org.CodeBulkSecondUpload:     {400, "BULK_API_ERROR"},
	org.CodeBulkQuota:            {403, "EXCEEDED_QUOTA"},
	org.CodeBulkHardDelete:       {400, "FEATURENOTENABLED"},
	org.CodeNotFound:             {404, "NOT_FOUND"},
	org.CodeInvalidType:          {0, "INVALID_TYPE"}, // 404 by NotFound becomes NOT_FOUND below
	org.CodeMalformedID:          {400, "MALFORMED_ID"},
	org.CodeRequiredFieldMissing: {400, "REQUIRED_FIELD_MISSING"},
	org.CodeInvalidField:         {400, "INVALID_FIELD"},
	org.CodeFieldNotWriteable:    {400, "INVALID_FIELD_FOR_INSERT_UPDATE"},
	org.CodeDuplicateValue:       {400, "DUPLICATE_VALUE"},
	org.CodeDuplicateUsername:    {400, "DUPLICATE_USERNAME"},
	org.CodeDuplicateNickname:    {400, "DUPLICATE_COMM_NICKNAME"},
	org.CodeStringTooLong:        {400, "STRING_TOO_LONG"},
	org.CodeEntityDeleted:        {404, "ENTITY_IS_DELETED"},
	org.CodeNotForOperation:      {400, "INVALID_TYPE_FOR_OPERATION"},
	org.CodeInsufficientAccess:   {403, "INSUFFICIENT_ACCESS_OR_READONLY"},
	org.CodeInvalidReference:     {400, "INVALID_CROSS_REFERENCE_KEY"},
	org.CodeInvalidValue:         {400, "FIELD_INTEGRITY_EXCEPTION"},
	org.CodeWrongJSONType:        {400, "JSON_PARSER_ERROR"},
	org.CodeInvalidPicklistValue: {400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"},
	org.CodeInvalidEmail:         {400, "INVALID_EMAIL_ADDRESS"},
	org.CodeLastAdmin:            {400, "CANNOT_DISABLE_LAST_ADMIN"},
	org.CodeDeactivateSelf:       {400, "FIELD_INTEGRITY_EXCEPTION"},
	org.CodeLicenseLimit:         {400, "LICENSE_LIMIT_EXCEEDED"},
	org.CodeCircular:             {400, "CIRCULAR_DEPENDENCY"},
	org.CodeInactiveOwner:        {400, "INACTIVE_OWNER_OR_USER"},
	org.CodeInvalidNewPassword:   {400, "INVALID_NEW_PASSWORD"},
	org.CodePasswordAccess:       {403, "INSUFFICIENT_ACCESS"},
	org.CodeFreezeSelf:           {400, "CANNOT_FREEZE_SELF"},
	org.CodeLockUser:             {400, "CANNOT_PASSWORD_LOCKOUT"},
	org.CodeDomainNotProven:      {400, "FIELD_INTEGRITY_EXCEPTION"},
	org.CodeInUse:                {400, "DELETE_FAILED"},
	org.CodeMissingArgument:      {400, "MISSING_ARGUMENT"},
	org.CodeNoExternalID:         {404, "NOT_FOUND"},
	org.CodeBadCustom:            {400, "FIELD_INTEGRITY_EXCEPTION"},
	org.CodeCustomTaken:          {400, "DUPLICATE_DEVELOPER_NAME"},
	org.CodeCustomLimit:          {400, wireOverLimit},
	org.CodeNoSuchCustom:         {404, "INVALID_CROSS_REFERENCE_KEY"},
	org.CodeMultipleMatches:      {300, "DUPLICATE_EXTERNAL_ID"},
	soql.CodeMalformedQuery:      {400, "MALFORMED_QUERY"},
	soql.CodeFilterOperator:      {400, "INVALID_QUERY_FILTER_OPERATOR"},
	soql.CodeNumberRange:         {400, "NUMBER_OUTSIDE_VALID_RANGE"},
	soql.CodeTooComplicated:      {400, "QUERY_TOO_COMPLICATED"},
	soql.CodeTooManyGroups:       {400, "EXCEEDED_ID_LIMIT"},
	soql.CodeTimeout:             {400, "QUERY_TIMEOUT"},
	soql.CodeInvalidLocator:      {400, "INVALID_QUERY_LOCATOR"},
	strictjson.CodeMalformed:     {400, "JSON_PARSER_ERROR"},
}

// kinds answers for codes that the table does not name.
var kinds = map[fault.Kind]string{
	fault.Internal: "UNKNOWN_EXCEPTION", fault.Invalid: "BAD_REQUEST", fault.Unauthenticated: "INVALID_SESSION_ID", fault.Denied: "INSUFFICIENT_ACCESS",
	fault.NotFound: "NOT_FOUND", fault.Conflict: "UNABLE_TO_LOCK_ROW", fault.TooLarge: "REQUEST_TOO_LARGE", fault.Unsupported: "UNSUPPORTED_MEDIA_TYPE",
	fault.Limited: "REQUEST_LIMIT_EXCEEDED", fault.Unavailable: "SERVER_UNAVAILABLE",
}

// translate gives the status and the body of a refusal.
func translate(err error) (int, []wireError) {
	f := fault.Of(err)
	status, code := f.Kind.HTTPStatus(), kinds[f.Kind]
	if t, ok := translation[f.Code]; ok {
		code = t.code
		if t.status != 0 {
			status = t.status
		}
		if status == http.StatusNotFound && f.Code == org.CodeInvalidType {
			code = "NOT_FOUND" // in a path; in a query the same is INVALID_TYPE
		}
	}
	w := wireError{Message: f.Message, ErrorCode: code}
	if f.Field != "" {
		w.Fields = strings.Split(f.Field, ",")
	}
	return status, []wireError{w}
}
