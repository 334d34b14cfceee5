package setup

import (
	"net/url"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Fields of the forms of Deliverability, and what they do.
const (
	fieldAddress     = "address"
	fieldDisplayName = "display_name"
	fieldDomain      = "domain"

	doAddAddress   = "add_address"
	doDropAddress  = "drop_address"
	doAddDomain    = "add_domain"
	doVerifyDomain = "verify_domain"
	doDropDomain   = "drop_domain"
)

func (s *Server) mountEmail(on func(node) routes) {
	on(nodeDeliverability).get("", viewer, func(v *visit) { showDeliverability(v, nil, nil, nil) })
	on(nodeDeliverability).post("", viewer, changeDeliverability)
}

// emailInputs are which input of the page's forms is which field of a record.
var emailInputs = map[string]string{"Address": fieldAddress, "DisplayName": fieldDisplayName, "DomainName": fieldDomain}

// showDeliverability is Setup > Email > Deliverability: what the org mails from; typed is a form that was refused, and why that was.
func showDeliverability(v *visit, typed url.Values, why error, alerts []ui.Alert) {
	all, err := v.s.Senders.Senders(v.ctx(), v.Org.ID)
	if err != nil {
		v.fail(err)
		return
	}
	banner, err := v.s.Door.Banner(v.ctx(), v.Visit)
	if err != nil {
		v.fail(err)
		return
	}
	substitute := v.s.Door.Substitute(v.Org.ID)
	from := "the service itself"
	switch {
	case all.Default != "" && all.Verified():
		from = all.Default
	case all.Default != "":
		from = substitute
	}
	beside := false
	input := func(f ui.Field) ui.Field {
		f.Value = typed.Get(f.Name)
		if why == nil {
			return f
		}
		for _, name := range splitFields(fault.Of(why).Field) {
			if emailInputs[name] == f.Name && typed.Has(f.Name) {
				f.Error, beside = fault.Of(why).Message, true
			}
		}
		return f
	}
	address := input(ui.Field{Type: ui.EmailField, Name: fieldAddress, Label: "Email Address", Required: true, Autocomplete: "off", MaxLength: 255})
	display := input(ui.Field{Name: fieldDisplayName, Label: "Display Name", Required: true, Autocomplete: "off", MaxLength: 100})
	domain := input(ui.Field{Name: fieldDomain, Label: "Domain", Required: true, Autocomplete: "off", MaxLength: 253})
	if why != nil && !beside {
		alerts = append(alerts, notSaved(fault.Of(why).Message)...)
	}
	path := nodeDeliverability.Path
	addresses := ui.Table{
		Caption: "Organization-Wide Addresses", Columns: []string{"Email Address", "Display Name", "Default No-Reply", "Verified", "Action"},
		Empty: "The org has none; its mail comes from the service itself.",
	}
	for _, a := range all.Addresses {
		addresses.Rows = append(addresses.Rows, append(ui.Row(a.Address, a.DisplayName, check(a.Address == all.Default), check(a.Verified)), button(path, "Delete", doDropAddress, a.ID)))
	}
	domains := ui.Table{
		Caption: "Authorized Email Domains", Columns: []string{"Domain", "TXT record of the domain, or of _sfdv. before it", "Verified", "Verify", "Delete"}, Empty: "The org has none.",
	}
	for _, d := range all.Domains {
		var verify ui.Cell
		if !d.Verified {
			verify = button(path, "Verify", doVerifyDomain, d.ID)
		}
		domains.Rows = append(domains.Rows, append(ui.Row(d.Name, d.Record, check(d.Verified)), verify, button(path, "Delete", doDropDomain, d.ID)))
	}
	v.show(
		nodeDeliverability.Label, append(alerts, banner...),
		ui.Text("Mail of the org comes from its default no-reply address once the owner of the address has followed the link that is mailed to it and the domain "+
			"has its TXT record. Until then it comes from the substitute address."),
		ui.Definitions{{Name: "Mail comes from", Value: from}, {Name: "Substitute address", Value: substitute}},
		addresses,
		ui.Form{
			Action: path, Legend: "Add the default no-reply address", Submits: []ui.Submit{{Label: "Add Address"}},
			Fields: []ui.Field{hidden(fieldDo, doAddAddress), address, display},
		},
		domains,
		ui.Form{
			Action: path, Legend: "Authorize a domain", Submits: []ui.Submit{{Label: "Add Domain"}},
			Fields: []ui.Field{hidden(fieldDo, doAddDomain), domain},
		},
	)
}

func changeDeliverability(v *visit) {
	f, ok := v.form()
	if !ok {
		return
	}
	ctx, id, records := v.ctx(), f.Get(fieldRecord), v.s.Records
	session := v.tooling() // authorized domains are the Tooling API's
	done := "Your changes are saved."
	var err error
	switch f.Get(fieldDo) {
	case doAddAddress:
		address := text(f, fieldAddress)
		done = "A link to verify the address is mailed to " + address + "."
		_, err = records.Create(ctx, session, org.ObjectOrgWideAddress, map[string]any{
			"Address": address, "DisplayName": text(f, fieldDisplayName), "Purpose": "DefaultNoreply", "IsAllowAllProfiles": true,
		})
	case doDropAddress:
		err = records.Delete(ctx, session, org.ObjectOrgWideAddress, id)
	case doAddDomain:
		_, err = records.Create(ctx, session, org.ObjectAuthorizedDomain, map[string]any{"DomainName": text(f, fieldDomain)})
	case doVerifyDomain:
		change := map[string]any{"IsDomainOwnershipVerified": true}
		if err = v.s.Senders.Prove(ctx, &session, org.ObjectAuthorizedDomain, id, change); err == nil {
			err = records.Update(ctx, session, org.ObjectAuthorizedDomain, id, change)
		}
	case doDropDomain:
		err = records.Delete(ctx, session, org.ObjectAuthorizedDomain, id)
	}
	switch {
	case refused(err) != "":
		showDeliverability(v, f, err, nil)
	case err != nil:
		v.fail(err)
	default:
		showDeliverability(v, nil, nil, saved(done))
	}
}
