// Command mailfloor is the least that sending can cost: a bare SMTP client that sends one fixed text on a few connections,
// with no queue, no rendering and no record of what went out.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/smtp"
	"os"
	"sync"
	"sync/atomic"
)

// connections is how many messages Twinspan hands over at the same time.
const connections = 16

const text = "From: hello@load.example\r\nTo: %s\r\nSubject: Welcome, Reader\r\nMessage-ID: <%d@load.example>\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: text/plain; charset=UTF-8\r\n\r\nDear Reader,\r\n\r\nthank you for joining us.\r\n"

func main() {
	addr := flag.String("addr", "", "host:port of the mail server")
	mails := flag.Int64("mails", 1000, "how many messages")
	flag.Parse()
	if err := run(*addr, *mails); err != nil {
		fmt.Fprintln(os.Stderr, "mailfloor:", err)
		os.Exit(1)
	}
}

func run(addr string, mails int64) error {
	var next atomic.Int64
	var sending sync.WaitGroup
	errs := make([]error, connections)
	for i := range connections {
		sending.Go(func() { errs[i] = send(addr, mails, &next) })
	}
	sending.Wait()
	return errors.Join(errs...)
}

// send takes messages by number until there are no more.
func send(addr string, mails int64, next *atomic.Int64) error {
	c, err := smtp.Dial(addr)
	if err != nil {
		return err
	}
	if err := c.Hello("localhost"); err != nil {
		return err
	}
	for n := next.Add(1); n <= mails; n = next.Add(1) {
		to := fmt.Sprintf("r%d@load.example", n)
		if err := errors.Join(c.Mail("hello@load.example"), c.Rcpt(to)); err != nil {
			return err
		}
		w, err := c.Data()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, text, to, n); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return c.Quit()
}
