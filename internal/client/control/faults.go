package control

import (
	"context"
	"net/http"
	"net/url"
)

// Fault is what is set to go wrong with requests of a kind; it has a status, a latency or a drop. Only ID, Matched and Struck are
// the server's.
type Fault struct {
	ID      string  `json:"id,omitempty"`
	House   string  `json:"house,omitempty"`   // "crm", "engagement", "connect"; "" is every house
	Path    string  `json:"path,omitempty"`    // * stands for anything; "" is every path
	Grant   string  `json:"grant,omitempty"`   // only token requests of this grant_type
	Status  int     `json:"status,omitempty"`  // 400 to 599
	Latency string  `json:"latency,omitempty"` // as time.Duration prints it
	Drop    string  `json:"drop,omitempty"`    // "before" or "after" the request is done
	Rate    float64 `json:"rate,omitempty"`    // share of the requests; 0 is all
	Times   int     `json:"times,omitempty"`   // 0 is until it is ended
	Matched int64   `json:"matched,omitempty"`
	Struck  int64   `json:"struck,omitempty"`
}

// Faults lists the faults that are set, the oldest first.
func (c *Client) Faults(ctx context.Context) ([]Fault, error) {
	var out struct {
		Faults []Fault `json:"faults"`
	}
	err := c.do(ctx, http.MethodGet, "/faults", nil, &out)
	return out.Faults, err
}

// SetFault sets a fault and returns it with its id.
func (c *Client) SetFault(ctx context.Context, f Fault) (Fault, error) {
	var out Fault
	err := c.do(ctx, http.MethodPost, "/faults", f, &out)
	return out, err
}

// EndFault ends one.
func (c *Client) EndFault(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/faults/"+url.PathEscape(id), nil, nil)
}

// EndFaults ends all, and returns how many there were.
func (c *Client) EndFaults(ctx context.Context) (int, error) {
	var out struct {
		Ended int `json:"ended"`
	}
	err := c.do(ctx, http.MethodDelete, "/faults", nil, &out)
	return out.Ended, err
}
