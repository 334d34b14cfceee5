package web_test

import (
	"math"
	"net/http/httptest"
	"testing"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

func TestReadJSONRefusesOtherContent(t *testing.T) {
	t.Parallel()
	var v any
	read := func(contentType, body string) error {
		return web.ReadJSON(httptest.NewRecorder(), post(contentType, body), 16, &v)
	}
	if err := read("text/plain", `{}`); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("text/plain: %v", err)
	}
	if err := read("application/json;charset=utf-8", `{"a":1}`); err != nil {
		t.Error(err)
	}
	if err := read("application/json", `{"a":1,"a":2}`); fault.CodeOf(err) != strictjson.CodeMalformed {
		t.Errorf("a repeated key: %v", err)
	}
	if err := read("application/json", `{"a":"0123456789"}`); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("too long: %v", err)
	}
}

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := web.WriteJSON(w, 201, map[string]string{"a": "<&>"}); err != nil {
		t.Fatal(err)
	}
	if w.Code != 201 || w.Body.String() != "{\"a\":\"<&>\"}\n" || w.Header().Get("Content-Type") != "application/json;charset=UTF-8" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	w = httptest.NewRecorder()
	if err := web.WriteJSON(w, 200, math.NaN()); err == nil || w.Body.Len() > 0 {
		t.Errorf("NaN: %v, %q written", err, w.Body)
	}
}
