package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/twinspan/twinspan/internal/fault"
)

// InboxOptions are the settings of an inbox. Zero numbers mean the defaults given.
type InboxOptions struct {
	Dir      string       // folder of the messages, made where it is missing; nobody else may write there
	Listener net.Listener // where SMTP is spoken; closed by Close
	Log      *slog.Logger // slog.Default where nil

	// Accepts says for whom mail is taken; nil is anybody.
	Accepts func(recipient string) bool

	MaxMessages int   // kept, default 10,000; the oldest go first
	MaxTotal    int64 // bytes kept, default 256 MB; the oldest go first
	MaxMessage  int64 // bytes of one message, default 10 MB; a larger one is refused
}

// Inbox is an SMTP server that keeps every mail it accepts as a file, for whoever wants to look: it takes any recipient
// and delivers to nobody. A mail is on disk, name included, before its sender is told 250. It is safe for concurrent
// use.
type Inbox struct {
	options InboxOptions
	server  *smtp.Server
	conns   *connTracker
	served  chan error // what Serve returned

	mu      sync.Mutex
	mails   []Mail        // in order of arrival, without bodies
	total   int64         // bytes
	last    uint64        // number of the newest mail
	changed chan struct{} // closed and replaced when a mail arrives
	closed  bool
	reader  func(ctx context.Context, to []string, data []byte) error
	storing sync.WaitGroup // deliveries under way; none begins once closed is set
}

// Mail is a mail in the inbox. List leaves Text, HTML and Headers empty.
type Mail struct {
	ID           string    `json:"id"` // digits, increasing in order of arrival
	Received     time.Time `json:"received"`
	EnvelopeFrom string    `json:"envelope_from"` // MAIL FROM, "" for a bounce
	EnvelopeTo   []string  `json:"envelope_to"`   // RCPT TO
	MessageID    string    `json:"message_id"`    // without angle brackets
	From         string    `json:"from"`          // header, decoded
	To           string    `json:"to"`            // header, decoded
	Subject      string    `json:"subject"`
	Text         string    `json:"text,omitempty"` // first text/plain part, at most 1 MB, in UTF-8
	HTML         string    `json:"html,omitempty"` // first text/html part, likewise
	Headers      []Header  `json:"headers,omitempty"`
	Size         int64     `json:"size"` // bytes on disk
}

// Header is one line of a message's header.
type Header struct {
	Name  string `json:"name"`  // as it was written
	Value string `json:"value"` // decoded, at most 4 KB
}

// Filter chooses mails.
type Filter struct {
	To string // an envelope recipient, compared without letter case; "" for all
}

const (
	mailSuffix = ".eml"
	tempSuffix = ".tmp"
)

// OpenInbox reads what is in the folder, removes halves of mails that were never acknowledged, and begins to serve.
func OpenInbox(o InboxOptions) (*Inbox, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.MaxMessages <= 0 {
		o.MaxMessages = 10_000
	}
	if o.MaxTotal <= 0 {
		o.MaxTotal = 256 << 20
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 10 << 20
	}
	b := &Inbox{options: o, changed: make(chan struct{}), served: make(chan error, 1)}
	if err := b.load(); err != nil {
		return nil, fmt.Errorf("mail: opening the inbox: %w", err)
	}
	b.conns = &connTracker{Listener: o.Listener, conns: map[*trackedConn]struct{}{}}
	b.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s := &session{inbox: b}
		if s.conn, _ = c.Conn().(*trackedConn); s.conn == nil {
			return nil, errors.New("mail: a connection that is not the inbox's")
		}
		return s, nil
	}))
	b.server.Domain = "localhost"
	b.server.MaxMessageBytes = o.MaxMessage
	b.server.MaxRecipients = 100
	b.server.ReadTimeout = time.Minute
	b.server.WriteTimeout = time.Minute
	b.server.EnableSMTPUTF8 = true
	b.server.ErrorLog = slog.NewLogLogger(o.Log.With("part", "inbox").Handler(), slog.LevelDebug)
	go func() { b.served <- b.server.Serve(b.conns) }()
	return b, nil
}

// readTime bounds how long a reader may take with one mail.
const readTime = 15 * time.Second

// ReadWith gives every mail from now on to the reader before it is taken: one that the reader fails on is put off (SMTP
// 451), and its sender tries again. Nil takes the reader away.
func (b *Inbox) ReadWith(reader func(ctx context.Context, to []string, data []byte) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reader = reader
}

