package workbench

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

const (
	requestsPath = Path + "/requests"
	eventsPath   = requestsPath + "/events"
)

// requestsPerPage is how many requests stand on one page.
const requestsPerPage = 50

// maxFilter bounds each text of a filter, in bytes.
const maxFilter = 200

// requestColumns are the columns of the list; [row] has a cell for each.
var requestColumns = []string{"Request", "Status", "House", "Who", "Time", "Took"}

// names of the filter's parameters, in the order of the form.
const (
	paramHouse  = "house"
	paramPath   = "path"
	paramStatus = "status"
	paramWho    = "who"
)

// houseField is a list of the houses, with any for all of them.
func houseField(value, any string) ui.Field {
	f := ui.Field{Type: ui.SelectField, Name: paramHouse, Label: "House", Value: value, Options: []ui.Option{{Value: "", Label: any}}}
	for _, h := range houses {
		f.Options = append(f.Options, ui.Option{Value: h.name, Label: h.label})
	}
	return f
}

// houses as the recording names them, and people.
var houses = []struct{ name, label string }{{"crm", "Org"}, {"engagement", "Engagement"}, {"connect", "Connect"}}

func houseLabel(name string) string {
	for _, h := range houses {
		if h.name == name {
			return h.label
		}
	}
	return name
}

func isHouse(name string) bool {
	return slices.ContainsFunc(houses, func(h struct{ name, label string }) bool { return h.name == name })
}

// filterOf reads a filter. Each text that it refuses is named by err's field.
func filterOf(q url.Values) (f probe.Filter, err error) {
	f = probe.Filter{House: q.Get(paramHouse), Path: strings.TrimSpace(q.Get(paramPath)), Who: strings.TrimSpace(q.Get(paramWho))}
	if f.House != "" && !isHouse(f.House) {
		return f, fault.New(fault.Invalid, "invalid_house", "There is no such house.").In(paramHouse)
	}
	for name, text := range map[string]string{paramPath: f.Path, paramWho: f.Who} {
		if len(text) > maxFilter {
			return f, fault.New(fault.Invalid, "invalid_filter", "That is too long: %d bytes at most.", maxFilter).In(name)
		}
	}
	f.Status, err = probe.ParseStatus(strings.TrimSpace(q.Get(paramStatus)))
	return f, err
}

// filterValues are the parameters of a filter that was read, for links.
func filterValues(q url.Values) url.Values {
	out := url.Values{}
	for _, name := range []string{paramHouse, paramPath, paramStatus, paramWho} {
		if q.Get(name) != "" {
			out.Set(name, q.Get(name))
		}
	}
	return out
}

func filterForm(q url.Values, wrong error) ui.Form {
	return marked(ui.Form{Get: true, Inline: true, Action: requestsPath, Fields: []ui.Field{
		houseField(q.Get(paramHouse), "All houses"),
		{Type: ui.SearchField, Name: paramPath, Label: "Path", Value: q.Get(paramPath), Hint: "Part of it."},
		{Name: paramStatus, Label: "Status", Value: q.Get(paramStatus), MaxLength: 6, Hint: "404, 4xx, failed or none."},
		{Type: ui.SearchField, Name: paramWho, Label: "User or app", Value: q.Get(paramWho), Hint: "Part of a user name, an app or a client id."},
	}, Submits: []ui.Submit{{Label: "Show"}}}, wrong)
}

// requests lists recorded requests, the newest first; on its first page new ones come by themselves where script is allowed.
// Parameters: those of the filter; before and after, a number next to which the page begins.
func (s *Server) requests(v *visit) (ui.Page, error) {
	p := ui.Page{Title: "Requests"}
	if s.Recorder == nil {
		p.Alerts = []ui.Alert{{Title: "Requests are not recorded", Text: "Start without --record off, and the newest are kept here."}}
		return p, nil
	}
	f, err := filterOf(v.query)
	p.Blocks = []ui.Block{filterForm(v.query, err)}
	if err != nil {
		return s.refused(v, err, p)
	}
	all := s.Recorder.List(f)
	slices.Reverse(all)
	before, after := number(v.query.Get("before")), number(v.query.Get("after"))
	from := 0
	switch {
	case before > 0:
		from = count(all, func(e probe.Exchange) bool { return e.ID >= before })
	case after > 0:
		from = max(count(all, func(e probe.Exchange) bool { return e.ID > after })-requestsPerPage, 0)
	}
	to := min(from+requestsPerPage, len(all))
	here := filterValues(v.query)
	list := ui.Feed{Table: ui.Table{Caption: "Requests as they come", Columns: requestColumns, Empty: "no requests yet"}}
	if len(here) > 0 {
		list.Empty = "no recorded request is like that"
	}
	for _, e := range all[from:to] {
		list.Rows = append(list.Rows, row(e).Row())
	}
	at := func(name string, id int64) string {
		q := maps.Clone(here)
		q.Set(name, strconv.FormatInt(id, 10))
		return "?" + q.Encode()
	}
	if from == 0 {
		last := int64(0)
		if len(all) > 0 {
			last = all[0].ID
		}
		list.Live = eventsPath + at("since", last)
	}
	p.Blocks = append(p.Blocks, list, ui.Links{{Text: "Look again", Href: requestsPath + "?" + here.Encode()}})
	if len(all) > requestsPerPage {
		pages := ui.Pagination{Label: "Requests", Text: fmt.Sprintf("%d to %d of %d", from+1, to, len(all))}
		if from > 0 {
			pages.Previous = requestsPath + at("after", all[from].ID)
		}
		if to < len(all) {
			pages.Next = requestsPath + at("before", all[to-1].ID)
		}
		p.Blocks = append(p.Blocks, pages)
	}
	return p, nil
}

