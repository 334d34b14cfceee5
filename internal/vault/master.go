package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Master wraps the data keys that a database keeps: the outer key of envelope encryption. It lies in a file, in the
// environment, or with a key management service, which is whatever has these two methods. Calls are rare: when a
// program starts, when its data keys change, and when they are rotated.
type Master interface {
	// Wrap encrypts plain, some hundred bytes, and binds it to aad.
	Wrap(ctx context.Context, plain, aad []byte) ([]byte, error)
	// Unwrap decrypts what Wrap made with the same aad, under the present key or a former one that is kept.
	Unwrap(ctx context.Context, wrapped, aad []byte) ([]byte, error)
}

// KeyFile is a Master in a file: a key set in clear, which the file's mode 0600 protects. The file is read at each call,
// so that one that another process has rotated is followed.
type KeyFile string

// Wrap implements Master.
func (f KeyFile) Wrap(_ context.Context, plain, aad []byte) ([]byte, error) {
	a, err := f.aead()
	if err != nil {
		return nil, err
	}
	return a.Encrypt(plain, aad)
}

// Unwrap implements Master.
func (f KeyFile) Unwrap(_ context.Context, wrapped, aad []byte) ([]byte, error) {
	a, err := f.aead()
	if err != nil {
		return nil, err
	}
	return decrypt(a, wrapped, aad)
}

func (f KeyFile) aead() (tink.AEAD, error) {
	handle, err := readKeyset(string(f))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeyFile, string(f), err)
	}
	return aead.New(handle)
}

// Renew puts a new key before the one in the file, which stays for what is wrapped under it until Settle. Where a
// former Renew was not settled nothing is added.
func (f KeyFile) Renew() error {
	handle, err := readKeyset(string(f))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrKeyFile, string(f), err)
	}
	if handle.Len() > 1 {
		return nil
	}
	if handle, err = WithNewKey(handle); err != nil {
		return err
	}
	return f.replace(handle)
}

// Settle drops all keys but the newest from the file. What is wrapped under the others opens no more.
func (f KeyFile) Settle() error {
	handle, err := readKeyset(string(f))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrKeyFile, string(f), err)
	}
	if handle.Len() == 1 {
		return nil
	}
	if handle, err = OnlyPrimary(handle); err != nil {
		return err
	}
	return f.replace(handle)
}

// Unsettled reports whether a Renew was begun and not settled.
func (f KeyFile) Unsettled() (bool, error) {
	handle, err := readKeyset(string(f))
	if err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrKeyFile, string(f), err)
	}
	return handle.Len() > 1, nil
}

// replace puts the key set in the file's place, whole or not at all.
func (f KeyFile) replace(handle *keyset.Handle) error {
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return err
	}
	if err := writeWhole(string(f), text.Bytes(), true); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrKeyFile, string(f), err)
	}
	return nil
}

// WithNewKey is the key set with one more AES-256-GCM key, which seals from now on.
func WithNewKey(handle *keyset.Handle) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(handle)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	return m.Handle()
}

// OnlyPrimary is the key set without all keys but the one that seals.
func OnlyPrimary(handle *keyset.Handle) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(handle)
	info := handle.KeysetInfo()
	for _, k := range info.GetKeyInfo() {
		if k.GetKeyId() == info.GetPrimaryKeyId() {
			continue
		}
		if err := m.Delete(k.GetKeyId()); err != nil {
			return nil, err
		}
	}
	return m.Handle()
}

// ErrKey: a key from the environment that is none.
var ErrKey = errors.New("it is not one or more keys of 32 bytes in base64, with commas between")

// envKey is a Master whose keys were given as text: the first wraps, all unwrap.
type envKey []*subtle.AESGCM

// KeyText makes a Master of keys of 32 random bytes in base64, as `openssl rand -base64 32` prints one. The first wraps;
// those after a comma are former ones, which still unwrap until `keys rotate` has wrapped everything anew.
func KeyText(text Secret) (Master, error) {
	var m envKey
	for part := range strings.SplitSeq(text.Reveal(), ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(part))
		if err != nil || len(key) != 32 {
			return nil, ErrKey // the cause could quote the key
		}
		a, err := subtle.NewAESGCM(key)
		if err != nil {
			return nil, ErrKey
		}
		m = append(m, a)
	}
	return m, nil
}

func (m envKey) Wrap(_ context.Context, plain, aad []byte) ([]byte, error) {
	return m[0].Encrypt(plain, aad)
}

func (m envKey) Unwrap(_ context.Context, wrapped, aad []byte) ([]byte, error) {
	for _, a := range m {
		if plain, err := a.Decrypt(wrapped, aad); err == nil {
			return plain, nil
		}
	}
	return nil, ErrSealed
}

// commandTimeout ends a key command that does not answer.
const commandTimeout = 30 * time.Second

// maxCommand bounds what a key command may answer, in bytes.
const maxCommand = 1 << 16

// KeyCommand is a Master that asks a program, which asks a key management service: it is run as "PROGRAM wrap" and
// "PROGRAM unwrap", gets two lines of base64 on standard input, the data and what it is to be bound to, and answers with
// one on standard output. An answer that cannot be given ends with another exit code than 0.
type KeyCommand string

// Wrap implements Master.
func (c KeyCommand) Wrap(ctx context.Context, plain, aad []byte) ([]byte, error) {
	return c.run(ctx, "wrap", plain, aad)
}

// Unwrap implements Master.
func (c KeyCommand) Unwrap(ctx context.Context, wrapped, aad []byte) ([]byte, error) {
	return c.run(ctx, "unwrap", wrapped, aad)
}

func (c KeyCommand) run(ctx context.Context, verb string, data, aad []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, string(c), verb)
	cmd.WaitDelay = time.Second // a child of the program may hold the pipe
	cmd.Stdin = strings.NewReader(base64.StdEncoding.EncodeToString(data) + "\n" + base64.StdEncoding.EncodeToString(aad) + "\n")
	out := limited{max: maxCommand}
	var complaint limited
	complaint.max = 500
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the key command (%s): %w: %s", verb, err, strings.TrimSpace(complaint.String()))
	}
	answer, err := base64.StdEncoding.DecodeString(strings.TrimSpace(out.String()))
	if err != nil || len(answer) == 0 {
		return nil, fmt.Errorf("the key command (%s) answered no base64", verb) // the cause could quote a key
	}
	return answer, nil
}

// limited keeps the first max bytes that are written to it.
type limited struct {
	bytes.Buffer
	max int
}

func (l *limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), l.max-l.Len())])
	return len(p), nil
}

func decrypt(a tink.AEAD, sealed, aad []byte) ([]byte, error) {
	plain, err := a.Decrypt(sealed, aad)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return plain, nil
}
