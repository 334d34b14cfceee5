package strictjson_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
)

type inner struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
}

type Shared struct {
	Scope string `json:"scope"`
}

type target struct {
	Shared
	ClientID string            `json:"client_id"`
	Account  json.RawMessage   `json:"account_id"`
	At       time.Time         `json:"at"`
	Inner    *inner            `json:"inner"`
	List     []inner           `json:"list"`
	Map      map[string]inner  `json:"map"`
	Any      any               `json:"any"`
	Untagged string            //
	Hidden   string            `json:"-"`
	Texts    map[string]string `json:"texts"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name, body string
		want       target
		bad        bool
		field      string
	}{
		{"plain", `{"client_id":"c","scope":"s","at":"2026-01-02T03:04:05Z"}`, target{ClientID: "c", Shared: Shared{"s"}, At: at}, false, ""},
		{
			"nested", `{"inner":{"id":1},"list":[{"id":2},{"text":"x"}],"map":{"a":{"id":3}},"any":[1,{"b":null}]}`,
			target{Inner: &inner{ID: 1}, List: []inner{{ID: 2}, {Text: "x"}}, Map: map[string]inner{"a": {ID: 3}}, Any: []any{1.0, map[string]any{"b": nil}}},
			false, "",
		},
		{"unknown is ignored", `{"extra":{"client_id":"no"},"client_id":"c"}`, target{ClientID: "c"}, false, ""},
		{"other case is another key", `{"CLIENT_ID":"evil","client_id":"c","Client_Id":"evil","untagged":"no","Untagged":"yes"}`, target{ClientID: "c", Untagged: "yes"}, false, ""},
		{"other case, escaped", `{"\u0043lient_id":"evil","client_id":"c"}`, target{ClientID: "c"}, false, ""},
		{"other case, nested", `{"inner":{"ID":9,"id":1},"list":[{"TEXT":"no"}],"map":{"A":{"Id":7}}}`, target{Inner: &inner{ID: 1}, List: []inner{{}}, Map: map[string]inner{"A": {}}}, false, ""},
		{"case matters in maps", `{"texts":{"a":"1","A":"2"}}`, target{Texts: map[string]string{"a": "1", "A": "2"}}, false, ""},
		{"raw", `{"account_id":"123"}`, target{Account: json.RawMessage(`"123"`)}, false, ""},
		{"null", `null`, target{}, false, ""},
		{"white space", " {\n\"client_id\" : \"c\"\t}\r\n", target{ClientID: "c"}, false, ""},
		{"surrogate pair", `{"client_id":"\ud83d\ude00"}`, target{ClientID: "😀"}, false, ""},

		{"twice", `{"client_id":"a","client_id":"b"}`, target{}, true, "client_id"},
		{"twice, once escaped", `{"client_id":"a","\u0063lient_id":"b"}`, target{}, true, "client_id"},
		{"twice, unknown key", `{"x":1,"x":1}`, target{}, true, "x"},
		{"twice, deep in any", `{"any":[{"x":[{"y":1,"y":2}]}]}`, target{}, true, "y"},
		{"twice, in raw", `{"account_id":{"y":1,"y":2}}`, target{}, true, "y"},
		{"twice, among many", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"b":2}`, target{}, true, "b"},
		{"trailing value", `{} {}`, target{}, true, ""},
		{"trailing bytes", `{}x`, target{}, true, ""},
		{"empty", ``, target{}, true, ""},
		{"BOM", "\ufeff{}", target{}, true, ""},
		{"not UTF-8", "{\"client_id\":\"\xff\"}", target{}, true, ""},
		{"lone high surrogate", `{"client_id":"\ud83d"}`, target{}, true, ""},
		{"lone low surrogate", `{"client_id":"\ude00x"}`, target{}, true, ""},
		{"high surrogate, then text", `{"client_id":"\ud83dabcdef"}`, target{}, true, ""},
		{"NUL", `{"client_id":"a\u0000"}`, target{}, true, ""},
		{"NUL in a key", `{"any":{"a\u0000":1}}`, target{}, true, ""},
		{"too deep", strings.Repeat("[", 65) + strings.Repeat("]", 65), target{}, true, ""},
		{"brackets in a text are not deep", `{"client_id":"` + strings.Repeat("[", 100) + `"}`, target{ClientID: strings.Repeat("[", 100)}, false, ""},
		{"escaped quote and brackets", `{"client_id":"\"[[\\"}`, target{ClientID: `"[[\`}, false, ""},
		{"wrong type", `{"inner":{"id":"one"}}`, target{}, true, "inner.id"},
		{"comment", `{/*x*/}`, target{}, true, ""},
		{"single quotes", `{'a':1}`, target{}, true, ""},
		{"NaN", `{"any":NaN}`, target{}, true, ""},
		{"form", `a=1`, target{}, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got target
			err := strictjson.Decode([]byte(c.body), &got)
			if c.bad {
				if fault.CodeOf(err) != strictjson.CodeMalformed || fault.KindOf(err) != fault.Invalid {
					t.Fatalf("error %v, want %s", err, strictjson.CodeMalformed)
				}
				if f := fault.Of(err).Field; f != c.field {
					t.Errorf("field %q, want %q", f, c.field)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Refusals speak of JSON, not of the types that it is read into.
func TestDecodeSpeaksOfJSON(t *testing.T) {
	t.Parallel()
	type wanted struct {
		Object map[string]any `json:"object"`
		List   []int          `json:"list"`
		Text   *string        `json:"text"`
		Flag   bool           `json:"flag"`
		Number float64        `json:"number"`
		Small  int8           `json:"small"`
	}
	for body, want := range map[string]string{
		`[1]`:               "A JSON array stands where an object is wanted.",
		`{"object":[]}`:     "A JSON array stands where an object is wanted.",
		`{"list":{}}`:       "A JSON object stands where an array is wanted.",
		`{"text":1}`:        "A JSON number stands where a string is wanted.",
		`{"flag":"true"}`:   "A JSON string stands where a bool is wanted.",
		`{"number":"1"}`:    "A JSON string stands where a number is wanted.",
		`{"number":1e400}`:  "The JSON number is out of range.",
		`{"small":1000}`:    "The JSON number is out of range.",
		`{"object":{"a":1}`: "The text is not one JSON value.",
	} {
		var v wanted
		if err := strictjson.Decode([]byte(body), &v); err == nil || fault.Of(err).Message != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func TestKnownKeysOnly(t *testing.T) {
	t.Parallel()
	for body, field := range map[string]string{
		`{"client_id":"c","inner":{"id":1},"map":{"anything":{"id":1}},"any":{"what":1}}`: "",
		`{"Client_ID":"c"}`:         "Client_ID",
		`{"inner":{"ID":1}}`:        "inner.ID",
		`{"list":[{"id":1,"x":2}]}`: "list.x",
		`{"Hidden":"x"}`:            "Hidden",
	} {
		var v target
		err := strictjson.Decode([]byte(body), &v, strictjson.KnownKeysOnly())
		if (err != nil) != (field != "") || err != nil && fault.Of(err).Field != field {
			t.Errorf("%s: %v, want field %q", body, err, field)
		}
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	data := []byte(` {"a" : [1, {"x":"}"}], "b\u0041":"t\"", "n":-1.5e3 , "o":{"a":1,"a":2}}`)
	if err := strictjson.Check(data); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := strictjson.Members(data, func(key string, raw []byte) error {
		got = append(got, key+"="+string(raw))
		return nil
	})
	want := []string{`a=[1, {"x":"}"}]`, `bA="t\""`, `n=-1.5e3`, `o={"a":1,"a":2}`}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, bad := range []string{`[]`, `"x"`, `1`, `{"a":1,"a":2}`} {
		if err := strictjson.Members([]byte(bad), func(string, []byte) error { return nil }); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"client_id":"a","CLIENT_ID":"b"}`, `{"inner":{"ID":1,"\u0049d":2}}`, `[1,{"a":"\ud83d\ude00"}]`, `{"a\"":1,"any":{"x":[]}}`, `{"list":[{"TEXT":"\\"}]}`, "1e400", `"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var loose any
		if err := strictjson.Decode(append([]byte(nil), data...), &loose); err == nil {
			var std any
			if err := json.Unmarshal(data, &std); err != nil || !reflect.DeepEqual(std, loose) {
				t.Fatalf("%q: we read %v, encoding/json %v, %v", data, loose, std, err)
			}
		} else if fault.CodeOf(err) != strictjson.CodeMalformed {
			t.Fatalf("%q: %v", data, err)
		}
		// What we take for a struct is what an exact-case reading of the object gives.
		var v struct {
			ClientID json.RawMessage `json:"client_id"`
		}
		if err := strictjson.Decode(append([]byte(nil), data...), &v); err == nil {
			var m map[string]json.RawMessage
			if json.Unmarshal(data, &m) == nil && string(m["client_id"]) != string(v.ClientID) {
				t.Fatalf("%q: client_id is %s, want %s", data, v.ClientID, m["client_id"])
			}
		}
	})
}