// count is how many exchanges at the head of the list pass.
func count(list []probe.Exchange, pass func(probe.Exchange) bool) int {
	n := 0
	for n < len(list) && pass(list[n]) {
		n++
	}
	return n
}

// number reads the number of a request; 0 where it is none.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// row is a request in the list.
func row(e probe.Exchange) ui.FeedRow {
	who := e.User
	if who == "" {
		who = e.App
	}
	status, badge := statusText(e)
	return ui.FeedRow{Cells: []ui.FeedCell{
		{Text: e.Method + " " + short(e.Path), Href: requestsPath + "/" + strconv.FormatInt(e.ID, 10)},
		{Text: status, Badge: badge},
		{Text: houseLabel(e.House)},
		{Text: who},
		{Text: e.Time.UTC().Format("15:04:05.000")},
		{Text: took(e)},
	}}
}

func statusText(e probe.Exchange) (string, ui.BadgeKind) {
	switch {
	case e.Status == 0:
		return "no answer", ui.BadgeBad
	case e.Status >= 500:
		return strconv.Itoa(e.Status), ui.BadgeBad
	case e.Status >= 400:
		return strconv.Itoa(e.Status), ui.BadgeWarning
	}
	return strconv.Itoa(e.Status), ui.BadgePlain
}

func took(e probe.Exchange) string { return strconv.FormatFloat(e.Millis, 'f', 1, 64) + " ms" }

// short is a path that fits into a row.
func short(path string) string {
	if r := []rune(path); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return path
}

// request shows one request in full.
func (s *Server) request(v *visit) (ui.Page, error) {
	if s.Recorder == nil {
		return ui.Page{}, fault.New(fault.NotFound, "not_recording", "Recording is off (--record).")
	}
	e, err := s.Recorder.Get(number(v.r.PathValue("id")))
	if err != nil {
		return ui.Page{}, err
	}
	status, _ := statusText(e)
	facts := ui.Definitions{
		{Name: "House", Value: houseLabel(e.House)},
		{Name: "Status", Value: status},
		{Name: "Time", Value: timeText(e.Time)},
		{Name: "Took", Value: took(e)},
		{Name: "Request", Value: e.Method + " " + e.Path},
		{Name: "Number", Value: strconv.FormatInt(e.ID, 10)},
		{Name: "Request id in the log", Value: e.RequestID},
	}
	if e.User != "" {
		facts = append(facts, ui.Definition{Name: "User", Value: e.User, Href: requestsPath + "?" + url.Values{paramWho: {e.User}}.Encode()})
	}
	if e.App != "" {
		facts = append(facts, ui.Definition{Name: "App", Value: e.App, Href: requestsPath + "?" + url.Values{paramWho: {e.App}}.Encode()})
	}
	if e.Fault != "" {
		facts = append(facts, ui.Definition{Name: "Fault", Value: "fault " + e.Fault + " was put in its way", Href: faultsPath})
	}
	p := ui.Page{Title: short(e.Method + " " + pathOf(e)), Crumbs: []ui.Link{{Text: "Requests", Href: requestsPath}}, Blocks: []ui.Block{
		facts, ui.Text("What was a secret reads ***; of a body the first 16 kB are kept."),
		ui.Source{Label: "Request headers", Text: headerText(e.RequestHeader), Empty: "none"},
		ui.Source{Label: "Request body", Text: e.RequestBody, Empty: "none"},
		ui.Source{Label: "Response headers", Text: headerText(e.ResponseHeader), Empty: "none"},
		ui.Source{Label: "Response body", Text: e.ResponseBody, Empty: "none"},
		ui.Links{{Text: "Set a fault for requests like this", Href: faultsPath + "?" + url.Values{paramHouse: {e.House}, paramPath: {pathOf(e)}}.Encode()}},
	}}
	p.Current = requestsPath
	return p, nil
}

// pathOf is a request's path without its query.
func pathOf(e probe.Exchange) string {
	path, _, _ := strings.Cut(e.Path, "?")
	return path
}

func headerText(h http.Header) string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		for _, value := range h[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	return b.String()
}

// How long a page is told of requests before it asks again, and how long one write may take; machine time.
const (
	eventsLife  = 10 * time.Minute
	eventsWrite = 10 * time.Second
)

// events tell a page of requests as they come, as the rows of its list. A page that asks again goes on after the last one that
// it was told of.
func (s *Server) events(v *visit) (ui.Page, error) {
	f, err := filterOf(v.query)
	if err == nil && s.Recorder == nil {
		err = fault.New(fault.NotFound, "not_recording", "Recording is off (--record).")
	}
	if err != nil {
		return ui.Page{}, err
	}
	f.Since = max(number(v.query.Get("since")), number(v.r.Header.Get("Last-Event-ID")))
	ctx, cancel := context.WithTimeout(v.r.Context(), eventsLife)
	defer cancel()
	defer context.AfterFunc(s.Live, cancel)()
	out := http.NewResponseController(v.w)
	web.NoStore(v.w)
	v.w.Header().Set("Content-Type", "text/event-stream")
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(eventsWrite)) // a transport without deadlines has its own way of giving up
		if _, err := v.w.Write([]byte(text)); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	if send(": requests as they come\n\n") {
		s.Recorder.Follow(ctx, f, func(e probe.Exchange) bool {
			text, err := json.Marshal(row(e))
			return err == nil && send(fmt.Sprintf("id: %d\ndata: %s\n\n", e.ID, text))
		})
	}
	return ui.Page{}, errDone
}
