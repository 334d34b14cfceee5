package sqlstore

import "github.com/twinspan/twinspan/internal/vault/datakeys"

// Sealed are the columns whose values are sealed; keyAAD binds a signing key to its id. Letters in the queue are sealed
// too, and so are the zips of deployments that have not ended; they live for a day at most, for which former data keys open.
func Sealed(keyAAD func(id string) []byte) []datakeys.Place {
	return []datakeys.Place{{
		Table: "signing_key", Column: "sealed", Key: []string{"key_id"},
		AAD: func(r []any) []byte {
			id, _ := r[0].(string)
			return keyAAD(id)
		},
	}}
}
