package layer

import "sync"

// lateSums are the checksums computed after the scan. The screen or a report reads the records of
// a scan while checksums are still being computed, so these have separate storage and a lock. The
// zero value is ready to use.
type lateSums struct {
	mu    sync.RWMutex
	xxh3s map[int]uint64 // by entry
}

func (l *lateSums) set(i int, sum uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.xxh3s == nil {
		l.xxh3s = map[int]uint64{}
	}
	l.xxh3s[i] = sum
}

func (l *lateSums) of(i int) (uint64, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	sum, ok := l.xxh3s[i]
	return sum, ok
}
