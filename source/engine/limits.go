package engine

import (
	"context"
	"fmt"
	"time"
)

// Time limits for an engine. Over ssh, the first response includes logging in; a local engine may
// just be starting behind its socket.
const (
	pingTimeout      = 15 * time.Second // for the first response
	sshPingTimeout   = 45 * time.Second
	callTimeout      = 30 * time.Second // for any other complete response that is not a stream
	handshakeTimeout = 10 * time.Second // of TLS
	silenceTimeout   = time.Minute      // for the next bytes of a stream; see watch
	maxFirstByte     = 20 * time.Minute // additional time for the first byte of a large image; see firstByte
)

// Limits on an engine's response. The longest real ones are lists: an image takes about 500 bytes
// and, with its platforms, 10 objects.
const (
	maxHeader  = 1 << 20  // bytes of an HTTP header
	maxAnswer  = 32 << 20 // bytes of a body that is not a stream
	maxValues  = 3 << 20  // JSON strings in it, and objects, which count as objectCost
	MaxListed  = 100_000  // images, each counted once per tag
	maxMessage = 1000     // bytes of an engine's error text
	moreZeros  = 1 << 30  // consecutive zero bytes beyond an image's size
	mostZeros  = 1 << 40  // upper limit
)

// objectCost is the memory of a decoded object relative to a string: an image of a list takes 200
// bytes, even if written as "{}".
const objectCost = 6

// limits are those limits that tests lower.
type limits struct {
	ping, call, silence time.Duration

	answer, zeros  int64
	values, listed int
}

// usual returns the limits for an engine at a. A variable for tests.
var usual = func(a address) limits {
	l := limits{
		ping: pingTimeout, call: callTimeout, silence: silenceTimeout,
		answer: maxAnswer, values: maxValues, listed: MaxListed,
		zeros: moreZeros,
	}
	if a.ssh != nil { // a call may include a login
		l.ping, l.call = sshPingTimeout, callTimeout+sshPingTimeout
	}
	return l
}

// within returns a context with the limit for a call.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
}

// slowestStore is the minimum speed, in bytes a second, at which an engine must assemble an image
// before sending it.
const slowestStore = 20 << 20

// firstByte returns the time limit for the first byte of an image of size
// bytes. Docker before version 25, and podman, write the whole archive to a
// file before sending it.
func (l *limits) firstByte(size int64) time.Duration {
	seconds := min(max(size, 0)/slowestStore, int64(maxFirstByte/time.Second))
	return l.silence + time.Duration(seconds)*time.Second
}

// longestZeros returns the maximum number of consecutive zeros in the archive of an image of size
// bytes (0 if unknown): a file may consist of zeros.
func (l *limits) longestZeros(size int64) int64 {
	if size <= 0 || size > mostZeros-l.zeros {
		return mostZeros
	}
	return size + l.zeros
}