// show gives a mail to the reader, if there is one.
func (b *Inbox) show(to []string, data []byte) error {
	b.mu.Lock()
	reader := b.reader
	b.mu.Unlock()
	if reader == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	return reader(ctx, to, data)
}

// URL is the inbox's address for [NewSender].
func (b *Inbox) URL() string { return "smtp://" + b.options.Listener.Addr().String() }

// load fills the index from the folder.
func (b *Inbox) load() error {
	if err := os.MkdirAll(b.options.Dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(b.options.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(b.options.Dir, e.Name())
		if strings.HasSuffix(e.Name(), tempSuffix) {
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		id, ok := strings.CutSuffix(e.Name(), mailSuffix)
		n, err := strconv.ParseUint(id, 10, 63)
		if !ok || err != nil || id != mailID(n) {
			continue // somebody else's file
		}
		m, _, err := b.read(id)
		if err != nil {
			return err
		}
		m.Text, m.HTML, m.Headers = "", "", nil
		b.mails = append(b.mails, m)
		b.total += m.Size
		b.last = max(b.last, n)
	}
	slices.SortFunc(b.mails, func(x, y Mail) int { return strings.Compare(x.ID, y.ID) })
	return nil
}

func mailID(n uint64) string { return fmt.Sprintf("%012d", n) }

// read reads a mail's file.
func (b *Inbox) read(id string) (Mail, []byte, error) {
	data, err := os.ReadFile(filepath.Join(b.options.Dir, id+mailSuffix))
	if err != nil {
		return Mail{}, nil, err
	}
	m := parse(data)
	m.ID = id
	return m, data, nil
}

// List returns the mails that pass the filter in order of arrival, without bodies.
func (b *Inbox) List(f Filter) []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Mail{}
	for _, m := range b.mails {
		if f.To == "" || slices.ContainsFunc(m.EnvelopeTo, func(to string) bool { return strings.EqualFold(to, f.To) }) {
			m.EnvelopeTo = slices.Clone(m.EnvelopeTo)
			out = append(out, m)
		}
	}
	return out
}

// Get returns a mail with its bodies; a NotFound fault where there is none of the id.
func (b *Inbox) Get(id string) (Mail, error) {
	m, _, err := b.find(id)
	return m, err
}

// Raw returns a mail as it is on disk: as received, below the envelope in Return-Path, Delivered-To and Received lines.
func (b *Inbox) Raw(id string) ([]byte, error) {
	_, data, err := b.find(id)
	return data, err
}

func (b *Inbox) find(id string) (Mail, []byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock() // held while reading, so that the file is not removed between
	if !slices.ContainsFunc(b.mails, func(m Mail) bool { return m.ID == id }) {
		return Mail{}, nil, fault.New(fault.NotFound, "mail_not_found", "There is no such mail.")
	}
	m, data, err := b.read(id)
	if err != nil {
		return Mail{}, nil, fmt.Errorf("mail: reading %s: %w", id, err)
	}
	return m, data, nil
}

// Wait returns the first mail, already here or yet to come, that pred accepts; pred gets it with its bodies. It returns
// the context's error when that ends first.
func (b *Inbox) Wait(ctx context.Context, pred func(Mail) bool) (Mail, error) {
	seen := ""
	for {
		b.mu.Lock()
		changed := b.changed
		var fresh []string
		for _, m := range b.mails {
			if m.ID > seen {
				fresh = append(fresh, m.ID)
			}
		}
		b.mu.Unlock()
		for _, id := range fresh {
			seen = id
			m, err := b.Get(id)
			if fault.KindOf(err) == fault.NotFound && err != nil {
				continue // pushed out meanwhile
			}
			if err != nil {
				return Mail{}, err
			}
			if pred(m) {
				return m, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Mail{}, ctx.Err()
		}
	}
}

// Close stops serving. Conversations in which a mail is under way get two seconds to end, others end at once; a mail not
// yet acknowledged then is not kept. No file is written after Close returns.
func (b *Inbox) Close() error {
	b.conns.closeIdle()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := b.server.Shutdown(ctx)
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil // closed before
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	// The server closes only a listener that it has begun to serve, which it may not have yet.
	if closed := b.conns.Close(); closed != nil && !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	if served := <-b.served; served != nil && !errors.Is(served, net.ErrClosed) {
		err = errors.Join(err, served)
	}
	b.conns.closeAll()
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.storing.Wait()
	return err
}

// deliver stores a mail and returns when it is durable.
func (b *Inbox) deliver(from string, to []string, data []byte) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return errors.New("mail: the inbox is closed")
	}
	b.storing.Add(1)
	b.mu.Unlock()
	defer b.storing.Done()
	var head bytes.Buffer
	now := time.Now()
	fmt.Fprintf(&head, "Return-Path: <%s>\r\n", from)
	for _, rcpt := range to {
		fmt.Fprintf(&head, "Delivered-To: %s\r\n", rcpt)
	}
	fmt.Fprintf(&head, "Received: by localhost with ESMTP; %s\r\n", now.Format(receivedFormat))
	full := append(head.Bytes(), data...)
	m := parse(full)
	m.Text, m.HTML, m.Headers = "", "", nil

	temp, err := os.CreateTemp(b.options.Dir, "*"+tempSuffix)
	if err != nil {
		return err
	}
	_, err = temp.Write(full)
	if err == nil {
		err = temp.Sync()
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = b.admit(temp.Name(), m)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(temp.Name()))
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// admit gives the stored file its name, makes the name durable and tells the waiting.
func (b *Inbox) admit(temp string, m Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	m.ID = mailID(b.last)
	final := filepath.Join(b.options.Dir, m.ID+mailSuffix)
	if err := os.Rename(temp, final); err != nil {
		return err
	}
	if err := syncDir(b.options.Dir); err != nil {
		// Not known to be durable, so not acknowledged, so not kept.
		return errors.Join(err, os.Remove(final))
	}
	b.mails = append(b.mails, m)
	b.total += m.Size
	close(b.changed)
	b.changed = make(chan struct{})
	b.trim()
	return nil
}

// trim removes the oldest mails above the bounds. One that cannot be removed leaves the index all the same and comes
// back at the next start.
func (b *Inbox) trim() {
	for len(b.mails) > b.options.MaxMessages || b.total > b.options.MaxTotal && len(b.mails) > 1 {
		oldest := b.mails[0]
		b.mails = b.mails[1:]
		b.total -= oldest.Size
		if err := os.Remove(filepath.Join(b.options.Dir, oldest.ID+mailSuffix)); err != nil {
			b.options.Log.Error("removing an old mail", "id", oldest.ID, "error", err)
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// session is one conversation. The server calls it from one goroutine.
type session struct {
	inbox *Inbox
	conn  *trackedConn
	from  string
	to    []string
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !oneLine(from) {
		return errMailbox
	}
	s.conn.busy.Store(true)
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == "" || !oneLine(to) {
		return errMailbox
	}
	if accepts := s.inbox.options.Accepts; accepts != nil && !accepts(to) {
		return errNobody
	}
	s.to = append(s.to, to)
	return nil
}

var errNobody = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox here"}

var errMailbox = &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "Malformed mailbox"}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r) // bounded by MaxMessageBytes
	if err != nil {
		return err
	}
	if err := s.inbox.show(s.to, data); err != nil {
		s.inbox.options.Log.Error("reading a mail that came in", "error", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "The mail could not be looked at"}
	}
	if err := s.inbox.deliver(s.from, s.to, data); err != nil {
		s.inbox.options.Log.Error("storing a mail", "error", err)
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "The mail could not be stored"}
	}
	return nil
}

