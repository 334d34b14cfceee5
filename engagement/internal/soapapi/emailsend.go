package soapapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// kindEmailSend is the type of email send definitions.
const kindEmailSend = "EmailSendDefinition"

// createSend sends an email to lists at once (the documents' "Create a Send Object"), or starts the email send definition
// that the object names.
func (s *Server) createSend(ctx context.Context, c objectCall) (result, error) {
	var send tenant.EmailSend
	var err error
	if el := c.el.Find("EmailSendDefinition"); el != nil && setupRef(el) != (tenant.SetupRef{}) {
		_, send, err = s.o.EmailSendDefinitions.Start(ctx, c.p, setupRef(el), override(c.el), false)
	} else {
		var r tenant.EmailSendRequest
		if r, err = s.readSend(ctx, c); err == nil {
			send, err = s.o.EmailSends.Start(ctx, c.p, r)
		}
	}
	if err != nil {
		return emailSendResult("", "", err)
	}
	return result{message: "Created Send", newID: send.ID, newObject: send.ObjectID}, nil
}

func override(el *soap.Element) tenant.EmailSendOverride {
	return tenant.EmailSendOverride{FromName: strings.TrimSpace(el.Value("FromName")), FromAddress: strings.TrimSpace(el.Value("FromAddress"))}
}

// readSend reads a Send object. What this tenant does not do is refused.
func (s *Server) readSend(ctx context.Context, c objectCall) (tenant.EmailSendRequest, error) {
	o := override(c.el)
	r := tenant.EmailSendRequest{Subject: c.el.Value("Subject"), FromName: o.FromName, FromAddress: o.FromAddress, TrackLinks: true}
	if err := unsupported(c.el, "SendDate", "BccEmail", "SuppressionLists", "SendWindowOpen", "SendWindowClose"); err != nil {
		return r, err
	}
	email := c.el.Find("Email")
	if email == nil {
		return r, badSend("Email", "A Send needs an Email.")
	}
	var err error
	if r.Email, err = emailRef(email); err != nil {
		return r, err
	}
	for _, el := range c.el.All("List") {
		if len(el.All("Subscribers")) > 0 {
			return r, badSend("List", "A Send goes to lists and data extensions; subscribers of its own are not supported.")
		}
		list, err := s.listNumber(ctx, c.p, el)
		if err != nil {
			return r, err
		}
		r.Audience.Sources = append(r.Audience.Sources, tenant.AudienceSource{ID: tenant.NewGUID(), List: list})
	}
	return r, nil
}

func badSend(field, format string, args ...any) error {
	return fault.New(fault.Invalid, tenant.CodeInvalidEmailSend, format, args...).In(field)
}

// unsupported refuses members that mean something which is not done here, so that nobody counts on it.
func unsupported(el *soap.Element, names ...string) error {
	for _, name := range names {
		if member := el.Find(name); member != nil && (strings.TrimSpace(member.Text) != "" || len(member.Children) > 0) {
			return badSend(name, "%s is not supported.", name)
		}
	}
	return nil
}

// listNumber is the number of the list that an element names.
func (s *Server) listNumber(ctx context.Context, p tenant.Principal, el *soap.Element) (int64, error) {
	ref, err := listRef(el)
	if err != nil {
		return 0, err
	}
	if isAllSubscribers(p, ref) {
		return int64(p.Tenant), nil
	}
	l, err := s.o.Lists.Find(ctx, p, ref)
	return l.ID, err
}

// emailSendResult is what became of an email send definition or of a send. Refusals have the codes of the former.
func emailSendResult(message, object string, err error) (result, error) {
	if err == nil {
		return result{message: message, newObject: object}, nil
	}
	switch f := fault.Of(err); f.Code {
	case tenant.CodeNoEmailSend, tenant.CodeInvalidEmailSend, tenant.CodeEmailSendExists, tenant.CodeNoEmail, tenant.CodeNoSendSetup, tenant.CodeNoList, tenant.CodeNoDataExtension:
		return result{failed: true, errorCode: errorEmailSend, message: f.Message}, nil
	}
	return result{}, err
}

// createEmailSend makes an email send definition.
func (s *Server) createEmailSend(ctx context.Context, c objectCall) (result, error) {
	d := tenant.EmailSendDefinition{Key: strings.TrimSpace(c.el.Value("CustomerKey")), TrackLinks: true}
	err := s.readEmailSend(ctx, c, &d)
	if err == nil {
		d, err = s.o.EmailSendDefinitions.Create(ctx, c.p, d)
	}
	return emailSendResult("EmailSendDefinition created", d.ID, err)
}

// updateEmailSend changes an email send definition; what the object leaves out stays.
func (s *Server) updateEmailSend(ctx context.Context, c objectCall) (result, error) {
	d, err := s.o.EmailSendDefinitions.Update(ctx, c.p, setupRef(c.el), func(d *tenant.EmailSendDefinition) error { return s.readEmailSend(ctx, c, d) })
	return emailSendResult("EmailSendDefinition updated", d.ID, err)
}

