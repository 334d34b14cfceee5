package control

import (
	"context"
	"net/http"
)

// KeysRotated says what a rotation of keys did.
type KeysRotated struct {
	Values  int  `json:"values"`   // sealed anew
	Corrupt int  `json:"corrupt"`  // opened under no key, and left as they are
	KeyFile bool `json:"key_file"` // the key file has a new key
}

// RotateKeys gives the databases of the program new data keys and its key file a new key, while it goes on.
func (c *Client) RotateKeys(ctx context.Context) (KeysRotated, error) {
	var out KeysRotated
	err := c.do(ctx, http.MethodPost, "/keys/rotate", struct{}{}, &out)
	return out, err
}
