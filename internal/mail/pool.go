package mail

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

const (
	// keepIdle is how many connections wait for the next message. Mail servers allow one client a few dozen.
	keepIdle = 16
	// idleTime is how long one waits; servers hang up after minutes (RFC 5321 section 4.5.3.2.7: five).
	idleTime = 10 * time.Second
	// connectionMails is how many messages one connection carries: servers limit it, and a pool behind one name is to be
	// used evenly.
	connectionMails = 100
	// quitTime bounds the good-bye.
	quitTime = 2 * time.Second
)

// connection is one conversation with the server, used by one message at a time.
type connection struct {
	client  *gomail.Client
	session *smtp.Client
	raw     net.Conn
	sent    int // messages taken by the server
	since   time.Time
}

// pool keeps conversations that wait for another message.
type pool struct {
	mu     sync.Mutex
	idle   []*connection // the last used is at the end, and is taken first
	closed bool
	timer  *time.Timer // runs while somebody idles
}

// take returns the conversation used last, nil where none waits.
func (p *pool) take() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return c
}

// put keeps a conversation whose message was taken, or ends it.
func (p *pool) put(c *connection) {
	c.sent++
	p.mu.Lock()
	keep := !p.closed && c.sent < connectionMails && len(p.idle) < keepIdle && c.session.HasConnection()
	if keep {
		c.since = time.Now()
		p.idle = append(p.idle, c)
		if p.timer == nil {
			p.timer = time.AfterFunc(idleTime, p.reap)
		}
	}
	p.mu.Unlock()
	if !keep {
		c.quit()
	}
}

// reap ends those that have idled long enough.
func (p *pool) reap() {
	p.mu.Lock()
	var old []*connection
	for len(p.idle) > 0 && time.Since(p.idle[0].since) >= idleTime {
		old = append(old, p.idle[0])
		p.idle = p.idle[1:]
	}
	if len(p.idle) > 0 {
		p.timer.Reset(idleTime - time.Since(p.idle[0].since))
	} else {
		p.timer = nil
	}
	p.mu.Unlock()
	for _, c := range old {
		c.quit()
	}
}

// close ends the idle ones and keeps no more.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	old := p.idle
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.mu.Unlock()
	for _, c := range old {
		c.quit()
	}
}

// quit says good-bye. Whatever goes wrong with that concerns no message.
func (c *connection) quit() {
	if c.raw.SetDeadline(time.Now().Add(quitTime)) == nil && c.session.HasConnection() {
		_ = c.session.Quit() // politeness: every message has been answered
	}
	_ = c.raw.Close()
}

// dial begins a conversation. The connection is made here and not by the library, so that it can be cut while the
// library waits.
func (s *SMTP) dial(ctx context.Context) (*connection, error) {
	c := &connection{}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if c.raw = raw; !s.implicit {
			return raw, nil
		}
		return tls.Client(raw, &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}), nil
	}
	var err error
	if c.client, err = gomail.NewClient(s.host, append(s.options[:len(s.options):len(s.options)], gomail.WithDialContextFunc(dial))...); err == nil {
		c.session, err = c.client.DialToSMTPClientWithContext(ctx)
	}
	if err != nil && c.raw != nil {
		_ = c.raw.Close() // the server was reached and is of no use
	}
	return c, err
}
