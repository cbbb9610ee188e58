// Package dockerfile parses Dockerfiles and the build steps that builders
// record, and finds the Dockerfile line that made each layer.
//
// It knows nothing about trees, waste or findings. Analyze uses it, and it uses
// only source's records of steps. Text is the image's and raw: escape it before
// you print it to a terminal.
package dockerfile
