package mail_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
)

// childFolder names the folder of the inbox that this binary serves when it is started by a test to be killed.
const childFolder = "TWINSPAN_TEST_INBOX"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child serves an inbox until it is killed or its input ends.
func child(dir string) int {
	l, err := mailListener()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	b, err := mail.OpenInbox(mail.InboxOptions{Dir: dir, Listener: l, Log: quiet})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(b.URL())
	io.Copy(io.Discard, os.Stdin)
	return 0
}

func TestAcknowledgedMailSurvivesAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acked, tried := 0, 0
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childFolder+"="+dir)
		in, err1 := cmd.StdinPipe() // its end tells the child that we are gone
		out, err2 := cmd.StdoutPipe()
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		defer in.Close()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		s, err := mail.NewSender(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		killed := make(chan error, 1)
		for i := 0; ; i++ {
			if i == 3+round {
				go func() { killed <- cmd.Process.Kill() }()
			}
			m := message()
			m.MessageID = fmt.Sprintf("key-%d@twinspan.test", tried)
			tried++
			if err := send(t, s, m); err == nil {
				acked++
				continue
			} else if fault.KindOf(err) != fault.Unavailable || i < 3+round {
				t.Fatal(err)
			}
			break
		}
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	b, _ := open(t, mail.InboxOptions{Dir: dir})
	list := b.List(mail.Filter{})
	if len(list) < acked || len(list) > tried {
		t.Errorf("%d mails, %d acknowledged, %d tried", len(list), acked, tried)
	}
	seen := map[string]bool{}
	for _, m := range list {
		got, err := b.Get(m.ID)
		if err != nil || got.Text != message().Text || seen[got.MessageID] {
			t.Errorf("%+v, %v: not whole, or twice", got, err)
		}
		seen[got.MessageID] = true
	}
}
