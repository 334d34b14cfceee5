package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// sendCmd holds the commands about messages.
type sendCmd struct {
	Test sendTestCmd `cmd:"" help:"Send one message as a mapped user, with the permissions that his token carries; exit code 3 where Engagement refuses it."`
	Show sendShowCmd `cmd:"" help:"Say how a send went: a message, or a send to an audience with its recipients."`

	Contact       sendContactCmd       `cmd:"" help:"Send to contacts of the org."`
	Lead          sendLeadCmd          `cmd:"" help:"Send to leads of the org."`
	Campaign      sendCampaignCmd      `cmd:"" help:"Send to the members of a campaign."`
	Report        sendReportCmd        `cmd:"" help:"Send to the contacts and leads that a report lists."`
	DataExtension sendDataExtensionCmd `cmd:"" help:"Send to the contacts and leads in a Salesforce data extension."`
	Triggered     sendTriggeredCmd     `cmd:"" help:"Send when records of the org are made or changed."`
	List          sendListCmd          `cmd:"" help:"List the sends to audiences, the newest first."`
	Scheduled     sendScheduledCmd     `cmd:"" help:"List the sends whose time has not come."`
	Cancel        sendCancelCmd        `cmd:"" help:"End a send; who has the message keeps it."`
	Results       sendResultsCmd       `cmd:"" help:"Show what messages reported back, and bring results and opt-outs back now."`
	Settings      sendSettingsCmd      `cmd:"" help:"Show or change how users send."`
	Hold          sendHoldCmd          `cmd:"" help:"Make the connection unavailable for a while; sends wait, or fail."`
	Release       sendReleaseCmd       `cmd:"" help:"End that while; sends that waited go out in their order."`
}

// sendTestCmd sends a test.
type sendTestCmd struct {
	connectFlags
	As         string `arg:"" help:"User name in the org of the mapped user who sends."`
	To         string `required:"" help:"Address to send to." placeholder:"ADDRESS" env:"-"`
	Definition string `help:"External key of the triggered send definition in Engagement; welcome where not given." default:"welcome" placeholder:"KEY" env:"-"`
	Key        string `help:"The same key twice sends once." placeholder:"KEY" env:"-"`
}

// Run sends and prints what became of it.
func (c *sendTestCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	s, err := cl.SendTest(ctx, c.As, c.To, c.Definition, cmp.Or(c.Key, oauth.NewToken(24)))
	if err != nil {
		return err
	}
	return a.printSend(s)
}

// sendShowCmd shows a send.
type sendShowCmd struct {
	connectFlags
	MessageKey string `arg:"" help:"Key of the message, or id of the send, as the send printed it."`
	Recipients bool   `help:"Of a send to an audience, a line for each recipient." env:"-"`
}

// Run prints the send.
func (c *sendShowCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	if len(c.MessageKey) == mailingIDLength {
		return a.showMailing(ctx, cl, c.MessageKey, c.Recipients)
	}
	s, err := cl.Send(ctx, c.MessageKey)
	if err != nil {
		return err
	}
	return a.printSend(s)
}

// printSend prints a send; errNo where it did not go out.
func (a *app) printSend(s connect.Send) error {
	var err error
	if a.json {
		err = a.printJSON(s)
	} else {
		text := "message  " + oneLine(s.MessageKey) + "\nto       " + oneLine(s.Recipient) + "\nstatus   " + oneLine(words(s.Status)) + "\n"
		if s.Reason != nil {
			text += "reason   " + oneLine(s.Reason.Code+": "+s.Reason.Message) + "\n"
		}
		if s.NextTry != nil {
			text += "again    " + s.NextTry.Format(time.RFC3339) + "\n"
		}
		err = a.print(text)
	}
	if err == nil && (s.Status == "not_sent" || s.Status == "refused") {
		err = errNo
	}
	return err
}
