package engine

import (
	"context"
	"fmt"
	"time"
)

// How long an engine is waited for. Over ssh, the first answer includes logging
// in; a local engine may just be starting up behind its socket.
const (
	pingTimeout      = 15 * time.Second // for the first answer
	sshPingTimeout   = 45 * time.Second
	callTimeout      = 30 * time.Second // for the whole of any other answer that is not a stream
	handshakeTimeout = 10 * time.Second // of TLS
	silenceTimeout   = time.Minute      // for the next bytes of a stream; see watch
	maxFirstByte     = 20 * time.Minute // in addition, for the first byte of a large image; see firstByte
)

// How much of an engine's answer is read. The longest real ones are lists: an
// image takes about 500 bytes and, with its platforms, 10 objects.
const (
	maxHeader  = 1 << 20  // bytes of an HTTP header
	maxAnswer  = 32 << 20 // bytes of a body that is not a stream
	maxValues  = 3 << 20  // JSON strings in it, and objects, which count as objectCost
	MaxListed  = 100_000  // images, each counted once for each of its tags
	maxMessage = 1000     // bytes of what an engine says in an error
	moreZeros  = 1 << 30  // bytes that are zero, in a row, beyond an image's size
	mostZeros  = 1 << 40  // and at most
)

// objectCost is how much more memory than a string an object may take once it is
// decoded: an image of a list takes 200 bytes, even if it is written "{}".
const objectCost = 6

// limits are those of the bounds above that tests make smaller.
type limits struct {
	ping, call, silence time.Duration

	answer, zeros  int64
	values, listed int
}

// usual are the limits for an engine at a. It is a variable for the tests.
var usual = func(a address) limits {
	l := limits{
		ping: pingTimeout, call: callTimeout, silence: silenceTimeout,
		answer: maxAnswer, values: maxValues, listed: MaxListed,
		zeros: moreZeros,
	}
	if a.ssh != nil { // a call may have to log in too
		l.ping, l.call = sshPingTimeout, callTimeout+sshPingTimeout
	}
	return l
}

// within returns a context for a call that may take as long as limit says.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
}

// slowestStore is at what rate, in bytes a second, an engine is given time to
// put an image together before it sends any of it.
const slowestStore = 20 << 20

// firstByte is how long the first byte of an image of size bytes may take.
// Docker before version 25, and podman, write the whole archive to a file before
// they send it.
func (l *limits) firstByte(size int64) time.Duration {
	seconds := min(max(size, 0)/slowestStore, int64(maxFirstByte/time.Second))
	return l.silence + time.Duration(seconds)*time.Second
}

// longestZeros is how many zeros in a row the archive of an image of size bytes
// may hold: a file may be nothing else. The size is 0 if it is not known.
func (l *limits) longestZeros(size int64) int64 {
	if size <= 0 || size > mostZeros-l.zeros {
		return mostZeros
	}
	return size + l.zeros
}
