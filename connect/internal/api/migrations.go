package api

import (
	"context"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/internal/fault"
)

type offerBody struct {
	Available bool `json:"available"`
	// Code and Message are why not; absent where it is.
	Code    fault.Code `json:"code,omitempty"`
	Message string     `json:"message,omitempty"`
	// Users were mapped before the upgrade and are not reconnected.
	Users      int        `json:"users"`
	UpgradedAt *time.Time `json:"upgraded_at,omitempty"`
	Until      *time.Time `json:"until,omitempty"`
}

func offerOf(o migration.Offer) offerBody {
	b := offerBody{Available: o.Available(), Users: o.Users, UpgradedAt: when(o.UpgradedAt), Until: when(o.Until)}
	if err := o.Refusal(); err != nil {
		b.Code, b.Message = o.Code, fault.Of(err).Message
	}
	return b
}

type migrationsBody struct {
	Offer offerBody `json:"offer"`
}

func (s *Server) migrations(ctx context.Context, c call) (any, error) {
	o, err := s.Migrations.Offer(ctx, c.link)
	return migrationsBody{Offer: offerOf(o)}, err
}

// earlierOf is the finding about users who were mapped before an upgrade and are not reconnected; nil where nobody is.
func (s *Server) earlierOf(ctx context.Context, l link.Link) (*standingBody, error) {
	o, err := s.Migrations.Offer(ctx, l)
	if err != nil || o.Users == 0 {
		return nil, err
	}
	next := "migrate existing users, with `upgrade migrate`, until " + o.Until.UTC().Format(time.RFC3339) + "."
	if refused := o.Refusal(); refused != nil {
		next = fault.Of(refused).Message
	}
	return &standingBody{string(mapping.CodeNotReconnected), fmt.Sprintf("Not reconnected since the upgrade to Connected App authentication: %d mapped users, who cannot use the connection: %s", o.Users, next)}, nil
}
