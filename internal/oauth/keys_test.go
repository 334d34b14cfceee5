package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

var from, until = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)

func TestCertificate(t *testing.T) {
	t.Parallel()
	text, err := oauth.NewCertificate("Twinspan: into the org", testKey(), from, until)
	if err != nil {
		t.Fatal(err)
	}
	c, err := oauth.ReadCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Public.Equal(&testKey().PublicKey) || c.CommonName != "Twinspan: into the org" || !c.NotBefore.Equal(from) || !c.NotAfter.Equal(until) || c.Thumbprint == [32]byte{} {
		t.Errorf("%+v", c)
	}
	key, err := oauth.ParseCertificate("\n" + text + "\n\n")
	if err != nil || !key.Equal(&testKey().PublicKey) {
		t.Errorf("with white space around: %v", err)
	}
	again, err := oauth.NewCertificate("Twinspan: into the org", testKey(), from, until)
	if err != nil || again == text {
		t.Errorf("two certificates are one: %v", err)
	}
}

// certify makes a certificate of any key.
func certify(t *testing.T, public, private any) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificatesThatAreRefused(t *testing.T) {
	t.Parallel()
	good := certify(t, &testKey().PublicKey, testKey())
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyOf := func(n *big.Int, e int) *rsa.PublicKey { return &rsa.PublicKey{N: n, E: e} }
	n := testKey().N
	bits := func(n uint) *big.Int { return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), n-1), big.NewInt(1)) }
	for name, text := range map[string]string{
		"empty": "", "no PEM": "MIIB", "two": good + good, "text after": good + "x", "long": good + strings.Repeat("\n", 16<<10),
		"private key":   "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
		"garbage":       "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		"ECDSA":         certify(t, &ec.PublicKey, ec),
		"1024 bits":     certify(t, keyOf(bits(1024), 65537), testKey()),
		"2047 bits":     certify(t, keyOf(bits(2047), 65537), testKey()),
		"4097 bits":     certify(t, keyOf(bits(4097), 65537), testKey()),
		"16384 bits":    certify(t, keyOf(bits(16384), 65537), testKey()),
		"exponent 3":    certify(t, keyOf(n, 3), testKey()),
		"exponent even": certify(t, keyOf(n, 65538), testKey()),
		"modulus even":  certify(t, keyOf(new(big.Int).Sub(n, big.NewInt(1)), 65537), testKey()),
	} {
		if _, err := oauth.ParseCertificate(text); fault.CodeOf(err) != oauth.CodeInvalidCertificate {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := oauth.ParseCertificate(certify(t, keyOf(bits(4096), 65537), testKey())); err != nil {
		t.Errorf("4096 bits: %v", err)
	}
}

func TestPrivateKeysComeBack(t *testing.T) {
	t.Parallel()
	text, err := oauth.EncodeKey(testKey())
	if err != nil {
		t.Fatal(err)
	}
	back, err := oauth.ParseKey(text)
	if err != nil || !back.Equal(testKey()) {
		t.Fatalf("%v", err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "certificate": certify(t, &testKey().PublicKey, testKey()), "garbage": "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
		"ECDSA": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: ecDER})), "two": string(text) + string(text),
	} {
		if _, err := oauth.ParseKey([]byte(text)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestIDTokenAndKeySet(t *testing.T) {
	t.Parallel()
	key, err := oauth.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	if id, err := oauth.KeyID(&key.Private.PublicKey); err != nil || id != key.ID || len(id) != 43 {
		t.Errorf("key id %q, %v", key.ID, err)
	}
	token, err := oauth.SignIDToken(key, oauth.IDToken{
		Issuer: "http://127.0.0.1:8080", Subject: "http://127.0.0.1:8080/id/x/y", Audience: "client", Nonce: "n", AccessTokenHash: oauth.AccessTokenHash("token"),
		Expires: from.Add(time.Hour), IssuedAt: from, AuthTime: from, Extra: map[string]any{"sfdc": true},
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := oauth.JWKS(key)
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s: %v", raw, err)
	}
	for _, want := range []string{`"kty":"RSA"`, `"use":"sig"`, `"alg":"RS256"`, `"kid":"` + key.ID + `"`, `"n":"`, `"e":"AQAB"`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s lacks %s", raw, want)
		}
	}
	if strings.Contains(string(raw), `"d"`) {
		t.Fatal("the key set holds a private key")
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(set.Key(key.ID)[0])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": "http://127.0.0.1:8080", "sub": "http://127.0.0.1:8080/id/x/y", "aud": "client", "nonce": "n", "at_hash": oauth.AccessTokenHash("token"),
		"exp": float64(from.Add(time.Hour).Unix()), "iat": float64(from.Unix()), "auth_time": float64(from.Unix()), "sfdc": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, extra := range []string{"iss", "nonce"} {
		if _, err := oauth.SignIDToken(key, oauth.IDToken{Issuer: "a", Nonce: "n", Extra: map[string]any{extra: "x"}}); err == nil {
			t.Errorf("the claim %s was taken twice", extra)
		}
	}
	if empty, err := oauth.JWKS(); err != nil || string(empty) != `{"keys":[]}` {
		t.Errorf("no keys: %s, %v", empty, err)
	}
}

func TestAccessTokenHash(t *testing.T) {
	t.Parallel()
	// OpenID Connect Core appendix A.3.
	if got := oauth.AccessTokenHash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Errorf("at_hash %q", got)
	}
}
