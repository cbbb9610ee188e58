// Package dockerfile reads what images are built from: a Dockerfile's
// instructions, the steps that builders record of them, and which line of the
// one made which layer of the other.
//
// It knows nothing of trees, waste or findings: analyze uses it, and it uses
// source's records of steps alone. Text is the image's and raw: escape it before
// a terminal sees it.
package dockerfile
