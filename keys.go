package twinspan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
)

// KMS wraps the keys that each house keeps in its database: the outer key of envelope encryption, where it is in no file.
// Whatever a key management service offers as encrypt and decrypt fits. It is called when a program starts and when keys
// change, and must still unwrap what it wrapped under former keys until RotateKeys has returned.
type KMS interface {
	// Wrap encrypts plain, some hundred bytes, and binds it to aad.
	Wrap(ctx context.Context, plain, aad []byte) ([]byte, error)
	// Unwrap decrypts what Wrap made with the same aad.
	Unwrap(ctx context.Context, wrapped, aad []byte) ([]byte, error)
}

// openVault opens the key file, makes one in a new folder, or takes the key that Config.Master has.
func (p *Program) openVault() (*vault.Vault, error) {
	c := p.config
	if c.Master != nil {
		return vault.OpenMaster(c.Master), nil
	}
	keys := c.KeyFile
	if keys == "" {
		keys = p.folder.file("keys.json")
	}
	if _, err := os.Stat(keys); p.seed.Complete && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--key-file: %s is missing, and what is sealed in the databases opens with no other: put it back; where the key came from TWINSPAN_KEY or --key-command, give it again; or start with a new folder", keys)
	}
	v, err := vault.Open(keys)
	if err != nil {
		return nil, fmt.Errorf("--key-file: %w", err)
	}
	return v, nil
}

// KeysRotated says what a rotation of keys did.
type KeysRotated struct {
	// Values were sealed anew, in all three databases.
	Values int `json:"values"`
	// Corrupt are values that opened under no key, before or after: they were changed in the database by hand, or come
	// from another one.
	Corrupt int `json:"corrupt"`
	// KeyFile is true where the key file has a new key; a master key of another kind is its keeper's to rotate.
	KeyFile bool `json:"key_file"`
}

// CodeRotating: keys are being rotated already.
const CodeRotating fault.Code = "keys_rotating"

// RotateKeys gives each house a new data key and seals everything sealed anew under it, and puts a new key into the key
// file; everything goes on meanwhile. Broken off at any moment, it goes on when the program starts again, or is asked.
func (p *Program) RotateKeys(ctx context.Context) (KeysRotated, error) {
	if !p.rotating.TryLock() {
		return KeysRotated{}, fault.New(fault.Conflict, CodeRotating, "The keys are being rotated already.")
	}
	defer p.rotating.Unlock()
	var out KeysRotated
	file, isFile := p.vault.Master().(vault.KeyFile)
	if isFile {
		if err := file.Renew(); err != nil {
			return out, err
		}
	}
	for house, keys := range p.dataKeys() {
		done, err := keys.Rotate(ctx)
		out.Values, out.Corrupt = out.Values+done.Values, out.Corrupt+done.Corrupt
		if err != nil {
			return out, fmt.Errorf("sealing the secrets of %s anew: %w", house, err)
		}
	}
	if isFile {
		if err := file.Settle(); err != nil {
			return out, err
		}
		out.KeyFile = true
	}
	return out, nil
}

func (p *Program) dataKeys() map[string]*datakeys.Keyring {
	all := map[string]*datakeys.Keyring{"Connect": p.bridge.DataKeys()}
	if !p.config.alone() {
		all["the org"], all["the tenant"] = p.org.DataKeys(), p.tenant.DataKeys()
	}
	return all
}

// resumeRotation goes on with a rotation that broke off, beside everything else.
func (p *Program) resumeRotation(ctx context.Context) error {
	unfinished := false
	if file, isFile := p.vault.Master().(vault.KeyFile); isFile {
		var err error
		if unfinished, err = file.Unsettled(); err != nil {
			return err
		}
	}
	for _, keys := range p.dataKeys() {
		pending, err := keys.Pending(ctx)
		if err != nil {
			return err
		}
		unfinished = unfinished || pending
	}
	if !unfinished {
		return nil
	}
	live, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, err := p.RotateKeys(live)
		if err != nil && live.Err() == nil {
			p.log.Error("going on with the rotation of keys", "error", err)
			return
		}
		p.log.Info("keys rotated, after the rotation had broken off", "values", out.Values, "corrupt", out.Corrupt)
	}()
	p.onClose(func() error {
		stop()
		<-done
		return nil
	})
	return nil
}
