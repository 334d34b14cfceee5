package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/control"
)

// mailCmd reads the built-in inbox.
type mailCmd struct {
	clientFlags
	ID   string        `arg:"" optional:"" help:"Message to print whole."`
	To   string        `help:"Only messages to this address." placeholder:"ADDRESS" env:"-"`
	Wait time.Duration `help:"Wait this long for the first one." placeholder:"DURATION" env:"-"`
}

// Run lists messages, or prints one; exit code 3 where there are none.
func (c *mailCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.control()
	if err != nil {
		return err
	}
	if c.ID != "" {
		m, err := cl.Mail(ctx, c.ID)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(m)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "From: %s\nTo: %s\nSubject: %s\nDate: %s\n\n", oneLine(m.From), oneLine(strings.Join(m.To, ", ")), oneLine(m.Subject), m.Received.Format(time.RFC3339))
		for line := range strings.Lines(m.Text) {
			b.WriteString(oneLine(strings.TrimRight(line, "\r\n")) + "\n")
		}
		return a.print(b.String())
	}
	list, err := cl.Mails(ctx, control.MailQuery{To: c.To, Wait: c.Wait})
	if err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(list); err != nil {
			return err
		}
	} else if len(list) > 0 {
		rows := make([][]string, len(list))
		for i, m := range list {
			rows[i] = []string{m.ID, m.Received.Format(time.RFC3339), strings.Join(m.To, ", "), m.Subject}
		}
		if err := a.printTable([]string{"id", "time", "to", "subject"}, rows); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		a.errorf("no mail")
		return errNo
	}
	return nil
}
