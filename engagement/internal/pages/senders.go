package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

func (s *Server) mountSenders(mux *web.Mux) {
	s.get(mux, profilesPath, s.profiles)
	s.get(mux, profilesPath+"/new", s.newProfile)
	s.post(mux, profilesPath+"/new", s.createProfile)
	s.get(mux, domainsPath, s.domains)
	s.post(mux, domainsPath, s.addDomain)
	s.post(mux, domainsPath+"/check", s.checkDomain)
	s.post(mux, domainsPath+"/remove", s.removeDomain)
	s.get(mux, documentsPath, s.documents)
	s.get(mux, documentsPath+"/{name}", s.document)
}

// profiles lists the sender profiles of the business unit, the one that every account has among them.
func (s *Server) profiles(v *visit) (answer, error) {
	after := v.query.Get("after")
	rows, err := s.browse(v, "SenderProfile", []string{"Name", "CustomerKey", "FromName", "FromAddress", "Description"}, nil, after, tenant.ScopeEmailRead)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Sender Profiles", Columns: []string{"Name", "External Key", "From Name", "From Email", "Description"}, Empty: "none"}
	for _, r := range rows.Values {
		table.Rows = append(table.Rows, ui.Row(shown(r[0]), shown(r[1]), shown(r[2]), shown(r[3]), shown(r[4])))
	}
	first, next := "", ""
	if after != "" {
		first = profilesPath
	}
	if rows.More {
		next = profilesPath + "?" + url.Values{"after": {rows.Last}}.Encode()
	}
	blocks := []ui.Block{ui.Actions{{Text: "Create", Href: profilesPath + "/new"}}, table}
	return answer{page: ui.Page{Title: "Sender Profiles", Blocks: append(blocks, turns("Sender Profiles", first, next)...)}}, nil
}

var profileFields = map[string]string{"Name": "name", "CustomerKey": "key", "Description": "description", "FromName": "fromname", "FromAddress": "address"}

func (s *Server) newProfile(v *visit) (answer, error) { return s.profilePage(v, nil), nil }

