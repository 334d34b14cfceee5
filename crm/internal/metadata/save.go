package metadata

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// refused is the work of a component that could not be read.
func refused(err error) org.Work {
	return func(org.SetupTx) (org.Saved, error) { return org.Saved{}, err }
}

// save is createMetadata, updateMetadata or upsertMetadata. Each component stands by itself unless the header
// AllOrNoneHeader asks otherwise: one that is refused does not keep the others from changing.
func (s *Server) save(verb org.Verb) operation {
	return func(ctx context.Context, c *call, x *soap.Writer) error {
		components := c.operation.All("metadata")
		if len(components) == 0 || len(components) > maxComponents {
			return fault.New(fault.Invalid, codeArguments, "%s takes 1 to %d components", c.operation.Local, maxComponents)
		}
		names, works := make([]string, len(components)), make([]org.Work, len(components))
		for i, e := range components {
			t, err := s.typeOf(e.XSIType())
			if err != nil {
				return err
			}
			names[i] = e.Value("fullName")
			if works[i], err = t.save(c, names[i], verb, e); err != nil {
				works[i] = refused(err)
			}
		}
		return s.run(ctx, c, x, names, works, verb == org.VerbUpsert)
	}
}

// delete is deleteMetadata.
func (s *Server) delete(ctx context.Context, c *call, x *soap.Writer) error {
	t, err := s.typeOf(c.operation.Value("type"))
	if err != nil {
		return err
	}
	if t.remove == nil {
		return fault.New(fault.Invalid, org.CodeNotForOperation, "%s cannot be deleted", t.name)
	}
	elements := c.operation.All("fullNames")
	if len(elements) == 0 || len(elements) > maxComponents {
		return fault.New(fault.Invalid, codeArguments, "deleteMetadata takes 1 to %d names", maxComponents)
	}
	names, works := make([]string, len(elements)), make([]org.Work, len(elements))
	for i, e := range elements {
		names[i] = strings.TrimSpace(e.Text)
		works[i] = t.remove(c, names[i])
	}
	return s.run(ctx, c, x, names, works, false)
}

// run runs the works of a call and writes a SaveResult, UpsertResult or DeleteResult for each.
func (s *Server) run(ctx context.Context, c *call, x *soap.Writer, names []string, works []org.Work, upsert bool) error {
	results, err := s.Setup.Run(ctx, c.session, works, org.RunOptions{AllOrNone: c.allOrNone, CheckOnly: c.dryRun})
	if err != nil {
		return err
	}
	failed := org.Refused(results) > 0
	for i, r := range results {
		if r.Err == nil && failed && c.allOrNone {
			r = org.Result{Err: org.ErrRolledBack}
		}
		if r.Warning != "" && r.Err == nil {
			c.warnings = append(c.warnings, names[i]+": "+r.Warning)
		}
		x.Open("result")
		if upsert {
			x.Text("created", strconv.FormatBool(r.Created && r.Err == nil))
		}
		if r.Err != nil {
			writeError(x, r.Err)
		}
		x.Text("fullName", names[i])
		x.Text("success", strconv.FormatBool(r.Err == nil))
		x.Close()
	}
	return nil
}

// writeError writes what is wrong with one component.
func writeError(x *soap.Writer, err error) {
	f := fault.Of(err)
	x.Open("errors")
	if f.Field != "" {
		for _, name := range strings.Split(f.Field, ",") {
			x.Text("fields", name)
		}
	}
	x.Text("message", f.Message)
	x.Text("statusCode", exceptionCode(f))
	x.Close()
}
