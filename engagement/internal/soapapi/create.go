package soapapi

import (
	"context"
	"log/slog"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// maxObjects bounds the objects of one Create, Update or Delete; Engagement advises against more than 200.
const maxObjects = 200

// result is what became of one object of a Create, Update or Delete.
type result struct {
	kind      string // xsi:type of the result; "" for the operation's plain one
	failed    bool
	message   string
	errorCode int    // 0 where it did not fail
	newID     int64  // Create alone
	newObject string // GUID; Create alone
	// objectID is the number of the object where NewID does not tell it, and client the business unit that has it.
	objectID int64
	client   tenant.MID
	task     *task // what Perform has begun; nil for none
	failures []subscriberFailure
	problems tenant.RowProblems // of a refused row
}

// task is what Perform has begun.
type task struct {
	message string
	id      string // the number of the send; "" for none
	object  string // its GUID; "" for none
}

// subscriberFailure is one refused subscriber of a triggered send.
type subscriberFailure struct {
	subscriber  *soap.Element
	code        int
	description string
	ordinal     int
}

// objectCall is one object of a request, with what the handlers of its type need.
type objectCall struct {
	p       tenant.Principal
	el      *soap.Element
	upsert  bool // Create with SaveAction UpdateAdd
	later   bool // the request asks for asynchronous handling
	ordinal int
}

// objectHandler does one operation on one object. An error without a place in resultError's table fails the whole call.
type objectHandler func(ctx context.Context, c objectCall) (result, error)

func (s *Server) create(ctx context.Context, p tenant.Principal, op *soap.Element) (func(*soap.Writer), error) {
	return s.each(ctx, p, op, "CreateResponse", map[string]objectHandler{
		"TriggeredSend": s.createTriggeredSend, "Subscriber": s.createSubscriber, "AccountUser": s.createUser,
		"DataExtension": s.createDataExtension, "DataExtensionObject": s.createRow, "List": s.createList, "Email": s.createEmail,
		"SenderProfile": s.createProfile, "SendClassification": s.createClassification, kindDefinition: s.createDefinition,
		"Send": s.createSend, kindEmailSend: s.createEmailSend, "Role": s.createRole,
	})
}

func (s *Server) update(ctx context.Context, p tenant.Principal, op *soap.Element) (func(*soap.Writer), error) {
	return s.each(ctx, p, op, "UpdateResponse", map[string]objectHandler{
		"Subscriber": s.updateSubscriber, "AccountUser": s.updateUser, "DataExtension": s.updateDataExtension, "DataExtensionObject": s.updateRow,
		"List": s.updateList, "Email": s.updateEmail, "SenderProfile": s.updateProfile, "SendClassification": s.updateClassification, kindDefinition: s.updateDefinition, kindEmailSend: s.updateEmailSend, "Role": s.updateRole,
	})
}

func (s *Server) remove(ctx context.Context, p tenant.Principal, op *soap.Element) (func(*soap.Writer), error) {
	return s.each(ctx, p, op, "DeleteResponse", map[string]objectHandler{
		"Subscriber": s.deleteSubscriber, "DataExtension": s.deleteDataExtension, "DataExtensionObject": s.deleteRow, "List": s.deleteList, "Email": s.deleteEmail,
		"SenderProfile": s.deleteProfile, "SendClassification": s.deleteClassification, kindDefinition: s.deleteDefinition, kindEmailSend: s.deleteEmailSend, "Role": s.deleteRole,
	})
}

// each runs the operation on every object in order and writes Results, RequestID, OverallStatus (engagement-wire 3).
func (s *Server) each(ctx context.Context, p tenant.Principal, op *soap.Element, message string, handlers map[string]objectHandler) (func(*soap.Writer), error) {
	objects := op.All("Objects")
	if len(objects) == 0 || len(objects) > maxObjects {
		return nil, fault.New(fault.Invalid, "invalid_objects", "A request holds 1 to %d objects.", maxObjects)
	}
	upsert := false
	for _, o := range op.Find("Options", "SaveOptions").All("SaveOption") {
		upsert = upsert || strings.EqualFold(o.Value("SaveAction"), "UpdateAdd")
	}
	results, failed, err := s.results(ctx, message, objects, func(i int, el *soap.Element) (result, error) {
		return s.one(ctx, objectCall{p: p, el: el, upsert: upsert, later: asynchronous(op), ordinal: i}, op, handlers)
	})
	if err != nil {
		return nil, err
	}
	request := s.conclude(ctx, p, op, objects, results)
	return func(x *soap.Writer) {
		x.Open(message, "xmlns", Namespace)
		for i, res := range results {
			writeResult(x, message, objects[i], i, res)
		}
		x.Text("RequestID", request)
		x.Text("OverallStatus", overall(failed, len(results)))
		x.Close()
	}, nil
}

// results does something with each object in order and counts the refusals. An error of the first that is no refusal
// fails the call.
func (s *Server) results(ctx context.Context, message string, objects []*soap.Element, do func(i int, el *soap.Element) (result, error)) ([]result, int, error) {
	results := make([]result, len(objects))
	failed := 0
	for i, el := range objects {
		res, err := do(i, el)
		if err != nil {
			refusal, ok := resultError(err)
			if !ok && i == 0 {
				return nil, 0, err
			}
			if !ok {
				// What was done before must not be hidden behind a fault: the client would do it again.
				s.o.Log.ErrorContext(ctx, "soap: an object of several failed", slog.String("message", message), slog.Int("object", i), slog.Any("error", err))
			}
			refusal.kind = res.kind
			res = refusal
		}
		if res.failed {
			failed++
		}
		results[i] = res
	}
	return results, failed, nil
}

// writeNestedResults writes a message whose results stand inside one element (engagement-wire 9.3).
func writeNestedResults(x *soap.Writer, message, request string, objects []*soap.Element, results []result, failed int) {
	x.Open(message, "xmlns", Namespace)
	x.Open("Results")
	for i, res := range results {
		writeResultAs(x, "Result", message, objects[i], i, res)
	}
	x.Close()
	x.Text("OverallStatus", overall(failed, len(results)))
	x.Empty("OverallStatusMessage")
	x.Text("RequestID", request)
	x.Close()
}

// overall is the OverallStatus of so many refusals among so many results.
func overall(failed, all int) string {
	switch failed {
	case 0:
		return "OK"
	case all:
		return "Error"
	}
	return "Has Errors"
}

// one finds the object's business unit and handler and runs it.
func (s *Server) one(ctx context.Context, c objectCall, op *soap.Element, handlers map[string]objectHandler) (result, error) {
	kind := c.el.XSIType()
	handler, ok := handlers[kind]
	if !ok {
		return result{}, fault.New(fault.Invalid, codeUnknownObject, "Unable to find a handler for object type: %s. Object types are case-sensitive, check spelling.", kind)
	}
	if err := s.inUnit(ctx, &c, op); err != nil {
		return result{}, err
	}
	return handler(ctx, c)
}

// inUnit has a call act in the business unit that Client.ID names, in the object or in the options.
func (s *Server) inUnit(ctx context.Context, c *objectCall, op *soap.Element) error {
	unit := c.el.Find("Client", "ID")
	if unit == nil {
		unit = op.Find("Options", "Client", "ID")
	}
	if unit == nil {
		return nil
	}
	mid, err := readMID(unit)
	if err != nil {
		return err
	}
	c.p, err = s.o.Retrieves.InUnit(ctx, c.p, mid)
	return err
}

// codeUnknownObject is the fault of an object type that an operation does not know.
const codeUnknownObject fault.Code = "unknown_object"

// Error codes of results (engagement-wire 3).
const (
	errorData            = 2
	errorPermission      = 11
	errorObject          = 10000
	errorUnknownObject   = 10001
	errorUser            = 11000
	errorUserFields      = 11003
	errorUserTaken       = 11004
	errorSubscriber      = 12000
	errorSubscriberEmail = 12002
	errorSubscriberFound = 12014
	errorDefinition      = 17000
	errorDefinitionFrom  = 17106
	errorEmailSend       = 42000
	errorSendInactive    = 18001
	errorSendNotFound    = 18002
	errorSendSubscriber  = 18006
)

// resultError turns a refusal of one object into its result; false for an error that is no refusal, with a result that
// tells nothing of it.
func resultError(err error) (result, bool) {
	f := fault.Of(err)
	refuse := func(code int, message string) (result, bool) {
		return result{failed: true, errorCode: code, message: message}, true
	}
	switch f.Code {
	case tenant.CodeInsufficientPrivileges:
		return refuse(errorPermission, "API Permission Failed.")
	case codeUnknownObject:
		return refuse(errorUnknownObject, f.Message)
	case tenant.CodeMissingUserFields:
		return refuse(errorUserFields, f.Message)
	case tenant.CodeTaken:
		return refuse(errorUserTaken, f.Message)
	case tenant.CodeInvalidUser, tenant.CodeWeakPassword, tenant.CodeChangedMeanwhile, tenant.CodeNoRole, tenant.CodeInvalidRole, tenant.CodeRoleExists, tenant.CodeRoleUsed:
		return refuse(errorUser, f.Message)
	case tenant.CodeNoDataExtension, tenant.CodeDataExtensionExists, tenant.CodeInvalidDataExtension, tenant.CodeTooManyRows,
		tenant.CodeRowExists, tenant.CodeNoRow, tenant.CodeInvalidRow:
		return refuse(errorData, f.Message)
	case tenant.CodeNoEmail, tenant.CodeEmailExists, tenant.CodeEmailUsed, tenant.CodeInvalidEmail, tenant.CodeUnsupportedContent, tenant.CodeListExists, tenant.CodeInvalidList, tenant.CodeListUsed,
		tenant.CodeNoSendSetup, tenant.CodeInvalidSendSetup, tenant.CodeSendSetupExists, tenant.CodeSendSetupUsed, codeNotANumber:
		return refuse(errorObject, f.Message)
	case tenant.CodeNoEmailSend, tenant.CodeInvalidEmailSend, tenant.CodeEmailSendExists:
		return refuse(errorEmailSend, f.Message)
	case tenant.CodeNoList:
		return refuse(errorSubscriber, f.Message)
	case tenant.CodeSubscriberExists:
		return refuse(errorSubscriberFound, f.Message)
	case tenant.CodeInvalidSubscriber, tenant.CodeNoSubscriber, tenant.CodeMissingTo, tenant.CodeMissingContactKey:
		return refuse(subscriberCode(f), f.Message)
	case tenant.CodeDefinitionInactive:
		return refuse(errorSendInactive, f.Message)
	case tenant.CodeNoDefinition:
		return refuse(errorSendNotFound, f.Message)
	case tenant.CodeMayNotGet:
		return refuse(errorSubscriber, f.Message)
	case tenant.CodeUnverifiedSender, tenant.CodeNoRecipients, tenant.CodeTooManyRecipients:
		return refuse(errorSendSubscriber, f.Message)
	}
	if f.Kind == fault.Invalid {
		return refuse(errorUnknownObject, f.Message)
	}
	return result{failed: true, errorCode: 2, message: "Unplanned Outage"}, false
}

// subscriberCode is the error code of a refused subscriber.
func subscriberCode(f *fault.Error) int {
	if f.Field == "EmailAddress" || f.Code == tenant.CodeMissingTo {
		return errorSubscriberEmail
	}
	return errorSubscriber
}

// writeResult writes one Results element with the object as it came.
func writeResult(x *soap.Writer, message string, el *soap.Element, ordinal int, res result) {
	writeResultAs(x, "Results", message, el, ordinal, res)
}

// writeResultAs writes the result as an element of that name.
func writeResultAs(x *soap.Writer, name, message string, el *soap.Element, ordinal int, res result) {
	var attrs []string
	if res.kind != "" {
		attrs = []string{"xsi:type", res.kind}
	}
	x.Open(name, attrs...)
	x.Text("StatusCode", res.status())
	x.Text("StatusMessage", res.message)
	if message != "PerformResponseMsg" { // as recorded (engagement-wire 9.3)
		x.Text("OrdinalID", strconv.Itoa(ordinal))
	}
	if res.errorCode != 0 {
		x.Text("ErrorCode", strconv.Itoa(res.errorCode))
	}
	if message == "CreateResponse" { // strict clients refuse NewID elsewhere (clients 3.8)
		x.Text("NewID", strconv.FormatInt(res.newID, 10))
		if res.newObject != "" {
			x.Text("NewObjectID", res.newObject)
		}
	}
	echo(x, el, res)
	if t := res.task; t != nil {
		x.Open("Task")
		x.Text("StatusCode", "OK")
		x.Text("StatusMessage", t.message)
		if t.id != "" {
			x.Text("ID", t.id)
			x.Text("InteractionObjectID", t.object)
		}
		x.Close()
	}
	writeRowProblems(x, res)
	for _, f := range res.failures {
		x.Open("SubscriberFailures")
		x.Open("Subscriber")
		writeEchoed(x, f.subscriber)
		x.Close()
		x.Text("ErrorCode", strconv.Itoa(f.code))
		x.Text("ErrorDescription", f.description)
		x.Text("Ordinal", strconv.Itoa(f.ordinal))
		x.Close()
	}
	x.Close()
}

// echo repeats the object of the request.
func echo(x *soap.Writer, el *soap.Element, res result) {
	var attrs []string
	if kind := el.XSIType(); soap.ValidName(kind) {
		attrs = []string{"xsi:type", kind}
	}
	x.Open("Object", attrs...)
	clients := el.All("Client")
	for _, c := range clients {
		x.Element(c, Namespace)
	}
	if len(clients) == 0 && res.client != 0 {
		x.Open("Client")
		x.Text("ID", strconv.FormatInt(int64(res.client), 10))
		x.Close()
	}
	x.Nil("PartnerKey")
	without := []string{"Client", "PartnerKey", "ObjectID"}
	if id := max(res.newID, res.objectID); id != 0 {
		x.Text("ID", strconv.FormatInt(id, 10))
		without = append(without, "ID")
	}
	if res.newObject != "" {
		x.Text("ObjectID", res.newObject)
	} else {
		x.Nil("ObjectID")
	}
	writeEchoed(x, el, without...)
	x.Close()
}

// writeEchoed repeats the members of an element but those named, and never a password.
func writeEchoed(x *soap.Writer, el *soap.Element, without ...string) {
	for _, c := range el.Children {
		skip := !soap.ValidName(c.Local)
		for _, name := range without {
			skip = skip || c.Local == name
		}
		switch {
		case skip:
		case strings.EqualFold(c.Local, "Password"):
			x.Empty("Password")
		default:
			x.Element(c, Namespace)
		}
	}
}
