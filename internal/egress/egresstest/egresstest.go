// Package egresstest has a resolver for tests of where a program connects to.
package egresstest

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

// Resolver resolves every name to the addresses given, of IPv4: the first question for one to the first, each further one to the
// next, and those after the last to the last. It ends with the test.
func Resolver(t testing.TB, addresses ...netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	var asked atomic.Int64
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(answerTo(buf[:n], func() netip.Addr { return addresses[min(int(asked.Add(1)), len(addresses))-1] }), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answerTo is a DNS answer with an address that nobody may keep (a TTL of 0) where an A record is asked for, else with none.
func answerTo(q []byte, next func() netip.Addr) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	question := q[12 : end+5]
	out := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if question[len(question)-3] == 1 {
		out[7] = 1
		a := next().As4()
		out = append(append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), a[:]...)
	}
	return out
}
