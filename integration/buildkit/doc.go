// Package buildkit builds images with the real BuildKit, before and after what
// peel fix proposes, and compares what the tool predicts with what was built. It is
// a module of its own, so that nothing of BuildKit is in peel's.
package buildkit
