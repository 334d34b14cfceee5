package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/twinspan/twinspan/internal/fault"
)

// Cost of a password hash: argon2id with the OWASP minimum, about 40 ms and 19 MiB.
const (
	hashMemory  = 19 * 1024 // KiB
	hashTime    = 2
	hashThreads = 1
	saltSize    = 16 // bytes
	hashSize    = 32 // bytes
)

// Cost of the hash of a generated password, and the shortest that counts as one, in characters: 26 of base32 are 130
// random bits.
const (
	generatedMemory = 64 // KiB
	generatedTime   = 1
	minGenerated    = 26
)

// Bounds for the cost of a stored hash: a database row must not be able to order gigabytes.
const (
	maxHashMemory = 256 * 1024 // KiB
	maxHashTime   = 16
)

// maxPassword bounds what is hashed, in bytes.
const maxPassword = 4096

// maxHashWait is how long a caller queues for a slot; then the answer is "busy" (LG-10 of the security reference).
var maxHashWait = 2 * time.Second

// slots bounds the hashes that run at the same time, in the whole process: each takes a core and 19 MiB, and a flood of
// logins must leave the other half of the cores to everybody else.
var slots = make(chan struct{}, max(1, runtime.NumCPU()/2))

var (
	// ErrBusy: too many passwords are being checked; a fault of kind Unavailable.
	ErrBusy error = fault.New(fault.Unavailable, "hashing_busy", "The server is busy. Please try again.")
	// ErrHash: a stored password hash is not in the form that HashPassword writes.
	ErrHash = errors.New("the stored password hash is not readable")
	// ErrPassword: the password is longer than 4096 bytes, or too short for a generated one.
	ErrPassword error = fault.New(fault.Invalid, "password_too_long", "The password is too long.")
)

// HashPassword returns the argon2id hash of a password in PHC form: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH. It waits
// for one of the process's few slots as long as ctx lasts: who sets a password is known already, and being refused half
// way through making an org serves nobody. Strangers' logins, which a flood is made of, wait two seconds at most.
func HashPassword(ctx context.Context, password Secret) (string, error) {
	if len(password) > maxPassword {
		return "", ErrPassword
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	p := params{memory: hashMemory, time: hashTime, threads: hashThreads, salt: salt}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-slots }()
	return p.hash(password), nil
}

// HashGenerated returns the hash of a password that the program made with at least 128 random bits, in a fraction of a
// millisecond: nobody guesses such a password, whatever a guess costs. Checking the right one is as cheap; a wrong one
// takes as long as at any other user, so that time tells nothing of him. A password too short to be one is ErrPassword.
func HashGenerated(password Secret) (string, error) {
	if len(password) < minGenerated || len(password) > maxPassword {
		return "", ErrPassword
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	return params{memory: generatedMemory, time: generatedTime, threads: hashThreads, salt: salt}.hash(password), nil
}

// VerifyPassword reports whether the password is the one whose hash this is.
func VerifyPassword(ctx context.Context, hash string, password Secret) (bool, error) {
	p, want, err := parseHash(hash)
	if err != nil {
		return false, err
	}
	if len(password) > maxPassword {
		return false, nil
	}
	got, err := p.sum(ctx, password, uint32(len(want)))
	if err != nil {
		return false, err
	}
	right := subtle.ConstantTimeCompare(got, want) == 1
	if !right && p.memory == generatedMemory && p.time == generatedTime {
		return false, DummyVerify(ctx, password)
	}
	return right, nil
}

// DummyVerify takes as long as VerifyPassword and says no: for users who do not exist, so that time does not tell.
func DummyVerify(ctx context.Context, password Secret) error {
	if len(password) > maxPassword {
		return nil
	}
	p := params{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, saltSize)}
	got, err := p.sum(ctx, password, hashSize)
	if err != nil {
		return err
	}
	subtle.ConstantTimeCompare(got, make([]byte, hashSize))
	return nil
}

// HashToken is the SHA-256 of a token that we made with 256 random bits: such a token needs no slow hash.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// params are the cost and the salt of a hash.
type params struct {
	memory, time uint32
	threads      uint8
	salt         []byte
}

// cheap reports whether the hash takes a fraction of a millisecond, so that it need not wait behind those that take long.
func (p params) cheap() bool { return p.memory <= generatedMemory && p.time <= generatedTime }

// sum is the hash, made in a slot for which it waits maxHashWait at most where it takes long.
func (p params) sum(ctx context.Context, password Secret, size uint32) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.cheap() {
		return p.key(password, size), nil
	}
	select {
	case slots <- struct{}{}:
	default:
		t := time.NewTimer(maxHashWait)
		defer t.Stop()
		select {
		case slots <- struct{}{}:
		case <-t.C:
			return nil, ErrBusy
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-slots }()
	return p.key(password, size), nil
}

// hash is the password's hash in PHC form; the caller holds a slot where that takes long.
func (p params) hash(password Secret) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.key(password, hashSize)))
}

// key is the hash itself; the caller holds a slot.
func (p params) key(password Secret, size uint32) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, size)
}

// parseHash reads the PHC form, within bounds.
func parseHash(hash string) (params, []byte, error) {
	fail := func() (params, []byte, error) { return params{}, nil, ErrHash }
	part := strings.Split(hash, "$")
	if len(hash) > 256 || len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return fail()
	}
	var p params
	if n, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil || n != 3 {
		return fail()
	}
	if part[3] != fmt.Sprintf("m=%d,t=%d,p=%d", p.memory, p.time, p.threads) {
		return fail() // something follows the numbers
	}
	if p.threads < 1 || p.time < 1 || p.time > maxHashTime || p.memory < 8*uint32(p.threads) || p.memory > maxHashMemory {
		return fail()
	}
	salt, err := base64.RawStdEncoding.Strict().DecodeString(part[4])
	if err != nil || len(salt) < 8 || len(salt) > 64 {
		return fail()
	}
	sum, err := base64.RawStdEncoding.Strict().DecodeString(part[5])
	if err != nil || len(sum) < 16 || len(sum) > 64 {
		return fail()
	}
	p.salt = salt
	return p, sum, nil
}
