package mail

import (
	"context"
	"errors"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/twinspan/twinspan/internal/fault"
)

// sendTimeout bounds each step of a conversation with the server: connecting, and the whole transfer.
const sendTimeout = 30 * time.Second

// SMTP is a Sender that talks to one server, on as many connections as messages go out at the same time. A connection
// serves many messages; Close ends those that wait for one.
type SMTP struct {
	pool     pool
	host     string
	implicit bool // TLS from the first byte
	options  []gomail.Option
}

// NewSender returns a Sender for a URL: smtp://host[:port] (port 25, or 587 with credentials), smtps://host[:port] (TLS
// from the first byte, port 465). Credentials, smtp://user:password@host, are sent over TLS alone: with smtp:// the
// server must then offer STARTTLS. Without credentials STARTTLS is used where offered. Errors do not quote the URL.
func NewSender(smtpURL string) (*SMTP, error) {
	bad := func(why string) (*SMTP, error) {
		return nil, fault.New(fault.Invalid, "malformed_smtp_url", "The SMTP URL %s.", why)
	}
	u, err := url.Parse(smtpURL)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return bad("is not smtp://[user:password@]host[:port] or smtps://…")
	}
	s := &SMTP{host: u.Hostname(), options: []gomail.Option{gomail.WithTimeout(sendTimeout), gomail.WithoutNoop(), gomail.WithHELO("localhost")}}
	password, credentials := u.User.Password()
	port, policy := 25, gomail.TLSOpportunistic
	if credentials {
		port, policy = 587, gomail.TLSMandatory
		s.options = append(s.options, gomail.WithUsername(u.User.Username()), gomail.WithPassword(password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	} else if u.User != nil {
		return bad("has a user and no password")
	}
	switch u.Scheme {
	case "smtp":
	case "smtps":
		port, policy, s.implicit = 465, gomail.NoTLS, true
	default:
		return bad("begins with neither smtp:// nor smtps://")
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
			return bad("has a port that is none")
		}
	}
	s.options = append(s.options, gomail.WithTLSPolicy(policy), gomail.WithPort(port))
	if _, err := gomail.NewClient(s.host, s.options...); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "malformed_smtp_url", "The SMTP server's address cannot be used.")
	}
	return s, nil
}

// Send implements [Sender]. When ctx ends the connection is cut; if the message had just ended, that is in doubt.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	if c := s.pool.take(); c != nil {
		err, untouched := s.sendOn(ctx, c, m)
		if !untouched || ctx.Err() != nil {
			return err
		}
		// The server had hung up meanwhile, and nothing of the message has gone out.
	}
	c, err := s.dial(ctx)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, CodeDeferred, "The mail server %s cannot be reached.", s.host)
	}
	err, _ = s.sendOn(ctx, c, m)
	return err
}

// Close ends the connections that wait for another message. Messages may still be sent; no connection is kept then.
func (s *SMTP) Close() error {
	s.pool.close()
	return nil
}

// sendOn sends the message in the conversation and then keeps or ends that. Untouched reports that the connection broke
// before the server had seen any of the message's text.
func (s *SMTP) sendOn(ctx context.Context, c *connection, m Message) (failure error, untouched bool) {
	msg, err := m.compose()
	if err != nil {
		s.pool.put(c)
		return err, false
	}
	cutAll := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.raw.Close() // wakes the sender below; what it was doing decides the outcome
		close(cutAll)
	})
	err = c.client.SendWithSMTPClient(c.session, msg)
	if !stop() {
		<-cutAll
	}
	switch {
	case msg.IsDelivered() && err == nil && ctx.Err() == nil:
		s.pool.put(c)
		return nil, false
	case msg.IsDelivered(): // an error after that concerns the next message on the connection
		_ = c.raw.Close()
		return nil, false
	case err == nil:
		err = errors.New("mail: the library neither delivered nor failed")
	}
	_ = c.raw.Close() // the message's fate is known or lost by now
	return classify(err), beforeText(err)
}

// beforeText reports a connection that broke, or that the server ended, before DATA was taken.
func beforeText(err error) bool {
	sent, ok := errors.AsType[*gomail.SendError](err)
	if !ok || sent.ErrorCode() != 0 && sent.ErrorCode() != 421 { // 421: the server hangs up, RFC 5321 section 3.8
		return false
	}
	switch sent.Reason {
	case gomail.ErrConnCheck, gomail.ErrSMTPMailFrom, gomail.ErrSMTPRcptTo, gomail.ErrSMTPData:
		return true
	}
	return false
}

// classify turns the library's error into a fault by what is known of the message's fate.
func classify(err error) error {
	sent, ok := errors.AsType[*gomail.SendError](err)
	switch {
	case ok && sent.ErrorCode() >= 500:
		return fault.Wrap(err, fault.Invalid, CodeRefused, "The mail server refused the message: %s.", answer(sent))
	case ok && sent.ErrorCode() >= 400:
		return fault.Wrap(err, fault.Unavailable, CodeDeferred, "The mail server put the message off: %s.", answer(sent))
	case ok && sent.Reason == gomail.ErrSMTPDataClose:
		return fault.Wrap(err, fault.Unavailable, CodeInDoubt, "The connection broke before the mail server answered; it may have taken the message.")
	case ok && (sent.Reason == gomail.ErrGetSender || sent.Reason == gomail.ErrGetRcpts || sent.Reason == gomail.ErrNoUnencoded):
		return fault.Wrap(err, fault.Invalid, CodeRefused, "The mail server cannot take this message.")
	default:
		return fault.Wrap(err, fault.Unavailable, CodeDeferred, "The connection to the mail server broke.")
	}
}

// answer is what the server said, code and text, in one line of at most 200 bytes: greylisting and a full disk have one code.
func answer(sent *gomail.SendError) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(reply(sent), ""))
	if text == "" {
		text = sent.EnhancedStatusCode()
	}
	text = strings.TrimRight(strconv.Itoa(sent.ErrorCode())+" "+text, " .")
	return strings.ToValidUTF8(text[:min(len(text), 200)], "")
}

// compose makes the library's message of a checked one.
func (m Message) compose() (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&netmail.Address{Name: m.From.Name, Address: m.From.Email})
	msg.ToMailAddress(&netmail.Address{Name: m.To.Name, Address: m.To.Email})
	if m.ReplyTo.Email != "" {
		msg.ReplyToMailAddress(&netmail.Address{Name: m.ReplyTo.Name, Address: m.ReplyTo.Email})
	}
	envelope := m.From.Email
	if m.ReturnPath != "" {
		envelope = m.ReturnPath
		msg.EnvelopeFromMailAddress(&netmail.Address{Address: m.ReturnPath})
	}
	// The library gives the address of MAIL FROM in angle brackets; one that it would change is not sent.
	if from, err := msg.GetSender(false); err != nil || from != "<"+envelope+">" {
		return nil, fault.Wrap(err, fault.Invalid, CodeMalformed, "The mail's from is not one plain mail address.").In("from")
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.MessageID)
	if m.Date.IsZero() {
		msg.SetDate()
	} else {
		msg.SetDateWithValue(m.Date)
	}
	for name, value := range m.Headers {
		msg.SetGenHeader(gomail.Header(name), value)
	}
	switch {
	case m.HTML == "":
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	case m.Text == "":
		msg.SetBodyString(gomail.TypeTextHTML, m.HTML)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}
