package vaulttest_test

import (
	"testing"

	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/vaulttest"
)

func TestTheVaultTakesTheHash(t *testing.T) {
	t.Parallel()
	hash := vaulttest.Hash("pass wörd")
	for password, want := range map[vault.Secret]bool{"pass wörd": true, "password": false} {
		if ok, err := vault.VerifyPassword(t.Context(), hash, password); err != nil || ok != want {
			t.Errorf("%q: %v, %v", password.Reveal(), ok, err)
		}
	}
}
