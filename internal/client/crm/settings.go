package crm

import (
	"context"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/internal/soap"
)

// Setting is one setting of an org as the Metadata API has it (crm-wire 6).
type Setting struct {
	Type  string `json:"type"` // "SecuritySettings"
	Path  string `json:"name"` // "passwordPolicies.complexity"
	Value string `json:"value"`
}

// IPRange is a range of addresses, both ends in it.
type IPRange struct {
	Start, End  string
	Description string // of a profile's range; "" for none
}

// String is the range as commands show it: "10.0.0.1-10.0.0.9".
func (r IPRange) String() string { return r.Start + "-" + r.End }

// ParseRanges reads ranges with commas between, "10.0.0.1-10.0.0.9, 192.0.2.7"; one address is a range. Whether they are any is
// the org's to say.
func ParseRanges(text string) []IPRange {
	out := []IPRange{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		start, end, ok := strings.Cut(part, "-")
		if !ok {
			end = start
		}
		out = append(out, IPRange{Start: strings.TrimSpace(start), End: strings.TrimSpace(end)})
	}
	return out
}

const networkAccess = "networkAccess"

// settingTypes are the types that hold them.
var settingTypes = []string{"MyDomainSettings", "OauthOidcSettings", "SecuritySettings"}

// ReadSettings reads the org's settings. The trusted ranges are one value: "10.0.0.1-10.0.0.9, 192.0.2.1-192.0.2.1".
func (s *Session) ReadSettings(ctx context.Context) ([]Setting, error) {
	var out []Setting
	for _, kind := range settingTypes {
		op, err := s.metadata(ctx, "readMetadata", func(w *soap.Writer) {
			w.Text("type", kind)
			w.Text("fullNames", strings.TrimSuffix(kind, "Settings"))
		})
		if err != nil {
			return nil, err
		}
		record := op.Find("result", "records")
		if record == nil {
			return nil, s.c.call.Protocol(http.StatusOK, "it has no %s", kind)
		}
		for _, e := range record.Children {
			switch {
			case e.Local == "fullName":
			case e.Local == networkAccess:
				var ranges []string
				for _, r := range e.All("ipRanges") {
					ranges = append(ranges, r.Value("start")+"-"+r.Value("end"))
				}
				out = append(out, Setting{kind, networkAccess, strings.Join(ranges, ", ")})
			case len(e.Children) > 0:
				for _, leaf := range e.Children {
					out = append(out, Setting{kind, e.Local + "." + leaf.Local, strings.TrimSpace(leaf.Text)})
				}
			default:
				out = append(out, Setting{kind, e.Local, strings.TrimSpace(e.Text)})
			}
		}
	}
	return out, nil
}

// UpdateSettings changes settings, those of each type together.
func (s *Session) UpdateSettings(ctx context.Context, settings []Setting) error {
	for _, kind := range settingTypes {
		var of []Setting
		for _, have := range settings {
			if have.Type == kind {
				of = append(of, have)
			}
		}
		if len(of) == 0 {
			continue
		}
		op, err := s.metadata(ctx, "updateMetadata", func(w *soap.Writer) {
			w.Open("metadata", "xsi:type", kind)
			w.Text("fullName", strings.TrimSuffix(kind, "Settings"))
			for _, one := range of {
				writeSetting(w, one)
			}
			w.Close()
		})
		if err := s.saved(op, err); err != nil {
			return err
		}
	}
	return nil
}

func writeSetting(w *soap.Writer, one Setting) {
	if one.Path == networkAccess {
		w.Open(networkAccess)
		for _, r := range ParseRanges(one.Value) {
			w.Open("ipRanges")
			w.Text("end", r.End)
			w.Text("start", r.Start)
			w.Close()
		}
		w.Close()
		return
	}
	group, leaf, grouped := strings.Cut(one.Path, ".")
	if !grouped {
		w.Text(one.Path, one.Value)
		return
	}
	w.Open(group)
	w.Text(leaf, one.Value)
	w.Close()
}
