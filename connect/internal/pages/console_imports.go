package pages

import (
	"encoding/csv"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/sheet"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of the imports.
const (
	importsPath = ConsolePath + "/imports"
	importPath  = importsPath + "/{import_id}"
)

const (
	// importsPage is how many imports and lines stand on a page.
	importsPage = 50
	// resultPage is how many lines of a result file are read at once.
	resultPage = 1000
)

// CodeNoFile: an import without a file.
const CodeNoFile fault.Code = "no_file"

// uploadForm asks for a list of users.
func uploadForm() ui.Form {
	return ui.Form{Once: true, Action: importsPath, Legend: "Import a list", Fields: []ui.Field{{
		Type: ui.FileField, Name: "file", Label: "CSV file", Required: true,
		Hint: "The first line names the columns: crm_username, engagement_username and, where a user does not work in his default business unit, account_id. At most " + strconv.Itoa(mapping.MaxImportLines) + " users.",
	}}, Submits: []ui.Submit{{Label: "Import"}}}
}

func (s *Server) imports(w http.ResponseWriter, r *http.Request, v stay) {
	p, err := s.importsPage(r, v)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p.Blocks = append(p.Blocks, v.form(uploadForm()))
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) importsPage(r *http.Request, v stay) (ui.Page, error) {
	p := ui.Page{Title: "Import mappings"}
	p.Current = importsPath
	all, err := s.Imports.List(r.Context(), v.link, importsPage)
	t := ui.Table{Caption: "Imports, the newest first", Columns: []string{"Begun", "By", "State", "Users", "Mapped", "Failed"}, Empty: "there was none yet"}
	for _, i := range all {
		row := ui.Row(stamp(i.CreatedAt), i.Actor, string(i.State), strconv.Itoa(i.Total), strconv.Itoa(i.Done), strconv.Itoa(i.Failed))
		row[0].Href = importsPath + "/" + url.PathEscape(i.ID)
		t.Rows = append(t.Rows, row)
	}
	p.Blocks = append(p.Blocks, t)
	return p, err
}

// startImport takes the file of a form.
func (s *Server) startImport(w http.ResponseWriter, r *http.Request) {
	form, file, err := readUpload(w, r)
	v, ok := s.admitForm(w, r, form)
	if !ok {
		return
	}
	var started mapping.Import
	if err == nil {
		err = once.Do(r.Context(), s.Forms, r.URL.Path, form, file, func() (_ bool, err error) {
			started, err = s.Imports.Start(r.Context(), v.link, file, v.actor())
			return false, err
		})
	}
	if err != nil {
		p, listErr := s.importsPage(r, v)
		if listErr != nil {
			s.log(r, http.StatusOK, listErr)
		}
		f := uploadForm()
		if k := fault.KindOf(err); k == fault.Invalid || k == fault.TooLarge {
			err = fault.Wrap(err, k, fault.CodeOf(err), "%s", fault.Of(err).Message).In("file")
		}
		s.badForm(w, r, v, p, &f, err)
		return
	}
	redirect(w, r, importsPath+"/"+url.PathEscape(started.ID))
}

// readUpload reads a form of one file, the session's token and the form's key.
func readUpload(w http.ResponseWriter, r *http.Request) (form url.Values, file []byte, err error) {
	form = url.Values{}
	if err := web.CheckContentType(r, "multipart/form-data"); err != nil {
		return form, nil, err
	}
	r.Body = http.MaxBytesReader(w, r.Body, mapping.MaxImport+maxConsoleForm)
	parts, err := r.MultipartReader()
	if err != nil {
		return form, nil, fault.Wrap(err, fault.Invalid, CodeNoFile, "The form cannot be read.")
	}
	for range 10 { // the form has three
		part, err := parts.NextPart()
		if err == io.EOF { //nolint:errorlint // mime/multipart returns exactly this
			break
		}
		if err != nil {
			return form, nil, web.BodyError(err)
		}
		text, err := io.ReadAll(io.LimitReader(part, mapping.MaxImport+1))
		if err != nil {
			return form, nil, web.BodyError(err)
		}
		switch part.FormName() {
		case formToken, ui.KeyField:
			form.Set(part.FormName(), string(text))
		case "file":
			file = text
		}
	}
	if len(file) == 0 {
		return form, nil, fault.New(fault.Invalid, CodeNoFile, "Choose a file that is not empty.").In("file")
	}
	return form, file, nil
}

// importOne shows how far an import is and what became of its lines.
func (s *Server) importOne(w http.ResponseWriter, r *http.Request, v stay) {
	q, err := web.Query(r)
	id, after := r.PathValue("import_id"), 0
	if err == nil && q.Get("after") != "" {
		if after, err = strconv.Atoi(q.Get("after")); err != nil {
			err = fault.New(fault.Invalid, "invalid_page", "There is no such page.")
		}
	}
	var i mapping.Import
	if err == nil {
		i, err = s.Imports.Import(r.Context(), v.link, id)
	}
	var lines []mapping.Line
	if err == nil {
		lines, err = s.Imports.Lines(r.Context(), v.link, id, after, importsPage)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	at := importsPath + "/" + url.PathEscape(i.ID)
	p := ui.Page{Title: "Import of " + stamp(i.CreatedAt), Crumbs: []ui.Link{{Text: "Import mappings", Href: importsPath}}}
	p.Current = importsPath
	if i.Error != "" {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "The connection broke the import off", Text: i.Error})
	}
	over := i.State != mapping.ImportQueued && i.State != mapping.ImportRunning
	p.Blocks = append(p.Blocks, ui.Definitions{
		{Name: "State", Value: string(i.State)},
		{Name: "By", Value: i.Actor},
		{Name: "Progress", Value: strconv.Itoa(i.Done+i.Failed) + " of " + strconv.Itoa(i.Total) + " users (" + strconv.Itoa(100*(i.Done+i.Failed)/max(i.Total, 1)) + " %)"},
		{Name: "Mapped", Value: strconv.Itoa(i.Done)},
		{Name: "Failed", Value: strconv.Itoa(i.Failed)},
	}, ui.Links{{Text: "Result as CSV", Href: at + "/result.csv"}})
	if !over {
		p.Blocks = append(p.Blocks, ui.Links{{Text: "Look again", Href: at}}, v.form(ui.Form{Action: at, Submits: []ui.Submit{{Label: "Cancel the import", Secondary: true}}}))
	}
	t := ui.Table{Caption: "Lines", Columns: []string{"Line", "Salesforce user", "Engagement user", "State", "Why"}}
	for _, l := range lines {
		t.Rows = append(t.Rows, ui.Row(strconv.Itoa(l.Position), l.CRMUsername, l.EngagementUsername, string(l.Status), l.Reason))
	}
	p.Blocks = append(p.Blocks, t)
	last := 0
	if len(lines) == importsPage {
		last = lines[len(lines)-1].Position
	}
	p.Blocks = append(p.Blocks, positions("lines", at, after, last)...)
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) cancelImport(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	i, err := s.Imports.Cancel(r.Context(), v.link, r.PathValue("import_id"), v.actor())
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, importsPath+"/"+url.PathEscape(i.ID))
}

