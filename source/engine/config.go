package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func (e *apiClient) Config(ctx context.Context, ref string) ([]byte, error) {
	ctx, cancel := within(ctx, e.limits.call)
	defer cancel()
	found, err := e.api.ImageInspect(ctx, ref)
	if err != nil {
		return nil, e.fail(ref, unanswered(ctx, err))
	}
	steps, err := e.api.ImageHistory(ctx, ref)
	if err != nil {
		return nil, e.fail(ref, fmt.Errorf("asking for its history: %w", unanswered(ctx, err)))
	}
	config := struct {
		ocispec.Platform
		Created string            `json:"created,omitempty"`
		Author  string            `json:"author,omitempty"`
		Config  any               `json:"config"`
		RootFS  ocispec.RootFS    `json:"rootfs"`
		History []ocispec.History `json:"history"`
	}{
		Platform: ocispec.Platform{OS: found.Os, Architecture: found.Architecture, Variant: found.Variant, OSVersion: found.OsVersion},
		Created:  found.Created,
		Author:   found.Author,
		Config:   found.Config,
		RootFS:   ocispec.RootFS{Type: "layers"},
	}
	for _, s := range slices.Backward(steps) { // newest first
		created := time.Unix(s.Created, 0).UTC()
		config.History = append(config.History, ocispec.History{Created: &created, CreatedBy: s.CreatedBy, Comment: s.Comment, EmptyLayer: true})
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, e.fail(ref, err)
	}
	return text, nil
}
