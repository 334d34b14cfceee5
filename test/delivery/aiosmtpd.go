// Package delivery holds the proof that no accepted message is lost and none goes out twice: many messages to an SMTP
// server that other people wrote, with the program killed in the middle.
package delivery

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Server is a running aiosmtpd (Debian's python3-aiosmtpd) that keeps each mail as a file of a maildir, synced before it
// answers 250.
type Server struct {
	// URL is its address for --smtp.
	URL string
	dir string
	// read are the files of the maildir that Mails has read, which never change.
	read map[string]Mail
}

// Mail is what one file of the maildir says.
type Mail struct {
	MessageID string // without angle brackets
	To        string // the envelope's recipient
}

// command is the server's program. Where the package is not installed the test fails: the proof is never skipped.
func command(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("aiosmtpd")
	if err != nil {
		t.Fatal("aiosmtpd is not installed: run test/setup.sh as root, or install it (Debian: apt-get install python3-aiosmtpd)")
	}
	return path
}

// NewServer starts a server and stops it when the test ends.
func NewServer(t testing.TB) *Server {
	t.Helper()
	program := command(t)
	dir := filepath.Join(t.TempDir(), "maildir")
	address := freeAddress(t)
	cmd := exec.Command(program, "--nosetuid", "--class", "aiosmtpd.handlers.Mailbox", "--listen", address, dir)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var result error
	go func() {
		result = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("ending aiosmtpd: %v", err)
		}
		<-ended
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			return &Server{URL: "smtp://" + address, dir: dir, read: map[string]Mail{}}
		}
		select {
		case <-ended:
			t.Fatalf("aiosmtpd ended before it answered: %v\n%s", result, said.String())
		case <-ctx.Done():
			t.Fatalf("aiosmtpd does not answer: %v", err)
		case <-time.After(50 * time.Millisecond): // between two looks at another process
		}
	}
}

// freeAddress is a loopback address that nothing listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	return l.Addr().String()
}

// Count is how many mails the server keeps.
func (s *Server) Count(t testing.TB) int {
	t.Helper()
	return len(s.files(t))
}

// files names the mails; a maildir moves none from new by itself.
func (s *Server) files(t testing.TB) []string {
	t.Helper()
	d, err := os.Open(filepath.Join(s.dir, "new"))
	if os.IsNotExist(err) {
		return nil // no mail has come yet
	}
	if err != nil {
		t.Fatal(err)
	}
	names, err := d.Readdirnames(-1)
	if closing := d.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
	return names
}

// Mails reads what the server keeps.
func (s *Server) Mails(t testing.TB) []Mail {
	t.Helper()
	names := s.files(t)
	mails := make([]Mail, 0, len(names))
	for _, name := range names {
		m, ok := s.read[name]
		if !ok {
			var err error
			if m, err = readMail(filepath.Join(s.dir, "new", name)); err != nil {
				t.Fatal(err)
			}
			s.read[name] = m
		}
		mails = append(mails, m)
	}
	return mails
}

// readMail reads a file's header. X-RcptTo is where aiosmtpd keeps the envelope's recipient.
func readMail(path string) (Mail, error) {
	f, err := os.Open(path)
	if err != nil {
		return Mail{}, err
	}
	header, err := textproto.NewReader(bufio.NewReader(f)).ReadMIMEHeader()
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return Mail{}, fmt.Errorf("%s: %w", path, err)
	}
	return Mail{MessageID: strings.Trim(header.Get("Message-Id"), "<>"), To: header.Get("X-Rcptto")}, nil
}
