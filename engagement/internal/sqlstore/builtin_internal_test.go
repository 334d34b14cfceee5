package sqlstore

import (
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// TestAssetFolder: the folder that REST names is the one that SOAP shows.
func TestAssetFolder(t *testing.T) {
	t.Parallel()
	for i, f := range rootFolders {
		if f[0] == "asset" && tenant.AssetFolder(510000001) != 51000000100+int64(i)+1 {
			t.Errorf("the asset folder has the number %d", i+1)
		}
	}
}
