package tenant

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestCredential(t *testing.T) {
	t.Parallel()
	for _, id := range []int64{0, 1, 61, 62, 1 << 40, math.MaxInt64} {
		c := newCredential(kindAccess, id)
		if len(c.text) != 55 {
			t.Fatalf("%d characters", len(c.text))
		}
		if got, ok := parseCredential(kindAccess, c.text); !ok || got != id {
			t.Fatalf("%d came back as %d, %v", id, got, ok)
		}
		if !sameHash(c.text, c.hash()) || sameHash(c.text[:54]+"-", c.hash()) {
			t.Fatal("hash")
		}
		if other := newCredential(kindAccess, id); other.text == c.text {
			t.Fatal("two are the same")
		}
		for _, bad := range []string{"", c.text[:54], c.text + "0", "r" + c.text[1:], "a!" + c.text[2:], "a" + strings.Repeat("z", 54), "A" + c.text[1:]} {
			if _, ok := parseCredential(kindAccess, bad); ok {
				t.Fatalf("%q was read", bad)
			}
		}
	}
	low := credentialText(kindRefresh, 5, [32]byte{31: 1})
	if len(low) != 55 || !strings.HasSuffix(low, strings.Repeat("0", 42)+"1") {
		t.Fatalf("a small secret: %q", low)
	}
}

func FuzzParseCredential(f *testing.F) {
	f.Add(newCredential(kindAccess, 1<<60).text)
	f.Add("a" + strings.Repeat("z", 54))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := parseCredential(kindAccess, s)
		if !ok {
			return
		}
		if again := credentialText(kindAccess, id, [32]byte{}); again[:12] != s[:12] || id < 0 {
			t.Errorf("%q gives %d, which is written %q", s, id, again)
		}
	})
}

func TestSuccessor(t *testing.T) {
	t.Parallel()
	old := newCredential(kindRefresh, 1)
	a, b := successor(2, []byte("seed"), old.text), successor(2, []byte("seed"), old.text)
	if a.text != b.text || a.text == successor(2, []byte("Seed"), old.text).text || a.text == successor(2, []byte("seed"), old.text[:54]+"!").text {
		t.Fatal("a successor is made of the seed and the old token, and of nothing else")
	}
	if id, ok := parseCredential(kindRefresh, a.text); !ok || id != 2 {
		t.Fatal(id, ok)
	}
}

func TestMemo(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	m := newMemo[int, string](time.Second, 3, func() time.Time { return now })
	loads := 0
	get := func(key int) string {
		v, err := m.get(key, func() (string, error) { loads++; return "v", nil })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	get(1)
	get(1)
	if loads != 1 {
		t.Fatalf("%d loads", loads)
	}
	now = now.Add(time.Second)
	get(1)
	if loads != 2 {
		t.Fatal("kept beyond its time")
	}
	m.drop(1)
	get(1)
	m.reset()
	get(1)
	if loads != 4 {
		t.Fatal("kept after it was dropped")
	}
	for key := range 10 {
		get(key)
	}
	if len(m.entries) > 3 {
		t.Fatalf("%d entries", len(m.entries))
	}
	// What was read before a change is not remembered after it.
	m.reset()
	if _, err := m.get(7, func() (string, error) { m.drop(8); return "old", nil }); err != nil {
		t.Fatal(err)
	}
	if v := get(7); v != "v" {
		t.Fatalf("remembered %q", v)
	}
	failing := func() (string, error) { loads++; return "", errInvalidToken }
	before := loads
	for range 2 {
		if _, err := m.get(9, failing); err == nil {
			t.Fatal("no error")
		}
	}
	if loads != before+2 {
		t.Fatal("an error was remembered")
	}
}
