package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A saveStream is the archive that an engine sends of an image. It tells an
// archive's end from the engine giving up and from a broken connection.
type saveStream struct {
	ctx    context.Context // of the request that the body belongs to
	engine *apiClient
	ref    string
	body   io.ReadCloser
	bytes  int64  // read so far
	tail   []byte // the last of what was read, maxSaveTail at most
	err    error  // what ended it, io.EOF included
}

// maxSaveTail bounds, in bytes, the message that can be made out behind a
// broken archive.
const maxSaveTail = 4 << 10

// Read reads the archive as it arrives.
func (s *saveStream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.body.Read(p)
	s.bytes += int64(n)
	s.keepTail(p[:n])
	if err != nil {
		s.err = s.ending(err)
	}
	return n, s.err
}

// Close drops the connection if the archive was not read to its end: the engine
// stops sending.
func (s *saveStream) Close() error { return s.body.Close() }

// ending says what err, from the body, means for the archive.
func (s *saveStream) ending(err error) error {
	if s.ctx.Err() != nil {
		return s.engine.fail(s.ref, s.ctx.Err())
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
// sent. A whole archive ends in zeros, so the two cannot be taken for one
// another.
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
