package registry

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// ErrExists says that an image of that name already exists.
var ErrExists = errors.New("there already")

// A Target is a push destination: one tag of one repository.
type Target struct {
	client *Client
	ref    reference
	s      *session
}

// Target returns the push destination for a name. The name must include a host, so that nobody
// pushes to the wrong place by accident. registries.conf may block or rewrite it; mirrors are
// ignored. It sends no request.
func (c *Client) Target(s string) (*Target, error) {
	ref, err := parse(s)
	switch {
	case err != nil:
		return nil, err
	case isShort(s):
		return nil, fail(nil, s, "write the host too, as in ghcr.io/"+s, "it does not say which registry to push to")
	case ref.digest != "":
		return nil, fail(nil, s, "give a tag instead", "an image cannot be pushed to a digest")
	}
	conf, err := c.conf()
	if err != nil {
		return nil, fail(nil, ref.String(), "fix that file", "%s", said(err.Error()))
	}
	places, err := conf.locations(ref.path(), ref.String(), false)
	if err != nil {
		return nil, err
	}
	own := places[len(places)-1] // after the mirrors
	hostName, repo, ok := strings.Cut(own.name, "/")
	if !ok || repo == "" {
		return nil, fail(nil, ref.String(), "fix registries.conf", "%q, which it names for %s, is not a repository", said(own.name), ref.path())
	}
	if hub(hostName) {
		hostName = name.DefaultRegistry
	}
	h, err := c.host(hostName, own.insecure, nil)
	if err != nil {
		return nil, err
	}
	return &Target{c, ref, &session{client: c, host: h, repo: repo, scope: transport.PushScope}}, nil
}

// String returns the full name.
func (t *Target) String() string { return t.ref.String() }

// Free returns an error that wraps ErrExists if an image of that name exists.
func (t *Target) Free(ctx context.Context) error {
	r := &Repository{client: t.client, ref: t.ref, byTag: []*session{t.s}, byDigest: []*session{t.s}}
	d, err := r.head(ctx, t.s, t.ref)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return fail(ErrExists, t.ref.String(), "", "an image of that name exists, %s", d.Digest)
}

// Push stores an image: missing blobs first, then the config, then the manifest. Until the
// manifest is stored, the name keeps its old meaning.
func (t *Target) Push(ctx context.Context, img v1.Image) error {
	rt, scheme, err := t.s.connect(ctx)
	if err != nil {
		return err
	}
	options := []name.Option{name.WeakValidation}
	if scheme == "http" {
		options = append(options, name.Insecure)
	}
	to, err := name.NewTag(t.s.host.name+"/"+t.s.repo+":"+t.ref.tag, options...)
	if err != nil {
		return fail(nil, t.ref.String(), "", "%s", said(err.Error()))
	}
	err = remote.Write(to, img, remote.WithContext(ctx), remote.WithTransport(rt), remote.WithJobs(2))
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if refused, ok := errors.AsType[*transport.Error](err); ok {
		message := ""
		if len(refused.Errors) > 0 {
			message = refused.Errors[0].Message
		}
		if refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden {
			return t.s.refusedBy(t.s.used(), refused.StatusCode, message)
		}
		return &Error{Asked: t.ref.String(), Status: refused.StatusCode, text: said("the registry does not take the image: " + http.StatusText(refused.StatusCode) + " " + message)}
	}
	return t.s.host.unanswered(ctx, t.ref.String(), err)
}
