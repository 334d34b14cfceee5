package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// errInterrupted: the person at the terminal would rather not answer.
var errInterrupted = errors.New("interrupted; nothing was done since the question")

// maxLine bounds an answer at a prompt.
const maxLine = 4 << 10

// person is the terminal at which somebody can be asked; nil where the command talks to a file or another program.
func (a *app) person() *os.File {
	in, ok := a.Stdin.(*os.File)
	if !a.Terminal || !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return in
}

// askFor asks a person at a terminal for something that is no secret; "" elsewhere.
func (a *app) askFor(ctx context.Context, what string) (string, error) {
	in := a.person()
	if in == nil {
		return "", nil
	}
	line, err := a.answer(ctx, what+": ", func() (string, error) { return typedLine(in) })
	if err != nil {
		_, _ = fmt.Fprintln(a.Stderr) // the error counts
	}
	return strings.TrimSpace(line), err
}

// askSecret asks a person at a terminal for a secret; "" elsewhere.
func (a *app) askSecret(ctx context.Context, what string) (string, error) {
	in := a.person()
	if in == nil {
		return "", nil
	}
	// The echo is off before the question is seen: who answers at once, or pastes, is not shown what he typed. Raw, because the
	// terminal is then as it should be when this returns, and not when some other goroutine has come so far.
	fd := int(in.Fd())
	was, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	line, err := a.answer(ctx, what+": ", func() (string, error) { return hiddenLine(in) })
	if back := term.Restore(fd, was); err == nil {
		err = back
	}
	_, _ = fmt.Fprintln(a.Stderr) // the answer counts
	return line, err
}

// answer puts a question and waits for what read gives, or for an interruption.
func (a *app) answer(ctx context.Context, question string, read func() (string, error)) (string, error) {
	if ctx.Err() != nil {
		return "", errInterrupted
	}
	if _, err := fmt.Fprint(a.Stderr, question); err != nil {
		return "", err
	}
	type said struct {
		line string
		err  error
	}
	came := make(chan said, 1)
	go func() { // what blocks in the kernel ends with the process
		line, err := read()
		came <- said{line, err}
	}()
	select {
	case s := <-came:
		return s.line, s.err
	case <-ctx.Done():
		return "", errInterrupted
	}
}

// typedLine reads a line, and no byte behind it: what follows may be asked for without an echo.
func typedLine(in io.Reader) (string, error) {
	var line []byte
	for len(line) < maxLine {
		b, err := oneByte(in)
		switch {
		case err == io.EOF, err == nil && b == '\n':
			return string(line), nil
		case err != nil:
			return "", err
		}
		line = append(line, b)
	}
	return string(line), nil
}

// hiddenLine reads a line from a terminal in raw mode, with the keys that a terminal has for it.
func hiddenLine(in io.Reader) (string, error) {
	const interrupt, end, erase, kill, del = 'C' - '@', 'D' - '@', 'H' - '@', 'U' - '@', 0x7f
	var line []byte
	for {
		b, err := oneByte(in)
		switch {
		case err == io.EOF:
			return string(line), nil
		case err != nil:
			return "", err
		}
		switch b {
		case interrupt:
			return "", errInterrupted
		case '\r', '\n', end:
			return string(line), nil
		case erase, del:
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		case kill:
			line = line[:0]
		default:
			if len(line) < maxLine {
				line = append(line, b)
			}
		}
	}
}

func oneByte(in io.Reader) (byte, error) {
	one := make([]byte, 1)
	for {
		switch n, err := in.Read(one); {
		case n > 0:
			return one[0], nil
		case err != nil:
			return 0, err
		}
	}
}
