package login

import (
	"mime"
	"net/http"
	"net/url"

	"github.com/twinspan/twinspan/engagement/internal/browser"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/web"
)

// "My Documents in Content" as an API and a page. The documents of the real service name the place and nothing of how it
// is reached; both are ours.

func (s *Server) mountDocuments(mux *web.Mux) {
	mux.HandleFunc("GET /v2/documents", s.setup(s.listDocuments))
	mux.HandleFunc("GET /v2/documents/{name}", s.getDocument)
	mux.HandleFunc("PUT /v2/documents/{name}", s.setup(s.putDocument))
	mux.HandleFunc("DELETE /v2/documents/{name}", s.setup(s.deleteDocument))
	mux.HandleFunc("GET /v2/mydocuments", s.documentsPage)
	mux.HandleFunc("GET /v2/mydocuments/{name}", s.documentsPage)
}

// wireDocument is a document without its content.
type wireDocument struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Size      int64  `json:"size"` // bytes
	Created   string `json:"created"`
	Modified  string `json:"modified"`
}

func showDocument(d tenant.Document) wireDocument {
	return wireDocument{d.Name, d.MediaType, d.Size, when(d.Created), when(d.Modified)}
}

// listDocuments answers GET /v2/documents[?after=NAME] with one page by name, and the name to go on after.
func (s *Server) listDocuments(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	q, err := web.Query(r)
	if err != nil {
		return nil, err
	}
	list, more, err := s.o.Documents.List(r.Context(), p, q.Get("after"))
	if err != nil {
		return nil, err
	}
	answer := struct {
		Items []wireDocument `json:"items"`
		Next  string         `json:"next,omitempty"`
	}{Items: []wireDocument{}}
	for _, d := range list {
		answer.Items = append(answer.Items, showDocument(d))
	}
	if more {
		answer.Next = list[len(list)-1].Name
	}
	return answer, nil
}

func (s *Server) putDocument(w http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	content, err := web.ReadBody(w, r, tenant.MaxDocument)
	if err != nil {
		return nil, err
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		media = "" // kept as bytes of no known type
	}
	d, err := s.o.Documents.Put(r.Context(), p, r.PathValue("name"), media, content)
	return showDocument(d), err
}

func (s *Server) deleteDocument(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	return nil, s.o.Documents.Delete(r.Context(), p, r.PathValue("name"))
}

func (s *Server) getDocument(w http.ResponseWriter, r *http.Request) {
	p, err := s.bearer(r)
	var d tenant.Document
	if err == nil {
		d, err = s.o.Documents.Get(r.Context(), p, r.PathValue("name"))
	}
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	s.download(w, r, d)
}

// download sends a document to be saved.
func (s *Server) download(w http.ResponseWriter, r *http.Request, d tenant.Document) {
	if err := browser.Download(w, d); err != nil {
		s.o.Log.DebugContext(r.Context(), "the document was not taken")
	}
}

// documentsPage leads to the page of Email Studio, which shows My Documents: the address of before is on record elsewhere.
func (s *Server) documentsPage(w http.ResponseWriter, r *http.Request) {
	to := documentsPath
	if name := r.PathValue("name"); name != "" {
		to += "/" + url.PathEscape(name)
	}
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	s.redirect(w, r, to)
}
