package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"
)

// advice says what to try after a connection failure, or "".
func advice(kind string, h address, err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		notTLS   tls.RecordHeaderError
		hostname x509.HostnameError
	)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "install the ssh program, or reach the engine another way"
	case h.ssh != nil:
		return "check whether this works: ssh " + h.ssh.login() + " " + kind + " version"
	case errors.Is(err, fs.ErrPermission):
		return mayNot(kind, h)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return startIt(kind)
	case errors.As(err, &unknown), errors.As(err, &hostname):
		return "the engine's certificate is not signed by ca.pem, or is for another address: check the certificates and the address"
	case errors.As(err, &notTLS):
		return "the engine does not speak TLS there: check the port, or unset DOCKER_TLS_VERIFY"
	case h.tls == nil && strings.Contains(err.Error(), "malformed HTTP response"):
		return "the engine may require TLS there: set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or use a context"
	}
	return ""
}

// startIt says how to start an engine, or how to name another one.
func startIt(kind string) string {
	switch kind {
	case containerdKind:
		return "start containerd (systemctl start containerd), or name its socket in CONTAINERD_ADDRESS"
	case "podman":
		return "start podman's service (systemctl --user start podman.socket, or podman machine start), or name it in CONTAINER_HOST"
	}
	return "start Docker (systemctl start docker, or Docker Desktop), or name its address in DOCKER_HOST or DOCKER_CONTEXT"
}

// mayNot says who may use a socket that this user can't use.
func mayNot(kind string, h address) string {
	path := h.socket()
	if path == "" {
		return ""
	}
	user, group, known := socketOwners(path)
	switch {
	case known && group != "" && kind == "docker":
		return fmt.Sprintf("the socket is for group %s: join it (sudo usermod -aG %s $USER, then log in again), or use sudo", group, group)
	case known && group != "":
		return fmt.Sprintf("the socket is for group %s: join it, or use sudo", group)
	case known:
		return fmt.Sprintf("only user %s may use the socket: use sudo, or an engine of your own", user)
	}
	return "you may not enter a directory above the socket: use sudo, or an engine of your own"
}
