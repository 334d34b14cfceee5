package soapapi

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// retrieve answers RetrieveRequestMsg. Refusals of the request are an answer with an OverallStatus of "Error: text".
func (s *Server) retrieve(ctx context.Context, p tenant.Principal, op *soap.Element) (func(*soap.Writer), error) {
	request, err := readRetrieve(op)
	var page tenant.Page
	if err == nil {
		page, err = s.o.Retrieves.Retrieve(ctx, p, request)
	}
	status, err := retrieveStatus(page, err)
	if err != nil {
		return nil, err
	}
	if page.RequestID == "" {
		page.RequestID = tenant.NewGUID()
	}
	return func(x *soap.Writer) {
		x.Open("RetrieveResponseMsg", "xmlns", Namespace)
		x.Text("OverallStatus", status)
		x.Text("RequestID", page.RequestID)
		for _, row := range page.Rows.Values {
			writeRow(x, page.Object, page.Rows.Properties, row)
		}
		x.Close()
	}, nil
}

// retrieveStatus is the OverallStatus; an error that is no refusal comes back.
func retrieveStatus(page tenant.Page, err error) (string, error) {
	if err == nil {
		if page.Rows.More {
			return "MoreDataAvailable", nil
		}
		return "OK", nil
	}
	switch f := fault.Of(err); {
	case f.Code == tenant.CodeInsufficientPrivileges:
		return "Error: API Permission Failed.", nil
	case f.Code == tenant.CodeInvalidRetrieve, f.Code == tenant.CodeNoCursor, f.Code == tenant.CodeNoDataExtension:
		return "Error: " + f.Message, nil
	}
	return "", err
}

// readRetrieve reads a RetrieveRequestMsg into values.
func readRetrieve(op *soap.Element) (tenant.RetrieveRequest, error) {
	el, err := op.One("RetrieveRequest")
	if err != nil {
		return tenant.RetrieveRequest{}, err
	}
	if el == nil {
		return tenant.RetrieveRequest{}, fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "The message holds no RetrieveRequest.")
	}
	r := tenant.RetrieveRequest{
		Object:           el.Value("ObjectType"),
		Continue:         el.Value("ContinueRequest"),
		QueryAllAccounts: strings.EqualFold(el.Value("QueryAllAccounts"), "true") || el.Value("QueryAllAccounts") == "1",
	}
	for _, c := range el.All("Properties") {
		if name := strings.TrimSpace(c.Text); name != "" {
			r.Properties = append(r.Properties, name)
		}
	}
	batch, err := number(el, "Options", "BatchSize")
	if err != nil || batch < 0 {
		return r, fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "The BatchSize is not a number of rows.")
	}
	r.BatchSize = int(min(batch, tenant.RetrieveBatch))
	units := el.All("ClientIDs")
	if client := el.Find("Options", "Client"); client != nil {
		units = append(units, client)
	}
	for _, unit := range units {
		for _, c := range unit.All("ID") {
			mid, err := readMID(c)
			if err != nil {
				return r, err
			}
			r.ClientIDs = append(r.ClientIDs, mid)
		}
	}
	if f := el.Find("Filter"); f != nil {
		if r.Filter, err = readFilter(f, 1); err != nil {
			return r, err
		}
	}
	return r, nil
}

func readMID(el *soap.Element) (tenant.MID, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(el.Text), 10, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "A client id is not a number.")
	}
	return tenant.MID(n), nil
}

// maxFilterDepth bounds the recursion of readFilter; package tenant counts parts and values.
const maxFilterDepth = 20

// readFilter reads a filter part: by its xsi:type, or, where a client leaves that out, by what it holds. Values are taken
// as written: blanks at their ends count (engagement-wire 7, mcdev).
func readFilter(el *soap.Element, depth int) (*tenant.Filter, error) {
	if depth > maxFilterDepth {
		return nil, fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "The filter is nested too deep.")
	}
	kind := el.XSIType()
	if kind == "ComplexFilterPart" || kind == "" && el.Find("LeftOperand") != nil {
		return readComplex(el, depth)
	}
	if kind != "SimpleFilterPart" && kind != "" {
		return nil, fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "The filter part %q is unknown.", kind)
	}
	f := &tenant.Filter{Property: el.Value("Property"), Operator: tenant.Operator(el.Value("SimpleOperator"))}
	for _, name := range []string{"Value", "DateValue"} {
		for _, v := range el.All(name) {
			if f.Operator == tenant.OpIsNull || f.Operator == tenant.OpIsNotNull {
				continue // some clients send an empty value along
			}
			f.Values = append(f.Values, v.Text)
		}
	}
	return f, nil
}

// readComplex reads a ComplexFilterPart with its operands; additional ones are joined by the same operator.
func readComplex(el *soap.Element, depth int) (*tenant.Filter, error) {
	or := false
	switch strings.ToUpper(el.Value("LogicalOperator")) {
	case "AND":
	case "OR":
		or = true
	default:
		return nil, fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "A complex filter part is joined by AND or OR.")
	}
	operands := append(el.All("LeftOperand"), el.All("RightOperand")...)
	for _, more := range el.All("AdditionalOperands") {
		operands = append(operands, more.All("Operand")...)
	}
	if el.Find("LeftOperand") == nil || el.Find("RightOperand") == nil {
		return nil, fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "A complex filter part needs a left and a right operand.")
	}
	var joined *tenant.Filter
	for _, o := range operands {
		f, err := readFilter(o, depth+1)
		if err != nil {
			return nil, err
		}
		if joined == nil {
			joined = f
			continue
		}
		joined = &tenant.Filter{Or: or, Left: joined, Right: f}
	}
	return joined, nil
}

