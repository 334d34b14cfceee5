package oauth_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

var (
	testKey  = sync.OnceValue(newKey)
	otherKey = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	k, err := oauth.NewKey()
	if err != nil {
		panic(err)
	}
	return k
}

var b64 = base64.RawURLEncoding

// rawJWT signs header and claims as they are given.
func rawJWT(key *rsa.PrivateKey, header, claims string) string {
	signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(claims))
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + b64.EncodeToString(sig)
}

const (
	goodHeader = `{"alg":"RS256"}`
	goodClaims = `{"iss":"key","sub":"ann@example.test","aud":"https://login.example","exp":1900000000}`
)

func TestParseAssertion(t *testing.T) {
	t.Parallel()
	exp := time.Unix(1_900_000_000, 0).UTC()
	good := oauth.Assertion{Issuer: "key", Subject: "ann@example.test", Audience: []string{"https://login.example"}, Expires: exp}
	with := func(change func(*oauth.Assertion)) *oauth.Assertion {
		a := good
		change(&a)
		return &a
	}
	claim := func(text string) string { return strings.Replace(goodClaims, `"exp":1900000000`, text, 1) }
	for _, c := range []struct {
		name, header, claims string
		want                 *oauth.Assertion // nil: refused
	}{
		{"good", goodHeader, goodClaims, &good},
		{"typ JWT", `{"typ":"JWT","alg":"RS256"}`, goodClaims, &good},
		{"kid", `{"alg":"RS256","kid":"k1"}`, goodClaims, with(func(a *oauth.Assertion) { a.KeyID = "k1" })},
		{"kid with a path is only a text", `{"alg":"RS256","kid":"../../dev/null"}`, goodClaims, with(func(a *oauth.Assertion) { a.KeyID = "../../dev/null" })},
		{"keys and addresses in the header are not looked at", `{"alg":"RS256","jku":"http://evil","x5u":"http://evil","jwk":{"kty":"RSA"},"x5c":["x"]}`, goodClaims, &good},
		{"exp as text (simple-salesforce)", goodHeader, claim(`"exp":"1900000000"`), &good},
		{"exp in ms (sf CLI)", goodHeader, claim(`"exp":1900000000300`), with(func(a *oauth.Assertion) { a.Expires, a.Millis = exp.Add(300*time.Millisecond), true })},
		{"exp in ms as text", goodHeader, claim(`"exp":"1900000000000"`), with(func(a *oauth.Assertion) { a.Millis = true })},
		{"exp with a fraction", goodHeader, claim(`"exp":1900000000.5`), with(func(a *oauth.Assertion) { a.Expires = exp.Add(500 * time.Millisecond) })},
		{"exp with an exponent", goodHeader, claim(`"exp":1.9e9`), &good},
		{"iat, nbf, jti", goodHeader, claim(`"exp":1900000000,"iat":1899999700,"nbf":1899999701,"jti":"j1"`), with(func(a *oauth.Assertion) {
			a.IssuedAt, a.NotBefore, a.ID = exp.Add(-300*time.Second), exp.Add(-299*time.Second), "j1"
		})},
		{"aud array", goodHeader, strings.Replace(goodClaims, `"https://login.example"`, `["a","b"]`, 1), with(func(a *oauth.Assertion) { a.Audience = []string{"a", "b"} })},
		{"empty aud array", goodHeader, strings.Replace(goodClaims, `"https://login.example"`, `[]`, 1), with(func(a *oauth.Assertion) { a.Audience = nil })},
		{"nested aud is none", goodHeader, strings.Replace(goodClaims, `"https://login.example"`, `["a",["b"]]`, 1), with(func(a *oauth.Assertion) { a.Audience = nil })},
		{"aud object is none", goodHeader, strings.Replace(goodClaims, `"https://login.example"`, `{"a":1}`, 1), with(func(a *oauth.Assertion) { a.Audience = nil })},
		{"iss array is none", goodHeader, strings.Replace(goodClaims, `"key"`, `["key"]`, 1), with(func(a *oauth.Assertion) { a.Issuer = "" })},
		{"sub number is none", goodHeader, strings.Replace(goodClaims, `"ann@example.test"`, `5`, 1), with(func(a *oauth.Assertion) { a.Subject = "" })},
		{"missing iss, sub, aud", goodHeader, `{"exp":1900000000}`, &oauth.Assertion{Expires: exp}},
		{"other case is another claim", goodHeader, claim(`"exp":1900000000,"AUD":"evil","Sub":"evil","EXP":1`), &good},
		{"unknown claims", goodHeader, claim(`"exp":1900000000,"prn":"x","deep":{"a":[1]}`), &good},

		{"alg none", `{"alg":"none"}`, goodClaims, nil},
		{"alg None", `{"alg":"None"}`, goodClaims, nil},
		{"alg rs256", `{"alg":"rs256"}`, goodClaims, nil},
		{"alg HS256", `{"alg":"HS256"}`, goodClaims, nil},
		{"alg RS512", `{"alg":"RS512"}`, goodClaims, nil},
		{"alg PS256", `{"alg":"PS256"}`, goodClaims, nil},
		{"alg missing", `{"typ":"JWT"}`, goodClaims, nil},
		{"alg number", `{"alg":256}`, goodClaims, nil},
		{"alg array", `{"alg":["RS256"]}`, goodClaims, nil},
		{"alg twice", `{"alg":"RS256","alg":"none"}`, goodClaims, nil},
		{"ALG", `{"ALG":"RS256"}`, goodClaims, nil},
		{"crit", `{"alg":"RS256","crit":["x"]}`, goodClaims, nil},
		{"b64", `{"alg":"RS256","b64":false}`, goodClaims, nil},
		{"zip", `{"alg":"RS256","zip":"DEF"}`, goodClaims, nil},
		{"cty", `{"alg":"RS256","cty":"JWT"}`, goodClaims, nil},
		{"typ at+jwt", `{"alg":"RS256","typ":"at+jwt"}`, goodClaims, nil},
		{"typ number", `{"alg":"RS256","typ":1}`, goodClaims, nil},
		{"kid long", `{"alg":"RS256","kid":"` + strings.Repeat("k", 257) + `"}`, goodClaims, nil},
		{"kid number", `{"alg":"RS256","kid":1}`, goodClaims, nil},
		{"kid with a line end", `{"alg":"RS256","kid":"a\nb"}`, goodClaims, nil},
		{"header array", `["RS256"]`, goodClaims, nil},
		{"header no JSON", `RS256`, goodClaims, nil},

		{"exp missing", goodHeader, `{"iss":"key"}`, nil},
		{"exp null", goodHeader, claim(`"exp":null`), nil},
		{"exp empty", goodHeader, claim(`"exp":""`), nil},
		{"exp words", goodHeader, claim(`"exp":"abc"`), nil},
		{"exp text with a sign", goodHeader, claim(`"exp":"+1900000000"`), nil},
		{"exp hexadecimal text", goodHeader, claim(`"exp":"0x713fb300"`), nil},
		{"exp negative", goodHeader, claim(`"exp":-1`), nil},
		{"exp zero", goodHeader, claim(`"exp":0`), nil},
		{"exp huge", goodHeader, claim(`"exp":1e400`), nil},
		{"exp too late", goodHeader, claim(`"exp":1e17`), nil},
		{"exp boolean", goodHeader, claim(`"exp":true`), nil},
		{"exp array", goodHeader, claim(`"exp":[1900000000]`), nil},
		{"exp NaN", goodHeader, claim(`"exp":NaN`), nil},
		{"iat text", goodHeader, claim(`"exp":1900000000,"iat":"1"`), nil},
		{"nbf null", goodHeader, claim(`"exp":1900000000,"nbf":null`), nil},
		{"jti number", goodHeader, claim(`"exp":1900000000,"jti":1`), nil},
		{"jti empty", goodHeader, claim(`"exp":1900000000,"jti":""`), nil},
		{"jti long", goodHeader, claim(`"exp":1900000000,"jti":"` + strings.Repeat("j", 4096) + `"`), nil},
		{"sub twice", goodHeader, claim(`"exp":1900000000,"sub":"evil"`), nil},
		{"exp twice", goodHeader, claim(`"exp":1900000000,"exp":1900000000`), nil},
		{"claims array", goodHeader, `[1]`, nil},
		{"claims null", goodHeader, `null`, nil},
		{"trailing bytes", goodHeader, goodClaims + "x", nil},
		{"BOM", goodHeader, "\ufeff" + goodClaims, nil},
		{"not UTF-8", goodHeader, claim("\"exp\":1900000000,\"x\":\"\xff\""), nil},
		{"lone surrogate", goodHeader, claim(`"exp":1900000000,"x":"\ud800"`), nil},
		{"deep", goodHeader, claim(`"exp":1900000000,"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000)), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, err := oauth.ParseAssertion(rawJWT(testKey(), c.header, c.claims))
			if c.want == nil {
				if fault.CodeOf(err) != oauth.CodeInvalidAssertion || fault.KindOf(err) != fault.Invalid {
					t.Fatalf("error %v, want %s", err, oauth.CodeInvalidAssertion)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Verify(&testKey().PublicKey); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(view(c.want), view(a)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// view is what an assertion says.
func view(a *oauth.Assertion) string {
	return fmt.Sprintf("kid=%q iss=%q sub=%q aud=%q jti=%q exp=%v ms=%v iat=%v nbf=%v", a.KeyID, a.Issuer, a.Subject, a.Audience, a.ID, a.Expires, a.Millis, a.IssuedAt, a.NotBefore)
}

func TestParseAssertionRefusesOtherForms(t *testing.T) {
	t.Parallel()
	good := rawJWT(testKey(), goodHeader, goodClaims)
	parts := strings.Split(good, ".")
	padded := parts[0] + "=." + parts[1] + "." + parts[2]
	for name, text := range map[string]string{
		"empty": "", "two parts": parts[0] + "." + parts[1], "four parts": good + ".x", "trailing dot": good + ".", "dots": strings.Repeat(".", 8000),
		"five parts": good + ".a.b", "padding": padded, "white space": parts[0] + ".\n" + parts[1] + "." + parts[2], "trailing line": good + "\n",
		"standard alphabet": parts[0] + "." + parts[1] + "." + strings.Map(func(c rune) rune {
			if c == '_' || c == '-' {
				return '/'
			}
			return c
		}, parts[2]) + "/", "JSON form": `{"payload":"x"}`, "too long": good + strings.Repeat("a", 8<<10), "no header": "." + parts[1] + "." + parts[2],
	} {
		if _, err := oauth.ParseAssertion(text); fault.CodeOf(err) != oauth.CodeInvalidAssertion {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The last character of 256 bytes in base64 has four bits that must be zero.
	last := parts[2][len(parts[2])-1]
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if byte(c) == last {
			continue
		}
		a, err := oauth.ParseAssertion(good[:len(good)-1] + string(c))
		if err == nil && a.Verify(&testKey().PublicKey) == nil {
			t.Errorf("a second spelling of the signature ends in %c", c)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	good := rawJWT(testKey(), goodHeader, goodClaims)
	a, err := oauth.ParseAssertion(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(&otherKey().PublicKey); fault.CodeOf(err) != oauth.CodeInvalidAssertion {
		t.Errorf("another key: %v", err)
	}
	if err := a.Verify(nil); fault.CodeOf(err) != oauth.CodeInvalidAssertion {
		t.Errorf("no key: %v", err)
	}
	parts := strings.Split(good, ".")
	swapped := parts[0] + "." + b64.EncodeToString([]byte(strings.Replace(goodClaims, "ann", "bob", 1))) + "." + parts[2]
	for name, text := range map[string]string{"other claims": swapped, "no signature": parts[0] + "." + parts[1] + "."} {
		a, err := oauth.ParseAssertion(text)
		if err == nil {
			err = a.Verify(&testKey().PublicKey)
		}
		if fault.CodeOf(err) != oauth.CodeInvalidAssertion {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The classic confusion: an HMAC made with the public key, under a header that says RS256 or HS256.
	for _, header := range []string{goodHeader, `{"alg":"HS256"}`} {
		signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(goodClaims))
		mac := hmac.New(sha256.New, testKey().PublicKey.N.Bytes())
		mac.Write([]byte(signed))
		a, err := oauth.ParseAssertion(signed + "." + b64.EncodeToString(mac.Sum(nil)))
		if err == nil {
			err = a.Verify(&testKey().PublicKey)
		}
		if err == nil {
			t.Errorf("an HMAC under %s was taken", header)
		}
	}
}

func TestDigestIsOfWhatWasSigned(t *testing.T) {
	t.Parallel()
	parse := func(claims string) [32]byte {
		a, err := oauth.ParseAssertion(rawJWT(testKey(), goodHeader, claims))
		if err != nil {
			t.Fatal(err)
		}
		return a.Digest()
	}
	if first, again := parse(goodClaims), parse(goodClaims); first != again {
		t.Error("one assertion has two digests")
	}
	if parse(goodClaims) == parse(strings.Replace(goodClaims, "ann", "bob", 1)) {
		t.Error("two assertions have one digest")
	}
}

func TestSignAssertion(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	text, err := oauth.SignAssertion(testKey(), "k1", oauth.Claims{
		Issuer: "iss", Subject: "sub", Audience: "aud", ID: "jti", Expires: now.Add(time.Minute), IssuedAt: now, NotBefore: now, Extra: map[string]any{"x": 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := oauth.ParseAssertion(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(&testKey().PublicKey); err != nil {
		t.Error(err)
	}
	want := oauth.Assertion{KeyID: "k1", Issuer: "iss", Subject: "sub", Audience: []string{"aud"}, ID: "jti", Expires: now.Add(time.Minute), IssuedAt: now, NotBefore: now}
	if diff := cmp.Diff(view(&want), view(a)); diff != "" {
		t.Error(diff)
	}
	if _, err := oauth.SignAssertion(testKey(), "", oauth.Claims{Issuer: "a", Extra: map[string]any{"iss": "b"}}); err == nil {
		t.Error("a claim given twice was signed")
	}
}

func TestRefusalsDoNotQuote(t *testing.T) {
	t.Parallel()
	_, err := oauth.ParseAssertion(rawJWT(testKey(), goodHeader, `{"canary":"canary","exp":"canary","jti":1}`))
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func FuzzParseAssertion(f *testing.F) {
	f.Add([]byte(goodHeader), []byte(goodClaims), []byte("sig"))
	f.Add([]byte(`{"alg":"RS256","kid":"\u0041"}`), []byte(`{"exp":"1","aud":["a",["b"]]}`), []byte{})
	f.Add([]byte(`{"alg":"RS256"}`), []byte(`{"exp":1e11,"EXP":2,"iat":1.5}`), []byte{0xff})
	f.Fuzz(func(t *testing.T, header, claims, sig []byte) {
		text := b64.EncodeToString(header) + "." + b64.EncodeToString(claims) + "." + b64.EncodeToString(sig)
		a, err := oauth.ParseAssertion(text)
		if err != nil {
			if fault.CodeOf(err) != oauth.CodeInvalidAssertion {
				t.Fatalf("error %v", err)
			}
			return
		}
		var h, c map[string]json.RawMessage
		if json.Unmarshal(header, &h) != nil || json.Unmarshal(claims, &c) != nil || string(h["alg"]) == "" || c["exp"] == nil {
			t.Fatalf("taken without alg or exp: %s . %s", header, claims)
		}
		var sub string
		if json.Unmarshal(c["sub"], &sub) == nil && sub != a.Subject {
			t.Fatalf("sub is %q, want %q", a.Subject, sub)
		}
		if a.Expires.Before(time.Unix(0, 0)) || a.Expires.Year() > 40_000 {
			t.Fatalf("exp is %v", a.Expires)
		}
	})
}

func BenchmarkParseAndVerify(b *testing.B) {
	text := rawJWT(testKey(), `{"alg":"RS256","typ":"JWT"}`, `{"iss":"3MVG9lKcPoNINVBIPJjdw1J9LLM82HnFVVX19KY1uA5mu0QqEWhqKpoW3svG3XHrXDiCQjK1mdgAvhCscA9GE","sub":"ann@example.test","aud":"https://login.salesforce.com","exp":1900000000,"jti":"0123456789abcdef"}`)
	b.ReportAllocs()
	for b.Loop() {
		a, err := oauth.ParseAssertion(text)
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Verify(&testKey().PublicKey); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := rawJWT(testKey(), `{"alg":"RS256","typ":"JWT"}`, goodClaims)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := oauth.ParseAssertion(text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyAlone is the floor of BenchmarkParseAndVerify.
func BenchmarkVerifyAlone(b *testing.B) {
	sum := sha256.Sum256([]byte("signed"))
	sig, err := rsa.SignPKCS1v15(rand.Reader, testKey(), crypto.SHA256, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := rsa.VerifyPKCS1v15(&testKey().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
			b.Fatal(err)
		}
	}
}
