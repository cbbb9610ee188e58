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

// A Referrer is a manifest that refers to another one.
type Referrer struct {
	Descriptor
	ArtifactType string // from the registry, and often wrong
}

// Limits on requests for referrers.
const (
	maxReferrers  = 200
	referrersTime = 15 * time.Second

	// referrersAge is how long an empty result is cached.
	referrersAge = 24 * time.Hour
)

// referrersRecord is a cached result.
type referrersRecord struct {
	At    time.Time  `json:"at"`
	Found []Referrer `json:"found"`
}

// Referrers lists the manifests that refer to the one with that digest: from the registry's list
// or, if it has none, from the fallback tag. It may be empty. Results are cached; an empty one
// for a day. Source: OCI distribution-spec, "Listing Referrers" and "Referrers Tag Schema".
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
	err := r.each(r.byDigest[len(r.byDigest)-1:], asked, func(s *session) (err error) { // mirrors rarely have referrers
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

// headOnly looks up a tag; the digest is "" if it does not exist.
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

// Beside looks up the image's tag plus suffix; the digest is "" if that does not exist, or if the
// image was requested by digest.
func (r *Repository) Beside(ctx context.Context, suffix string) (d Descriptor, err error) {
	tag := reference{repo: r.ref.repo, tag: r.ref.tag + suffix}
	if r.ref.tag == "" || r.client.Offline {
		return d, nil
	}
	ctx, cancel := context.WithTimeout(ctx, referrersTime)
	defer cancel()
	err = r.each(r.byTag, tag.String(), func(s *session) error {
		if d, err = r.headOnly(ctx, s, tag); err == nil && d.Digest == "" {
			return fail(ErrNotFound, tag.String(), "", "no such tag") // a mirror may lack it
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return Descriptor{}, nil
	}
	return d, err
}

// parseReferrers parses an index of referrers.
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
