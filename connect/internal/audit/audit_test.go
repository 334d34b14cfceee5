package audit_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
)

// TestSign: each part of an entry, the key and the entry before are in the signature, and no two parts run together.
func TestSign(t *testing.T) {
	t.Parallel()
	e := audit.Entry{Pair: "p", Seq: 7, At: time.UnixMilli(8).UTC(), Actor: "a", Action: "b", Subject: "c", Reason: "d", Before: "null", After: "{}"}
	key, prev := []byte("key"), []byte("prev")
	base := e.Sign(key, prev)
	if !bytes.Equal(base, e.Sign(key, prev)) || len(base) != 32 {
		t.Fatal("a signature is not the same twice")
	}
	for name, change := range map[string]func(*audit.Entry){
		"pair": func(e *audit.Entry) { e.Pair = "q" }, "seq": func(e *audit.Entry) { e.Seq++ }, "at": func(e *audit.Entry) { e.At = e.At.Add(time.Millisecond) },
		"actor": func(e *audit.Entry) { e.Actor = "x" }, "action": func(e *audit.Entry) { e.Action = "x" }, "subject": func(e *audit.Entry) { e.Subject = "x" },
		"reason": func(e *audit.Entry) { e.Reason = "x" }, "before": func(e *audit.Entry) { e.Before = "x" }, "after": func(e *audit.Entry) { e.After = "x" },
		"shifted": func(e *audit.Entry) { e.Actor, e.Action = "ab", "" },
	} {
		other := e
		change(&other)
		if bytes.Equal(base, other.Sign(key, prev)) {
			t.Errorf("%s is not signed", name)
		}
	}
	if bytes.Equal(base, e.Sign([]byte("kez"), prev)) || bytes.Equal(base, e.Sign(key, nil)) {
		t.Error("key or predecessor is not signed")
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	h := audit.Head{Seq: 17, Signature: bytes.Repeat([]byte{0xab}, 32)}
	if got, err := audit.ParseHead(h.String()); err != nil || got.Seq != 17 || !bytes.Equal(got.Signature, h.Signature) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := audit.ParseHead("0:"); err != nil || got.Seq != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", ":", "17", "17:", "17:00", "-1:", "x:00", "17:" + string(bytes.Repeat([]byte{'z'}, 64)), " " + h.String(), h.String() + " "} {
		if got, err := audit.ParseHead(bad); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	items := []audit.Item{{Position: 1, CRMUsername: "a", EngagementUsername: "b", Status: "done"}, {Position: 2, CRMUsername: "c", EngagementUsername: "d", MID: 7, Status: "failed", Code: "x"}}
	base := audit.Digest(items)
	for n := range items {
		for name, change := range map[string]func(*audit.Item){
			"position": func(i *audit.Item) { i.Position = 9 }, "crm": func(i *audit.Item) { i.CRMUsername = "z" }, "engagement": func(i *audit.Item) { i.EngagementUsername = "z" },
			"mid": func(i *audit.Item) { i.MID = 9 }, "status": func(i *audit.Item) { i.Status = "z" }, "code": func(i *audit.Item) { i.Code = "z" },
		} {
			other := append([]audit.Item{}, items...)
			change(&other[n])
			if audit.Digest(other) == base {
				t.Errorf("%s of item %d is not in the digest", name, n)
			}
		}
	}
	if audit.Digest(items[:1]) == base || audit.Digest(nil) == base {
		t.Error("a missing item is not noticed")
	}
}
