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

// ErrExists says that there is an image of that name already.
var ErrExists = errors.New("there already")

// A Target is where an image can be pushed to: one tag of one repository.
type Target struct {
	client *Client
	ref    reference
	s      *session
}

// Target returns what a name stands for if an image is pushed. The name must have a host,
// so that nobody pushes to where they do not mean to; registries.conf can block or move
// it, and mirrors are left out. Nothing is asked.
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
		return nil, fail(nil, ref.String(), "mend that file", "%s", said(err.Error()))
	}
	places, err := conf.locations(ref.path(), ref.String(), false)
	if err != nil {
		return nil, err
	}
	own := places[len(places)-1] // behind the mirrors
	hostName, repo, ok := strings.Cut(own.name, "/")
	if !ok || repo == "" {
		return nil, fail(nil, ref.String(), "mend registries.conf", "%q, which it names for %s, is not a repository", said(own.name), ref.path())
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

// String is the full name.
func (t *Target) String() string { return t.ref.String() }

// Free fails with an error that wraps ErrExists if there is an image of that name.
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

// Push stores an image: the blobs that the registry lacks, then the config, then the
// manifest. Until the manifest is there, the name stands for what it did before.
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
