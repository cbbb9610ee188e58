// Package grow appends to slices of any size without stopping the program for long.
//
// When append moves a slice of hundreds of megabytes, it copies it in one go that the runtime
// doesn't interrupt: once a garbage collection is due, nothing else runs. A goroutine that
// watches memory use would sleep while the system hands out memory.
package grow

import (
	"sync/atomic"
	"unsafe"
)

// reserve is the function set by Before.
var reserve atomic.Pointer[func(bytes int64)]

// Before sets a function to be called before a large slice is moved, on the goroutine that
// appends, with the number of bytes that the move needs in addition to the existing slice. f
// need not return if the program is about to end.
func Before(f func(bytes int64)) { reserve.Store(&f) }

// Ask calls the function set by Before if an allocation of this many bytes is large.
func Ask(bytes int64) {
	if f := reserve.Load(); f != nil && bytes >= large {
		(*f)(bytes)
	}
}

// Slices of large bytes or more are moved in pieces of piece bytes.
const (
	large = 4 << 20
	piece = 1 << 20
)

// Append returns append(s, x).
func Append[T any](s []T, x T) []T {
	if len(s) == cap(s) {
		s = grown(s)
	}
	return append(s, x)
}

// grown returns s with room for at least one more element.
func grown[T any](s []T) []T {
	if len(s)*int(unsafe.Sizeof(*new(T))) < large {
		return append(s, *new(T))[:len(s)] // as the runtime would do it
	}
	return To(s, len(s)+len(s)/4+1) // as append does for large slices
}

// To returns s with room for at least this many elements, including those in s.
func To[T any](s []T, room int) []T {
	if room <= cap(s) {
		return s
	}
	size := int(unsafe.Sizeof(*new(T)))
	Ask(int64(room) * int64(size))
	more := make([]T, len(s), room)
	step := max(piece/size, 1)
	for at := 0; at < len(s); at += step {
		copy(more[at:], s[at:min(at+step, len(s))])
	}
	return more
}
