// Package vault keeps secrets: it seals what must be read again (keys, tokens of other systems) under a key that is
// not in the database, and hashes what must only be recognised (passwords, our own tokens).
package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var (
	// ErrKeyFile: the key file is not usable: another's to read, not a keyset, not there to be written.
	ErrKeyFile = errors.New("the key file cannot be used")
	// ErrSealed: a sealed value does not open: it was changed, moved to another place, or sealed under another key.
	ErrSealed = errors.New("the sealed value does not open")
)

// maxKeyFile bounds the key file in bytes; a keyset with a hundred keys has less.
const maxKeyFile = 1 << 16

// Vault seals and opens values: under the keys of one file, or under data keys that a database keeps wrapped by a
// [Master] (package datakeys). It is safe for concurrent use.
type Vault struct {
	master Master
	direct tink.AEAD // of the key file; nil where the master is another
	keys   Keys      // nil where the file's own keys seal
}

// Keys are the data keys of one database.
type Keys interface {
	// AEAD seals with the present key and opens with that and former ones. For a sealed value under a key that is not
	// among those known, it looks whether there are new ones; nil is a value that is about to be sealed.
	AEAD(sealed []byte) (tink.AEAD, error)
}

// Open reads the keyset in the file, or makes the file, with mode 0600 and one new AES-256-GCM key, where it is not
// there. A file that others than its owner can read is refused.
func Open(keyFile string) (*Vault, error) {
	handle, err := readKeyset(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKeyset(keyFile); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%w: %s: %w", ErrKeyFile, keyFile, err)
		}
		handle, err = readKeyset(keyFile) // ours, or that of whoever was quicker
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeyFile, keyFile, err)
	}
	a, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeyFile, keyFile, err)
	}
	return &Vault{master: KeyFile(keyFile), direct: a}, nil
}

// OpenMaster makes a vault of a master key that is in no file. It seals nothing itself: the houses that get it keep data
// keys.
func OpenMaster(m Master) *Vault { return &Vault{master: m} }

// Master is the vault's outer key.
func (v *Vault) Master() Master { return v.master }

// With is the vault with data keys: they seal, and what the key file sealed before there were any still opens.
func (v *Vault) With(k Keys) *Vault { return &Vault{master: v.master, direct: v.direct, keys: k} }

// errNoKeys: a vault of a master alone was told to seal.
var errNoKeys = errors.New("vault: no data keys")

// Seal encrypts plain and binds it to aad, which says where the value belongs: "table:column:row id", so that sealed
// values cannot change places. The result carries the id of its key.
func (v *Vault) Seal(plain, aad []byte) ([]byte, error) {
	switch {
	case v.keys != nil:
		a, err := v.keys.AEAD(nil)
		if err != nil {
			return nil, err
		}
		return a.Encrypt(plain, aad)
	case v.direct != nil:
		return v.direct.Encrypt(plain, aad)
	}
	return nil, errNoKeys
}

// Open decrypts a value that Seal made with the same aad; ErrSealed otherwise.
func (v *Vault) Open(sealed, aad []byte) ([]byte, error) {
	if v.keys != nil {
		a, err := v.keys.AEAD(sealed)
		if err != nil {
			return nil, err
		}
		if plain, err := decrypt(a, sealed, aad); err == nil || v.direct == nil {
			return plain, err
		}
	}
	if v.direct == nil {
		return nil, errNoKeys
	}
	return decrypt(v.direct, sealed, aad)
}

func readKeyset(path string) (*keyset.Handle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("its mode is %04o, so others may have read it; if nobody has, run: chmod 600 %s", info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) == 0 || len(text) > maxKeyFile {
		return nil, fmt.Errorf("it holds %d bytes, which is no keyset", len(text))
	}
	// The keyset is in clear: the file's mode protects it, as with a private key of a TLS server.
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, errors.New("it holds no keyset") // the cause could quote the file
	}
	return handle, nil
}

// makeKeyset writes a new keyset whole or not at all, and never over an old one.
func makeKeyset(path string) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return err
	}
	return writeWhole(path, text.Bytes(), false)
}

// writeWhole puts a file of mode 0600 in place, whole or not at all, durably; over an old one only where told to.
func writeWhole(path string, text []byte, over bool) (err error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if over {
		if err := os.Rename(f.Name(), path); err != nil {
			return errors.Join(err, os.Remove(f.Name()))
		}
		return syncFolder(folder)
	}
	if err := os.Link(f.Name(), path); err != nil { // fails where the file is there, unlike Rename
		return errors.Join(err, os.Remove(f.Name()))
	}
	return errors.Join(os.Remove(f.Name()), syncFolder(folder))
}

// syncFolder makes a new name in the folder survive a power cut.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
