// Package buildkit builds images with the real BuildKit, before and after applying what peel
// fix proposes, and compares the prediction with the result. It is a separate module, so that
// peel's module doesn't depend on BuildKit.
package buildkit
