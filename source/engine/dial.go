package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/docker/cli/cli/connhelper/commandconn"
	"github.com/docker/cli/cli/connhelper/ssh"
)

// An sshTarget is an engine behind ssh: the ssh program logs in and runs the engine's own command
// line, which connects the pipe to the engine's socket.
type sshTarget struct {
	spec     *ssh.Spec
	identity string // private key file; "" for ssh's default
	machine  bool   // podman's virtual machine on this computer, whose host key is unknown
}

// sshFlags precede the host. They disable the terminal, so that output of a login shell can't
// enter the stream.
var sshFlags = []string{"-o", "ConnectTimeout=30", "-T"}

// machineFlags are those of "podman machine ssh": the machine belongs to this computer and gets a
// new host key whenever it is created.
var machineFlags = []string{
	"-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
	"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
}

// newSSHTarget validates an ssh address. It rejects what the ssh program could read as an option,
// although "--" precedes it.
func newSSHTarget(u *url.URL) (*sshTarget, error) {
	spec, err := ssh.NewSpec(u)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct{ what, text string }{
		{"host", spec.Host}, {"user", spec.User}, {"path", spec.Path},
	} {
		if strings.HasPrefix(part.text, "-") {
			return nil, fmt.Errorf("the %s %q begins with a dash", part.what, part.text)
		}
		if strings.ContainsFunc(part.text, unicode.IsControl) {
			return nil, fmt.Errorf("the %s %q holds a control character", part.what, part.text)
		}
	}
	return &sshTarget{spec: spec}, nil
}

// login returns the target as typed after "ssh".
func (t *sshTarget) login() string {
	host := t.spec.Host
	if t.spec.User != "" {
		host = t.spec.User + "@" + host
	}
	if t.spec.Port != "" {
		host = "-p " + t.spec.Port + " " + host
	}
	return host
}

// arguments returns the ssh program's arguments for an engine of that kind. The address's path,
// if any, is the socket on the other machine.
func (t *sshTarget) arguments(kind string) ([]string, error) {
	remote := []string{kind, "system", "dial-stdio"}
	if strings.Trim(t.spec.Path, "/") != "" {
		option := "--host=unix://"
		if kind == "podman" {
			option = "--url=unix://"
		}
		remote = []string{kind, option + t.spec.Path, "system", "dial-stdio"}
	}
	flags := append([]string(nil), sshFlags...)
	if t.identity != "" {
		flags = append(flags, "-i", t.identity)
	}
	if t.machine {
		flags = append(flags, machineFlags...)
	}
	return t.spec.Command(flags, remote...)
}

// A dialRecord keeps the last connection error, which the API's client replaces with a general
// one.
type dialRecord struct {
	mu  sync.Mutex
	err error
}

func (r *dialRecord) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// last returns the last connection error, or nil.
func (r *dialRecord) last() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// setDialer makes transport connect to h and record the result. Call it after
// the API's client has configured the transport and before it is used.
func (h address) setDialer(transport *http.Transport, kind string, record *dialRecord) error {
	dial := transport.DialContext
	if h.ssh != nil {
		args, err := h.ssh.arguments(kind)
		if err != nil {
			return err
		}
		transport.Proxy = nil
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := commandconn.New(ctx, "ssh", args...)
			if err != nil {
				return nil, err
			}
			return &sshConn{conn}, nil
		}
	}
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		record.note(err)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	return nil
}

// An sshConn is the pipe to an ssh program.
type sshConn struct{ net.Conn }

// sshExit is the time limit for the ssh program to exit on Close.
const sshExit = 300 * time.Millisecond

// Close ends the ssh program, in the background if that takes long: the
// connection below waits up to ten seconds for it, and the API's client would
// wait for the connection.
func (c *sshConn) Close() error {
	done := make(chan error, 1)
	go func() { done <- c.Conn.Close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(sshExit):
		return nil
	}
}

// innerURLError returns the cause of a request error without method and address; nil for other
// errors.
func innerURLError(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err
	}
	return nil
}