func (s *session) Reset() {
	s.from, s.to = "", nil
	s.conn.busy.Store(false)
}

func (s *session) Logout() error { return nil }

// connTracker lets Close end conversations that idle; the server's own Shutdown only waits for them.
type connTracker struct {
	net.Listener
	mu    sync.Mutex
	conns map[*trackedConn]struct{}
}

func (t *connTracker) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tracked := &trackedConn{Conn: c, tracker: t}
	t.mu.Lock()
	t.conns[tracked] = struct{}{}
	t.mu.Unlock()
	return tracked, nil
}

// closeAll cuts every conversation.
func (t *connTracker) closeAll() { t.cut(func(*trackedConn) bool { return true }) }

// closeIdle cuts the conversations in which no mail is under way; whoever begins one there tries again elsewhere.
func (t *connTracker) closeIdle() { t.cut(func(c *trackedConn) bool { return !c.busy.Load() }) }

func (t *connTracker) cut(which func(*trackedConn) bool) {
	t.mu.Lock()
	var conns []*trackedConn
	for c := range t.conns {
		if which(c) {
			conns = append(conns, c)
		}
	}
	t.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // cutting it off is the purpose
	}
}

type trackedConn struct {
	net.Conn
	tracker *connTracker
	busy    atomic.Bool // a mail is under way: from MAIL to the answer, or to RSET
}

func (c *trackedConn) Close() error {
	c.tracker.mu.Lock()
	delete(c.tracker.conns, c)
	c.tracker.mu.Unlock()
	return c.Conn.Close()
}
