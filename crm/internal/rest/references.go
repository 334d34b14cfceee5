package rest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// reference is the answer of an earlier request of a composite.
type reference struct {
	body   any
	failed bool // nothing of it can be referred to
	parsed any  // body as JSON has it, once it was asked for
	done   bool
}

// references are the answers so far, by reference id, and how many bytes of them may yet be put into requests: a request of
// some kilobytes could ask for gigabytes otherwise.
type references struct {
	answers map[string]*reference
	left    int
}

// maxReferred bounds what placeholders put into the requests of one composite.
const maxReferred = 8 << 20

func newReferences() *references {
	return &references{answers: map[string]*reference{}, left: maxReferred}
}

// take counts a value that is put into a request, and says whether there is room for it.
func (r *references) take(v any) bool {
	n := 8 // a number or a truth value
	if s, ok := v.(string); ok {
		n = len(s)
	}
	if n > r.left {
		r.left = -1
		return false
	}
	r.left -= n
	return true
}

// spent reports whether more was asked for than there is room for.
func (r *references) spent() bool { return r.left < 0 }

// placeholder is "@{ref.id}", "@{ref.records[0].Id}" or "@{ref[1].id}".
var placeholder = regexp.MustCompile(`@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[[0-9]{1,6}\])*)\}`)

var pathStep = regexp.MustCompile(`\.([A-Za-z0-9_]+)|\[([0-9]+)\]`)

// look finds what a placeholder stands for.
func (r *references) look(name, path string) (any, bool) {
	ref := r.answers[name]
	if ref == nil || ref.failed {
		return nil, false
	}
	if !ref.done {
		ref.done = true
		text, err := appendValue(nil, ref.body)
		if err == nil {
			err = json.Unmarshal(text, &ref.parsed)
		}
		if err != nil {
			return nil, false // an answer that cannot be written was refused already
		}
	}
	v := ref.parsed
	for _, step := range pathStep.FindAllStringSubmatch(path, -1) {
		if step[1] != "" {
			members, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = members[step[1]]; !ok {
				return nil, false
			}
			continue
		}
		list, ok := v.([]any)
		i, err := strconv.Atoi(step[2])
		if !ok || err != nil || i >= len(list) {
			return nil, false
		}
		v = list[i]
	}
	switch v.(type) {
	case string, float64, bool:
		return v, true
	}
	return nil, false
}

// inText replaces the placeholders of a text. The second result is one that stands for nothing, "" where all are known.
func (r *references) inText(text string) (out, missing string) {
	if !strings.Contains(text, "@{") {
		return text, ""
	}
	out = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		m := placeholder.FindStringSubmatch(found)
		v, ok := r.look(m[1], m[2])
		if !ok || !r.take(v) {
			missing = m[1] + m[2]
			return found
		}
		if n, is := v.(float64); is { // with all its digits, as a path or a query wants it
			return org.ValueText(n)
		}
		return fmt.Sprint(v)
	})
	return out, missing
}

// inValue replaces the placeholders in the texts of a JSON value; one that is a placeholder alone becomes its value, with
// that value's type.
func (r *references) inValue(v any) (out any, missing string) {
	switch v := v.(type) {
	case string:
		if m := placeholder.FindStringSubmatch(v); m != nil && m[0] == v {
			found, ok := r.look(m[1], m[2])
			if !ok || !r.take(found) {
				return v, m[1] + m[2]
			}
			return found, ""
		}
		return r.inText(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			if list[i], missing = r.inValue(e); missing != "" {
				return nil, missing
			}
		}
		return list, ""
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, e := range v {
			if members[name], missing = r.inValue(e); missing != "" {
				return nil, missing
			}
		}
		return members, ""
	}
	return v, ""
}
