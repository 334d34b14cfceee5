package soapapi

import (
	"context"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// kindDefinition is the type of triggered send definitions, and, as recorded, of the results of their changes.
const kindDefinition = "TriggeredSendDefinition"

// createDefinition makes a triggered send definition, which is New until it is started.
func (s *Server) createDefinition(ctx context.Context, c objectCall) (result, error) {
	d := tenant.Definition{Key: strings.TrimSpace(c.el.Value("CustomerKey")), Status: tenant.DefinitionNew, AutoAdd: true, AutoUpdate: true}
	if d.Key == "" {
		d.Key = tenant.NewGUID()
	}
	parts, err := s.definitionParts(ctx, c)
	if err == nil {
		err = readDefinition(c.el, parts, &d)
	}
	if err == nil {
		d, err = s.o.Definitions.Create(ctx, c.p, d)
	}
	return definitionResult("TriggeredSendDefinition created", d, err)
}

// updateDefinition changes a triggered send definition; TriggeredSendStatus starts and pauses it.
func (s *Server) updateDefinition(ctx context.Context, c objectCall) (result, error) {
	if strings.EqualFold(strings.TrimSpace(c.el.Value("TriggeredSendStatus")), string(tenant.DefinitionDeleted)) {
		return s.deleteDefinition(ctx, c)
	}
	key, err := s.definitionKey(ctx, c.p, c.el)
	if err != nil {
		return definitionResult("", tenant.Definition{}, err)
	}
	parts, err := s.definitionParts(ctx, c)
	if err != nil {
		return definitionResult("", tenant.Definition{}, err)
	}
	d, err := s.o.Definitions.Update(ctx, c.p, key, func(d *tenant.Definition) error { return readDefinition(c.el, parts, d) })
	return definitionResult("TriggeredSendDefinition updated", d, err)
}

// deleteDefinition takes a triggered send definition away.
func (s *Server) deleteDefinition(ctx context.Context, c objectCall) (result, error) {
	key, err := s.definitionKey(ctx, c.p, c.el)
	if err != nil {
		return definitionResult("", tenant.Definition{}, err)
	}
	d, err := s.o.Definitions.Delete(ctx, c.p, key)
	return definitionResult("TriggeredSendDefinition deleted", d, err)
}

// definitionResult is what became of a definition. Refusals have the codes of definitions, not those of sends.
func definitionResult(message string, d tenant.Definition, err error) (result, error) {
	res := result{kind: kindDefinition, message: message, newObject: d.ID}
	if err == nil {
		return res, nil
	}
	f := fault.Of(err)
	switch f.Code {
	case tenant.CodeNoDefinition, tenant.CodeInvalidDefinition, tenant.CodeDefinitionExists, tenant.CodeNoEmail, tenant.CodeNoSendSetup, tenant.CodeNoList:
		res.failed, res.errorCode, res.message, res.newObject = true, errorDefinition, f.Message, ""
		if f.Field == "fromAddress" {
			res.errorCode = errorDefinitionFrom
		}
		return res, nil
	}
	return result{}, err
}

// definitionKey finds the customer key of the definition that an object names.
func (s *Server) definitionKey(ctx context.Context, p tenant.Principal, el *soap.Element) (string, error) {
	key, id := strings.TrimSpace(el.Value("CustomerKey")), strings.TrimSpace(el.Value("ObjectID"))
	if key != "" || id == "" {
		return key, nil
	}
	d, err := s.o.Definitions.GetByID(ctx, p, id)
	return d.Key, err
}

// definitionParts are the things that a definition refers to, looked up before it is changed.
type definitionParts struct {
	email          *tenant.Email
	profile        *tenant.SenderProfile
	classification string
	list           string // customer key; "" where the object names none
}

func (s *Server) definitionParts(ctx context.Context, c objectCall) (definitionParts, error) {
	var parts definitionParts
	if el := c.el.Find("Email"); el != nil {
		ref, err := emailRef(el)
		if err != nil {
			return parts, err
		}
		e, err := s.o.Emails.Get(ctx, c.p, ref)
		if err != nil {
			return parts, err
		}
		parts.email = &e
	}
	var err error
	if parts.list, err = s.listKey(ctx, c); err != nil {
		return parts, err
	}
	if parts.classification, err = s.classificationKey(ctx, c); err != nil {
		return parts, err
	}
	profile, err := s.profileKey(ctx, c)
	if err != nil {
		return parts, err
	}
	if profile == "" && parts.classification != "" && parts.classification != tenant.ClassificationTransactional && parts.classification != tenant.ClassificationCommercial {
		v, err := s.o.SendSetup.Classification(ctx, c.p, tenant.SetupRef{Key: parts.classification})
		if err != nil {
			return parts, err
		}
		profile = v.ProfileKey
	}
	if profile == "" {
		return parts, nil
	}
	v := tenant.SenderProfile{} // the default one: definitions without a From address use it
	if !strings.EqualFold(profile, tenant.DefaultProfile) {
		if v, err = s.o.SendSetup.Profile(ctx, c.p, tenant.SetupRef{Key: profile}); err != nil {
			return parts, err
		}
	}
	parts.profile = &v
	return parts, nil
}

// listKey is the customer key of the list that the object names by number, ObjectID or key; "" where it names none.
func (s *Server) listKey(ctx context.Context, c objectCall) (string, error) {
	el := c.el.Find("List")
	if el == nil {
		return "", nil
	}
	ref, err := listRef(el)
	if err != nil || ref == (tenant.ListRef{}) {
		return "", err
	}
	if isAllSubscribers(c.p, ref) {
		return tenant.AllSubscribers, nil
	}
	l, err := s.o.Lists.Find(ctx, c.p, ref)
	return l.Key, err
}

// isAllSubscribers reports whether the list is the one that everybody is on: by the number that Retrieve shows, or by key.
func isAllSubscribers(p tenant.Principal, ref tenant.ListRef) bool {
	return ref.ID == int64(p.Tenant) || ref.ID == 0 && ref.ObjectID == "" && strings.EqualFold(ref.Key, tenant.AllSubscribers)
}

// readDefinition takes over what the object says; what it leaves out stays. What this tenant does not do is refused, so
// that nobody counts on it.
func readDefinition(el *soap.Element, parts definitionParts, d *tenant.Definition) error {
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, tenant.CodeInvalidDefinition, format, args...).In(field)
	}
	for name, to := range map[string]*string{"Name": &d.Name, "Description": &d.Description} {
		if text := optional(el, name); text != nil {
			*to = *text
		}
	}
	if parts.email != nil {
		d.EmailKey = parts.email.CustomerKey
	}
	if parts.classification != "" {
		d.Classification = parts.classification
	}
	if parts.profile != nil {
		d.FromName, d.FromAddress = parts.profile.FromName, parts.profile.FromAddress
	}
	for name, to := range map[string]*string{"FromName": &d.FromName, "FromAddress": &d.FromAddress} {
		if text := optional(el, name); text != nil && (*text != "" || parts.profile == nil) {
			*to = *text
		}
	}
	for name, to := range map[string]*bool{"AutoAddSubscribers": &d.AutoAdd, "AutoUpdateSubscribers": &d.AutoUpdate, "IsWrapped": &d.TrackLinks} {
		v, err := optionalBool(el, name)
		if err != nil {
			return err
		}
		if v != nil {
			*to = *v
		}
	}
	for _, name := range []string{"BccEmail", "CCEmail", "DynamicEmailSubject"} {
		if strings.TrimSpace(el.Value(name)) != "" {
			return bad(name, "%s is not supported.", name)
		}
	}
	if subject := el.Value("EmailSubject"); subject != "" && parts.email != nil && subject != parts.email.Subject {
		return bad("EmailSubject", "A definition has the subject of its email; another EmailSubject is not supported.")
	}
	if parts.list != "" {
		d.ListKey = parts.list
	}
	return readDefinitionStatus(el, d)
}

