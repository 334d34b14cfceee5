package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
)

type tokenBody struct {
	ID   string      `json:"id"`
	Name string      `json:"name"`
	Role access.Role `json:"role"`
	// User is the CRM user whose own mapping a token of the role user reaches; absent for the others.
	User      string     `json:"user,omitempty"`
	CreatedBy string     `json:"created_by"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	// UsedAt is machine time, to the hour; absent for never.
	UsedAt *time.Time `json:"used_at,omitempty"`
}

func tokenOf(t access.Token) tokenBody {
	return tokenBody{t.ID, t.Name, t.Role, t.Username, t.By, t.Created, t.Expires, when(t.Revoked), when(t.Used)}
}

type tokensBody struct {
	Tokens []tokenBody `json:"tokens"`
}

func (s *Server) tokens(ctx context.Context, c call) (any, error) {
	all, err := s.Access.Tokens(ctx, c.link)
	body := tokensBody{Tokens: make([]tokenBody, 0, len(all))}
	for _, t := range all {
		body.Tokens = append(body.Tokens, tokenOf(t))
	}
	return body, err
}

type createdTokenBody struct {
	Token tokenBody `json:"token"`
	// Value is what callers send as their bearer token. It is shown here and never again.
	Value string `json:"value"`
}

func (s *Server) createToken(ctx context.Context, c call) (any, error) {
	var in struct {
		Name string      `json:"name"`
		Role access.Role `json:"role"`
		User string      `json:"user"`
		Days int         `json:"days"`
		By   string      `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	days := time.Duration(min(max(in.Days, -1), 10_000)) // what is out of bounds is refused below
	t, value, err := s.Access.CreateToken(ctx, c.link, access.Spec{Name: in.Name, Role: in.Role, Username: in.User, Life: days * 24 * time.Hour}, in.By)
	if err != nil {
		return nil, err
	}
	return createdTokenBody{tokenOf(t), value.Reveal()}, nil
}

func (s *Server) revokeToken(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	t, err := s.Access.RevokeToken(ctx, c.link, c.value, in.By)
	if err != nil {
		return nil, err
	}
	return tokenOf(t), nil
}

type consoleLinkBody struct {
	// URL opens the console as an administrator, once, within an hour. The one before works no more.
	URL string `json:"url"`
}

func (s *Server) consoleLink(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	address, err := s.ConsoleLink(ctx, c.link.Pair)
	return consoleLinkBody{address}, err
}