func (s *Server) profilePage(v *visit, refused error) answer {
	fields := []ui.Field{
		v.token,
		{Name: "name", Label: "Name", Value: v.form.Get("name"), Required: true, Autocomplete: "off", MaxLength: 100},
		{Name: "key", Label: "External Key", Value: v.form.Get("key"), Autocomplete: "off", MaxLength: tenant.MaxKey, Hint: "Left blank, one is made."},
		{Name: "fromname", Label: "From Name", Value: v.form.Get("fromname"), Autocomplete: "off", MaxLength: 130},
		{Type: ui.EmailField, Name: "address", Label: "From Email", Value: v.form.Get("address"), Required: true, Autocomplete: "off", MaxLength: 254, Hint: "Of a verified domain or address."},
		{Name: "description", Label: "Description", Value: v.form.Get("description"), Autocomplete: "off", MaxLength: 2000},
	}
	a := answer{page: ui.Page{Title: "Create Sender Profile"}}
	if refused != nil {
		refuse(&a.page, fields, profileFields, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	a.page.Blocks = []ui.Block{ui.Form{Once: true, Fields: fields, Submits: []ui.Submit{{Label: "Save"}}}, ui.Links{{Text: "Cancel", Href: profilesPath}}}
	return a
}

func (s *Server) createProfile(v *visit) (answer, error) {
	_, err := s.o.SendSetup.CreateProfile(v.r.Context(), v.Principal, tenant.SenderProfile{
		Name: v.form.Get("name"), Key: v.form.Get("key"), FromName: v.form.Get("fromname"), FromAddress: strings.TrimSpace(v.form.Get("address")), Description: v.form.Get("description"),
	})
	if told(err) {
		return s.profilePage(v, err), nil
	}
	if err != nil {
		return answer{}, err
	}
	return goTo(profilesPath, "profile"), nil
}

// domains lists the domains and addresses that mail may come from, with what has to be done for those that wait.
func (s *Server) domains(v *visit) (answer, error) { return s.domainsPage(v, nil) }

func (s *Server) domainsPage(v *visit, refused error) (answer, error) {
	page := max(1, int(min(number(v.query.Get("page")), 100_000)))
	list, all, err := s.o.Verification.List(v.r.Context(), v.Principal, (page-1)*listPage, listPage)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Domains and addresses", Columns: []string{"Domain", "Type", "Status", "What is to be done", "Action", "Removal"}, Empty: "none"}
	for _, one := range list {
		button := func(action, label string) ui.Cell {
			return ui.Cell{Form: &ui.Form{Action: domainsPath + "/" + action, Fields: []ui.Field{v.token, {Type: ui.HiddenField, Name: "domain", Value: one.Domain}}, Submits: []ui.Submit{{Label: label, Secondary: true}}}}
		}
		row := []ui.Cell{{Text: one.Domain}, {Text: string(one.Kind)}, {Text: "Verified"}, {}, {}, {}}
		switch {
		case one.Proven() && !one.Sendable:
			row[2].Text = "Verified, not used"
		case !one.Proven() && one.Kind == tenant.SenderUser:
			row[2].Text, row[3].Text = "Not verified", "Follow the link in the mail to the address; adding it again mails a new one."
		case !one.Proven():
			row[2].Text, row[3].Text = "Not verified", "Set this TXT record at the domain itself: "+s.o.Verification.Record(v.Tenant, one.Domain)
			row[4] = button("check", "Check")
		}
		if one.Default {
			row[2].Text += ", default sender"
		} else {
			row[5] = button("remove", "Remove")
		}
		table.Rows = append(table.Rows, row)
	}
	fields := []ui.Field{v.token, {Name: "domain", Label: "Domain or email address", Value: v.form.Get("domain"), Required: true, Autocomplete: "off", MaxLength: 254, Hint: "A domain is proven by a DNS record, an address by a link that is mailed to it."}}
	a := answer{page: ui.Page{Title: "Domain Verification"}}
	if refused != nil {
		refuse(&a.page, fields, map[string]string{"domain": "domain"}, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	if v.Account.Settings.AnySender {
		a.page.Alerts = append(a.page.Alerts, ui.Alert{Kind: ui.Notice, Text: "This account sends from addresses that are not verified, too (Security Settings)."})
	}
	a.page.Blocks = []ui.Block{
		ui.Text("Mail leaves only from verified domains and addresses."),
		ui.Form{Once: true, Action: domainsPath, Legend: "Add Domain", Fields: fields, Submits: []ui.Submit{{Label: "Add"}}},
		table, counted("domains", domainsPath, page, listPage, all),
	}
	return a, nil
}

// domainDone answers a form of the page: with a word about what was done, or the page again with the reason.
func (s *Server) domainDone(v *visit, err error, done string) (answer, error) {
	if told(err) && fault.KindOf(err).HTTPStatus() != http.StatusForbidden {
		return s.domainsPage(v, err)
	}
	if err != nil {
		return answer{}, err
	}
	return goTo(domainsPath, done), nil
}

func (s *Server) addDomain(v *visit) (answer, error) {
	_, err := s.o.Verification.Add(v.r.Context(), v.Principal, strings.TrimSpace(v.form.Get("domain")))
	return s.domainDone(v, err, "domain")
}

func (s *Server) checkDomain(v *visit) (answer, error) {
	err := s.o.Verification.Check(v.r.Context(), v.Principal, v.form.Get("domain"))
	return s.domainDone(v, err, "verified")
}

func (s *Server) removeDomain(v *visit) (answer, error) {
	_, err := s.o.Verification.Remove(v.r.Context(), v.Principal, []string{v.form.Get("domain")})
	return s.domainDone(v, err, "undomain")
}

// documents lists My Documents in Content, where the reports of an upgrade land (document 003).
func (s *Server) documents(v *visit) (answer, error) {
	list, more, err := s.o.Documents.List(v.r.Context(), v.Principal, v.query.Get("after"))
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "My Documents", Columns: []string{"Name", "Size in bytes", "Written"}, Empty: "no documents"}
	for _, d := range list {
		table.Rows = append(table.Rows, []ui.Cell{{Text: d.Name, Href: documentsPath + "/" + url.PathEscape(d.Name)}, {Text: count(int(d.Size))}, {Text: when(d.Modified)}})
	}
	first, next := "", ""
	if v.query.Get("after") != "" {
		first = documentsPath
	}
	if more {
		next = documentsPath + "?" + url.Values{"after": {list[len(list)-1].Name}}.Encode()
	}
	return answer{page: ui.Page{Title: "My Documents", Blocks: append([]ui.Block{table}, turns("My Documents", first, next)...)}}, nil
}

func (s *Server) document(v *visit) (answer, error) {
	d, err := s.o.Documents.Get(v.r.Context(), v.Principal, v.path("name"))
	if err != nil {
		return answer{}, err
	}
	return answer{file: &d}, nil
}
