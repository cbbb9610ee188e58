package cmd

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestGoLogIsSilent checks that text from an engine doesn't reach the terminal through Go's
// HTTP client, which logs what an engine sends beyond its answer.
func TestGoLogIsSilent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				request := make([]byte, 4096)
				for {
					if _, err := conn.Read(request); err != nil {
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nX: unasked\r\n\r\n")
				}
			}()
		}
	}()
	testkit.NoEngines(t)
	t.Setenv("DOCKER_HOST", "tcp://"+listener.Addr().String())
	c := program(t, "report", "docker://app:1")
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Run(); err == nil {
		t.Error("got an image")
	}
	if strings.Contains(said.String(), "unasked") || !strings.HasPrefix(said.String(), "peel: cannot open docker://app:1: ") {
		t.Errorf("standard error:\n%s", said.String())
	}
}
