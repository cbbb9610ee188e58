package ui

import (
	"bytes"
	"io"
	"sync"
)

// A screenUp is the output of a screen, which tells when some text was written: keys
// that come before would be lost, or meant for another screen.
type screenUp struct {
	text  string // what is waited for
	mu    sync.Mutex
	wrote bytes.Buffer
	up    chan struct{} // closed then
	is    bool
}

func newScreenUp(text string) *screenUp { return &screenUp{text: text, up: make(chan struct{})} }

// altScreenOn is the first that a screen writes.
const altScreenOn = "\x1b[?1049h"

func (s *screenUp) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote.Write(b)
	if !s.is && bytes.Contains(s.wrote.Bytes(), []byte(s.text)) {
		s.is = true
		close(s.up)
	}
	return len(b), nil
}

// String is what has been written so far.
func (s *screenUp) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrote.String()
}

// types writes the keys once the text is there. It returns at once.
func (s *screenUp) types(w io.Writer, keys string) {
	go func() {
		<-s.up
		_, _ = io.WriteString(w, keys)
	}()
}
