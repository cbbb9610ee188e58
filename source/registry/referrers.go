package registry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"
)

// A Referrer is a manifest that says that it is about another.
type Referrer struct {
	Descriptor
	ArtifactType string // as the registry says, which is often wrong
}

// Bounds on the requests that look for what refers to an image.
const (
	maxReferrers  = 200
	referrersTime = 15 * time.Second

	// referrersAge is how long it is believed that nobody does.
	referrersAge = 24 * time.Hour
)

// referrersRecord is what the store keeps of an answer.
type referrersRecord struct {
	At    time.Time  `json:"at"`
	Found []Referrer `json:"found"`
}

// Referrers lists the manifests that are about the one with that digest: by the
// registry's list, or, where it keeps none, by the tag that stands in for it. It is
// empty if there are none. What was found is kept, and that nothing was, for a day.
// Source: OCI distribution-spec, "Listing Referrers" and "Referrers Tag Schema".
func (r *Repository) Referrers(ctx context.Context, of digest.Digest) ([]Referrer, error) {
	key := "referrers " + r.ref.path() + "@" + of.String()
	var kept referrersRecord
	if text, ok := r.client.read(key); ok && json.Unmarshal(text, &kept) == nil {
		if age := time.Since(kept.At); len(kept.Found) > 0 || age >= 0 && age < referrersAge || r.client.Offline {
			return kept.Found, nil
		}
	}
	asked := r.ref.path() + "@" + of.String()
	if err := r.offline(asked); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, referrersTime)
	defer cancel()
	var found []Referrer
	err := r.each(r.byDigest[len(r.byDigest)-1:], asked, func(s *session) (err error) { // mirrors rarely have them
		found, err = r.referrers(ctx, s, asked, of)
		return err
	})
	if err != nil {
		return nil, err
	}
	if text, err := json.Marshal(referrersRecord{time.Now(), found}); err == nil {
		r.client.write(key, text)
	}
	return found, nil
}

func (r *Repository) referrers(ctx context.Context, s *session, asked string, of digest.Digest) ([]Referrer, error) {
	a, err := s.do(ctx, asked, request{method: http.MethodGet, path: "referrers/" + of.String(), header: accepting()})
	if err != nil {
		return nil, err
	}
	if a.StatusCode == http.StatusOK && !a.page() {
		text, err := io.ReadAll(io.LimitReader(a.Body, maxDocument))
		a.close()
		if err != nil {
			return nil, s.host.unanswered(ctx, asked, err)
		}
		if found, err := parseReferrers(text); err == nil {
			return found, nil
		}
	} else {
		a.close()
	}
	tag := reference{repo: r.ref.repo, tag: of.Algorithm().String() + "-" + of.Encoded()}
	d, err := r.headOnly(ctx, s, tag)
	if err != nil || d.Digest == "" {
		return nil, err
	}
	text, err := r.Manifest(ctx, d)
	if err != nil {
		return nil, err
	}
	return parseReferrers(text)
}

// headOnly looks a tag up; the digest is "" if there is none.
func (r *Repository) headOnly(ctx context.Context, s *session, tag reference) (Descriptor, error) {
	a, err := s.do(ctx, tag.String(), request{method: http.MethodHead, path: "manifests/" + tag.tag, header: accepting()})
	if err != nil {
		return Descriptor{}, err
	}
	defer a.close()
	d := Descriptor{Digest: digest.Digest(a.Header.Get("Docker-Content-Digest"))}
	if a.StatusCode != http.StatusOK || d.Digest.Validate() != nil {
		return Descriptor{}, nil
	}
	return d, nil
}

// Beside looks up the tag that is the image's own with suffix behind it; the digest is
// "" if there is none, or if the image was asked for by its digest.
func (r *Repository) Beside(ctx context.Context, suffix string) (d Descriptor, err error) {
	tag := reference{repo: r.ref.repo, tag: r.ref.tag + suffix}
	if r.ref.tag == "" || r.client.Offline {
		return d, nil
	}
	ctx, cancel := context.WithTimeout(ctx, referrersTime)
	defer cancel()
	err = r.each(r.byTag, tag.String(), func(s *session) error {
		if d, err = r.headOnly(ctx, s, tag); err == nil && d.Digest == "" {
			return fail(ErrNotFound, tag.String(), "", "no such tag") // a mirror need not have it
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return Descriptor{}, nil
	}
	return d, err
}

// parseReferrers reads an index of manifests that refer to another.
func parseReferrers(text []byte) ([]Referrer, error) {
	var index struct {
		Manifests *[]struct {
			MediaType    string        `json:"mediaType"`
			Digest       digest.Digest `json:"digest"`
			Size         int64         `json:"size"`
			ArtifactType string        `json:"artifactType"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(text, &index); err != nil || index.Manifests == nil {
		return nil, errors.New("not an index")
	}
	var out []Referrer
	for _, m := range *index.Manifests {
		if len(out) < maxReferrers && m.Digest.Validate() == nil && m.Size >= 0 {
			out = append(out, Referrer{Descriptor{m.Digest, m.MediaType, m.Size}, m.ArtifactType})
		}
	}
	return out, nil
}
