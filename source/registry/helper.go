package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/peelhq/peel/internal/lazy"
)

// Limits for a credential helper: its time (it may ask the user for a password), and the bytes of
// its answer.
const (
	helperTime   = time.Minute
	helperAnswer = 64 << 10
)

// helperName matches what may follow "docker-credential-" in a program's name: no path.
var helperName = lazy.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$`)

// helped is the answer of a helper.
type helped struct {
	credential
	err error
}

// help asks a helper for a key, once per key. The credential's from is "" if it has none. Source:
// docker-credential-helpers, README, "Development".
func (k *keychain) help(ctx context.Context, helper, key, file string) (credential, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := helper + " " + key
	if said, ok := k.helped[id]; ok {
		return said.credential, said.err
	}
	c, err := runHelper(ctx, helper, key)
	if err != nil {
		err = fmt.Errorf("%s names docker-credential-%s for %s: %w", file, helper, key, err)
	} else if c.Username+c.IdentityToken+c.Password != "" {
		c.from = fmt.Sprintf("docker-credential-%s, which %s names (key %s)", helper, file, key)
	}
	if ctx.Err() != nil {
		return credential{}, ctx.Err()
	}
	if k.helped == nil {
		k.helped = map[string]helped{}
	}
	k.helped[id] = helped{c, err}
	return c, err
}

func runHelper(ctx context.Context, helper, key string) (credential, error) {
	if !helperName.MatchString(helper) {
		return credential{}, errors.New("that is not the name of a program")
	}
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	run := exec.CommandContext(ctx, "docker-credential-"+helper, "get") //nolint:gosec // a program that the user's own settings name
	run.Stdin = strings.NewReader(key)
	var out bytes.Buffer
	run.Stdout = &bounded{&out, helperAnswer}
	run.WaitDelay = time.Second
	err := run.Run()
	text := strings.TrimSpace(out.String())
	switch {
	case err != nil && strings.Contains(strings.ToLower(text), "not found"):
		return credential{}, nil // "credentials not found in native keychain"
	case errors.Is(err, exec.ErrNotFound):
		return credential{}, errors.New("it is not installed")
	case ctx.Err() != nil:
		return credential{}, fmt.Errorf("it does not answer within %v", helperTime)
	case err != nil:
		return credential{}, fmt.Errorf("it fails: %s", said(err.Error()))
	}
	return parseHelper(out.Bytes())
}

// parseHelper parses a helper's answer. Its errors do not quote it.
func parseHelper(answer []byte) (credential, error) {
	var got struct{ Username, Secret string }
	if err := json.Unmarshal(answer, &got); err != nil {
		return credential{}, errors.New("its answer is not JSON")
	}
	if got.Username == "<token>" {
		return credential{AuthConfig: authn.AuthConfig{IdentityToken: got.Secret}}, nil
	}
	return credential{AuthConfig: authn.AuthConfig{Username: got.Username, Password: got.Secret}}, nil
}

// bounded accepts a limited number of bytes.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, errors.New("its answer is too long")
	}
	b.left -= len(p)
	return b.w.Write(p)
}
