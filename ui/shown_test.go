package ui

import (
	"bytes"
	"io"
	"sync"
)

// screenUp collects the output of a screen, and signals when it contains some text: keys sent
// earlier would be lost, or go to another screen.
type screenUp struct {
	text  string // text to wait for
	mu    sync.Mutex
	wrote bytes.Buffer
	up    chan struct{} // closed when the text appears
	is    bool
}

func newScreenUp(text string) *screenUp { return &screenUp{text: text, up: make(chan struct{})} }

// altScreenOn is the first sequence that a screen writes.
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

// String returns the output so far.
func (s *screenUp) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrote.String()
}

// types writes the keys once the text has appeared. It returns immediately.
func (s *screenUp) types(w io.Writer, keys string) {
	go func() {
		<-s.up
		_, _ = io.WriteString(w, keys)
	}()
}
