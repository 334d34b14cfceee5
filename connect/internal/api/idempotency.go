package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/background"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

const (
	maxKey = 255
	// callLease is how long after its process died nobody else takes a call's place. While it runs, its lease is renewed each callBeat, for
	// callMost at most: that is longer than the server lets any request run.
	callLease = 30 * time.Second
	callBeat  = callLease / 3
	callMost  = 5 * time.Minute
	// CallLife is how long an answer is kept for its key.
	CallLife = 24 * time.Hour
)

// Call is a mutating call that was made with an Idempotency-Key. All times are machine time.
type Call struct {
	Pair    string
	Key     []byte // SHA-256 of the key
	Request []byte // SHA-256 of method, path and body
	Holder  string // random name of who works on it
	Lease   time.Time
	Status  int    // HTTP status of the answer; 0 while it runs
	Answer  []byte // sealed under [CallAAD]
	Created time.Time
}

// CallAAD binds a sealed answer to its call.
func CallAAD(c Call) []byte { return fmt.Appendf(nil, "connect/call/v1|%s|%x", c.Pair, c.Key) }

// Calls keeps calls by their keys.
type Calls interface {
	// BeginCall stores the call unless its key is taken. A taken call that never finished and whose lease ended before
	// now, of the same request, passes to this holder. won reports whether the call is this holder's to make; else
	// stored is the one in its way. Calls made before expired are removed.
	BeginCall(ctx context.Context, c Call, now, expired time.Time) (stored Call, won bool, err error)
	// RenewCall moves the end of the lease of a call that still is its holder's, and runs.
	RenewCall(ctx context.Context, c Call) error
	// FinishCall stores status and answer of a call that still is its holder's.
	FinishCall(ctx context.Context, c Call) error
	// ForgetCall removes a call that still is its holder's, so that its key can be used again.
	ForgetCall(ctx context.Context, c Call) error
}

// idempotencyKey reads the header; none is "".
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	if len(values) > 1 || key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return c < '!' || c > '~' }) {
		return "", fault.New(fault.Invalid, CodeInvalidKey, "An Idempotency-Key is 1 to %d printable ASCII characters, once.", maxKey).In("Idempotency-Key")
	}
	return key, nil
}

// once makes a call whose key was not used before; a key that was used with the same request gets the same answer.
// Answers that a repeat could better are not kept: failures on the way to a cloud, refusals of a cloud, and states of
// the connection.
func (s *Server) once(w http.ResponseWriter, r *http.Request, route Route, c call) {
	ctx := r.Context()
	now := s.Machine()
	key := sha256.Sum256([]byte(c.key))
	request := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.Path, c.body))
	mine := Call{Pair: c.link.Pair, Key: key[:], Request: request[:], Holder: oauth.NewToken(16), Lease: now.Add(callLease), Created: now}
	stored, won, err := s.Calls.BeginCall(ctx, mine, now, now.Add(-CallLife))
	switch {
	case err != nil:
		s.refuse(w, r, err)
		return
	case !won && string(stored.Request) != string(mine.Request):
		s.refuse(w, r, fault.New(fault.Conflict, CodeKeyReused, "The Idempotency-Key was used with another request.").In("Idempotency-Key"))
		return
	case !won && stored.Status == 0:
		s.refuse(w, r, fault.New(fault.Conflict, CodeCallInProgress, "A call with this Idempotency-Key is still running."))
		return
	case !won:
		s.replay(w, r, stored)
		return
	}
	rest := s.renew(ctx, mine)
	body, err := route.serve(s, ctx, c)
	rest()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second) // the outcome counts even where the caller has gone
	defer cancel()
	if err != nil {
		if forgetErr := s.Calls.ForgetCall(ctx, mine); forgetErr != nil {
			s.Log.LogAttrs(ctx, slog.LevelError, "idempotent call not released", slog.String("error", forgetErr.Error()))
		}
		s.refuse(w, r, err)
		return
	}
	if err := s.keep(ctx, mine, body); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.write(w, r, http.StatusOK, body)
}

// renew keeps the lease of a call until rest is called.
func (s *Server) renew(ctx context.Context, mine Call) (rest func()) {
	var beats background.Work
	end := s.Machine().Add(callMost)
	beats.Every(ctx, callBeat, s.Log, "idempotent call not renewed", func(ctx context.Context) error {
		now := s.Machine()
		if !now.Before(end) {
			return nil
		}
		mine.Lease = now.Add(callLease)
		return s.Calls.RenewCall(ctx, mine)
	})
	return beats.Stop
}

func (s *Server) keep(ctx context.Context, mine Call, body any) error {
	plain, err := encode(body)
	if err != nil {
		return err
	}
	mine.Status = http.StatusOK
	if mine.Answer, err = s.Vault.Seal(plain, CallAAD(mine)); err != nil {
		return err
	}
	return s.Calls.FinishCall(ctx, mine)
}

func (s *Server) replay(w http.ResponseWriter, r *http.Request, stored Call) {
	plain, err := s.Vault.Open(stored.Answer, CallAAD(stored))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Idempotent-Replayed", "true")
	s.write(w, r, stored.Status, json.RawMessage(plain))
}
