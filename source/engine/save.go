package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A saveStream is an engine's archive of an image or a container. It
// distinguishes the end of the archive, an engine that gives up, and a broken
// connection.
type saveStream struct {
	ctx    context.Context // of the request
	cancel context.CancelCauseFunc
	watch  *watch
	engine *apiClient
	ref    string
	what   string // kind of archive: "the image"
	body   io.ReadCloser
	bytes  int64  // read so far
	zeros  int64  // of these, at the end
	tail   []byte // the last bytes, at most maxSaveTail
	err    error  // final error, including io.EOF

	maxZeros int64 // limit on zeros
}

// maxSaveTail is the maximum length, in bytes, of the message after a broken archive.
const maxSaveTail = 4 << 10

// stream starts an archive of ref of roughly this size, 0 if unknown. The context is for the call
// whose body it reads.
func (e *apiClient) stream(ctx context.Context, ref, what string, size int64) (*saveStream, context.Context) {
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, isStream{}, true))
	s := &saveStream{ctx: ctx, cancel: cancel, engine: e, ref: ref, what: what, maxZeros: e.limits.longestZeros(size)}
	s.watch = newWatch(e.limits.firstByte(size), e.limits.silence, cancel)
	return s, ctx
}

// refused ends a stream after the call failed with err, and returns the error.
func (s *saveStream) refused(err error) error {
	s.watch.stop()
	s.cancel(nil)
	return err
}

// Read reads the archive as it arrives.
func (s *saveStream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	s.watch.wait()
	n, err := s.body.Read(p)
	s.watch.came(n)
	s.bytes += int64(n)
	s.keepTail(p[:n])
	if end := trailingZeros(p[:n]); end == n {
		s.zeros += int64(n)
	} else {
		s.zeros = int64(end)
	}
	switch {
	case err != nil:
		s.err = s.ending(err)
	case s.zeros > s.maxZeros:
		s.err = s.engine.fail(s.ref, fmt.Errorf("the engine sends nothing but zeros: %d bytes of them in a row", s.zeros))
	}
	if s.err != nil {
		s.watch.stop()
	}
	return n, s.err
}

// someZeros is for comparisons in trailingZeros.
var someZeros [4 << 10]byte

// trailingZeros counts the zeros at the end of p.
func trailingZeros(p []byte) int {
	end := len(p)
	for end >= len(someZeros) && bytes.Equal(p[end-len(someZeros):end], someZeros[:]) {
		end -= len(someZeros)
	}
	for end > 0 && p[end-1] == 0 {
		end--
	}
	return len(p) - end
}

// Close closes the connection if the archive was not read to its end, so that the engine stops
// sending.
func (s *saveStream) Close() error {
	s.watch.stop()
	s.cancel(nil)
	return s.body.Close()
}

// ending interprets err, from the body, for the archive.
func (s *saveStream) ending(err error) error {
	if cause := context.Cause(s.ctx); cause != nil {
		return s.engine.fail(s.ref, cause)
	}
	if errors.Is(err, io.EOF) {
		if message := saveMessage(s.tail); message != "" {
			return s.engine.fail(s.ref, fmt.Errorf("the engine gave up saving %s after %d bytes: %s", s.what, s.bytes, message))
		}
		return io.EOF
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %w", err, io.ErrUnexpectedEOF)
	}
	return s.engine.fail(s.ref, fmt.Errorf("the connection broke after %d bytes of %s: %w", s.bytes, s.what, err))
}

// keepTail keeps the last maxSaveTail bytes.
func (s *saveStream) keepTail(p []byte) {
	if len(p) >= maxSaveTail {
		s.tail = append(s.tail[:0], p[len(p)-maxSaveTail:]...)
		return
	}
	if over := len(s.tail) + len(p) - maxSaveTail; over > 0 {
		s.tail = append(s.tail[:0], s.tail[over:]...)
	}
	s.tail = append(s.tail, p...)
}

// saveMessage returns the error message at the end of tail, or "". An engine
// that fails after it has started sending can't report a status: Docker appends
// {"errorDetail":{"message":"..."},"error":"..."} to the data. A complete
// archive ends with zeros, so the two can't be confused.
func saveMessage(tail []byte) string {
	at := bytes.LastIndex(tail, []byte(`{"errorDetail":`))
	if at < 0 {
		return ""
	}
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(tail[at:], &said) != nil {
		return ""
	}
	return said.Error
}
