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

// An sshTarget is an engine behind ssh: the ssh program logs in there and runs
// the engine's own command line, which connects our pipe to the engine's socket.
type sshTarget struct {
	spec     *ssh.Spec
	identity string // file of the private key; "" for ssh's own choice
	machine  bool   // podman's virtual machine on this computer, whose host key is not known beforehand
}

// sshFlags go before the host. They ask for no terminal, so that nothing that a
// login shell prints gets into the stream.
var sshFlags = []string{"-o", "ConnectTimeout=30", "-T"}

// machineFlags are those that "podman machine ssh" gives: the machine is this
// computer's own, and gets a new host key each time it is made.
var machineFlags = []string{
	"-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
	"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
}

// newSSHTarget checks an ssh address. It refuses what the ssh program could read
// as an option, although that is also passed behind "--".
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

// login is the target as a person would type it behind "ssh".
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

// arguments returns the arguments of the ssh program to reach an engine of that
// kind. The path of the address, if any, is the socket on the other machine.
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

// A dialRecord keeps the error of the last attempt to connect, which the API's
// client replaces by a general one.
type dialRecord struct {
	mu  sync.Mutex
	err error
}

func (r *dialRecord) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// last returns why the last attempt failed; nil if it did not.
func (r *dialRecord) last() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// setDialer makes transport connect to h, and record the outcome. It must be
// called after the API's client has configured the transport, and before the
// transport is used.
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

// sshExit is how long Close waits for the ssh program to end.
const sshExit = 300 * time.Millisecond

// Close ends the ssh program, in the background if that takes long: the
// connection below waits for it for up to ten seconds, and the API's client would
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

// innerURLError returns what went wrong in a request, without the request's
// method and address; nil if err is not of a request.
func innerURLError(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err
	}
	return nil
}
