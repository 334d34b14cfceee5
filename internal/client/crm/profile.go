package crm

import (
	"context"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/internal/soap"
)

// Weekdays are the days of login hours, as the Metadata API names them.
var Weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// Hours are the minutes after midnight, in the org's time zone, between which a profile's users log in: from Start to End, End not
// in it. Both equal: nobody.
type Hours struct{ Start, End int }

// LoginRules are a profile's login hours, by day, and login IP ranges. A day that is absent has no limits.
type LoginRules struct {
	Hours  map[string]Hours
	Ranges []IPRange
}

// ProfileLogin reads the login rules of a profile.
func (s *Session) ProfileLogin(ctx context.Context, profile string) (LoginRules, error) {
	op, err := s.metadata(ctx, "readMetadata", func(w *soap.Writer) {
		w.Text("type", "Profile")
		w.Text("fullNames", profile)
	})
	if err != nil {
		return LoginRules{}, err
	}
	out := LoginRules{Hours: map[string]Hours{}}
	record := op.Find("result", "records")
	for _, day := range Weekdays {
		start, end := record.Value("loginHours", day+"Start"), record.Value("loginHours", day+"End")
		if start == "" && end == "" {
			continue
		}
		from, err := strconv.Atoi(start)
		to, err2 := strconv.Atoi(end)
		if err != nil || err2 != nil {
			return LoginRules{}, s.c.call.Protocol(http.StatusOK, "login hours that are no numbers")
		}
		out.Hours[day] = Hours{from, to}
	}
	for _, r := range record.All("loginIpRanges") {
		out.Ranges = append(out.Ranges, IPRange{r.Value("startAddress"), r.Value("endAddress"), r.Value("description")})
	}
	return out, nil
}

// SetProfileLogin replaces the login hours, the ranges, or both; nil leaves what is there.
func (s *Session) SetProfileLogin(ctx context.Context, profile string, hours map[string]Hours, ranges *[]IPRange) error {
	return s.saved(s.metadata(ctx, "updateMetadata", func(w *soap.Writer) {
		w.Open("metadata", "xsi:type", "Profile")
		w.Text("fullName", profile)
		if hours != nil {
			w.Open("loginHours")
			for _, day := range Weekdays {
				if h, ok := hours[day]; ok {
					w.Text(day+"End", strconv.Itoa(h.End))
					w.Text(day+"Start", strconv.Itoa(h.Start))
				}
			}
			w.Close()
		}
		if ranges != nil {
			writeLoginRanges(w, *ranges)
		}
		w.Close()
	}))
}

// writeLoginRanges writes ranges; an empty element takes all away.
func writeLoginRanges(w *soap.Writer, ranges []IPRange) {
	if len(ranges) == 0 {
		w.Text("loginIpRanges", "")
	}
	for _, r := range ranges {
		w.Open("loginIpRanges")
		given(w, "description", r.Description)
		w.Text("endAddress", r.End)
		w.Text("startAddress", r.Start)
		w.Close()
	}
}
