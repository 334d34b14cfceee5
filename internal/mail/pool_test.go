package mail_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
)

// plainServer is an SMTP server that counts conversations and mails. It hangs up after hangUp mails of a conversation
// where that is not 0, and once told it answers DATA with silence and a closed connection.
type plainServer struct {
	url           string
	hangUp        int
	dialled, mail atomic.Int32
	cutText       atomic.Bool
	mu            sync.Mutex
	open          map[net.Conn]bool
	ended         chan struct{} // told of each conversation that is over
}

func newPlainServer(t *testing.T, hangUp int) *plainServer {
	t.Helper()
	l := listen(t)
	s := &plainServer{url: "smtp://" + l.Addr().String(), hangUp: hangUp, open: map[net.Conn]bool{}, ended: make(chan struct{}, 1000)}
	var talking sync.WaitGroup
	talking.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.dialled.Add(1)
			s.mu.Lock()
			s.open[c] = true
			s.mu.Unlock()
			talking.Go(func() { s.talk(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for c := range s.open {
			c.Close()
		}
		s.mu.Unlock()
		talking.Wait()
	})
	return s
}

func (s *plainServer) talk(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
		s.ended <- struct{}{}
	}()
	fmt.Fprint(c, "220 here\r\n")
	in := bufio.NewScanner(c)
	for taken := 0; in.Scan(); {
		verb, _, _ := strings.Cut(strings.ToUpper(in.Text()), " ")
		switch verb {
		case "EHLO":
			fmt.Fprint(c, "250-here\r\n250 8BITMIME\r\n")
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			for in.Scan() && in.Text() != "." {
			}
			s.mail.Add(1)
			if s.cutText.Load() {
				return
			}
			fmt.Fprint(c, "250 taken\r\n")
			taken++
		case "RSET":
			fmt.Fprint(c, "250 ok\r\n")
			if taken == s.hangUp && s.hangUp > 0 {
				return
			}
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func newSender(t *testing.T, url string) *mail.SMTP {
	t.Helper()
	s, err := mail.NewSender(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOneConversationServesManyMessages(t *testing.T) {
	t.Parallel()
	server := newPlainServer(t, 0)
	s := newSender(t, server.url)
	for range 250 {
		if err := send(t, s, message()); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.dialled.Load(); n != 3 || server.mail.Load() != 250 { // a hundred each
		t.Errorf("%d mails in %d conversations", server.mail.Load(), n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // the last one ends by Close
		select {
		case <-server.ended:
		case <-time.After(patience):
			t.Fatal("a conversation goes on")
		}
	}
	if err := send(t, s, message()); err != nil || server.mail.Load() != 251 {
		t.Errorf("after Close: %v", err)
	}
}

// A server that hangs up between two messages costs a new conversation, and no message goes out twice for it.
func TestAServerThatHungUpIsCalledAgain(t *testing.T) {
	t.Parallel()
	server := newPlainServer(t, 2)
	s := newSender(t, server.url)
	for i := range 20 {
		if err := send(t, s, message()); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if server.mail.Load() != 20 || server.dialled.Load() < 10 {
		t.Errorf("%d mails in %d conversations", server.mail.Load(), server.dialled.Load())
	}
}

// Once the text has gone out, a kept conversation that breaks leaves doubt as a new one does: it is not sent again.
func TestAKeptConversationThatBreaksLeavesDoubt(t *testing.T) {
	t.Parallel()
	server := newPlainServer(t, 0)
	s := newSender(t, server.url)
	if err := send(t, s, message()); err != nil {
		t.Fatal(err)
	}
	server.cutText.Store(true)
	if err := send(t, s, message()); fault.CodeOf(err) != mail.CodeInDoubt {
		t.Errorf("%v", err)
	}
	if n := server.mail.Load(); n != 2 {
		t.Errorf("the text went out %d times", n)
	}
}
