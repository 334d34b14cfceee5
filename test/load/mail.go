package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// mailFigures are what sending costs.
type mailFigures struct {
	PerSecond float64 `json:"per_second"`
	CPUMicros float64 `json:"cpu_micros"` // of the process that sends, for each message
}

// mailResult puts them beside the floor's.
type mailResult struct {
	Name  string      `json:"name"`
	Ours  mailFigures `json:"ours"`
	Floor mailFigures `json:"floor"`
}

// sink is a mail server that takes everything, keeps nothing and counts.
type sink struct {
	listener net.Listener
	taken    atomic.Int64
	talking  sync.WaitGroup
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{listener: l}
	s.talking.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			s.talking.Go(func() { s.talk(c) })
		}
	})
	return s, nil
}

func (s *sink) addr() string { return s.listener.Addr().String() }

// talk answers one conversation; whatever breaks it ends it.
func (s *sink) talk(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	answer := "220 sink\r\n"
	for {
		if _, err := c.Write([]byte(answer)); err != nil {
			return
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "EHLO":
			answer = "250-sink\r\n250 8BITMIME\r\n"
		case "DATA":
			if _, err := c.Write([]byte("354 go on\r\n")); err != nil {
				return
			}
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
			}
			s.taken.Add(1)
			answer = "250 taken\r\n"
		case "QUIT":
			_, _ = c.Write([]byte("221 bye\r\n")) // the caller has left or is about to
			return
		default:
			answer = "250 ok\r\n"
		}
	}
}

// await waits until the sink has taken so many and returns when that was.
func (s *sink) await(n int64) (time.Time, error) {
	for deadline := time.Now().Add(5 * time.Minute); s.taken.Load() < n; {
		if time.Now().After(deadline) {
			return time.Time{}, fmt.Errorf("%d of %d mails arrived in five minutes", s.taken.Load(), n)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Now(), nil
}

// sending measures how fast messages go out, from the first request to the last mail, beside a bare SMTP client on as
// many connections that keeps no record of anything.
func sending(client *http.Client, o options, dir string) (mailResult, error) {
	out := mailResult{Name: "message sent"}
	target, err := newSink()
	if err != nil {
		return out, err
	}
	defer func() {
		_ = target.listener.Close()
		target.talking.Wait()
	}()
	ours, info, err := startOursAt(dir, "mail", "--smtp", "smtp://"+target.addr())
	if err != nil {
		return out, err
	}
	defer ours.stop()
	token, err := marketerToken(client, info)
	if err != nil {
		return out, err
	}
	before, err := ours.cpu()
	if err != nil {
		return out, err
	}
	start, arrived := time.Now(), target.taken.Load()
	const batch = 50
	for n := 0; n < o.mails; n += batch {
		recipients := make([]map[string]any, 0, batch)
		for i := n; i < n+batch; i++ {
			name := "load-" + strconv.Itoa(i)
			recipients = append(recipients, map[string]any{"contactKey": name, "to": name + "@load.example", "messageKey": name})
		}
		body, err := json.Marshal(map[string]any{"definitionKey": "welcome", "recipients": recipients})
		if err != nil {
			return out, err
		}
		var answer struct{}
		if err := call(client, info.Engagement.RESTURL+"messaging/v1/email/messages", "application/json", token, string(body), &answer); err != nil {
			return out, err
		}
	}
	total := int64((o.mails + batch - 1) / batch * batch)
	end, err := target.await(arrived + total)
	if err != nil {
		return out, err
	}
	after, err := ours.cpu()
	if err != nil {
		return out, err
	}
	out.Ours = figuresOf(total, end.Sub(start), after-before)
	ours.stop()

	arrived = target.taken.Load()
	cmd := exec.Command(filepath.Join(dir, "mailfloor"), "-addr", target.addr(), "-mails", strconv.FormatInt(total, 10))
	start = time.Now()
	if text, err := cmd.CombinedOutput(); err != nil {
		return out, fmt.Errorf("mailfloor: %w\n%s", err, text)
	}
	if end, err = target.await(arrived + total); err != nil {
		return out, err
	}
	out.Floor = figuresOf(total, end.Sub(start), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	return out, nil
}

func figuresOf(n int64, wall, cpu time.Duration) mailFigures {
	return mailFigures{PerSecond: float64(n) / wall.Seconds(), CPUMicros: float64(cpu.Microseconds()) / float64(n)}
}

// marketerToken signs the fixture's server package in.
func marketerToken(client *http.Client, info ready) (string, error) {
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	p := info.Engagement.InstalledPackage
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {p.ClientID}, "client_secret": {p.ClientSecret}}
	err := call(client, info.Engagement.AuthURL+"v2/token", "application/x-www-form-urlencoded", "", form.Encode(), &granted)
	return granted.AccessToken, err
}
