package objects

import (
	"os"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/peelhq/peel/internal/testkit"
)

// TestMain has the client wait less before each retry.
func TestMain(m *testing.M) {
	minio.DefaultRetryUnit, minio.DefaultRetryCap = 5*time.Millisecond, 50*time.Millisecond
	os.Exit(testkit.Run(m))
}
