package setup

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// fieldRanges holds the trusted ranges of Network Access.
const fieldRanges = "ranges"

func (s *Server) mountSettings(on func(node) routes) {
	for _, page := range settingPages {
		n := nodeOf(page)
		on(n).get("", viewer, func(v *visit) { showSettings(v, page, v.Org.Settings, nil, nil, nil) })
		on(n).post("", viewer, func(v *visit) { saveSettings(v, page) })
	}
}

// shownValue is a setting as Setup shows it, which may be the opposite of what the Metadata API has.
func shownValue(d org.SettingDef, have org.Settings) string {
	value := d.Get(have)
	if d.Inverted {
		return map[string]string{"true": "false", "false": "true"}[value]
	}
	return value
}

// settingLabel is what people read in place of a spelling of the Metadata API: "ThirtyMinutes" is Thirty Minutes.
func settingLabel(value string) string { return org.PermissionLabel(value) }

// settingInputs are which input a refusal is about that names no setting.
var settingInputs = map[fault.Code]string{org.CodeMyDomainTaken: "myDomainName"}

// settingWrong is what a refusal says of an input of a page of settings; "" where it is about another or none.
func settingWrong(page org.SettingPage, input string, why error) string {
	if why == nil {
		return ""
	}
	f := fault.Of(why)
	about := cmp.Or(f.Field, settingInputs[f.Code])
	switch {
	case about != "" && (input == about || strings.HasSuffix(input, "."+about)), about == "" && input == fieldRanges && page.Path == org.PageNetwork.Path:
		return f.Message
	}
	return ""
}

// showSettings is a page of settings; typed is a form that was refused, and why that was.
func showSettings(v *visit, page org.SettingPage, have org.Settings, typed url.Values, why error, alerts []ui.Alert) {
	form := ui.Form{Action: below(page.Path)}
	missing := map[string]bool{}
	for _, d := range org.SettingDefs() {
		if d.Page.Path != page.Path {
			continue
		}
		if m := d.Need.Missing(v.User.Permissions); m != "" {
			missing[m] = true
		}
		f := ui.Field{Name: d.Path, Label: d.Label, Value: shownValue(d, have)}
		if typed != nil {
			f.Value = typed.Get(d.Path)
		}
		switch {
		case d.Switch():
			f.Type, f.Checked, f.Value = ui.CheckboxField, f.Value == "true", "true"
		case d.Values != nil:
			f.Type, f.Required = ui.SelectField, true
			for _, value := range d.Values {
				f.Options = append(f.Options, ui.Option{Value: value, Label: settingLabel(value)})
			}
		default:
			f.Required, f.Autocomplete = true, "off"
		}
		f.Error = settingWrong(page, d.Path, why)
		form.Fields = append(form.Fields, f)
	}
	if page.Path == org.PageNetwork.Path {
		if m := (org.Need{{org.PermManageIPAddresses}}).Missing(v.User.Permissions); m != "" {
			missing[m] = true
		}
		f := ui.Field{
			Name: fieldRanges, Label: "Trusted IP Ranges", Value: rangesText(have.TrustedRanges),
			Hint: "First and last address of each range with a hyphen between, ranges separated by commas: 192.0.2.1-192.0.2.9, 2001:db8::1-2001:db8::ff",
		}
		if typed != nil {
			f.Value = typed.Get(fieldRanges)
		}
		f.Error = settingWrong(page, fieldRanges, why)
		form.Fields = append(form.Fields, f)
	}
	if why != nil && !slices.ContainsFunc(form.Fields, func(f ui.Field) bool { return f.Error != "" }) {
		alerts = append(alerts, notSaved(fault.Of(why).Message)...)
	}
	for m := range missing {
		alerts = append(alerts, ui.Alert{Kind: ui.Notice, Text: "You can look at this page and not change it: that takes the permission " + m + "."})
	}
	if len(missing) == 0 {
		form.Submits = []ui.Submit{{Label: "Save"}}
	}
	v.show(page.Title, alerts, form)
}

func saveSettings(v *visit, page org.SettingPage) {
	f, ok := v.form()
	if !ok {
		return
	}
	c := org.SettingsChange{Values: map[string]string{}}
	for _, d := range org.SettingDefs() {
		if d.Page.Path != page.Path || !d.Switch() && !f.Has(d.Path) {
			continue
		}
		value := text(f, d.Path)
		if d.Switch() {
			on := value != ""
			value = map[bool]string{true: "true", false: "false"}[on != d.Inverted]
		}
		if value != d.Get(v.Org.Settings) {
			c.Values[d.Type+"."+d.Path] = value
		}
	}
	if page.Path == org.PageNetwork.Path {
		ranges := parseRanges(f.Get(fieldRanges), v.Org.Settings.TrustedRanges)
		c.TrustedRanges = &ranges
	}
	err := v.s.Settings.Change(v.ctx(), v.Session, c)
	if code := fault.CodeOf(err); code == org.CodeInvalidSetting || code == org.CodeMyDomainTaken {
		showSettings(v, page, v.Org.Settings, f, err, nil)
		return
	}
	var o org.Org
	if err == nil {
		o, err = v.s.Door.OrgNow(v.ctx(), v.Org.ID)
	}
	if err != nil {
		v.fail(err)
		return
	}
	showSettings(v, page, o.Settings, nil, nil, saved("Your changes are saved."))
}

// rangesText writes ranges as parseRanges reads them.
func rangesText(ranges []org.IPRange) string {
	var out []string
	for _, r := range ranges {
		out = append(out, r.Start+"-"+r.End)
	}
	return strings.Join(out, ", ")
}

// parseRanges reads the list of ranges; what is no range is refused by the rules. Descriptions stay with their ranges.
func parseRanges(text string, had []org.IPRange) []org.IPRange {
	out := []org.IPRange{}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		start, end, ok := strings.Cut(part, "-")
		if !ok {
			end = start
		}
		r := org.IPRange{Start: strings.TrimSpace(start), End: strings.TrimSpace(end)}
		if i := slices.IndexFunc(had, func(h org.IPRange) bool { return h.Start == r.Start && h.End == r.End }); i >= 0 {
			r = had[i]
		}
		out = append(out, r)
	}
	return out
}
