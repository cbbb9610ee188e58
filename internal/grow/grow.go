// Package grow appends to slices of any size without stopping the program for
// long.
//
// When append moves a slice of hundreds of megabytes, it copies all of it in one
// go, which the runtime does not interrupt: nothing else runs as soon as garbage
// is to be collected. What watches the memory that is in use would be asleep
// while the system hands it out.
package grow

import (
	"sync/atomic"
	"unsafe"
)

// reserve is what Before has set.
var reserve atomic.Pointer[func(bytes int64)]

// Before has f called, on the goroutine that appends, before a large slice is
// moved, with the bytes that this takes beside the slice that is there. f need not
// return, if the program is about to end.
func Before(f func(bytes int64)) { reserve.Store(&f) }

// Ask has what Before has set called before so many bytes are allocated, if they are
// many.
func Ask(bytes int64) {
	if f := reserve.Load(); f != nil && bytes >= large {
		(*f)(bytes)
	}
}

// large is the size from which on, in bytes, a slice is moved piece by piece, and
// piece the size of one.
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

// grown returns s with room for one more element at least.
func grown[T any](s []T) []T {
	if len(s)*int(unsafe.Sizeof(*new(T))) < large {
		return append(s, *new(T))[:len(s)] // as the runtime would do it
	}
	return To(s, len(s)+len(s)/4+1) // as append does, of large slices
}

// To returns s with room for so many elements at least, those of s included.
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
