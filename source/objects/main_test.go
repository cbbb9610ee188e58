package objects

import (
	"flag"
	"os"
	"testing"

	"github.com/minio/minio-go/v7"
)

// TestMain has the client give up sooner with -short: it waits longer before each retry.
func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		minio.MaxRetry = 3
	}
	os.Exit(m.Run())
}
