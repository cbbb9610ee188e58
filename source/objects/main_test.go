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
	testkit.Hurry()
	minio.DefaultRetryUnit, minio.DefaultRetryCap = testkit.Size(5*time.Millisecond, time.Millisecond), testkit.Size(50*time.Millisecond, 5*time.Millisecond)
	os.Exit(testkit.Run(m))
}