func readDefinitionStatus(el *soap.Element, d *tenant.Definition) error {
	text := strings.TrimSpace(el.Value("TriggeredSendStatus"))
	if text == "" {
		return nil
	}
	for _, status := range []tenant.DefinitionStatus{tenant.DefinitionNew, tenant.DefinitionActive, tenant.DefinitionInactive, tenant.DefinitionCanceled} {
		if !strings.EqualFold(string(status), text) {
			continue
		}
		if status == tenant.DefinitionNew && d.Status != tenant.DefinitionNew {
			return fault.New(fault.Invalid, tenant.CodeInvalidDefinition, "A definition that was started is never New again.").In("TriggeredSendStatus")
		}
		d.Status = status
		return nil
	}
	return fault.New(fault.Invalid, tenant.CodeInvalidDefinition, "A definition cannot be given the status %q.", clip(text)).In("TriggeredSendStatus")
}

// maxPerform bounds the definitions of one Perform.
const maxPerform = 50

// perform answers PerformRequestMsg: start and stop of triggered send definitions, and starts of email send definitions.
// There are no automations and queries.
func (s *Server) perform(ctx context.Context, p tenant.Principal, op *soap.Element) (func(*soap.Writer), error) {
	definitions := op.Find("Definitions").All("Definition")
	if len(definitions) == 0 || len(definitions) > maxPerform {
		return nil, fault.New(fault.Invalid, "invalid_objects", "A request holds 1 to %d definitions.", maxPerform)
	}
	action := strings.ToLower(strings.TrimSpace(op.Value("Action")))
	results, failed, err := s.results(ctx, "PerformResponseMsg", definitions, func(i int, el *soap.Element) (result, error) {
		return s.one(ctx, objectCall{p: p, el: el, ordinal: i}, op, map[string]objectHandler{
			kindDefinition: func(ctx context.Context, c objectCall) (result, error) { return s.performDefinition(ctx, c, action) },
			kindEmailSend:  func(ctx context.Context, c objectCall) (result, error) { return s.performEmailSend(ctx, c, action) },
		})
	})
	if err != nil {
		return nil, err
	}
	request := s.conclude(ctx, p, op, definitions, results)
	return func(x *soap.Writer) {
		writeNestedResults(x, "PerformResponseMsg", request, definitions, results, failed)
	}, nil
}

func (s *Server) performDefinition(ctx context.Context, c objectCall, action string) (result, error) {
	status, ok := map[string]tenant.DefinitionStatus{"start": tenant.DefinitionActive, "stop": tenant.DefinitionInactive, "pause": tenant.DefinitionInactive}[action]
	if !ok {
		return result{}, fault.New(fault.Invalid, tenant.CodeInvalidDefinition, "The action %q is not supported; start, stop and pause are.", clip(action)).In("Action")
	}
	key, err := s.definitionKey(ctx, c.p, c.el)
	if err != nil {
		return definitionResult("", tenant.Definition{}, err)
	}
	d, err := s.o.Definitions.Update(ctx, c.p, key, func(d *tenant.Definition) error { d.Status = status; return nil })
	res, err := definitionResult("Performed Activity", d, err)
	res.kind = ""
	return res, err
}
