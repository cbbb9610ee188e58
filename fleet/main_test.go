package fleet

import (
	"os"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Run(m)) }