// importResult writes what became of every line, as a file for a spreadsheet.
func (s *Server) importResult(w http.ResponseWriter, r *http.Request, v stay) {
	id := r.PathValue("import_id")
	if _, err := s.Imports.Import(r.Context(), v.link, id); err != nil {
		s.sorry(w, r, v, err)
		return
	}
	web.NoStore(w)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "mappings-" + id + ".csv"}))
	out := csv.NewWriter(w)
	err := out.Write([]string{"line", "crm_username", "engagement_username", "account_id", "status", "code", "reason"})
	for after := 0; err == nil; {
		var lines []mapping.Line
		if lines, err = s.Imports.Lines(r.Context(), v.link, id, after, resultPage); len(lines) == 0 {
			break
		}
		for _, l := range lines {
			mid := ""
			if l.MID != 0 {
				mid = strconv.FormatInt(l.MID, 10)
			}
			if err == nil {
				err = out.Write([]string{strconv.Itoa(l.Position), sheet.Cell(l.CRMUsername), sheet.Cell(l.EngagementUsername), mid, string(l.Status), l.Code, sheet.Cell(l.Reason)})
			}
			after = l.Position
		}
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	if err != nil { // the connection ends, so that nobody takes a half for the whole
		s.Log.LogAttrs(r.Context(), slog.LevelWarn, "file not written", slog.String("error", err.Error()), slog.String("request_id", web.RequestIDFrom(r.Context())))
		panic(http.ErrAbortHandler)
	}
}
