// Package vaulttest makes password hashes that cost next to nothing, for tests that sign in often: a real one takes a
// core for 40 ms, and many times that under the race detector, and the process lets few run at once.
package vaulttest

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Hash is the password's hash in the form of vault.HashPassword, at the least cost that argon2id takes. Checking it is as
// cheap, because a hash says its own cost.
func Hash(password string) string {
	const memory, time, threads = 8, 1, 1
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	sum := argon2.IDKey([]byte(password), salt, time, memory, threads, 32)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}
