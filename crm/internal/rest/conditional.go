package rest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// conditions are the headers that make a call depend on what the caller has already (RFC 9110 section 13).
type conditions struct {
	modifiedSince, unmodifiedSince time.Time // zero where absent
	match, noneMatch               string
}

func parseConditions(h http.Header) (c conditions) {
	for name, to := range map[string]*time.Time{"If-Modified-Since": &c.modifiedSince, "If-Unmodified-Since": &c.unmodifiedSince} {
		if at, err := http.ParseTime(h.Get(name)); err == nil { // RFC 9110: one that cannot be read is ignored
			*to = at
		}
	}
	c.match, c.noneMatch = h.Get("If-Match"), h.Get("If-None-Match")
	return c
}

// errPrecondition: the record is not as the caller thinks.
func errPrecondition() error {
	return fault.New(fault.Conflict, codePrecondition, "The record was changed.")
}

// judge says of a record that was changed at a time whether it is to be told: 200, 304 or 412.
func (c conditions) judge(modified time.Time) (status int) {
	modified = modified.Truncate(time.Second) // as headers tell it
	switch {
	case modified.IsZero():
		return http.StatusOK
	case !c.unmodifiedSince.IsZero() && modified.After(c.unmodifiedSince):
		return http.StatusPreconditionFailed
	case !c.modifiedSince.IsZero() && c.noneMatch == "" && !modified.After(c.modifiedSince):
		return http.StatusNotModified
	}
	return http.StatusOK
}

// tagOf is the entity tag of a body.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// names reports whether a header's list has the tag; a weak one is as good, for a packed body has one.
func names(list, tag string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimPrefix(strings.TrimSpace(part), "W/"); part == tag || part == "*" {
			return true
		}
	}
	return false
}

// forChanges reports whether a change depends on how the record is.
func (c conditions) forChanges() bool {
	return !c.unmodifiedSince.IsZero() || c.match != "" || c.noneMatch != ""
}

// checkTag compares the record's tag, that of a GET of the same address, with what the caller has (RFC 9110 13.1.1, 13.1.2).
func (c *call) checkTag(ctx context.Context, records *org.Records) error {
	if c.conditions.match == "" && c.conditions.noneMatch == "" {
		return nil
	}
	rec, err := records.Read(ctx, c.session, c.object, c.id, nil)
	if err != nil {
		return err
	}
	body, err := appendValue(nil, recordObject(c.base, rec, ""))
	if err != nil {
		return err
	}
	tag := tagOf(body)
	if c.conditions.match != "" && !names(c.conditions.match, tag) || c.conditions.noneMatch != "" && names(c.conditions.noneMatch, tag) {
		return errPrecondition()
	}
	return nil
}

// Holder keeps a record from being changed by others until its transaction ends.
type Holder interface {
	Hold(o *org.Object, org, id org.ID) error
}

// guarded runs a change of the path's record, where the caller said how he knows it only if it still is so: in one
// transaction, in which nobody else changes it.
func (s *Server) guarded(ctx context.Context, c *call, change func(context.Context, *org.Records) error) error {
	if !c.conditions.forChanges() {
		return change(ctx, c.records)
	}
	if s.Transactions == nil || c.inside != 0 {
		return fault.New(fault.Invalid, codeBadParameter, "If-Match, If-None-Match and If-Unmodified-Since are not for changes inside other requests.")
	}
	short, cancel := context.WithTimeout(ctx, oneTransaction)
	defer cancel()
	var bound *org.BoundRecords
	err := s.Transactions.InTransaction(short, func(tx Transaction) error {
		bound = c.records.Within(tx)
		o, err := bound.Object(c.session, c.object)
		if err != nil {
			return err
		}
		id, err := org.ParseID(c.id)
		if err != nil {
			return err
		}
		if err := tx.Hold(o, c.session.Org, id); err != nil {
			return err
		}
		if f := o.Field("SystemModstamp"); f != nil {
			rec, err := bound.Read(short, c.session, c.object, c.id, []string{f.Name})
			if err != nil {
				return err
			}
			at, _ := rec.Values[f.Name].(time.Time)
			if c.conditions.judge(at) == http.StatusPreconditionFailed {
				return errPrecondition()
			}
		}
		if err := c.checkTag(short, &bound.Records); err != nil {
			return err
		}
		return change(short, &bound.Records)
	})
	if err == nil {
		bound.Tell()
	}
	return err
}
