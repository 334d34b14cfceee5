package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
)

type entriesBody struct {
	Entries []entryBody `json:"entries"`
	// Next is the value of "after" for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

type entryBody struct {
	Seq       int64           `json:"seq"`
	At        time.Time       `json:"at"`
	Actor     string          `json:"actor"`
	Action    string          `json:"action"`
	Subject   string          `json:"subject,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Before    json.RawMessage `json:"before"`
	After     json.RawMessage `json:"after"`
	Signature string          `json:"signature"`
}

// shown is a kept JSON text; what tampering left of one is shown as a text.
func shown(text string) json.RawMessage {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return json.RawMessage(audit.JSON(text))
}

func (s *Server) auditEntries(ctx context.Context, c call) (any, error) {
	var after int64
	if c.after != "" {
		var err error
		if after, err = strconv.ParseInt(c.after, 10, 64); err != nil || after < 0 {
			return nil, fault.New(fault.Invalid, CodeInvalidLimit, "after is the next of the page before.").In("after")
		}
	}
	found, err := s.Audit.List(ctx, c.link.Pair, after, c.limit)
	if err != nil {
		return nil, err
	}
	body := entriesBody{Entries: make([]entryBody, 0, len(found))}
	for _, e := range found {
		body.Entries = append(body.Entries, entryBody{e.Seq, e.At, e.Actor, e.Action, e.Subject, e.Reason, shown(e.Before), shown(e.After), hex.EncodeToString(e.Signature)})
	}
	if len(found) == c.limit {
		body.Next = strconv.FormatInt(found[len(found)-1].Seq, 10)
	}
	return body, nil
}

type verdictBody struct {
	OK      bool   `json:"ok"`
	Entries int64  `json:"entries"`
	Head    string `json:"head"`
	Seq     int64  `json:"seq,omitempty"`
	Problem string `json:"problem,omitempty"`
}

func (s *Server) verifyAudit(ctx context.Context, c call) (any, error) {
	var noted audit.Head
	if c.head != "" {
		var err error
		if noted, err = audit.ParseHead(c.head); err != nil {
			return nil, err
		}
	}
	v, err := s.Audit.Verify(ctx, c.link.Pair, noted)
	return verdictBody{v.Problem == "", v.Entries, v.Head.String(), v.Seq, v.Problem}, err
}
