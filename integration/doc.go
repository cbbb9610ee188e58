// Package integration holds the project against real engines: an image that
// docker builds, in every form in which docker, podman and skopeo hand it out,
// must give the same tree and the same figures, and that tree must be what a
// container of the image shows. So must the trees of random images, which docker
// loads. And it opens the HTML report in a real browser,
// wherever there is a Chromium.
//
// The other tests need a Docker engine, podman and skopeo, and build an image in the
// engine. They run when they are asked for, and then fail on whatever is missing:
//
//	PEEL_INTEGRATION=require go test ./integration
package integration
