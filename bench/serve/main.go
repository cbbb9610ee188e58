//go:build dev

// Command serve is a read-only registry on loopback for OCI layouts. It counts requests.
//
//	go run -tags dev ./bench/serve -o FILE gzip=LAYOUT zstd=LAYOUT
//	go run -tags dev ./bench/serve -counts HOST
//
// Each layout's image is app:NAME. Once it answers, it writes its host to FILE, and it serves
// until it is killed. With -counts, it asks such a registry for the counts since the last time,
// and prints three numbers: requests, requests that public registries count as pulls (GET of
// manifests), and bytes of bodies.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run() error {
	out := flag.String("o", "", "write the host to this `file`")
	counts := flag.String("counts", "", "print what the registry at this `host` has counted")
	flag.Parse()
	if *counts != "" {
		return printCounts(*counts)
	}
	if *out == "" || flag.NArg() == 0 {
		return errors.New("usage: serve -o FILE NAME=LAYOUT..., or serve -counts HOST")
	}
	r := &registry{tags: map[string]manifest{}, blobs: map[string]string{}}
	for _, arg := range flag.Args() {
		name, dir, _ := strings.Cut(arg, "=")
		if err := r.add(name, dir); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.WriteFile(*out, []byte(l.Addr().String()), 0o600); err != nil {
		return err
	}
	return (&http.Server{Handler: r, ReadHeaderTimeout: time.Minute}).Serve(l)
}

func printCounts(host string) error {
	resp, err := http.Get("http://" + host + "/counts")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}

// registry has manifests and blobs of layouts. It doesn't change while it serves.
type registry struct {
	tags  map[string]manifest // by tag and by digest
	blobs map[string]string   // files, by digest

	mu     sync.Mutex
	counts struct{ requests, pulls, bytes int64 }
}

type manifest struct {
	mediaType, digest string
	text              []byte
}

// add adds the only image of a layout.
func (r *registry) add(name, dir string) error {
	var index struct {
		Manifests []struct{ MediaType, Digest string }
	}
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err == nil {
		err = json.Unmarshal(text, &index)
	}
	if err != nil {
		return err
	}
	if len(index.Manifests) != 1 {
		return fmt.Errorf("%s: %d images, want one", dir, len(index.Manifests))
	}
	files, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		r.blobs["sha256:"+filepath.Base(file)] = file
	}
	d := index.Manifests[0]
	m := manifest{mediaType: d.MediaType, digest: d.Digest}
	if m.text, err = os.ReadFile(r.blobs[d.Digest]); err != nil {
		return err
	}
	if m.mediaType == "" {
		m.mediaType = "application/vnd.oci.image.manifest.v1+json"
	}
	r.tags[name], r.tags[m.digest] = m, m
	return nil
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/counts" {
		r.mu.Lock()
		defer r.mu.Unlock()
		fmt.Fprintln(w, r.counts.requests, r.counts.pulls, r.counts.bytes)
		r.counts.requests, r.counts.pulls, r.counts.bytes = 0, 0, 0
		return
	}
	kind, name := "", ""
	if rest, ok := strings.CutPrefix(req.URL.Path, "/v2/app/"); ok {
		kind, name, _ = strings.Cut(rest, "/")
	}
	pull := kind == "manifests" && req.Method == http.MethodGet
	r.count(1, pull, 0)
	w = &counter{w, r}
	switch m, tagged := r.tags[name]; {
	case req.URL.Path == "/v2/":
		fmt.Fprintln(w, "{}")
	case kind == "manifests" && tagged:
		w.Header().Set("Content-Type", m.mediaType)
		w.Header().Set("Docker-Content-Digest", m.digest)
		w.Header().Set("Content-Length", fmt.Sprint(len(m.text)))
		if pull {
			_, _ = w.Write(m.text)
		}
	case kind == "blobs" && r.blobs[name] != "":
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeFile(w, req, r.blobs[name])
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (r *registry) count(requests int64, pull bool, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.requests += requests
	r.counts.bytes += bytes
	if pull {
		r.counts.pulls++
	}
}

// counter counts the bytes of a body.
type counter struct {
	http.ResponseWriter
	r *registry
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.r.count(0, false, int64(n))
	return n, err
}

// ReadFrom lets the kernel send files, as real servers do.
func (c *counter) ReadFrom(from io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, from)
	c.r.count(0, false, n)
	return n, err
}
