package soapapi

import (
	"context"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/soap"
)

// createEmail makes an email.
func (s *Server) createEmail(ctx context.Context, c objectCall) (result, error) {
	e := tenant.Email{CustomerKey: strings.TrimSpace(c.el.Value("CustomerKey"))}
	readEmail(c.el, &e)
	e, err := s.o.Emails.Create(ctx, c.p, e)
	return result{message: "Email created.", newID: e.ID, newObject: e.ObjectID}, err
}

// updateEmail changes an email; what the object leaves out stays.
func (s *Server) updateEmail(ctx context.Context, c objectCall) (result, error) {
	ref, err := emailRef(c.el)
	if err != nil {
		return result{}, err
	}
	e, err := s.o.Emails.Update(ctx, c.p, ref, func(e *tenant.Email) { readEmail(c.el, e) })
	return result{message: "Email updated.", objectID: e.ID}, err
}

// deleteEmail takes an email away.
func (s *Server) deleteEmail(ctx context.Context, c objectCall) (result, error) {
	ref, err := emailRef(c.el)
	if err != nil {
		return result{}, err
	}
	e, err := s.o.Emails.Delete(ctx, c.p, ref)
	return result{message: "Email deleted.", objectID: e.ID}, err
}

func readEmail(el *soap.Element, e *tenant.Email) {
	for name, to := range map[string]*string{"Name": &e.Name, "Subject": &e.Subject, "PreHeader": &e.PreHeader, "HTMLBody": &e.HTML, "TextBody": &e.Text} {
		if text := optional(el, name); text != nil {
			*to = *text
		}
	}
}

func emailRef(el *soap.Element) (tenant.EmailRef, error) {
	id, err := number(el, "ID")
	return tenant.EmailRef{ID: id, ObjectID: strings.TrimSpace(el.Value("ObjectID")), Key: strings.TrimSpace(el.Value("CustomerKey"))}, err
}

func setupRef(el *soap.Element) tenant.SetupRef {
	return tenant.SetupRef{ID: strings.TrimSpace(el.Value("ObjectID")), Key: strings.TrimSpace(el.Value("CustomerKey"))}
}

// createProfile makes a sender profile.
func (s *Server) createProfile(ctx context.Context, c objectCall) (result, error) {
	v := tenant.SenderProfile{Key: strings.TrimSpace(c.el.Value("CustomerKey"))}
	readProfile(c.el, &v)
	v, err := s.o.SendSetup.CreateProfile(ctx, c.p, v)
	return result{message: "SenderProfile created", newObject: v.ID}, err
}

// updateProfile changes a sender profile.
func (s *Server) updateProfile(ctx context.Context, c objectCall) (result, error) {
	v, err := s.o.SendSetup.UpdateProfile(ctx, c.p, setupRef(c.el), func(v *tenant.SenderProfile) { readProfile(c.el, v) })
	return result{message: "SenderProfile updated", newObject: v.ID}, err
}

// deleteProfile takes a sender profile away.
func (s *Server) deleteProfile(ctx context.Context, c objectCall) (result, error) {
	v, err := s.o.SendSetup.DeleteProfile(ctx, c.p, setupRef(c.el))
	return result{message: "SenderProfile deleted", newObject: v.ID}, err
}

func readProfile(el *soap.Element, v *tenant.SenderProfile) {
	for name, to := range map[string]*string{"Name": &v.Name, "Description": &v.Description, "FromName": &v.FromName, "FromAddress": &v.FromAddress} {
		if text := optional(el, name); text != nil {
			*to = *text
		}
	}
}

// createClassification makes a send classification.
func (s *Server) createClassification(ctx context.Context, c objectCall) (result, error) {
	v := tenant.SendClassification{Key: strings.TrimSpace(c.el.Value("CustomerKey"))}
	profile, err := s.profileKey(ctx, c)
	if err != nil {
		return result{}, err
	}
	readClassification(c.el, profile, &v)
	v, err = s.o.SendSetup.CreateClassification(ctx, c.p, v)
	return result{message: "SendClassification created", newObject: v.ID}, err
}

// updateClassification changes a send classification.
func (s *Server) updateClassification(ctx context.Context, c objectCall) (result, error) {
	profile, err := s.profileKey(ctx, c)
	if err != nil {
		return result{}, err
	}
	v, err := s.o.SendSetup.UpdateClassification(ctx, c.p, setupRef(c.el), func(v *tenant.SendClassification) { readClassification(c.el, profile, v) })
	return result{message: "SendClassification updated", newObject: v.ID}, err
}

// deleteClassification takes a send classification away.
func (s *Server) deleteClassification(ctx context.Context, c objectCall) (result, error) {
	v, err := s.o.SendSetup.DeleteClassification(ctx, c.p, setupRef(c.el))
	return result{message: "SendClassification deleted", newObject: v.ID}, err
}

func readClassification(el *soap.Element, profile string, v *tenant.SendClassification) {
	for name, to := range map[string]*string{"Name": &v.Name, "Description": &v.Description, "SendClassificationType": &v.Kind} {
		if text := optional(el, name); text != nil {
			*to = *text
		}
	}
	if profile != "" {
		v.ProfileKey = profile
	}
}

// builtin begins the identifiers of what every business unit has, and in the place of the kind tells it from others
// (sqlstore, guid).
const (
	builtinProfile        = "00000002-0000-4000-8000-"
	builtinClassification = "00000004-0000-4000-8000-"
)

// profileKey is the customer key of the sender profile that the object names; "" where it names none.
func (s *Server) profileKey(ctx context.Context, c objectCall) (string, error) {
	el := c.el.Find("SenderProfile")
	ref := setupRef(el)
	switch {
	case ref.Key != "" || ref.ID == "":
		return ref.Key, nil
	case strings.HasPrefix(ref.ID, builtinProfile):
		return tenant.DefaultProfile, nil
	}
	v, err := s.o.SendSetup.Profile(ctx, c.p, ref)
	return v.Key, err
}

// classificationKey is the customer key of the send classification that the object names; "" where it names none.
func (s *Server) classificationKey(ctx context.Context, c objectCall) (string, error) {
	ref := setupRef(c.el.Find("SendClassification"))
	switch {
	case ref.Key != "" || ref.ID == "":
		return ref.Key, nil
	case strings.HasPrefix(ref.ID, builtinClassification+"001"):
		return tenant.ClassificationCommercial, nil
	case strings.HasPrefix(ref.ID, builtinClassification+"002"):
		return tenant.ClassificationTransactional, nil
	}
	v, err := s.o.SendSetup.Classification(ctx, c.p, ref)
	return v.Key, err
}
