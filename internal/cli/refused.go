package cli

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client"
)

// refusal is what lies beside the ready file of a password that the org refused: a command that runs again and again, as the doctor
// does, would lock its user out with it. The password is in it as a slow hash alone.
type refusal struct {
	Org      string    `json:"org"`
	Username string    `json:"username"`
	At       time.Time `json:"at"`
	Salt     []byte    `json:"salt"`
	Sum      []byte    `json:"sum"`
}

// refusalRounds are those of the slow hash.
const refusalRounds = 200_000

// refusedPath is where it lies; "" where there is no ready file.
func refusedPath(ready string) string {
	if ready == "" {
		return ""
	}
	return ready + ".refused"
}

func (r refusal) sum(l twinspan.Login) ([]byte, error) {
	return pbkdf2.Key(sha256.New, l.Password+"\x00"+l.SecurityToken, r.Salt, refusalRounds, sha256.Size)
}

// refusedBefore says when this very password was refused; false where it was not, or nothing is known of it.
func refusedBefore(path, org string, l twinspan.Login) (time.Time, bool) {
	if path == "" {
		return time.Time{}, false
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) > 4096 {
		return time.Time{}, false
	}
	var r refusal
	if json.Unmarshal(text, &r) != nil || r.Org != org || r.Username != l.Username {
		return time.Time{}, false
	}
	sum, err := r.sum(l)
	return r.At, err == nil && hmac.Equal(sum, r.Sum)
}

// rememberRefused keeps that a password was refused, where that was the reason, and forgets it where he is let in.
func rememberRefused(path, org string, l twinspan.Login, refused error, now time.Time) error {
	if path == "" {
		return nil
	}
	if refused == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if remote := client.Remote(refused); remote == nil || remote.Code != "INVALID_LOGIN" {
		return nil
	}
	r := refusal{Org: org, Username: l.Username, At: now.UTC().Truncate(time.Second), Salt: make([]byte, 16)}
	if _, err := rand.Read(r.Salt); err != nil {
		return err
	}
	var err error
	if r.Sum, err = r.sum(l); err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".refused-") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
