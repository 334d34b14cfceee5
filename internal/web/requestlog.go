package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"
)

type requestIDKey struct{}

// RequestID returns h with a fresh id of 16 hex digits for each request: in the context for [RequestIDFrom], and in the
// X-Request-Id header of the answer. An id that the caller sends is not used: it could be anything.
func RequestID(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newRequestID()
		w.Header().Set("X-Request-Id", id)
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

func newRequestID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}

// RequestIDFrom gives the id that RequestID put into a request's context; "" where there is none.
func RequestIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// RequestLog returns h with one log line a request: house, method, path (at most 256 bytes), status, bytes, duration,
// caller's address and request id. Query strings, bodies, cookies and Authorization never get there, since they carry
// secrets. Answers of 500 and more are warnings where the caller waited for them, all others information. A panic is logged with its place and answered
// by a bare 500; its value is left out unless it is the runtime's own, since it could hold anything.
func RequestLog(log *slog.Logger, house string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		sw := &statusWriter{ResponseWriter: w}
		path := r.URL.Path // as it came: handlers may rewrite it
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("house", house), slog.String("panic", describePanic(p)),
					slog.String("at", panicSite()), slog.String("request_id", RequestIDFrom(r.Context())))
				if sw.status == 0 {
					http.Error(sw, "Internal Server Error", http.StatusInternalServerError)
				} else {
					panic(http.ErrAbortHandler) // half an answer is out: break the connection rather than end it well
				}
			}
			level := slog.LevelInfo
			if sw.status >= 500 && r.Context().Err() == nil {
				level = slog.LevelWarn
			}
			if !log.Enabled(r.Context(), level) {
				return
			}
			log.LogAttrs(r.Context(), level, "request", slog.String("house", house), slog.String("method", cut(r.Method, 16)),
				slog.String("path", cut(path, 256)), slog.Int("status", sw.code()), slog.Int64("bytes", sw.bytes),
				slog.Float64("ms", float64(time.Since(start).Microseconds())/1000), slog.String("remote", RemoteIP(r)),
				slog.String("request_id", RequestIDFrom(r.Context())))
		}()
		h.ServeHTTP(sw, r)
	})
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

func describePanic(p any) string {
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", p)
}

// panicSite names the functions on the stack below the panic, without their arguments' values.
func panicSite() string {
	var pcs [24]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var b strings.Builder
	for {
		f, more := frames.Next()
		if f.Function != "runtime.gopanic" && f.Function != "" {
			fmt.Fprintf(&b, "%s:%d ", f.Function, f.Line)
		}
		if !more {
			return strings.TrimSpace(b.String())
		}
	}
}

// statusWriter remembers what was answered. Unwrap keeps http.ResponseController working through it.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// code is the status that went out; a handler that wrote nothing answers 200.
func (w *statusWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush lets handlers that stream find an http.Flusher.
func (w *statusWriter) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	// A writer that cannot flush has nothing buffered that it could.
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}
