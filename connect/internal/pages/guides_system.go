package pages

import (
	"encoding/base64"
	"net/http"
	"net/mail"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/guide"
	"github.com/twinspan/twinspan/internal/ui"
)

// guideSystemPath takes who is to be the Salesforce system user, before the org is connected and Connect knows it.
const guideSystemPath = GuidesPath + "/{guide}/system-user"

// systemUserField is the field with his user name, and the parameter of a guide's address that says it for one look.
const systemUserField = "system_user"

// maxUsername is the longest user name of an org, in characters (crm-wire 7).
const maxUsername = 80

// systemUserForm asks for him. What was said is a setting of the guides in this browser: it stands on the page, goes along with
// whoever goes away and comes back, and an empty field takes it back.
func systemUserForm(g guide.Guide, v stay, f ui.Field) ui.Form {
	f.Name, f.Label, f.MaxLength, f.Autocomplete = systemUserField, "User name of the Salesforce system user", maxUsername, "off"
	f.Hint = "The user as whom Engagement works in the org: an account of its own, no person’s. With the name the guide sees whether the permission sets are assigned to it. The guides keep it in this browser until the org is connected."
	return v.signed(ui.Form{Action: GuidesPath + "/" + g.Name + "/system-user", Fields: []ui.Field{f}, Submits: []ui.Submit{{Label: "Look", Secondary: true}}})
}

// planSystemUser keeps who is to be the system user, and looks anew.
func (s *Server) planSystemUser(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	if err := v.Role.Require(v.link, guideRoles(v)...); err != nil {
		s.sorry(w, r, v, err)
		return
	}
	name := strings.TrimSpace(form.Get(systemUserField))
	if at, err := mail.ParseAddress(name); name != "" && (err != nil || at.Address != name || len(name) > maxUsername) {
		s.showGuide(w, r, v, url.Values{}, ui.Field{Value: form.Get(systemUserField), Error: "A user name of Salesforce has the form of an email address, of at most 80 characters."}, http.StatusBadRequest)
		return
	}
	if name == "" {
		s.cookies.drop(w, s.cookies.planned)
	} else {
		s.cookies.set(w, s.cookies.planned, base64.RawURLEncoding.EncodeToString([]byte(v.link.Pair+" "+name)), 0)
	}
	redirect(w, r, GuidesPath+"/"+url.PathEscape(r.PathValue("guide")))
}

// plannedUser is who is to be the system user of the visitor's connection, as he said in this browser; "" where he did not.
func (s *Server) plannedUser(r *http.Request, v stay) string {
	if v.link.Org.Username != "" {
		return ""
	}
	value, err := base64.RawURLEncoding.DecodeString(s.cookies.get(r, s.cookies.planned))
	if err != nil {
		return ""
	}
	pair, name, _ := strings.Cut(string(value), " ")
	if pair != v.link.Pair || len(name) > maxUsername {
		return ""
	}
	return name
}
