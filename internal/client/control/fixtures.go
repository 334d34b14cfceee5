package control

import (
	"context"
	"net/http"
)

// File is a file of an sfdx project, by its path in it.
type File struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Imported says what an import did. Where there are problems it did nothing.
type Imported struct {
	Objects  int      `json:"objects"`  // custom objects made or changed
	Fields   int      `json:"fields"`   // custom fields made or changed
	Ignored  []string `json:"ignored"`  // what the files say and the org does not keep, with file and line
	Problems []string `json:"problems"` // mistakes, with file and line
}

// Import makes the custom objects and fields that files of an sfdx project describe, all or none of them.
func (c *Client) Import(ctx context.Context, files []File) (Imported, error) {
	var out Imported
	err := c.do(ctx, http.MethodPost, "/fixtures", map[string][]File{"files": files}, &out)
	return out, err
}
