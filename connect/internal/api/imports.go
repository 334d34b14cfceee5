package api

import (
	"context"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/mapping"
)

type importBody struct {
	ID        string              `json:"id"`
	State     mapping.ImportState `json:"state"`
	Total     int                 `json:"total"`
	Mapped    int                 `json:"mapped"`
	Failed    int                 `json:"failed"`
	StartedBy string              `json:"started_by"`
	CreatedAt time.Time           `json:"created_at"`
	// Error is why the connection itself broke the work off.
	Error string `json:"error,omitempty"`
}

func importOf(i mapping.Import) importBody {
	return importBody{ID: i.ID, State: i.State, Total: i.Total, Mapped: i.Done, Failed: i.Failed, StartedBy: i.Actor, CreatedAt: i.CreatedAt, Error: i.Error}
}

func (s *Server) startImport(ctx context.Context, c call) (any, error) {
	var in struct {
		CSV string `json:"csv"`
		By  string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	i, err := s.Imports.Start(ctx, c.link, []byte(in.CSV), in.By)
	return importOf(i), err
}

func (s *Server) importOne(ctx context.Context, c call) (any, error) {
	i, err := s.Imports.Import(ctx, c.link, c.value)
	return importOf(i), err
}

func (s *Server) cancelImport(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	i, err := s.Imports.Cancel(ctx, c.link, c.value, in.By)
	return importOf(i), err
}

type importsBody struct {
	Imports []importBody `json:"imports"`
}

func (s *Server) imports(ctx context.Context, c call) (any, error) {
	found, err := s.Imports.List(ctx, c.link, c.limit)
	body := importsBody{Imports: make([]importBody, 0, len(found))}
	for _, i := range found {
		body.Imports = append(body.Imports, importOf(i))
	}
	return body, err
}

type linesBody struct {
	Lines []lineBody `json:"lines"`
	// Next is the value of "after" for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

type lineBody struct {
	Position           int                `json:"position"`
	CRMUsername        string             `json:"crm_username"`
	EngagementUsername string             `json:"engagement_username"`
	AccountID          int64              `json:"account_id,omitempty"`
	Status             mapping.LineStatus `json:"status"`
	Attempts           int                `json:"attempts"`
	Code               string             `json:"code,omitempty"`
	Reason             string             `json:"reason,omitempty"`
}

func (s *Server) importLines(ctx context.Context, c call) (any, error) {
	after, err := position(c.after)
	if err != nil {
		return nil, err
	}
	lines, err := s.Imports.Lines(ctx, c.link, c.value, after, c.limit)
	if err != nil {
		return nil, err
	}
	body := linesBody{Lines: make([]lineBody, 0, len(lines))}
	for _, l := range lines {
		body.Lines = append(body.Lines, lineBody{l.Position, l.CRMUsername, l.EngagementUsername, l.MID, l.Status, l.Attempts, l.Code, l.Reason})
	}
	if len(lines) == c.limit {
		body.Next = strconv.Itoa(lines[len(lines)-1].Position)
	}
	return body, nil
}
