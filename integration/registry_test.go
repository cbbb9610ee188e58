package integration

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// bcrypted is "secret" in the form of an htpasswd file.
const bcrypted = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"

// needRegistry skips or fails a test like needEngines, if a registry is missing.
func needRegistry(t *testing.T) {
	t.Helper()
	if os.Getenv("PEEL_INTEGRATION") != "require" {
		t.Skip("pushes an image to docker-registry with skopeo: set PEEL_INTEGRATION=require to run it")
	}
	for _, program := range []string{"docker-registry", "skopeo"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("PEEL_INTEGRATION=require, but %s isn't installed", program)
		}
	}
}

// dockerRegistry is Debian's docker-registry on loopback.
type dockerRegistry struct{ host string }

// serveRegistry runs docker-registry on its own folder until the test ends. It adds lines to
// the configuration: http below "http:", and more at the end.
func serveRegistry(t *testing.T, store, http, more string) dockerRegistry {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listen.Addr().String()
	_ = listen.Close()
	config := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp:\n  addr: %q\n%s%s", store, host, http, more)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	service := exec.Command("docker-registry", "serve", config)
	var output strings.Builder
	service.Stdout, service.Stderr = &output, &output
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = service.Process.Kill()
		_ = service.Wait()
	})
	for range 200 {
		if c, err := net.Dial("tcp", host); err == nil {
			_ = c.Close()
			return dockerRegistry{host}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("docker-registry doesn't listen:\n%s", output.String())
	return dockerRegistry{}
}

// push pushes the archive with skopeo.
func (r dockerRegistry) push(t *testing.T, archive, name string, args ...string) {
	t.Helper()
	args = append([]string{"copy", "-q", "--dest-tls-verify=false"}, append(args, "docker-archive:"+archive, "docker://"+r.host+"/"+name)...)
	if out, err := exec.Command("skopeo", args...).CombinedOutput(); err != nil {
		t.Fatalf("skopeo %q: %v\n%s", args, err, out)
	}
}

// figuresOf returns a report without the parts that depend on the form of the image: how its
// layers are stored, and the given keys.
func figuresOf(t *testing.T, text []byte, without ...string) string {
	t.Helper()
	var report map[string]any
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	delete(report, "image")
	strip(report, append(without, "digest", "mediaType", "compressedBytes", "listedBy"))
	out, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// strip removes keys at any depth.
func strip(v any, keys []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range keys {
			delete(v, key)
		}
		for _, e := range v {
			strip(e, keys)
		}
	case []any:
		for _, e := range v {
			strip(e, keys)
		}
	}
}

// TestDockerRegistry reads the sample from a real registry: by plain HTTP on loopback, by HTTPS
// with our own certificate, with basic authentication, and with tokens from another server. The
// figures must be those of the archive.
func TestDockerRegistry(t *testing.T) {
	needRegistry(t)
	peel := buildProgram(t) // with Go's own cache, in the real home directory
	home := testkit.NoEngines(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	archive, err := filepath.Abs("../testdata/sample.tar")
	if err != nil {
		t.Fatal(err)
	}
	local, _ := peel.run(t, form{}, "report", "-f", "json", archive)
	want := figuresOf(t, local)
	store := t.TempDir()
	plain := serveRegistry(t, store, "", "")
	plain.push(t, archive, "me/shop:1.4")

	check := func(t *testing.T, r dockerRegistry) {
		t.Helper()
		t.Setenv("XDG_CACHE_HOME", t.TempDir())
		ref := "registry://" + r.host + "/me/shop:1.4"
		out, _ := peel.run(t, form{}, "report", "-f", "json", ref)
		if got := figuresOf(t, out); got != want {
			t.Errorf("figures differ from the archive's:\n%s", got)
		}
		for _, args := range [][]string{{"ls", "-R", "-l"}, {"cat"}} {
			path := map[string]string{"ls": "/", "cat": "/etc/os-release"}[args[0]]
			got, _ := peel.run(t, form{}, append(args, ref, path)...)
			if same, _ := peel.run(t, form{}, append(args, archive, path)...); string(got) != string(same) {
				t.Errorf("peel %s differs from the archive:\n%s", args[0], got)
			}
		}
		list, _ := peel.run(t, form{}, "images", "registry://"+r.host+"/me/shop")
		if !strings.Contains(string(list), "me/shop:1.4") {
			t.Errorf("the tags:\n%s", list)
		}
	}
	fails := func(t *testing.T, r dockerRegistry, says ...string) {
		t.Helper()
		c := exec.Command(string(peel), "ls", "registry://"+r.host+"/me/shop:1.4")
		c.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
		out, err := c.CombinedOutput()
		for _, text := range says {
			if err == nil || !strings.Contains(string(out), text) {
				t.Errorf("error %v, without %q:\n%s", err, text, out)
			}
		}
	}
	login := func(t *testing.T, file, host, secret string) {
		t.Helper()
		text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(secret)))
		testkit.WriteFiles(t, filepath.Dir(file), map[string]string{filepath.Base(file): text})
		t.Cleanup(func() { _ = os.Remove(file) })
	}

	t.Run("plain HTTP", func(t *testing.T) {
		check(t, plain)
		for ref, says := range map[string]string{
			"me/shop:1.5": `has no tag "1.5" in this repository; did you mean 1.4?`,
			"me/shap:1.4": "has no repository me/shap; check the name",
			"me/shop@sha256:" + strings.Repeat("0", 64): "has no such image",
		} {
			out, err := exec.Command(string(peel), "ls", "registry://"+plain.host+"/"+ref).CombinedOutput()
			if err == nil || !strings.Contains(string(out), says) {
				t.Errorf("%s: error %v, without %q:\n%s", ref, err, says, out)
			}
		}
	})

	cert, key := testkit.KeyPair(t)
	files := t.TempDir()
	testkit.WriteFiles(t, files, map[string]string{"cert.pem": cert, "key.pem": key})
	tls := fmt.Sprintf("  tls: {certificate: %q, key: %q}\n", filepath.Join(files, "cert.pem"), filepath.Join(files, "key.pem"))
	t.Run("TLS", func(t *testing.T) {
		r := serveRegistry(t, store, tls, "")
		fails(t, r, "is not trusted", "--insecure-registry "+r.host)
		testkit.WriteFiles(t, home, map[string]string{".config/containers/certs.d/" + r.host + "/ca.crt": cert})
		check(t, r)
	})
	t.Run("basic", func(t *testing.T) {
		// "me:secret", hashed with bcrypt.
		passwords := filepath.Join(files, "htpasswd")
		if err := os.WriteFile(passwords, []byte("me:"+bcrypted+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := serveRegistry(t, store, "", fmt.Sprintf("auth: {htpasswd: {realm: r, path: %q}}\n", passwords))
		fails(t, r, "needs credentials", "docker login "+r.host)
		docker := filepath.Join(home, ".docker", "config.json")
		login(t, docker, r.host, "me:wrong")
		fails(t, r, "does not accept the credentials of "+docker+" (key "+r.host+")")
		login(t, filepath.Join(home, ".config", "containers", "auth.json"), r.host+"/me", "me:secret")
		check(t, r)
	})
	t.Run("tokens", func(t *testing.T) {
		bundle, server := tokenServer(t, "me", "secret")
		r := serveRegistry(t, store, tls, fmt.Sprintf("auth: {token: {realm: %q, service: registry, issuer: peel-test, rootcertbundle: %q}}\n", server.URL+"/token", bundle))
		testkit.WriteFiles(t, home, map[string]string{
			".config/containers/certs.d/" + r.host + "/ca.crt":                                     cert,
			".config/containers/certs.d/" + strings.TrimPrefix(server.URL, "https://") + "/ca.crt": testkit.PEM(server.Certificate().Raw),
		})
		fails(t, r, "needs credentials")
		login(t, filepath.Join(home, ".docker", "config.json"), "https://"+r.host, "me:secret")
		check(t, r)
	})
}

// tokenServer issues tokens for a registry to one user, as the registry's documentation
// specifies ("Token Authentication Specification"). bundle is the certificate by which the
// registry recognises them.
func tokenServer(t *testing.T, user, password string) (bundle string, server *httptest.Server) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tokens"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	bundle = filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	sign := func(scope string) string {
		part := func(v any) string {
			text, _ := json.Marshal(v)
			return base64.RawURLEncoding.EncodeToString(text)
		}
		kind, rest, _ := strings.Cut(scope, ":")
		name, actions, _ := strings.Cut(rest, ":")
		now := time.Now().Unix()
		text := part(map[string]any{"alg": "RS256", "typ": "JWT", "x5c": []string{base64.StdEncoding.EncodeToString(der)}}) + "." + part(map[string]any{
			"iss": "peel-test", "sub": user, "aud": "registry", "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1",
			"access": []any{map[string]any{"type": kind, "name": name, "actions": strings.Split(actions, ",")}},
		})
		sum := sha256.Sum256([]byte(text))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			return ""
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"token": sign(r.URL.Query().Get("scope")), "expires_in": 300})
	}))
	t.Cleanup(server.Close)
	return bundle, server
}
