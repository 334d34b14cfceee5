package crm

import (
	"context"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/soap"
)

// Element is one element of a component of the Metadata API that holds nothing but texts.
type Element struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Component reads a component's elements, without its full name; nil where there is none.
func (s *Session) Component(ctx context.Context, kind, fullName string) ([]Element, error) {
	op, err := s.metadata(ctx, "readMetadata", func(w *soap.Writer) {
		w.Text("type", kind)
		w.Text("fullNames", fullName)
	})
	if err != nil {
		return nil, err
	}
	record := op.Find("result", "records")
	if record == nil {
		return nil, s.c.call.Protocol(http.StatusOK, "it has no %s", kind)
	}
	var out []Element
	for _, e := range record.Children {
		if e.Local != "fullName" {
			out = append(out, Element{e.Local, strings.TrimSpace(e.Text)})
		}
	}
	return out, nil
}

// PutComponent makes a component or changes the elements of it that are named.
func (s *Session) PutComponent(ctx context.Context, kind, fullName string, elements []Element) error {
	return s.saved(s.metadata(ctx, "upsertMetadata", func(w *soap.Writer) {
		w.Open("metadata", "xsi:type", kind)
		w.Text("fullName", fullName)
		for _, e := range elements {
			w.Text(e.Name, e.Value)
		}
		w.Close()
	}))
}

// DeleteComponent deletes a component.
func (s *Session) DeleteComponent(ctx context.Context, kind, fullName string) error {
	return s.saved(s.metadata(ctx, "deleteMetadata", func(w *soap.Writer) {
		w.Text("type", kind)
		w.Text("fullNames", fullName)
	}))
}

// saved reads the result of a call that changes one component.
func (s *Session) saved(op *soap.Element, err error) error {
	if err != nil {
		return err
	}
	result := op.Find("result")
	if result.Value("success") == "true" {
		return nil
	}
	code := result.Value("errors", "statusCode")
	if code == "" {
		return s.c.call.Protocol(http.StatusOK, "it says neither success nor why not")
	}
	return s.c.call.Refusal(http.StatusBadRequest, code, client.Clip(result.Value("errors", "message"), 1000))
}
