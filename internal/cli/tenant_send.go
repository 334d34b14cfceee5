package cli

import (
	"context"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

type tenantSendCmd struct {
	List   tenantSendListCmd   `cmd:"" default:"withargs" help:"List messages in a state, those in doubt where none is named."`
	Decide tenantSendDecideCmd `cmd:"" help:"Say what became of a message in doubt: it was sent, or it is to be sent again."`
}

type tenantSendListCmd struct {
	unitFlags
	State string `help:"State of the messages: in_doubt, queued, sending, sent or not_sent." default:"in_doubt" enum:"in_doubt,queued,sending,sent,not_sent" env:"-"`
	Limit int    `help:"How many at most." default:"100" env:"-"`
}

// Run lists messages.
func (c *tenantSendListCmd) Run(ctx context.Context, a *app) error {
	if c.Limit < 1 {
		return usagef("--limit: %d is less than 1", c.Limit)
	}
	s, err := c.session(ctx)
	if err != nil {
		return err
	}
	sends, err := s.Sends(ctx, c.State, c.Limit)
	if err != nil {
		return err
	}
	return list(a, sends, []string{"message", "definition", "to", "state", "attempts", "accepted", "why"}, func(m engagement.Send) []string {
		return []string{m.MessageKey, m.DefinitionKey, m.To, m.State, strconv.Itoa(m.Attempts), m.Accepted.Format(time.RFC3339), m.StatusMessage}
	})
}

type tenantSendDecideCmd struct {
	unitFlags
	Message string `arg:"" help:"Message key."`
	Sent    bool   `help:"The mail server took it: count it as sent." env:"-"`
	Again   bool   `help:"The mail server did not take it: send it again. If it did, the recipient has it twice." env:"-"`
}

// Run decides.
func (c *tenantSendDecideCmd) Run(ctx context.Context, a *app) error {
	if c.Sent == c.Again {
		return usagef("say either --sent or --again")
	}
	s, err := c.session(ctx)
	if err != nil {
		return err
	}
	if err := s.DecideSend(ctx, c.Message, c.Again); err != nil {
		return err
	}
	if c.Again {
		return done(a, "queued", c.Message)
	}
	return done(a, "counted as sent", c.Message)
}

type grantCmd struct {
	List  grantListCmd  `cmd:"" default:"1" help:"List the standing grants of users for Connect's package."`
	Clear grantClearCmd `cmd:"" help:"End a user's grant, and the tokens that came of it."`
}

type grantListCmd struct{ clientFlags }

// Run lists grants.
func (c *grantListCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	packages, err := connectPackages(ctx, s)
	if err != nil {
		return err
	}
	grants := []engagement.Grant{}
	for _, id := range packages {
		some, err := s.PackageGrants(ctx, id)
		if err != nil {
			return err
		}
		grants = append(grants, some...)
	}
	return list(a, grants, []string{"user", "client id", "made", "by", "stale"}, func(g engagement.Grant) []string {
		return []string{g.Username, g.ClientID, g.MadeAt.Format(time.RFC3339), g.MadeBy, yes(g.Stale)}
	})
}

type grantClearCmd struct {
	clientFlags
	Username string `arg:"" help:"User name."`
}

// Run clears a grant.
func (c *grantClearCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	packages, err := connectPackages(ctx, s)
	if err != nil {
		return err
	}
	cleared := 0
	for _, id := range packages {
		switch err := s.ClearPackageGrant(ctx, id, c.Username); {
		case err == nil:
			cleared++
		case fault.KindOf(err) != fault.NotFound:
			return err
		}
	}
	if cleared == 0 {
		a.errorf("%s has no grant", oneLine(c.Username))
		return errNo
	}
	return done(a, "cleared the grant of", c.Username)
}

// connectPackages are the client ids of the packages that hold grants.
func connectPackages(ctx context.Context, s *engagement.Session) ([]string, error) {
	packages, err := s.Packages(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, p := range packages {
		if p.Type == "connect" {
			ids = append(ids, p.ClientID)
		}
	}
	return ids, nil
}

type documentCmd struct {
	List   documentListCmd   `cmd:"" default:"1" help:"List the files of My Documents."`
	Get    documentGetCmd    `cmd:"" help:"Write a file to standard output."`
	Put    documentPutCmd    `cmd:"" help:"Keep a file under its name, or what standard input has."`
	Delete documentDeleteCmd `cmd:"" help:"Remove a file."`
}

type documentListCmd struct{ clientFlags }

// Run lists documents.
func (c *documentListCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	documents, err := s.Documents(ctx)
	if err != nil {
		return err
	}
	return list(a, documents, []string{"name", "bytes", "type", "written"}, func(d engagement.Document) []string {
		return []string{d.Name, strconv.FormatInt(d.Size, 10), d.MediaType, d.Modified}
	})
}

type documentName struct {
	clientFlags
	Name string `arg:"" help:"Name of the document."`
}

type documentGetCmd struct{ documentName }

// Run writes a document out.
func (c *documentGetCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	content, err := s.ReadDocument(ctx, c.Name)
	if err != nil {
		return err
	}
	return a.print(string(content))
}

type documentPutCmd struct {
	documentName
	File string `arg:"" optional:"" help:"File to keep; standard input where none is named." type:"existingfile"`
	Type string `help:"Media type." default:"application/octet-stream" env:"-"`
}

// maxDocument is more than a tenant takes, so that it is the tenant who refuses.
const maxDocument = 6 << 20

// Run keeps a document.
func (c *documentPutCmd) Run(ctx context.Context, a *app) error {
	from := a.stdin()
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		from = f
	}
	content, err := io.ReadAll(io.LimitReader(from, maxDocument))
	if err != nil {
		return err
	}
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	if err := s.WriteDocument(ctx, c.Name, c.Type, content); err != nil {
		return err
	}
	return done(a, "kept", c.Name)
}

type documentDeleteCmd struct{ documentName }

// Run removes a document.
func (c *documentDeleteCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	if err := s.DeleteDocument(ctx, c.Name); err != nil {
		return err
	}
	return done(a, "deleted", c.Name)
}
