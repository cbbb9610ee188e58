package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/internal/alike"
	"github.com/peelhq/peel/internal/lazy"
)

// Limits on the list of a repository's tags.
const (
	maxTags     = 10_000
	maxPages    = 100
	tagsPerPage = 1000
	maxTagLen   = 128 // Source: OCI distribution-spec, "Pulling manifests"
)

// suggestTime is the time limit for the tags in a suggestion.
const suggestTime = 5 * time.Second

// Tags lists the tags of a repository, "HOST/REPO", in the registry's order. more reports whether
// there are more than peel lists.
func (c *Client) Tags(ctx context.Context, repo string) (tags []string, more bool, err error) {
	refs, err := c.references(repo)
	if err != nil {
		return nil, false, err
	}
	var errs []error
	for _, ref := range refs {
		r, err := c.repository(ref)
		if err == nil {
			err = r.each(r.byTag, ref.path(), func(s *session) (err error) {
				tags, more, err = r.tags(ctx, s)
				return err
			})
		}
		if err == nil {
			return tags, more, nil
		}
		errs = append(errs, err)
		if isOver(err) {
			return nil, false, err
		}
	}
	return nil, false, joined(repo, errs)
}

// tags lists the tags at one place. Source: OCI distribution-spec, "Listing Tags".
func (r *Repository) tags(ctx context.Context, s *session) (tags []string, more bool, err error) {
	asked := r.ref.path()
	if err := r.offline(asked); err != nil {
		return nil, false, err
	}
	ctx, cancel := r.client.within(ctx)
	defer cancel()
	query := url.Values{"n": {fmt.Sprint(tagsPerPage)}}
	for range maxPages {
		a, err := s.do(ctx, asked, request{method: http.MethodGet, path: "tags/list", query: query})
		if err != nil {
			return nil, false, err
		}
		if a.StatusCode != http.StatusOK || a.page() {
			return nil, false, s.missing(asked, a)
		}
		text, err := io.ReadAll(io.LimitReader(a.Body, maxDocument+1))
		a.close()
		if err != nil {
			return nil, false, s.host.unanswered(ctx, asked, err)
		}
		page, err := parseTags(text)
		if err != nil {
			return nil, false, fail(nil, asked, "", "%s returns a list of tags that cannot be read: %s", s.host.name, err)
		}
		if tags = append(tags, page...); len(tags) > maxTags {
			return tags[:maxTags], true, nil
		}
		if query = nextPage(a.Header.Values("Link")); query == nil {
			return tags, false, nil
		}
	}
	return tags, true, nil
}

// parseTags parses one page of a list of tags. It skips invalid ones.
func parseTags(text []byte) ([]string, error) {
	if len(text) > maxDocument {
		return nil, fmt.Errorf("more than %d bytes", int64(maxDocument))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	var page struct {
		Tags []string `json:"tags"`
	}
	if err := d.Decode(&page); err != nil {
		return nil, fmt.Errorf("it is not of the form of one")
	}
	return slices.DeleteFunc(page.Tags, func(t string) bool { return !tagForm.MatchString(t) || len(t) > maxTagLen }), nil
}

var tagForm = lazy.New(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// nextPage returns the query of the next page in a header "Link", or nil. The header's host is
// ignored: the same host gets the request. Source: RFC 8288.
func nextPage(links []string) url.Values {
	for _, link := range links {
		for part := range strings.SplitSeq(link, ",") {
			address, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(part), "<"), ">")
			if !ok || !strings.Contains(strings.ReplaceAll(rest, `"`, ""), "rel=next") {
				continue
			}
			u, err := url.Parse(address)
			if err != nil {
				continue
			}
			if q := u.Query(); len(q) > 0 {
				return q
			}
		}
	}
	return nil
}

// suggest adds similar tags to the error of a missing tag.
func (r *Repository) suggest(ctx context.Context, s *session, ref reference, err error) error {
	own, ok := err.(*Error) //nolint:errorlint // only one that is this error itself
	if !ok || !errors.Is(own.Kind, ErrNotFound) || ref.tag == "" || own.try != "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, suggestTime)
	defer cancel()
	tags, _, listErr := r.tags(ctx, s)
	if errors.Is(listErr, ErrNotFound) { // a response to HEAD can't say which of the two is missing
		own.text = fmt.Sprintf("%s has no repository %s", s.host.name, s.repo)
		own.try = "check the name"
		return err
	}
	if listErr != nil {
		r.client.Log.Debug("no list of tags", "repository", ref.path(), "error", said(listErr.Error()))
		own.try = "check the name"
		return err
	}
	if len(tags) == 0 {
		own.try = "check the name: the repository has no tags"
		return err
	}
	own.text = fmt.Sprintf("%s has no tag %q in this repository", s.host.name, ref.tag)
	own.try = "did you mean " + strings.Join(alike.Nearest(tags, ref.tag, 3), ", ") + "? To list all tags: peel images registry://" + ref.path()
	return err
}
