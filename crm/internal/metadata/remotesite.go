package metadata

import (
	"context"
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/soap"
)

const typeRemoteSite = "RemoteSiteSetting"

// remoteSites is the type RemoteSiteSetting.
func (s *Server) remoteSites() componentType {
	return componentType{
		name: typeRemoteSite, folder: "remoteSiteSettings", suffix: "remoteSite",
		list: func(ctx context.Context, session org.Session) ([]fileProperties, error) {
			all, err := s.RemoteSites.List(ctx, session)
			out := make([]fileProperties, len(all))
			for i, site := range all {
				out[i] = fileProperties{Stamp: site.Stamp, name: site.Name}
			}
			return out, err
		},
		read: func(ctx context.Context, session org.Session, name string) (func(*soap.Writer), error) {
			site, err := s.RemoteSites.Find(ctx, session, name)
			return func(x *soap.Writer) {
				x.Text("fullName", site.Name)
				if site.Description != "" {
					x.Text("description", site.Description)
				}
				x.Text("disableProtocolSecurity", strconv.FormatBool(site.Insecure))
				x.Text("isActive", strconv.FormatBool(site.Active))
				x.Text("url", site.URL)
			}, err
		},
		save: func(c *call, name string, verb org.Verb, e *soap.Element) (org.Work, error) {
			values, err := readRemoteSite(e)
			return func(tx org.SetupTx) (org.Saved, error) {
				return s.RemoteSites.SaveIn(tx, c.session, name, verb, values)
			}, err
		},
		remove: func(c *call, name string) org.Work {
			return func(tx org.SetupTx) (org.Saved, error) { return s.RemoteSites.DeleteIn(tx, c.session, name) }
		},
	}
}

func readRemoteSite(e *soap.Element) (map[string]any, error) {
	r := &reader{}
	r.once(e)
	values := map[string]any{}
	for _, el := range e.Children {
		switch el.Local {
		case "fullName":
		case "description":
			values["Description"] = *trimmed(el)
		case "url":
			values["EndpointUrl"] = *trimmed(el)
		case "isActive":
			values["IsActive"] = *r.flag(el)
		case "disableProtocolSecurity":
			values["ProtocolMismatch"] = *r.flag(el)
		default:
			r.unknown(typeRemoteSite, el.Local)
		}
	}
	return values, r.err
}
