package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A saveStream is the archive that an engine sends of an image or a container. It
// tells apart the end of the archive, an engine that gives up, and a broken
// connection.
type saveStream struct {
	ctx    context.Context // of the request that the body belongs to
	cancel context.CancelCauseFunc
	watch  *watch
	engine *apiClient
	ref    string
	what   string // that it is an archive of: "the image"
	body   io.ReadCloser
	bytes  int64  // read so far
	zeros  int64  // of them, at the end
	tail   []byte // the last of what was read, maxSaveTail at most
	err    error  // what ended it, io.EOF included

	maxZeros int64 // more of them in a row are not of the image
}

// maxSaveTail bounds, in bytes, the message that is found behind a broken
// archive.
const maxSaveTail = 4 << 10

// stream begins an archive of about so many bytes, 0 if that is not known, of what
// ref names. The context is for the call whose body it will read.
func (e *apiClient) stream(ctx context.Context, ref, what string, size int64) (*saveStream, context.Context) {
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, isStream{}, true))
	s := &saveStream{ctx: ctx, cancel: cancel, engine: e, ref: ref, what: what, maxZeros: e.limits.longestZeros(size)}
	s.watch = newWatch(e.limits.firstByte(size), e.limits.silence, cancel)
	return s, ctx
}

// refused ends a stream of which the call has failed with err, and returns that.
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

// someZeros are what trailingZeros compares with.
var someZeros [4 << 10]byte

// trailingZeros counts the zeros that p ends in.
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

// Close drops the connection if the archive was not read to its end: the engine
// stops sending.
func (s *saveStream) Close() error {
	s.watch.stop()
	s.cancel(nil)
	return s.body.Close()
}

// ending says what err, from the body, means for the archive.
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

// keepTail keeps the last maxSaveTail bytes of all that was read.
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

// saveMessage returns the error message that ends tail, or "". An engine that
// fails when it has begun to send can no longer answer with a status: Docker
// writes {"errorDetail":{"message":"..."},"error":"..."} behind what it has
// sent. A complete archive ends in zeros, so the two cannot be confused.
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
