package rest

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

var versionPattern = regexp.MustCompile(`^v([1-9][0-9]?)\.0$`)

// parseVersion takes "v65.0" and gives "65.0". One that was retired is gone, one that never was is not there (crm-wire
// 3.1).
func parseVersion(segment string) (string, error) {
	m := versionPattern.FindStringSubmatch(segment)
	if m == nil {
		return "", notFound()
	}
	n, err := strconv.Atoi(m[1])
	switch {
	case err != nil || n > org.LastAPIVersion:
		return "", notFound()
	case n < org.FirstAPIVersion:
		return "", fault.New(fault.NotFound, codeRetired, "Invalid Api version specified on URL")
	}
	return segment[1:], nil
}

// label is a version's release: three a year, 62 is Winter '25.
func label(version int) string {
	const winter25, year = 62, 25
	season, years := (version-winter25)%3, (version-winter25)/3
	if season < 0 {
		season, years = season+3, years-1
	}
	return fmt.Sprintf("%s '%02d", [...]string{"Winter", "Spring", "Summer"}[season], year+years)
}

type version struct {
	Label   string `json:"label"`
	URL     string `json:"url"`
	Version string `json:"version"`
}

// versions needs no session.
func (s *Server) versions(w http.ResponseWriter, r *http.Request) {
	list := make([]version, 0, org.LastAPIVersion-org.FirstAPIVersion+1)
	for v := org.FirstAPIVersion; v <= org.LastAPIVersion; v++ {
		number := strconv.Itoa(v) + ".0"
		list = append(list, version{Label: label(v), URL: "/services/data/v" + number, Version: number})
	}
	s.send(w, r, answer{http.StatusOK, list})
}

// resources lists what there is under a version; clients use it to see whether their token lives.
func (s *Server) resources(_ context.Context, c *call) (answer, error) {
	return answer{http.StatusOK, map[string]string{
		"tooling":   c.base + "/tooling",
		"query":     c.base + "/query",
		"queryAll":  c.base + "/queryAll",
		"sobjects":  c.base + "/sobjects",
		"composite": c.base + "/composite",
		"jobs":      c.base + "/jobs",
		"limits":    c.base + "/limits",
		"identity":  s.BaseURL + "/id/" + string(c.session.Org) + "/" + string(c.session.User),
	}}, nil
}

func (s *Server) toolingResources(_ context.Context, c *call) (answer, error) {
	return answer{http.StatusOK, map[string]string{
		"query": c.base + "/tooling/query", "queryAll": c.base + "/tooling/queryAll", "sobjects": c.base + "/tooling/sobjects",
	}}, nil
}
