package probe

import (
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// Filter chooses exchanges. The zero value chooses all.
type Filter struct {
	Since  int64  // only those after this id
	House  string // only of this house
	Path   string // only those whose path has this in it; case does not matter
	Status Status
	// Who is part of a user's or an app's name, or of what names one in the request's body: a user name, a client id. Case does
	// not matter.
	Who string
}

// Status is a range of statuses. The zero value is all of them.
type Status struct{ from, to int }

// CodeBadStatus is the fault of a status that [ParseStatus] cannot read, of kind Invalid.
const CodeBadStatus fault.Code = "invalid_status"

// ParseStatus reads "404"; "4xx"; "failed", which is 400 and above and no answer at all; "none", which is no answer; and "".
func ParseStatus(text string) (Status, error) {
	switch text {
	case "":
		return Status{}, nil
	case "none":
		return Status{-1, 0}, nil
	case "failed":
		return Status{400, -1}, nil
	}
	if class, ok := strings.CutSuffix(strings.ToLower(text), "xx"); ok && len(class) == 1 && class >= "1" && class <= "5" {
		n := int(class[0]-'0') * 100
		return Status{n, n + 99}, nil
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 100 && n <= 599 {
		return Status{n, n}, nil
	}
	return Status{}, fault.New(fault.Invalid, CodeBadStatus, "A status is 404, 4xx, failed, or none.").In("status")
}

func (s Status) has(status int) bool {
	switch {
	case s == Status{}:
		return true
	case s.from < 0:
		return status == 0
	case s.to < 0:
		return status >= s.from || status == 0
	}
	return status >= s.from && status <= s.to
}

func (f Filter) takes(e *Exchange) bool {
	return e.ID > f.Since && (f.House == "" || f.House == e.House) && f.Status.has(e.Status) && holds(e.Path, f.Path) &&
		(f.Who == "" || holds(e.User, f.Who) || holds(e.App, f.Who) || holds(e.RequestBody, f.Who))
}

func holds(text, part string) bool {
	return part == "" || strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
