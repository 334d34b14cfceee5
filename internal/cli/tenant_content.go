package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/twinspan/twinspan/internal/client/engagement"
)

// tenantEmailCmd holds the commands about emails of the tenant.
type tenantEmailCmd struct {
	List   tenantEmailListCmd   `cmd:"" default:"withargs" help:"List the emails of a business unit."`
	Create tenantEmailCreateCmd `cmd:"" help:"Make an email, which triggered send definitions and sends name by its key."`
}

type tenantEmailListCmd struct{ unitFlags }

// Run lists the emails.
func (c *tenantEmailListCmd) Run(ctx context.Context, a *app) error {
	s, err := c.session(ctx)
	if err != nil {
		return err
	}
	all, err := s.Emails(ctx)
	if err != nil {
		return err
	}
	return list(a, all, []string{"key", "name", "subject"}, func(e engagement.Email) []string { return []string{e.Key, e.Name, e.Subject} })
}

type tenantEmailCreateCmd struct {
	unitFlags
	Key     string `arg:"" help:"External key, by which the email is named: welcome-email."`
	Name    string `help:"Its name; the key where not given." env:"-"`
	Subject string `required:"" help:"Subject; %%First Name%% and %%Last Name%% stand for the recipient's." env:"-"`
	HTML    string `name:"html" help:"File with the HTML version; - is standard input." placeholder:"FILE" env:"-"`
	Text    string `help:"File with the text version; - is standard input. At least one of the two." placeholder:"FILE" env:"-"`
}

// maxBody bounds a body that is read from a file, as the tenant's SOAP API bounds a request.
const maxBody = 1 << 20

// Run makes the email.
func (c *tenantEmailCreateCmd) Run(ctx context.Context, a *app) error {
	if c.HTML == "" && c.Text == "" || c.HTML == "-" && c.Text == "-" {
		return usagef("an email has a body: name a file with --html or --text, one of which may be - for standard input")
	}
	e := engagement.NewEmail{Key: c.Key, Name: cmp.Or(c.Name, c.Key), Subject: c.Subject}
	for _, body := range []struct {
		flag, file string
		to         *string
	}{{"--html", c.HTML, &e.HTML}, {"--text", c.Text, &e.Text}} {
		if body.file == "" {
			continue
		}
		text, err := a.readFile(body.file, maxBody)
		if err != nil {
			return usagef("%s: %w", body.flag, err)
		}
		if text == "" {
			return usagef("%s: %s is empty", body.flag, body.file)
		}
		*body.to = text
	}
	s, err := c.session(ctx)
	if err != nil {
		return err
	}
	if err := s.CreateEmail(ctx, e); err != nil {
		return err
	}
	return done(a, "made", c.Key)
}

// readFile reads a file of at most limit bytes, or standard input where path is "-".
func (a *app) readFile(path string, limit int64) (string, error) {
	in := a.stdin()
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return string(text), err
}

// tenantDefinitionCmd holds the commands about triggered send definitions, which every send of Connect names one of.
type tenantDefinitionCmd struct {
	List   tenantDefinitionListCmd   `cmd:"" default:"withargs" help:"List the triggered send definitions of a business unit."`
	Create tenantDefinitionCreateCmd `cmd:"" help:"Make one that sends an email, active at once."`
	Start  tenantDefinitionStartCmd  `cmd:"" help:"Start one that was paused."`
	Pause  tenantDefinitionPauseCmd  `cmd:"" help:"Pause one: what is sent by it waits in Engagement until it is started."`
}

type tenantDefinitionListCmd struct{ unitFlags }

// Run lists the definitions.
func (c *tenantDefinitionListCmd) Run(ctx context.Context, a *app) error {
	s, err := c.session(ctx)
	if err != nil {
		return err
	}
	all, err := s.Definitions(ctx)
	if err != nil {
		return err
	}
	if all == nil {
		all = []engagement.Definition{}
	}
	return list(a, all, []string{"key", "name", "email", "status"}, func(d engagement.Definition) []string {
		return []string{d.Key, d.Name, d.Content.EmailKey, d.Status}
	})
}

type tenantDefinitionCreateCmd struct {
	unitFlags
	Key   string `arg:"" help:"External key, which the commands of \"twinspan send\" take as --definition; welcome is the one that they take where none is named."`
	Email string `required:"" help:"Key of the email that it sends; \"twinspan tenant email\" lists them." placeholder:"KEY" env:"-"`
	Name  string `help:"Its name; the key where not given." env:"-"`
}

// Run makes the definition.
func (c *tenantDefinitionCreateCmd) Run(ctx context.Context, a *app) error {
	s, err := c.session(ctx)
	if err != nil {
		return err
	}
	if _, err := s.CreateDefinition(ctx, engagement.NewDefinition{Key: c.Key, Name: cmp.Or(c.Name, c.Key), EmailKey: c.Email}); err != nil {
		return err
	}
	return done(a, "made", c.Key)
}

// definitionKey names a definition in a business unit.
type definitionKey struct {
	unitFlags
	Key string `arg:"" help:"External key of the definition."`
}

func (c *definitionKey) set(ctx context.Context, a *app, status, what string) error {
	s, err := c.session(ctx)
	if err != nil {
		return err
	}
	if err := s.SetDefinition(ctx, c.Key, status); err != nil {
		return err
	}
	return done(a, what, c.Key)
}

type tenantDefinitionStartCmd struct{ definitionKey }

// Run starts it.
func (c *tenantDefinitionStartCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, "Active", "started")
}

type tenantDefinitionPauseCmd struct{ definitionKey }

// Run pauses it.
func (c *tenantDefinitionPauseCmd) Run(ctx context.Context, a *app) error {
	return c.set(ctx, a, "Inactive", "paused")
}
