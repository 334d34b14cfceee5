package oauth

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/twinspan/twinspan/internal/fault"
)

// Bounds of keys and certificates.
const (
	minKeyBits     = 2048
	maxKeyBits     = 4096
	maxCertificate = 16 << 10 // bytes of PEM
)

// NewKey makes an RSA key of 2048 bits.
func NewKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, minKeyBits)
	if err != nil {
		return nil, fmt.Errorf("oauth: making a key: %w", err)
	}
	return key, nil
}

// EncodeKey gives a private key as PKCS #8 in PEM, the form that client tools take. It is a secret.
func EncodeKey(key *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("oauth: encoding a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParseKey reads what EncodeKey wrote. Its errors do not quote the text.
func ParseKey(text []byte) (*rsa.PrivateKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fault.New(fault.Invalid, "invalid_key", "The text is not one PKCS #8 private key in PEM.")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid_key", "The private key cannot be read.")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fault.New(fault.Invalid, "invalid_key", "The private key is not an RSA key.")
	}
	if err := checkKey(&key.PublicKey); err != nil {
		return nil, err
	}
	return key, nil
}

// Certificate is what a certificate says that decides anything here. Chains and authorities decide nothing: whoever
// uploads it vouches for it.
type Certificate struct {
	Public     *rsa.PublicKey
	CommonName string
	NotBefore  time.Time
	NotAfter   time.Time
	// Thumbprint is the SHA-256 of the certificate, to show and to compare.
	Thumbprint [sha256.Size]byte
}

// ReadCertificate reads one X.509 certificate in PEM, at most 16 KB, with an RSA key of 2048 to 4096 bits and a usual
// exponent. Refusals are Invalid faults with code "invalid_certificate".
func ReadCertificate(text string) (*Certificate, error) {
	if len(text) > maxCertificate {
		return nil, badCertificate("The certificate is over %d bytes.", maxCertificate)
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, badCertificate("The text is not one certificate in PEM.")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, CodeInvalidCertificate, "The certificate cannot be read.")
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, badCertificate("The certificate's key is not an RSA key.")
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return &Certificate{
		Public: key, CommonName: cert.Subject.CommonName,
		NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(), Thumbprint: sha256.Sum256(block.Bytes),
	}, nil
}

// ParseCertificate is ReadCertificate for callers that need the key alone.
func ParseCertificate(text string) (*rsa.PublicKey, error) {
	c, err := ReadCertificate(text)
	if err != nil {
		return nil, err
	}
	return c.Public, nil
}

func badCertificate(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, CodeInvalidCertificate, format, args...)
}

func checkKey(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return badCertificate("The RSA key has %d bits; %d to %d are taken.", bits, minKeyBits, maxKeyBits)
	}
	if key.N.Bit(0) == 0 || key.E < 65537 || key.E%2 == 0 {
		return badCertificate("The RSA key has a modulus or exponent that is not taken.")
	}
	return nil
}

// NewCertificate makes a self-signed certificate for the key, in PEM, valid between the two times.
func NewCertificate(commonName string, key *rsa.PrivateKey, notBefore, notAfter time.Time) (string, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", fmt.Errorf("oauth: making a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: commonName},
		NotBefore:    notBefore, NotAfter: notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", fmt.Errorf("oauth: making a certificate: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

// SigningKey is a key of an issuer of id tokens.
type SigningKey struct {
	ID      string // kid
	Private *rsa.PrivateKey
}

// NewSigningKey makes a key of 2048 bits whose ID is its thumbprint.
func NewSigningKey() (SigningKey, error) {
	key, err := NewKey()
	if err != nil {
		return SigningKey{}, err
	}
	id, err := KeyID(&key.PublicKey)
	if err != nil {
		return SigningKey{}, err
	}
	return SigningKey{ID: id, Private: key}, nil
}

// KeyID is the JWK thumbprint of a key by SHA-256 in base64url (RFC 7638).
func KeyID(key *rsa.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("oauth: a key's thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// JWKS gives the public halves of the keys as a JWK set (RFC 7517 section 5) in JSON, with kty, n, e, alg, use and kid.
func JWKS(keys ...SigningKey) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &k.Private.PublicKey, KeyID: k.ID, Algorithm: string(jose.RS256), Use: "sig"})
	}
	out, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("oauth: encoding a key set: %w", err)
	}
	return out, nil
}

// IDToken are the claims of an id token (OpenID Connect Core section 2). Empty and zero fields are left out; times are
// whole seconds. Extra claims must not repeat a named one.
type IDToken struct {
	Issuer          string
	Subject         string
	Audience        string
	Nonce           string
	AccessTokenHash string // at_hash, see [AccessTokenHash]
	Expires         time.Time
	IssuedAt        time.Time
	AuthTime        time.Time
	Extra           map[string]any
}

// SignIDToken makes the id token in compact form, signed with RS256 by the issuer's key.
func SignIDToken(key SigningKey, token IDToken) (string, error) {
	extra := map[string]any{}
	if token.Nonce != "" {
		extra["nonce"] = token.Nonce
	}
	if token.AccessTokenHash != "" {
		extra["at_hash"] = token.AccessTokenHash
	}
	if !token.AuthTime.IsZero() {
		extra["auth_time"] = token.AuthTime.Unix()
	}
	for name := range token.Extra {
		if _, taken := extra[name]; taken {
			return "", fmt.Errorf("oauth: claim %q is given twice", name)
		}
	}
	maps.Copy(extra, token.Extra)
	return SignAssertion(key.Private, key.ID, Claims{
		Issuer: token.Issuer, Subject: token.Subject, Audience: token.Audience,
		Expires: token.Expires, IssuedAt: token.IssuedAt, Extra: extra,
	})
}

// AccessTokenHash is the at_hash of an access token under RS256: the left half of its SHA-256 in base64url (OpenID
// Connect Core section 3.1.3.6).
func AccessTokenHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:sha256.Size/2])
}
