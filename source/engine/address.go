package engine

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/peelhq/peel/internal/redact"
)

// An address is where an engine listens.
type address struct {
	url  string      // "unix:///run/docker.sock", "tcp://10.0.0.1:2376", "npipe:////./pipe/docker_engine", "ssh://me@build"
	from string      // its origin, for people: "DOCKER_HOST", `context "build"`; "" for a default
	tls  *tls.Config // nil: no TLS; only set for tcp
	ssh  *sshTarget  // nil: not over ssh
}

// Docker's default ports.
const (
	plainPort = "2375"
	tlsPort   = "2376"
)

// parseAddress validates and completes an engine's address as Docker's command
// line does. It accepts unix://PATH (unix:PATH too), tcp://HOST[:PORT], http://
// and https:// for the same, HOST:PORT, ssh://[USER@]HOST[:PORT][PATH] and, on
// Windows, npipe://PATH. secure is the TLS configuration for tcp; nil for none,
// which "https" overrides. Errors name from, and never contain a password.
func parseAddress(raw, from string, secure *tls.Config) (address, error) {
	raw = strings.TrimSpace(raw)
	var h address
	var err error
	switch scheme, rest, ok := strings.Cut(raw, ":"); {
	case ok && scheme == "unix":
		h.url, err = socketURL(strings.TrimPrefix(rest, "//"))
	case ok && scheme == "npipe" && strings.HasPrefix(rest, "//"):
		h.url, err = raw, pipeError()
	default:
		h, err = netAddress(raw, secure)
	}
	if err != nil {
		return address{}, fmt.Errorf("%s: %w (an engine's address is unix://PATH, tcp://HOST:PORT or ssh://USER@HOST)", from, err)
	}
	h.from = from
	return h, nil
}

// socketURL parses the address of a unix socket.
func socketURL(path string) (string, error) {
	if !filepath.IsAbs(path) && !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("the socket's path %q is not absolute", path)
	}
	if strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("the socket's path %q holds a zero byte", path)
	}
	return "unix://" + path, nil
}

func pipeError() error {
	if runtime.GOOS != "windows" {
		return errors.New("named pipes exist only on Windows")
	}
	return nil
}

// netAddress parses the address of an engine over tcp or ssh.
func netAddress(raw string, secure *tls.Config) (address, error) {
	u, err := addressURL(raw)
	if err != nil {
		return address{}, err
	}
	switch u.Scheme {
	case "ssh":
		target, err := newSSHTarget(u)
		return address{url: u.String(), ssh: target}, err
	case "https":
		if secure == nil {
			secure = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	case "tcp", "http":
	default:
		return address{}, fmt.Errorf("%q is not a way to reach an engine", u.Scheme+"://")
	}
	if u.User != nil {
		return address{}, errors.New("a user in a tcp address is not supported")
	}
	host, port := cmp.Or(u.Hostname(), "localhost"), u.Port()
	switch {
	case port == "" && secure != nil:
		port = tlsPort
	case port == "":
		port = plainPort
	default:
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return address{}, fmt.Errorf("%q is not a port number", port)
		}
	}
	return address{url: "tcp://" + net.JoinHostPort(host, port) + strings.TrimRight(u.Path, "/"), tls: secure}, nil
}

// addressURL parses an address. HOST:PORT means tcp.
func addressURL(raw string) (*url.URL, error) {
	if !strings.Contains(raw, "://") {
		if _, _, err := net.SplitHostPort(raw); err != nil {
			return nil, fmt.Errorf("%q is not an address", redact.Address(raw))
		}
		raw = "tcp://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err // the URL may contain a password
		}
		return nil, errors.New(redact.Text(err.Error()))
	}
	if _, has := u.User.Password(); has {
		return nil, errors.New("a password in an address is not supported")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return nil, errors.New("an address takes no query and no fragment")
	}
	return u, nil
}

// apiHost returns the address for the API's client. Over ssh it only appears in requests; the
// dialer ignores it.
func (h address) apiHost() string {
	if h.ssh != nil {
		return "http://docker.example.com"
	}
	return h.url
}

// socket returns the path of the unix socket, or "".
func (h address) socket() string {
	path, ok := strings.CutPrefix(h.url, "unix://")
	if !ok {
		return ""
	}
	return path
}
