package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A saveStream is the archive that an engine sends of an image. It tells apart the
// end of the archive, an engine that gives up, and a broken connection.
type saveStream struct {
	ctx    context.Context // of the request that the body belongs to
	cancel context.CancelCauseFunc
	watch  *watch
	engine *apiClient
	ref    string
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
			return s.engine.fail(s.ref, fmt.Errorf("the engine gave up saving the image after %d bytes: %s", s.bytes, message))
		}
		return io.EOF
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %w", err, io.ErrUnexpectedEOF)
	}
	return s.engine.fail(s.ref, fmt.Errorf("the connection broke after %d bytes of the image: %w", s.bytes, err))
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
