package sender_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// refuser is an SMTP server that answers every RCPT with the line, and returns its URL.
func refuser(t *testing.T, line string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var talking sync.WaitGroup
	talking.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talking.Go(func() {
				defer c.Close()
				fmt.Fprint(c, "220 here\r\n")
				for in := bufio.NewScanner(c); in.Scan(); {
					answer := "250 ok"
					switch verb, _, _ := strings.Cut(in.Text(), " "); verb {
					case "EHLO":
						answer = "250-here\r\n250 8BITMIME"
					case "RCPT":
						answer = line
					}
					if _, err := fmt.Fprint(c, answer+"\r\n"); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		talking.Wait()
	})
	return "smtp://" + l.Addr().String()
}
