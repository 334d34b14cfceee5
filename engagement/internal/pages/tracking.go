package pages

import (
	"net/url"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

func (s *Server) mountTracking(mux *web.Mux) {
	s.get(mux, sendsPath, s.sends)
	s.get(mux, sendsPath+"/{id}", s.send)
	s.get(mux, triggeredPath, s.triggered)
	s.get(mux, triggeredPath+"/{key}", s.definition)
	s.post(mux, triggeredPath+"/{key}/status", s.setDefinition)
}

// sends lists what went to audiences, newest first.
func (s *Server) sends(v *visit) (answer, error) {
	var before time.Time
	if at := number(v.query.Get("before")); at != 0 {
		before = time.UnixMilli(at)
	}
	list, more, err := s.o.Reports.Sends(v.r.Context(), v.Principal, before, number(v.query.Get("id")))
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Sends", Columns: []string{"Email", "Subject", "Job ID", "Began", "Status"}, Empty: "nothing was sent to a list or data extension in this business unit"}
	for _, e := range list {
		id := strconv.FormatInt(e.ID, 10)
		table.Rows = append(table.Rows, []ui.Cell{{Text: e.Email.Name, Href: sendsPath + "/" + id}, {Text: e.Email.Subject}, {Text: id}, {Text: when(e.Created)}, {Text: sendState(e)}})
	}
	first, next := "", ""
	if !before.IsZero() {
		first = sendsPath
	}
	if more {
		last := list[len(list)-1]
		next = sendsPath + "?" + url.Values{"before": {strconv.FormatInt(last.Created.UnixMilli(), 10)}, "id": {strconv.FormatInt(last.ID, 10)}}.Encode()
	}
	blocks := []ui.Block{table}
	blocks = append(blocks, turns("Sends", first, next)...)
	return answer{page: ui.Page{Title: "Sends", Blocks: append(blocks, ui.Links{{Text: "Triggered Sends", Href: triggeredPath}})}}, nil
}

func sendState(e tenant.EmailSend) string {
	switch e.State {
	case tenant.EmailSendSpreading:
		return "Sending"
	case tenant.EmailSendFailed:
		return "Failed: " + e.Text
	}
	return "Sent to its whole audience"
}

// send is the tracking of one send.
func (s *Server) send(v *visit) (answer, error) {
	e, report, err := s.o.Reports.Send(v.r.Context(), v.Principal, number(v.path("id")))
	if err != nil {
		return answer{}, err
	}
	blocks := []ui.Block{ui.Definitions{
		{Name: "Email", Value: e.Email.Name},
		{Name: "Subject", Value: e.Email.Subject},
		{Name: "Job ID", Value: strconv.FormatInt(e.ID, 10)},
		{Name: "Began", Value: when(e.Created)},
		{Name: "Status", Value: sendState(e)},
		{Name: "Excluded", Value: count(e.Excluded)},
		{Name: "Rows that named no subscriber", Value: count(e.Errored)},
	}}
	return answer{page: ui.Page{Title: e.Email.Name, Blocks: append(blocks, tracking(report)...)}}, nil
}

// tracking shows what became of messages: in numbers, as bars, and by day.
func tracking(r tenant.Report) []ui.Block {
	t := r.Tally
	numbers := ui.Definitions{
		{Name: "Targeted", Value: count(t.Targeted)},
		{Name: "Sent", Value: count(t.Sent)},
		{Name: "Delivered", Value: count(t.Delivered)},
		{Name: "Opens", Value: count(t.Opens)},
		{Name: "Unique Opens", Value: count(t.UniqueOpens)},
		{Name: "Clicks", Value: count(t.Clicks)},
		{Name: "Unique Clicks", Value: count(t.UniqueClicks)},
		{Name: "Bounces", Value: count(t.Bounces)},
		{Name: "Unsubscribes", Value: count(t.Unsubscribes)},
		{Name: "Not sent", Value: count(t.NotSent)},
		{Name: "Waiting", Value: count(t.Waiting)},
	}
	if t.InDoubt > 0 {
		numbers = append(numbers, ui.Definition{Name: "In doubt", Value: count(t.InDoubt) + ": handed over or not, nobody knows; they are not sent again by themselves"})
	}
	bars := ui.Chart{Title: "What became of the messages", By: "Outcome", Unit: "messages", Points: []ui.Point{
		{Label: "Sent", Value: int64(t.Sent)},
		{Label: "Delivered", Value: int64(t.Delivered)},
		{Label: "Opened", Value: int64(t.UniqueOpens)},
		{Label: "Clicked", Value: int64(t.UniqueClicks)},
		{Label: "Bounced", Value: int64(t.Bounces)},
		{Label: "Unsubscribed", Value: int64(t.Unsubscribes)},
	}}
	days := ui.Table{Caption: "By day (UTC)", Columns: []string{"Day", "Sent", "Opens", "Clicks", "Bounces", "Unsubscribes"}, Empty: "nothing yet"}
	for _, d := range r.Days {
		days.Rows = append(days.Rows, ui.Row(d.Day.Format("2006-01-02"), count(d.Sent), count(d.Opens), count(d.Clicks), count(d.Bounces), count(d.Unsubscribe)))
	}
	return []ui.Block{ui.Heading{Text: "Tracking"}, numbers, bars, days}
}

// definitionsPage is how many triggered sends a page of the list holds.
const definitionsPage = 50

func definitionPath(key string) string { return triggeredPath + "/" + url.PathEscape(key) }

// triggered lists the triggered send definitions of the business unit.
func (s *Server) triggered(v *visit) (answer, error) {
	page := max(1, int(min(number(v.query.Get("page")), 100_000)))
	list, all, err := s.o.Definitions.List(v.r.Context(), v.Principal, nil, page, definitionsPage)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Triggered Sends", Columns: []string{"Name", "External Key", "Email", "Send Classification", "Status"}, Empty: "none in this business unit"}
	for _, d := range list {
		table.Rows = append(table.Rows, []ui.Cell{{Text: d.Name, Href: definitionPath(d.Key)}, {Text: d.Key}, {Text: d.EmailKey}, {Text: d.Classification}, {Text: definitionState(d)}})
	}
	return answer{page: ui.Page{Title: "Triggered Sends", Blocks: []ui.Block{table, counted("Triggered Sends", triggeredPath, page, definitionsPage, all)}}}, nil
}

// definitionState is what the pages call a status: a definition that may be fired is Running, one that is not is Paused.
func definitionState(d tenant.Definition) string {
	switch d.Status {
	case tenant.DefinitionActive:
		return "Running"
	case tenant.DefinitionInactive:
		return "Paused"
	}
	return string(d.Status)
}

// definition shows a triggered send with its queue and tracking, and starts or pauses it.
func (s *Server) definition(v *visit) (answer, error) {
	ctx := v.r.Context()
	d, err := s.o.Definitions.Get(ctx, v.Principal, v.path("key"))
	if err != nil {
		return answer{}, err
	}
	queue, err := s.o.Queues.Get(ctx, v.Principal, d.Key)
	if err != nil {
		return answer{}, err
	}
	button := ui.Submit{Label: "Start", Name: "to", Value: string(tenant.DefinitionActive)}
	if d.Status == tenant.DefinitionActive {
		button = ui.Submit{Label: "Pause", Name: "to", Value: string(tenant.DefinitionInactive), Secondary: true}
	}
	from := d.FromName
	if d.FromAddress != "" {
		from += " <" + d.FromAddress + ">"
	}
	if from == "" {
		from = "the default sender profile"
	}
	page := ui.Page{Title: d.Name, Blocks: []ui.Block{
		ui.Definitions{
			{Name: "External Key", Value: d.Key},
			{Name: "Status", Value: definitionState(d)},
			{Name: "Email", Value: d.EmailKey},
			{Name: "Subscriber list", Value: d.ListKey},
			{Name: "Send Classification", Value: d.Classification},
			{Name: "From", Value: from},
			{Name: "Queued messages", Value: count(queue.Count)},
			{Name: "Created", Value: when(d.Created)},
			{Name: "Modified", Value: when(d.Modified)},
		},
		ui.Form{Action: definitionPath(d.Key) + "/status", Fields: []ui.Field{v.token}, Submits: []ui.Submit{button}},
	}}
	if d.Description != "" {
		page.Blocks = append([]ui.Block{ui.Text(d.Description)}, page.Blocks...)
	}
	if d.Status == tenant.DefinitionInactive {
		page.Alerts = []ui.Alert{{Kind: ui.Notice, Text: "Paused: what is asked for is taken, and waits up to 72 hours for the start."}}
	}
	switch report, err := s.o.Reports.Definition(ctx, v.Principal, d); {
	case fault.KindOf(err) == fault.Denied && err != nil: // the definition is his to see, what became of it is not
		page.Blocks = append(page.Blocks, ui.Heading{Text: "Tracking"}, ui.Text(fault.Of(err).Message))
	case err != nil:
		return answer{}, err
	default:
		page.Blocks = append(page.Blocks, tracking(report)...)
		page.Blocks = append(page.Blocks, ui.Text("Of the last 30 days."))
	}
	return answer{page: page}, nil
}

func (s *Server) setDefinition(v *visit) (answer, error) {
	to, done := tenant.DefinitionInactive, "paused"
	if v.form.Get("to") == string(tenant.DefinitionActive) {
		to, done = tenant.DefinitionActive, "started"
	}
	d, err := s.o.Definitions.Update(v.r.Context(), v.Principal, v.path("key"), func(d *tenant.Definition) error {
		d.Status = to
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return goTo(definitionPath(d.Key), done), nil
}
