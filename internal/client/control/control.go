// Package control is a client of Twinspan's own control API: the clock, the built-in inbox and the recorded requests
// of a running program (DESIGN 6). It knows a base URL and a token.
package control

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/vault"
)

// Client calls one program's control API. It is safe for concurrent use.
type Client struct {
	base   string
	token  vault.Secret
	call   *client.Caller
	stream *http.Client
}

// New returns a client of the control API at a base URL. hc gives the transport; nil takes the defaults of client.
func New(baseURL string, token vault.Secret, hc *http.Client) (*Client, error) {
	base, err := client.ParseBase(baseURL)
	if err != nil {
		return nil, err
	}
	stream := &http.Client{Transport: client.NewTransport()}
	if hc != nil && hc.Transport != nil {
		stream.Transport = hc.Transport
	}
	return &Client{base: base, token: token, call: client.NewCaller("control API", &http.Client{Transport: stream.Transport}), stream: stream}, nil
}

// Clock is a pair's domain time.
type Clock struct {
	Now time.Time `json:"now"`
	// Offset is how far domain time is ahead of machine time, as time.Duration prints it.
	Offset string `json:"offset"`
}

// Clock asks for the domain time of the first pair.
func (c *Client) Clock(ctx context.Context) (Clock, error) {
	var out Clock
	err := c.do(ctx, http.MethodGet, "/clock", nil, &out)
	return out, err
}

// Advance moves domain time on by a duration.
func (c *Client) Advance(ctx context.Context, by time.Duration) (Clock, error) {
	var out Clock
	err := c.do(ctx, http.MethodPost, "/clock", map[string]string{"advance": by.String()}, &out)
	return out, err
}

// SetClock sets domain time.
func (c *Client) SetClock(ctx context.Context, now time.Time) (Clock, error) {
	var out Clock
	err := c.do(ctx, http.MethodPost, "/clock", map[string]string{"now": now.UTC().Format(time.RFC3339Nano)}, &out)
	return out, err
}

// Mail is one message of the built-in inbox. Lists leave the bodies out.
type Mail struct {
	ID       string    `json:"id"`
	Received time.Time `json:"received"`
	From     string    `json:"from"`
	To       []string  `json:"to"`
	Subject  string    `json:"subject"`
	Text     string    `json:"text,omitempty"`
	HTML     string    `json:"html,omitempty"`
}

// MailQuery selects messages.
type MailQuery struct {
	To    string        // only to this address; "" is all
	After string        // only those that came after the message with this id
	Wait  time.Duration // wait this long for the first where there is none
}

// Mails lists the inbox, newest first.
func (c *Client) Mails(ctx context.Context, m MailQuery) ([]Mail, error) {
	q := url.Values{}
	if m.To != "" {
		q.Set("to", m.To)
	}
	if m.After != "" {
		q.Set("after", m.After)
	}
	if m.Wait > 0 {
		q.Set("wait", m.Wait.String())
	}
	var out struct {
		Messages []Mail `json:"messages"`
	}
	err := c.do(ctx, http.MethodGet, "/mail?"+q.Encode(), nil, &out)
	return out.Messages, err
}

// Mail reads one message with its bodies.
func (c *Client) Mail(ctx context.Context, id string) (Mail, error) {
	var out Mail
	err := c.do(ctx, http.MethodGet, "/mail/"+url.PathEscape(id), nil, &out)
	return out, err
}

// Request is one recorded request and its answer, secrets removed.
type Request struct {
	ID     int64     `json:"id"`
	Time   time.Time `json:"time"`
	House  string    `json:"house"` // "crm", "engagement", "connect"
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Status int       `json:"status"`
	Millis float64   `json:"ms"`

	RequestHeader  http.Header `json:"request_header"`
	RequestBody    string      `json:"request_body,omitempty"`
	ResponseHeader http.Header `json:"response_header"`
	ResponseBody   string      `json:"response_body,omitempty"`
}

// Filter chooses recorded requests. Empty members choose all.
type Filter struct {
	House  string // "crm", "engagement", "connect"
	Path   string // a part of the path
	Status string // "404", "4xx", "failed" (4xx and 5xx), "none"
	Who    string // a part of the name of the user or app that called, or of its client id
	Since  int64  // only those after this id
}

// Requests lists recorded requests, oldest first.
func (c *Client) Requests(ctx context.Context, f Filter) ([]Request, error) {
	var out struct {
		Requests []Request `json:"requests"`
	}
	err := c.do(ctx, http.MethodGet, "/requests?"+f.query().Encode(), nil, &out)
	return out.Requests, err
}

func (f Filter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"house": f.House, "path": f.Path, "status": f.Status, "who": f.Who} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Since > 0 {
		q.Set("since", strconv.FormatInt(f.Since, 10))
	}
	return q
}

// maxLine bounds one line of a followed stream.
const maxLine = 4 << 20

// Follow calls each for recorded requests as they come, from the filter's id on, until ctx ends, the program stops, or
// each returns an error. The end of ctx is no error.
func (c *Client) Follow(ctx context.Context, f Filter, each func(Request) error) error {
	q := f.query()
	q.Set("follow", "1")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/requests?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	resp, err := c.stream.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing is left to read that anybody wants
	if resp.StatusCode != http.StatusOK {
		return c.call.Refusal(resp.StatusCode, "", http.StatusText(resp.StatusCode))
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var r Request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return c.call.Protocol(resp.StatusCode, "a line of the stream is no recorded request")
		}
		if err := each(r); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return lines.Err()
}

func (c *Client) do(ctx context.Context, method, target string, in, out any) error {
	r := client.Request{Method: method, URL: c.base + target, Header: http.Header{"Authorization": {"Bearer " + c.token.Reveal()}}}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r.Body, r.ContentType = body, "application/json"
	}
	a, err := c.call.Do(ctx, r)
	if err != nil {
		return err
	}
	if a.Status < 200 || a.Status > 299 {
		var w struct {
			Error struct{ Code, Message string }
		}
		if a.Type == "application/json" {
			_ = json.Unmarshal(a.Body, &w) // an answer of another shape keeps its status alone
		}
		return c.call.Refusal(a.Status, w.Error.Code, w.Error.Message)
	}
	if out == nil {
		return nil
	}
	return c.call.JSON(a, out)
}
