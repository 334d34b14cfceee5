package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/ui"
)

// Fields of the forms of Setup, and the values of FieldDo.
const (
	FieldDo          = "do"
	FieldRecord      = "id"
	FieldAddress     = "address"
	FieldDisplayName = "display_name"
	FieldDomain      = "domain"
	FieldVersion     = "version"
	FieldAccess      = "access"

	DoAddAddress   = "add_address"
	DoDropAddress  = "drop_address"
	DoAddDomain    = "add_domain"
	DoVerifyDomain = "verify_domain"
	DoDropDomain   = "drop_domain"
	DoInstall      = "install"
	DoUninstall    = "uninstall"
)

// Frame is what every page of Setup has.
type Frame struct {
	User   string
	Crumbs []ui.Link
	Action string // path that its forms post to
	Alerts []ui.Alert
}

func (f Frame) render(w http.ResponseWriter, title string, blocks ...ui.Block) error {
	return ui.Render(w, http.StatusOK, ui.Page{Title: title, Brand: brand, Footer: footer, User: f.User, Crumbs: f.Crumbs, Alerts: f.Alerts, Blocks: blocks})
}

// button is a form of one button, which says what is to be done with one record.
func (f Frame) button(label, do, id string) ui.Cell {
	return ui.Cell{Form: &ui.Form{
		Action: f.Action, Fields: []ui.Field{{Type: ui.HiddenField, Name: FieldDo, Value: do}, {Type: ui.HiddenField, Name: FieldRecord, Value: id}},
		Submits: []ui.Submit{{Label: label, Secondary: true}},
	}}
}

// Deliverability is Setup > Email > Deliverability: what the org mails from.
type Deliverability struct {
	Frame
	From, Substitute string
	Addresses        []AddressRow
	Domains          []DomainRow
}

// AddressRow is an organization-wide address.
type AddressRow struct {
	ID, Address, Name string
	NoReply, Verified bool
}

// DomainRow is an authorized domain with the TXT record that proves it.
type DomainRow struct {
	ID, Name, Record string
	Verified         bool
}

func yesNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

// Render answers with the page.
func (p Deliverability) Render(w http.ResponseWriter) error {
	addresses := ui.Table{
		Caption: "Organization-Wide Addresses", Columns: []string{"Email Address", "Display Name", "Default No-Reply", "Verified", "Action"},
		Empty: "The org has none; its mail comes from the service itself.",
	}
	for _, a := range p.Addresses {
		addresses.Rows = append(addresses.Rows, append(ui.Row(a.Address, a.Name, yesNo(a.NoReply), yesNo(a.Verified)), p.button("Delete", DoDropAddress, a.ID)))
	}
	domains := ui.Table{
		Caption: "Authorized Email Domains", Columns: []string{"Domain", "TXT record of the domain, or of _sfdv. before it", "Verified", "Verify", "Delete"}, Empty: "The org has none.",
	}
	for _, d := range p.Domains {
		var verify ui.Cell
		if !d.Verified {
			verify = p.button("Verify", DoVerifyDomain, d.ID)
		}
		domains.Rows = append(domains.Rows, append(ui.Row(d.Name, d.Record, yesNo(d.Verified)), verify, p.button("Delete", DoDropDomain, d.ID)))
	}
	hidden := func(do string) ui.Field { return ui.Field{Type: ui.HiddenField, Name: FieldDo, Value: do} }
	return p.render(
		w, "Deliverability",
		ui.Text("Mail of the org comes from its default no-reply address once the owner of the address has followed the link that is mailed to it and the domain "+
			"has its TXT record. Until then it comes from the substitute address."),
		ui.Definitions{{Name: "Mail comes from", Value: p.From}, {Name: "Substitute address", Value: p.Substitute}},
		addresses,
		ui.Form{
			Action: p.Action, Legend: "Add the default no-reply address", Submits: []ui.Submit{{Label: "Add Address"}},
			Fields: []ui.Field{
				hidden(DoAddAddress),
				{Type: ui.EmailField, Name: FieldAddress, Label: "Email Address", Required: true, Autocomplete: "off", MaxLength: 255},
				{Name: FieldDisplayName, Label: "Display Name", Required: true, Autocomplete: "off", MaxLength: 100},
			},
		},
		domains,
		ui.Form{
			Action: p.Action, Legend: "Authorize a domain", Submits: []ui.Submit{{Label: "Add Domain"}},
			Fields: []ui.Field{hidden(DoAddDomain), {Name: FieldDomain, Label: "Domain", Required: true, Autocomplete: "off", MaxLength: 253}},
		},
	)
}

// Packages is Setup > Apps > Installed Packages.
type Packages struct {
	Frame
	Name, Namespace, Installed string   // Installed is the version; "" for none
	Versions                   []string // that may be installed now, newest first
	Security                   []ui.Option
}

// Render answers with the page.
func (p Packages) Render(w http.ResponseWriter) error {
	t := ui.Table{Caption: "Installed Packages", Columns: []string{"Package Name", "Namespace Prefix", "Version Number", "Action"}, Empty: "No packages are installed."}
	label := "Install"
	if p.Installed != "" {
		label = "Upgrade"
		t.Rows = [][]ui.Cell{append(ui.Row(p.Name, p.Namespace, p.Installed), p.button("Uninstall", DoUninstall, p.Installed))}
	}
	blocks := []ui.Block{t}
	if len(p.Versions) > 0 {
		version := ui.Field{Type: ui.SelectField, Name: FieldVersion, Label: "Version", Required: true, Value: p.Versions[0]}
		for _, v := range p.Versions {
			version.Options = append(version.Options, ui.Option{Value: v, Label: v})
		}
		blocks = append(blocks, ui.Form{
			Action: p.Action, Legend: label + " " + p.Name, Submits: []ui.Submit{{Label: label}},
			Fields: []ui.Field{
				{Type: ui.HiddenField, Name: FieldDo, Value: DoInstall},
				version,
				{Type: ui.SelectField, Name: FieldAccess, Label: "Who gets access", Required: true, Options: p.Security, Value: p.Security[0].Value},
			},
		})
	}
	return p.render(w, "Installed Packages", blocks...)
}

// VerifyAddress is where the link leads that is mailed to an organization-wide address.
type VerifyAddress struct{ Action, Code string }

// Render answers with the page.
func (p VerifyAddress) Render(w http.ResponseWriter) error {
	return ui.Render(w, http.StatusOK, ui.Page{
		Title: "Verify Your Address", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{
			ui.Text("Say that this address is yours and that the org may send mail from it."),
			ui.Form{
				Action: p.Action, Fields: []ui.Field{{Type: ui.HiddenField, Name: FieldCode, Value: p.Code}},
				Submits: []ui.Submit{{Label: "Verify"}},
			},
		},
	})
}
