package setup

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/ui"
)

// A form says how things are to be, and was opened some time ago, perhaps in another tab. What somebody else changed since then
// stays: saved is what differs from what the form showed, not from what is there now.

// fieldHad is what a form showed when it was opened.
const fieldHad = "had"

// picked are check boxes: which the form showed as checked, and which are checked in what was sent.
type picked struct{ had, now []string }

// pickedOf reads a form of check boxes of the name; present are those that would be checked now, for a form that does not say
// what it showed.
func pickedOf(f url.Values, name string, present []string) picked {
	p := picked{had: present, now: f[name]}
	var had []string
	if json.Unmarshal([]byte(f.Get(fieldHad)), &had) == nil {
		p.had = had
	}
	return p
}

// field says what a form shows as checked.
func (p picked) field() ui.Field {
	text, err := json.Marshal(append([]string{}, p.had...))
	if err != nil { // texts have no values that JSON lacks
		panic(err)
	}
	return hidden(fieldHad, string(text))
}

// show puts the boxes into a list: as they are in the records, or where p is of a form that was refused, as they were sent.
func (p *picked) show(s *ui.Selection) {
	if p == nil {
		p = new(picked)
		for _, row := range s.Rows {
			if row.Checked {
				p.had = append(p.had, row.Value)
			}
		}
	} else {
		for i := range s.Rows {
			s.Rows[i].Checked = slices.Contains(p.now, s.Rows[i].Value)
		}
	}
	s.Hidden = append(s.Hidden, p.field())
}

// added are those that somebody checked, removed those whose check he took away.
func (p picked) added() []string   { return without(p.now, p.had...) }
func (p picked) removed() []string { return without(p.had, p.now...) }

// applied are the present ones with what somebody changed about them.
func (p picked) applied(present []string) []string {
	out := without(present, p.removed()...)
	return append(out, without(p.added(), out...)...)
}

// ops make what somebody checked and take away what he unchecked; has are the rows that stand for what is checked now. What others
// did meanwhile is not done again.
func (p picked) ops(has map[org.ID]string, object string, make func(org.ID) org.Op) ([]org.Op, error) {
	var out []org.Op
	for _, text := range p.added() {
		id, err := org.ParseID(text)
		if err != nil {
			return nil, err
		}
		if _, ok := has[id]; !ok {
			out = append(out, make(id))
		}
	}
	for _, text := range p.removed() {
		if row, ok := has[org.ID(text)]; ok {
			out = append(out, org.Op{Action: org.ActionDelete, Object: object, ID: row})
		}
	}
	return out, nil
}

// idTexts are the ids that rows are by.
func idTexts(rows map[org.ID]string) []string {
	var out []string
	for id := range rows {
		out = append(out, string(id))
	}
	return out
}

// shownField says what values a record's form shows, or showed where typed is of one that was refused.
func shownField(names []string, now org.Values, typed map[string]string) (ui.Field, error) {
	if text, ok := typed[fieldHad]; ok {
		return hidden(fieldHad, text), nil
	}
	shown := make(map[string]string, len(names))
	for _, name := range names {
		shown[name] = display(now[name])
	}
	text, err := json.Marshal(shown)
	return hidden(fieldHad, string(text)), err
}

// asShown are a record's values as its form showed them, which what was sent is compared with; as they are now for a form that
// does not say.
func asShown(f url.Values, o *org.Object, names []string, now org.Values) org.Values {
	var shown map[string]string
	if json.Unmarshal([]byte(f.Get(fieldHad)), &shown) != nil {
		return now // no form of ours; it says how all of it is to be
	}
	then := maps.Clone(now)
	for _, name := range names {
		text, ok := shown[name]
		field := o.Field(name)
		switch {
		case !ok || field == nil:
		case field.Type == org.TypeBoolean:
			then[name] = text == check(true)
		default:
			then[name] = text
		}
	}
	return then
}
