// Package integration tests the project with real engines. An image that docker builds must
// give the same tree and the same figures in every form in which docker, podman and skopeo
// export it, and the tree must be what a container of the image shows. The same holds for the
// trees of random images that docker loads. If Chromium is installed, the tests also open the
// HTML report in it.
//
// The other tests need a Docker engine, podman and skopeo, and build an image in the engine.
// They run only if you ask for them, and then fail if anything is missing:
//
//	PEEL_INTEGRATION=require go test ./integration
package integration
