package api

import "context"

type noticesBody struct {
	Recipients []string        `json:"recipients"`
	Exceptions []exceptionBody `json:"exceptions"`
}

type exceptionBody struct {
	Subject string    `json:"subject"`
	Who     string    `json:"who"`
	Cause   causeBody `json:"cause"`
}

// notices says whom exceptions are mailed to, and what is broken now.
func (s *Server) notices(ctx context.Context, c call) (any, error) {
	recipients, err := s.Notices.Recipients(ctx, c.link)
	if err != nil {
		return nil, err
	}
	found, err := s.Notices.Exceptions(ctx, c.link)
	if err != nil {
		return nil, err
	}
	body := noticesBody{Recipients: recipients, Exceptions: make([]exceptionBody, 0, len(found))}
	if body.Recipients == nil {
		body.Recipients = []string{}
	}
	for _, e := range found {
		body.Exceptions = append(body.Exceptions, exceptionBody{e.Subject, e.Who, causeBody{e.Cause.Code, e.Cause.Text}})
	}
	return body, nil
}

func (s *Server) setNotices(ctx context.Context, c call) (any, error) {
	var in struct {
		Recipients []string `json:"recipients"`
		By         string   `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if err := s.Notices.SetRecipients(ctx, c.link, in.Recipients, in.By); err != nil {
		return nil, err
	}
	return s.notices(ctx, c)
}
