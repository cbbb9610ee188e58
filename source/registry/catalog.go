package registry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// Bounds on the list of a registry's repositories.
const (
	maxRepos      = 1 << 20
	maxRepoPages  = 10_000
	maxRepoLength = 255
)

// catalogScope is what a token for the list of repositories is to allow.
// Source: distribution, "Token Scope Documentation".
const catalogScope = "registry:catalog:*"

// Catalog calls fn with the names of a registry's repositories, "HOST/REPO", a page at a
// time, as the registry orders them. An error of fn ends it and is returned. more says
// that there are more than peel lists.
// Source: distribution, "Listing Repositories"; the OCI specification leaves it to
// registries.
func (c *Client) Catalog(ctx context.Context, hostName string, fn func(repos []string) error) (more bool, err error) {
	if !hostForm.MatchString(hostName) {
		return false, fail(ErrNotFound, "", "write HOST or HOST:PORT", "%q is not the name of a registry", said(hostName))
	}
	shownAs := hostName
	if hub(hostName) {
		hostName = name.DefaultRegistry
	}
	if c.Offline {
		return false, fail(ErrOffline, shownAs, "leave out --offline, and PEEL_OFFLINE", "no registry is asked")
	}
	h, err := c.host(hostName, false, nil)
	if err != nil {
		return false, err
	}
	s := &session{client: c, host: h}
	query := url.Values{"n": {strconv.Itoa(tagsPerPage)}}
	listed := 0
	for range maxRepoPages {
		repos, next, err := s.catalogPage(ctx, shownAs, query)
		if err != nil {
			return false, err
		}
		for i, r := range repos {
			repos[i] = shownAs + "/" + r
		}
		if listed += len(repos); listed > maxRepos {
			return true, nil
		}
		if err := fn(repos); err != nil {
			return false, err
		}
		if next == nil || next.Encode() == query.Encode() {
			return false, nil
		}
		query = next
	}
	return true, nil
}

// catalogPage reads one page of the list.
func (s *session) catalogPage(ctx context.Context, asked string, query url.Values) (repos []string, next url.Values, err error) {
	ctx, cancel := s.client.within(ctx)
	defer cancel()
	a, err := s.do(ctx, asked, request{method: http.MethodGet, path: "_catalog", query: query})
	if err != nil {
		return nil, nil, err
	}
	switch {
	case a.StatusCode == http.StatusNotFound, a.StatusCode == http.StatusMethodNotAllowed, a.StatusCode == http.StatusNotImplemented:
		a.close()
		return nil, nil, fail(ErrNotFound, asked, "name its repositories instead, in a file with a line for each", "%s does not list its repositories (%s)", s.host.name, statusText(a.StatusCode))
	case a.StatusCode != http.StatusOK || a.page():
		return nil, nil, s.answered(asked, a)
	}
	text, err := io.ReadAll(io.LimitReader(a.Body, maxDocument+1))
	a.close()
	if err != nil {
		return nil, nil, s.host.unanswered(ctx, asked, err)
	}
	var page struct {
		Repositories []string `json:"repositories"`
	}
	if err := errors.Join(json.Unmarshal(text, &page), tooLong(text)); err != nil {
		return nil, nil, fail(nil, asked, "", "%s returns a list of repositories that cannot be read", s.host.name)
	}
	repos = slices.DeleteFunc(page.Repositories, func(r string) bool { return len(r) > maxRepoLength || !pathForm.MatchString(r) })
	return repos, nextPage(a.Header.Values("Link")), nil
}

// tooLong is an error if an answer has more bytes than are read.
func tooLong(text []byte) error {
	if len(text) > maxDocument {
		return errors.New("too long")
	}
	return nil
}

// A pacer spaces out what is done.
type pacer struct {
	mu   sync.Mutex
	next time.Time
}

// wait waits until the next request is due at rate requests per second. It uses the monotonic
// clock, so jumps of the wall clock don't matter.
func (p *pacer) wait(ctx context.Context, rate float64) error {
	p.mu.Lock()
	now := time.Now()
	at := p.next
	if at.Before(now) {
		at = now
	}
	p.next = at.Add(time.Duration(float64(time.Second) / rate))
	p.mu.Unlock()
	d := at.Sub(now)
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pace waits until the host may be asked again.
func (h *host) pace(ctx context.Context, c *Client) error {
	if c.Rate <= 0 {
		return nil
	}
	return h.pacer.wait(ctx, c.Rate)
}
