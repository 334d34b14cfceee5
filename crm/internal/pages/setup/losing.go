package setup

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// fieldOK says that the warning of a form was read.
const fieldOK = "ok"

// asking is how a change is confirmed that may take access to apps from users.
type asking struct {
	title   string
	above   []ui.Link  // lead from the question back to what it is about
	action  string     // what is sent to it once more, with OK
	again   []ui.Field // what is sent
	done    string     // address of where it leads when it is saved
	cancel  string     // address of where Cancel leads
	warning string     // said in any case, and makes the question be asked in any case; "" for none
	ok      string     // label of the button; "" is OK
	refused func(said string, err error)
}

// againOf is a form as it was sent, to be sent once more.
func againOf(f url.Values) []ui.Field {
	var out []ui.Field
	for _, name := range slices.Sorted(maps.Keys(f)) {
		for _, value := range f[name] {
			if name != fieldOK {
				out = append(out, hidden(name, value))
			}
		}
	}
	return out
}

// confirm asks for a change before it is made: it says who loses access by it.
func (v *visit) confirm(ask asking, losses []org.Loss, more ...ui.Block) {
	texts := []string{}
	if ask.warning != "" {
		texts = append(texts, ask.warning)
	}
	t := ui.Table{Caption: "Users who lose access", Columns: []string{"Username", "Connected App", "Uses the app now"}, Empty: "nobody"}
	for _, l := range losses {
		if warning := l.Warning(); warning != "" {
			texts = append(texts, warning)
		}
		for i, name := range l.Losing {
			if i == shownUsers {
				t.Rows = append(t.Rows, ui.Row("and "+thousands(int64(len(l.Losing)-shownUsers))+" more", l.Name, ""))
				break
			}
			t.Rows = append(t.Rows, ui.Row(name, l.Name, check(i < l.LosingUsing)))
		}
	}
	label := ask.ok
	if label == "" {
		label = "OK"
	}
	blocks := append([]ui.Block{t}, more...)
	v.showUnder(ask.title, ask.above, []ui.Alert{{Kind: ui.Warning, Title: "Warning", Text: strings.Join(texts, " ") + " Nothing is saved yet."}}, append(
		blocks,
		ui.Form{Action: ask.action, Fields: append(ask.again, hidden(fieldOK, "true")), Submits: []ui.Submit{{Label: label}}},
		ui.Links{{Text: "Cancel", Href: ask.cancel}},
	)...)
}

// settled reports whether nothing came of an attempt but a change; else the answer is given.
func (v *visit) settled(ask asking, err error) bool {
	switch said := refused(err); {
	case said != "":
		ask.refused(said, err)
	case err != nil:
		v.fail(err)
	default:
		return true
	}
	return false
}

// changeApp changes an app. Where users lose access by it, or a warning is due, it says so before anything is saved, and saves
// when OK is clicked.
func (v *visit) changeApp(a org.AppRecord, c org.AppChange, ok bool, ask asking) {
	ask.above, ask.cancel = aboveApp(a), appPath(a)
	access, err := v.s.Apps.Change(v.ctx(), v.Session, a.FullName(), c, !ok)
	if !v.settled(ask, err) {
		return
	}
	if !ok && len(access.Losing) == 0 && ask.warning == "" {
		v.changeApp(a, c, true, ask)
		return
	}
	if ok {
		v.to(ask.done)
		return
	}
	v.confirm(ask, []org.Loss{{App: a.ID, Name: a.Name, Access: access}},
		ui.Definitions{{Name: "Users who may use the app afterwards", Value: strconv.Itoa(access.Allowed)}})
}

// changeRecords is changeApp for changes of records, which are made all or none.
func (v *visit) changeRecords(ops []org.Op, ok bool, ask asking) {
	if len(ops) == 0 {
		v.to(ask.done)
		return
	}
	if !ok {
		losses, err := v.s.Records.Losses(v.ctx(), v.Session, ops)
		if !v.settled(ask, err) {
			return
		}
		if len(losses) > 0 || ask.warning != "" {
			v.confirm(ask, losses)
			return
		}
	}
	if v.settled(ask, v.batch(ops)) {
		v.to(ask.done)
	}
}

// batch makes changes, all or none.
func (v *visit) batch(ops []org.Op) error {
	if len(ops) == 0 {
		return nil
	}
	out, err := v.s.Records.Batch(v.ctx(), v.Session, ops, true)
	if err != nil {
		return err
	}
	for _, o := range out {
		if o.Err != nil && fault.CodeOf(o.Err) != org.CodeRolledBack {
			return o.Err
		}
	}
	return nil
}
