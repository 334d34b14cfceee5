package script_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// TestTerminal runs what a person at a terminal meets and a script never does: questions, and bars that move.
func TestTerminal(t *testing.T) {
	t.Parallel()
	p := params(func(*testscript.Env) error { return nil })
	p.Dir = "testdata/terminal"
	testscript.Run(t, p)
}

// Exit codes of a dialog that are not the program's.
const (
	dialogBroken   = 97 // it did not go as written
	dialogTerminal = 98 // the terminal is left otherwise than it was
)

// dialog FILE PROGRAM ARGUMENT… runs a program at a terminal and holds the conversation that the file has, a line each:
//
//	sees TEXT    waits until the terminal shows it, behind what was seen before
//	hidden       the terminal echoes nothing now
//	types TEXT   types it, and Enter; $NAME is a variable's value
//	interrupts   presses Ctrl-C
//	ends         presses Ctrl-D
//
// It prints what the terminal showed, and ends as the program does; the terminal must be left as it was.
func dialog(args []string) int {
	broken := func(format string, args ...any) int {
		_, _ = fmt.Fprintf(os.Stderr, "dialog: "+format+"\n", args...)
		return dialogBroken
	}
	if len(args) < 2 {
		return broken("usage: dialog FILE PROGRAM [ARGUMENT…]")
	}
	lines, err := os.ReadFile(args[0])
	if err != nil {
		return broken("%v", err)
	}
	keyboard, tty, err := terminal()
	if err != nil {
		return broken("%v", err)
	}
	defer keyboard.Close()
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		return broken("%v", err)
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return broken("%v", err)
	}
	var s screen
	shown := make(chan struct{})
	go func() { // ends when nobody has the terminal open any more
		defer close(shown)
		_, _ = io.Copy(&s, keyboard)
	}()
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state tells
		close(ended)
	}()
	fault := converse(strings.Split(string(lines), "\n"), keyboard, tty, &s, ended)
	if fault == nil {
		select {
		case <-ended:
		case <-time.After(patience):
			fault = fmt.Errorf("the program goes on")
		}
	}
	if fault != nil {
		_ = cmd.Process.Kill() // it may be over
		<-ended
	}
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	_ = tty.Close() // what was shown is what counts
	<-shown
	fmt.Print(strings.ReplaceAll(s.text(), "\r\n", "\n"))
	switch {
	case fault != nil:
		return broken("%v", fault)
	case err != nil:
		return broken("%v", err)
	case *after != *before:
		_, _ = fmt.Fprintln(os.Stderr, "dialog: the terminal is left otherwise than it was")
		return dialogTerminal
	}
	return cmd.ProcessState.ExitCode()
}

// converse goes through the lines of a dialog.
func converse(lines []string, keyboard, tty *os.File, s *screen, ended <-chan struct{}) error {
	for n, line := range lines {
		does, text, _ := strings.Cut(line, " ")
		var err error
		switch does {
		case "":
		case "sees":
			err = s.await(text, ended)
		case "hidden":
			var now *unix.Termios
			if now, err = unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS); err == nil && now.Lflag&unix.ECHO != 0 {
				err = fmt.Errorf("what is typed is shown")
			}
		case "types":
			_, err = io.WriteString(keyboard, os.ExpandEnv(text)+"\r")
		case "interrupts":
			_, err = keyboard.Write([]byte{'C' - '@'})
		case "ends":
			_, err = keyboard.Write([]byte{'D' - '@'})
		default:
			err = fmt.Errorf("no such thing as %q", does)
		}
		if err != nil {
			return fmt.Errorf("line %d, %s: %w", n+1, line, err)
		}
	}
	return nil
}

// terminal opens a terminal: what is written to keyboard is typed, and what is read from it was shown.
func terminal() (keyboard, tty *os.File, err error) {
	keyboard, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200})
	}
	return keyboard, tty, err
}

// screen is what a terminal showed.
type screen struct {
	mu    sync.Mutex
	shown bytes.Buffer
	seen  int // how much of it was looked at
}

// Write shows something.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(p)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// sees reports whether the text is there, behind what was seen before.
func (s *screen) sees(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := bytes.Index(s.shown.Bytes()[s.seen:], []byte(text))
	if at < 0 {
		return false
	}
	s.seen += at + len(text)
	return true
}

// await waits until the text is there.
func (s *screen) await(text string, ended <-chan struct{}) error {
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !s.sees(text) {
		select {
		case <-tick.C:
		case <-ended: // its last words may still be on their way
			ended, deadline = nil, time.After(5*time.Second)
		case <-deadline:
			return fmt.Errorf("it never came")
		}
	}
	return nil
}
