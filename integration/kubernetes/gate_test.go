package kubernetes

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// envGate makes the test program act as the gate in front of a registry: "LISTEN BACKEND
// FOLDER". FOLDER/requests gets a line for each requested blob; while FOLDER/hold exists, blobs
// are held back.
const envGate = "PEEL_TEST_GATE"

func runGate() {
	words := strings.Fields(os.Getenv(envGate))
	dir := words[2]
	log, err := os.OpenFile(filepath.Join(dir, "requests"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: words[1]})
	err = http.ListenAndServe(words[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			mu.Lock()
			fmt.Fprintln(log, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
			mu.Unlock()
			for r.Context().Err() == nil {
				if _, err := os.Stat(filepath.Join(dir, "hold")); err != nil {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
