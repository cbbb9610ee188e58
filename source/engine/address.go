package engine

import (
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

// An address is where an engine listens, and how it is reached.
type address struct {
	url  string      // "unix:///run/docker.sock", "tcp://10.0.0.1:2376", "npipe:////./pipe/docker_engine", "ssh://me@build"
	from string      // what named it, for people: "DOCKER_HOST", `context "build"`; "" for a default
	tls  *tls.Config // nil: no TLS; never set but for tcp
	ssh  *sshTarget  // nil: not over ssh
}

// Ports that Docker listens on when an address names none.
const (
	plainPort = "2375"
	tlsPort   = "2376"
)

// parseAddress checks an engine's address and completes it as Docker's own
// command line does. It accepts unix://PATH (unix:PATH too), tcp://HOST[:PORT],
// http:// and https:// for the same, HOST:PORT, ssh://[USER@]HOST[:PORT][PATH]
// and on Windows npipe://PATH. secure is the TLS to use over tcp; nil for none,
// which "https" overrides. Errors name from, and never repeat a password.
func parseAddress(raw, from string, secure *tls.Config) (address, error) {
	h := address{from: from}
	bad := func(why string) (address, error) {
		return address{}, fmt.Errorf("%s: %s (an engine's address is unix://PATH, tcp://HOST:PORT or ssh://USER@HOST)", from, why)
	}
	raw = strings.TrimSpace(raw)
	scheme, rest, ok := strings.Cut(raw, ":")
	if ok && scheme == "unix" {
		path := strings.TrimPrefix(rest, "//")
		if !filepath.IsAbs(path) && !strings.HasPrefix(path, "/") {
			return bad(fmt.Sprintf("the socket's path %q is not absolute", path))
		}
		if strings.ContainsRune(path, 0) {
			return bad(fmt.Sprintf("the socket's path %q holds a zero byte", path))
		}
		h.url = "unix://" + path
		return h, nil
	}
	if ok && scheme == "npipe" && strings.HasPrefix(rest, "//") {
		if runtime.GOOS != "windows" {
			return bad("named pipes exist only on Windows")
		}
		h.url = raw
		return h, nil
	}
	if !strings.Contains(raw, "://") {
		if _, _, err := net.SplitHostPort(raw); err != nil {
			return bad(fmt.Sprintf("%q is not an address", redact.Address(raw)))
		}
		raw = "tcp://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err // the URL may hold a password
		}
		return bad(redact.Text(err.Error()))
	}
	if _, has := u.User.Password(); has {
		return bad("a password in an address is not supported")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return bad("an address takes no query and no fragment")
	}
	switch u.Scheme {
	case "ssh":
		h.ssh, err = newSSHTarget(u)
		if err != nil {
			return bad(err.Error())
		}
		h.url = u.String()
		return h, nil
	case "https":
		if secure == nil {
			secure = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	case "tcp", "http":
	default:
		return bad(fmt.Sprintf("%q is not a way to reach an engine", u.Scheme+"://"))
	}
	if u.User != nil {
		return bad("a user in a tcp address is not supported")
	}
	h.tls = secure
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "localhost"
	}
	switch {
	case port == "" && secure != nil:
		port = tlsPort
	case port == "":
		port = plainPort
	default:
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad(fmt.Sprintf("%q is not a port number", port))
		}
	}
	h.url = "tcp://" + net.JoinHostPort(host, port) + strings.TrimRight(u.Path, "/")
	return h, nil
}

// apiHost is the address that the API's client gets. Over ssh it is only written
// into requests: the dialer ignores it.
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