// writeRow writes one Results element. Every result and every object inside it has PartnerKey and ObjectID, nil where
// not asked for; members come in the order of the WSDL, which is that of the properties.
func writeRow(x *soap.Writer, object string, properties []string, row []tenant.Value) {
	x.Open("Results", "xsi:type", object)
	if object == "BusinessUnit" {
		properties, row = withAccount(properties, row)
	}
	writeMembers(x, properties, row)
	x.Close()
}

// subscription is a member that is written nil where it has no value.
const subscription = "Subscription"

// afterSubscription are the members of a business unit that stand after its Subscription.
var afterSubscription = []string{"InheritAddress", "IsTrialAccount", "Description", "MasterUnsubscribeBehavior"}

// withAccount adds what the real service writes of an account although nobody asked for it: AccountType None and a
// Subscription of nil (engagement-wire 3, BusinessUnit).
func withAccount(properties []string, row []tenant.Value) ([]string, []tenant.Value) {
	properties, row = slices.Clone(properties), slices.Clone(row)
	add := func(name string, value tenant.Value, after func(property string) bool) {
		if slices.Contains(properties, name) {
			return
		}
		at := slices.IndexFunc(properties, after)
		if at < 0 {
			at = len(properties)
		}
		properties, row = slices.Insert(properties, at, name), slices.Insert(row, at, value)
	}
	add("AccountType", "None", func(property string) bool {
		member, _, _ := strings.Cut(property, ".")
		_, before := leading[member]
		return !before && member != "CustomerKey"
	})
	add(subscription, nil, func(property string) bool { return slices.Contains(afterSubscription, property) })
	return properties, row
}

// leading are the members that stand before PartnerKey and ObjectID in the WSDL's APIObject.
var leading = map[string]int{"Client": 0, "PartnerKey": 1, "CreatedDate": 2, "ModifiedDate": 3, "ID": 4, "ObjectID": 5}

// writeMembers writes the members of an object; a dotted property belongs to a member object, whose properties stand
// together.
func writeMembers(x *soap.Writer, properties []string, row []tenant.Value) {
	wroteKey, wroteID := false, false
	before := func(rank int) {
		if !wroteKey && rank > leading["PartnerKey"] {
			x.Nil("PartnerKey")
			wroteKey = true
		}
		if !wroteID && rank > leading["ObjectID"] {
			x.Nil("ObjectID")
			wroteID = true
		}
	}
	rank := func(member string) int {
		if r, ok := leading[member]; ok {
			return r
		}
		return len(leading)
	}
	for i := 0; i < len(properties); {
		member, _, nested := strings.Cut(properties[i], ".")
		before(rank(member))
		if !nested {
			writeValue(x, member, row[i])
			wroteID = wroteID || member == "ObjectID"
			i++
			continue
		}
		end := i + 1
		for end < len(properties) && strings.HasPrefix(properties[end], member+".") {
			end++
		}
		writeNested(x, member, properties[i:end], row[i:end])
		i = end
	}
	before(len(leading))
}

// writeNested writes a member object; one whose values are all missing is left out.
func writeNested(x *soap.Writer, member string, properties []string, row []tenant.Value) {
	names := make([]string, len(properties))
	empty := true
	for i, p := range properties {
		names[i] = strings.TrimPrefix(p, member+".")
		empty = empty && row[i] == nil
	}
	if empty {
		return
	}
	x.Open(member)
	if member == "Client" { // a ClientID is no APIObject
		for i, name := range names {
			writeValue(x, name, row[i])
		}
	} else {
		writeMembers(x, names, row)
	}
	x.Close()
}

// writeValue writes one value; a missing one is left out, but for those that are nil then.
func writeValue(x *soap.Writer, name string, value tenant.Value) {
	switch v := value.(type) {
	case nil:
		if name == "ObjectID" || name == subscription {
			x.Nil(name)
		}
	case string:
		x.Text(name, v)
	case int64:
		x.Text(name, strconv.FormatInt(v, 10))
	case bool:
		x.Text(name, strconv.FormatBool(v))
	case time.Time:
		x.Text(name, v.UTC().Format(timeFormat))
	case tenant.Objects:
		writeObjects(x, name, v)
	}
}

// writeObjects writes member objects; none at all are an empty element, or nothing where they stand bare.
func writeObjects(x *soap.Writer, name string, v tenant.Objects) {
	if !v.Bare {
		x.Open(name)
	}
	for _, item := range v.Items {
		x.Open(v.Name)
		if v.Plain {
			for i, name := range item.Properties {
				writeValue(x, name, item.Values[i])
			}
		} else {
			writeMembers(x, item.Properties, item.Values)
		}
		x.Close()
	}
	if !v.Bare {
		x.Close()
	}
}
