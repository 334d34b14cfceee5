package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// A client that writes the whole of a large body before it reads hears why it was refused, and not that the connection
// was reset.
func TestARefusedBodyIsHeardOut(t *testing.T) {
	t.Parallel()
	const size = 6 << 20
	l := listen(t)
	running(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") == "text/plain" {
			w.WriteHeader(http.StatusUnsupportedMediaType) // without a look at the body
			return
		}
		if _, err := web.ReadBody(w, r, 1024); err != nil {
			w.WriteHeader(fault.KindOf(err).HTTPStatus())
		}
	}), web.ServeOptions{}, l)
	announced := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	chunked := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, strings.Repeat("x", size))
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"too large, announced": {"Content-Type: application/json\r\n" + announced, 413},
		"too large, chunked":   {"Content-Type: application/json\r\n" + chunked, 413},
		"wrong type":           {"Content-Type: text/plain\r\n" + announced, 415},
		"asks before it sends": {"Content-Type: application/json\r\nExpect: 100-continue\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", size), 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+c.request); err != nil {
				t.Fatalf("writing the body: %v", err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d", res.StatusCode, c.status)
			}
		})
	}
}