// deleteEmailSend takes an email send definition away.
func (s *Server) deleteEmailSend(ctx context.Context, c objectCall) (result, error) {
	d, err := s.o.EmailSendDefinitions.Delete(ctx, c.p, setupRef(c.el))
	return emailSendResult("EmailSendDefinition deleted", d.ID, err)
}

// readEmailSend takes over what the object says.
func (s *Server) readEmailSend(ctx context.Context, c objectCall, d *tenant.EmailSendDefinition) error {
	if err := unsupported(c.el, "BccEmail", "AutoBccEmail", "CCEmail", "TestEmailAddr", "ExclusionFilter", "DeliveryScheduledTime", "SendWindowOpen", "SendWindowClose"); err != nil {
		return err
	}
	for name, to := range map[string]*string{"Name": &d.Name, "Description": &d.Description, "EmailSubject": &d.Subject} {
		if text := optional(c.el, name); text != nil {
			*to = *text
		}
	}
	for name, to := range map[string]*bool{"IsWrapped": &d.TrackLinks, "DeduplicateByEmail": &d.Deduplicate} {
		v, err := optionalBool(c.el, name)
		if err != nil {
			return err
		}
		if v != nil {
			*to = *v
		}
	}
	if el := c.el.Find("Email"); el != nil {
		ref, err := emailRef(el)
		if err != nil {
			return err
		}
		e, err := s.o.Emails.Get(ctx, c.p, ref)
		if err != nil {
			return err
		}
		d.EmailID = e.ID
	}
	for _, part := range []struct {
		read func(context.Context, objectCall) (string, error)
		to   *string
	}{{s.classificationKey, &d.Classification}, {s.profileKey, &d.ProfileKey}} {
		key, err := part.read(ctx, c)
		if err != nil {
			return err
		}
		if key != "" {
			*part.to = key
		}
	}
	lists := c.el.All("SendDefinitionList")
	if len(lists) == 0 {
		return nil
	}
	d.Audience = tenant.Audience{}
	for _, el := range lists {
		if err := s.readSource(ctx, c.p, el, &d.Audience); err != nil {
			return err
		}
	}
	return nil
}

// readSource reads a SendDefinitionList: a list, or a data extension by ObjectID or customer key.
func (s *Server) readSource(ctx context.Context, p tenant.Principal, el *soap.Element, a *tenant.Audience) error {
	if err := unsupported(el, "FilterDefinition", "SalesForceObjectID", "Parameters"); err != nil {
		return err
	}
	source := tenant.AudienceSource{}
	test, err := optionalBool(el, "IsTestObject")
	if err != nil {
		return err
	}
	source.Test = test != nil && *test
	if list := el.Find("List"); list != nil {
		if ref, err := listRef(list); err != nil || ref != (tenant.ListRef{}) {
			if err != nil {
				return err
			}
			if source.List, err = s.listNumber(ctx, p, list); err != nil {
				return err
			}
		}
	}
	switch kind := strings.TrimSpace(el.Value("DataSourceTypeID")); {
	case strings.EqualFold(kind, "CustomObject"):
		d, err := s.o.Data.Get(ctx, p, tenant.ExtensionRef{ID: strings.TrimSpace(el.Value("CustomObjectID")), Key: strings.TrimSpace(el.Value("CustomerKey"))})
		if err != nil {
			return err
		}
		source.Extension = d.ID
	case strings.EqualFold(kind, "List"), kind == "":
	default:
		return badSend("DataSourceTypeID", "The source %q is not supported; List and CustomObject are.", clip(kind))
	}
	switch kind := strings.TrimSpace(el.Value("SendDefinitionListType")); {
	case strings.EqualFold(kind, "ExclusionList"):
		a.Exclusions = append(a.Exclusions, source)
	case strings.EqualFold(kind, "SourceList"), kind == "":
		a.Sources = append(a.Sources, source)
	default:
		return badSend("SendDefinitionListType", "%q is not supported; SourceList and ExclusionList are.", clip(kind))
	}
	return nil
}

// performEmailSend starts an email send definition, starts a test of it, or counts whom it would reach.
func (s *Server) performEmailSend(ctx context.Context, c objectCall, action string) (result, error) {
	switch action {
	case "start", "send", "test":
		o := tenant.EmailSendOverride{}
		if profile := c.el.Find("SenderProfile"); profile != nil {
			o = override(profile)
		}
		_, send, err := s.o.EmailSendDefinitions.Start(ctx, c.p, setupRef(c.el), o, action == "test")
		res, err := emailSendResult("EmailSendDefinition performed", "", err)
		if err == nil && !res.failed {
			res.task = &task{message: "OK", id: strconv.FormatInt(send.ID, 10), object: send.ObjectID}
		}
		return res, err
	case "getmaxcount":
		_, n, err := s.o.EmailSendDefinitions.MaxCount(ctx, c.p, setupRef(c.el))
		res, err := emailSendResult("Task status message holds the requested value.", "", err)
		if err == nil && !res.failed {
			res.task = &task{message: strconv.FormatInt(n, 10)}
		}
		return res, err
	}
	return emailSendResult("", "", badSend("Action", "The action %q is not supported; start, test and GetMaxCount are.", clip(action)))
}
