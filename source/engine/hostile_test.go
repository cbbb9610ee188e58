package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// shorten lowers the limits on engines for a test.
func shorten(t *testing.T, change func(*limits)) {
	t.Helper()
	before := usual
	usual = func(a address) limits {
		l := before(a)
		change(&l)
		return l
	}
	t.Cleanup(func() { usual = before })
}

// rawServer calls talk with each connection to a TCP port, and returns the port's address. A
// connection is closed when talk returns.
func rawServer(t *testing.T, talk func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				talk(conn)
			}()
		}
	}()
	return "tcp://" + listener.Addr().String()
}

// silent reads but never answers, until the other end leaves.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// over answers like f, except for the requests that answer handles.
func over(f *testkit.Engine, answer func(w http.ResponseWriter, r *http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			f.ServeHTTP(w, r)
		}
	})
}

// forever writes what again and again, with a pause in between, until the client leaves, and
// counts the bytes.
func forever(w http.ResponseWriter, r *http.Request, what []byte, pause time.Duration) (n int64) {
	for r.Context().Err() == nil {
		k, err := w.Write(what)
		n += int64(k)
		if err != nil {
			break
		}
		if pause > 0 {
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
			}
		}
	}
	return n
}

// calls are all requests to an engine, by name.
var calls = map[string]func(ctx context.Context, e Engine) error{
	"image": func(ctx context.Context, e Engine) error { _, err := e.Image(ctx, "app:1", nil); return err },
	"list":  func(ctx context.Context, e Engine) error { _, err := e.List(ctx); return err },
	"store": func(ctx context.Context, e Engine) error { _, err := e.Store(ctx); return err },
	"save": func(ctx context.Context, e Engine) error {
		r, err := e.Save(ctx, "app:1", Image{ID: testkit.AppID, Size: 1234}, nil)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		return err
	},
}

// pathOf is the end of the path that each call requests.
var pathOf = map[string]string{"image": "/images/app:1/json", "list": "/images/json", "store": "/info", "save": "/images/get"}

// TestEngineHostile uses an engine that answers a ping and then something that no engine sends.
// Each call must end with an error that says why.
func TestEngineHostile(t *testing.T) {
	testkit.Long(t, "it tries every fault of every answer")
	all := []string{"image", "list", "store", "save"}
	short := all[:3] // those that aren't streams
	zeros := make([]byte, 32<<10)
	tests := []struct {
		name   string
		calls  []string
		answer func(w http.ResponseWriter, r *http.Request)
		err    []string
	}{
		{
			name: "no answer", calls: short, err: []string{"docker (unix://", "no answer within 60ms"},
			answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		},
		{
			name: "no answer", calls: all[3:], err: []string{"app:1: saving the image: the engine has sent nothing for 60ms"},
			answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		},
		{
			name: "a header alone", calls: short, err: []string{"no answer within 60ms"},
			answer: func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			},
		},
		{
			name: "a header alone", calls: all[3:], err: []string{"the engine has sent nothing for 60ms"},
			answer: func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			},
		},
		{
			name: "one byte after another", calls: short, err: []string{"no answer within 60ms"},
			answer: func(w http.ResponseWriter, r *http.Request) { forever(w, r, []byte(" "), 10*time.Millisecond) },
		},
		{
			name: "one byte after another", calls: all[3:], err: []string{"the engine has sent only ", " bytes in 60ms"},
			answer: func(w http.ResponseWriter, r *http.Request) { forever(w, r, []byte("x"), 10*time.Millisecond) },
		},
		{
			name: "an error, one byte after another", calls: short, err: []string{"no answer within 60ms"},
			answer: func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				forever(w, r, []byte("x"), 10*time.Millisecond)
			},
		},
		{
			name: "an endless answer", calls: short, err: []string{"the engine's answer is too long: more than 65536 bytes"},
			answer: func(w http.ResponseWriter, r *http.Request) { forever(w, r, bytes.Repeat([]byte(" "), 1000), 0) },
		},
		{
			name: "an endless error", calls: all, err: []string{"docker (unix://", "too long"},
			answer: func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				forever(w, r, bytes.Repeat([]byte("x\x1b"), 1000), 0)
			},
		},
		{
			name: "zeros without end", calls: all[3:], err: []string{"the engine sends nothing but zeros: "},
			answer: func(w http.ResponseWriter, r *http.Request) { forever(w, r, zeros, 0) },
		},
		{
			name: "empty objects", calls: all[1:2], err: []string{"too long: more than 6000 values"},
			answer: func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, "["+strings.Repeat("{},", 1000)+"{}]")
			},
		},
		{
			name: "empty strings", calls: short, err: []string{"too long: more than 6000 values"},
			answer: func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, `[{"RepoTags":["\\\""`+strings.Repeat(`,""`, 6000)+"]}]")
			},
		},
		{
			name: "nested", calls: short, err: []string{"docker (unix://", "exceeded max depth"},
			answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("[", 60_000)) },
		},
		{
			name: "a web page", calls: all, err: []string{"the answer (200) is a web page: a proxy or another server listens there"},
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				fmt.Fprint(w, "<html>log in</html>")
			},
		},
		{
			name: "a web page with an error", calls: all, err: []string{"the answer (502) is a web page"},
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(http.StatusBadGateway)
			},
		},
		{
			name: "a circle of addresses", calls: all, err: []string{"the answer (302) leads to another address"},
			answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		},
		{
			name: "no JSON", calls: short, err: []string{"docker (unix://", "invalid character"},
			answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") },
		},
		{
			name: "no JSON of an image", calls: short[:2], err: []string{"the engine's answer does not match its API: "},
			answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"RepoTags":7}`) },
		},
		{
			name: "half of it", calls: short, err: []string{"docker (unix://", "unexpected "},
			answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"Id":"sha256:`) },
		},
		{
			name: "an error with control characters", calls: all, err: []string{`disk\x1b[2J full`},
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusInternalServerError)
				fmt.Fprint(w, `{"message":"disk\u001b[2J\nfull"}`)
			},
		},
		{
			name: "a long error", calls: all, err: []string{"xxx..."},
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				fmt.Fprint(w, strings.Repeat("x", 60_000))
			},
		},
	}
	for _, tt := range tests {
		if strings.Contains(strings.Join(tt.err, ""), "60ms") { // each waits that long
			tt.calls = testkit.Sample(tt.calls)
		}
		for _, call := range tt.calls {
			t.Run(tt.name+", "+call, func(t *testing.T) {
				shorten(t, func(l *limits) {
					l.answer, l.values, l.zeros = 64<<10, 6000, 1<<20
					if strings.Contains(strings.Join(tt.err, ""), "60ms") {
						l.call, l.silence = 60*time.Millisecond, 60*time.Millisecond
					}
				})
				testkit.NoEngines(t)
				t.Setenv("DOCKER_HOST", "unix://"+testkit.UnixServer(t, over(&testkit.Engine{API: "1.47"}, func(w http.ResponseWriter, r *http.Request) bool {
					if strings.HasSuffix(r.URL.Path, pathOf[call]) {
						tt.answer(w, r)
						return true
					}
					return false
				})))
				e, err := Docker(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				begin := time.Now()
				err = calls[call](t.Context(), e)
				testkit.WantError(t, err, tt.err...)
				if took := time.Since(begin); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
				if len(err.Error()) > 2000 {
					t.Errorf("got an error of %d bytes", len(err.Error()))
				}
			})
		}
	}
}

// TestEngineHostileAtOnce connects to servers that aren't engines.
func TestEngineHostileAtOnce(t *testing.T) {
	http200 := func(header string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1000))
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+header+"Content-Length: 0\r\n\r\n")
			silent(conn)
		}
	}
	endless := func(begin, what string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1000))
			_, err := io.WriteString(conn, begin)
			for err == nil {
				_, err = io.WriteString(conn, what)
			}
		}
	}
	tests := []struct {
		name string
		talk func(net.Conn)
		tls  string // DOCKER_TLS
		err  []string
	}{
		{name: "no answer", talk: silent, err: []string{"no answer within 60ms"}},
		{name: "no handshake", talk: silent, tls: "1", err: []string{"no answer within 60ms"}},
		{name: "it hangs up", talk: func(net.Conn) {}, err: []string{"docker (tcp://"}},
		{name: "another protocol", talk: endless("220 mail\r\n", "220 mail\r\n"), err: []string{"malformed HTTP"}},
		{name: "an endless line", talk: endless("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 1000)), err: []string{"header", "exceeded"}},
		{name: "an endless header", talk: endless("HTTP/1.1 200 OK\r\n", strings.Repeat("X: y\r\n", 1000)), err: []string{"header", "exceeded"}},
		{name: "answers before the answer", talk: endless("", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000)), err: []string{"exceeded"}},
		{name: "a circle of addresses", talk: func(conn net.Conn) {
			for {
				if _, err := conn.Read(make([]byte, 1000)); err != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 307 Again\r\nLocation: /_ping\r\nContent-Length: 0\r\n\r\n")
			}
		}, err: []string{"the answer (307) leads to another address"}},
		{name: "a web page", talk: http200("Content-Type: text/html\r\n"), err: []string{"the answer (200) is a web page"}},
		{name: "no version", talk: http200("Api-Version: ../../x\r\n"), err: []string{`version "../../x" of the API`}},
		{name: "a long version", talk: http200("Api-Version: " + strings.Repeat("9", 5000) + ".1\r\n"), err: []string{`version "9999999999999999999999999999999999999999" of the API`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(strings.Join(tt.err, ""), "60ms") {
				shorten(t, func(l *limits) { l.ping = 60 * time.Millisecond })
			}
			testkit.NoEngines(t)
			t.Setenv("DOCKER_HOST", rawServer(t, tt.talk))
			t.Setenv("DOCKER_TLS", tt.tls)
			begin := time.Now()
			_, err := Docker(t.Context(), nil)
			testkit.WantError(t, err, tt.err...)
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestEngineAnswersAreBounded checks that with the real limits, an answer of a gigabyte isn't
// read.
func TestEngineAnswersAreBounded(t *testing.T) {
	var sent atomic.Int64
	const gigabyte = 1 << 30
	row := []byte(`{"Id":"sha256:aa","RepoTags":["app:1"],"Created":1700000000,"Size":1234},`)
	f := &testkit.Engine{API: "1.47"}
	testkit.NoEngines(t)
	t.Setenv("DOCKER_HOST", "unix://"+testkit.UnixServer(t, over(f, func(w http.ResponseWriter, r *http.Request) bool {
		what := bytes.Repeat([]byte("x"), 1000)
		switch {
		case strings.HasSuffix(r.URL.Path, "/images/app:1/json"):
			_, _ = io.WriteString(w, `{"Id":"`)
		case strings.HasSuffix(r.URL.Path, "/images/json"):
			_, _ = io.WriteString(w, `[`)
			what = row
		default:
			return false
		}
		for sent.Load() < gigabyte {
			n, err := w.Write(what)
			sent.Add(int64(n))
			if err != nil {
				break
			}
		}
		return true
	})))
	e, err := Docker(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for name, says := range map[string]string{"image": "more than 33554432 bytes", "list": "too long: more than "} {
		sent.Store(0)
		testkit.WantError(t, calls[name](t.Context(), e), says)
		if n := sent.Load(); n > 2*maxAnswer {
			t.Errorf("%s: read %d bytes", name, n)
		}
	}
}

// TestEngineListIsCut checks that an excessively long list of images is cut short, and that
// peel says so.
func TestEngineListIsCut(t *testing.T) {
	shorten(t, func(l *limits) { l.listed = 10 })
	var list []any
	for i := range 20 {
		list = append(list, map[string]any{"Id": "sha256:" + strconv.Itoa(i), "RepoTags": []string{"a:" + strconv.Itoa(i), "b:1", "c:1"}})
	}
	got, err := connectFake(t, &testkit.Engine{API: "1.47", List: list}).List(t.Context())
	testkit.WantError(t, err, "listing its images: only the first 3 are listed")
	if len(got) != 3 {
		t.Errorf("%d images", len(got))
	}
}

// TestSaveOfUsualImages checks that zeros in an image don't count as an endless stream, and
// neither does a stream that is read slowly or whose first byte comes late.
func TestSaveOfUsualImages(t *testing.T) {
	testkit.Long(t, "it reads streams of megabytes")
	shorten(t, func(l *limits) { l.silence, l.zeros = 200*time.Millisecond, 1<<20 })
	archive := strings.Repeat("x", 1<<20) + strings.Repeat("\x00", 2<<20) + "end"
	tests := []struct {
		name  string
		size  int64
		first time.Duration // before the first byte
		pause time.Duration // of the reader
		err   []string
	}{
		{name: "zeros", size: 3 << 20},
		{name: "of unknown size", size: 0},
		{name: "more zeros than the image has", size: 1 << 10, err: []string{"nothing but zeros"}},
		{name: "the reader pauses", size: 3 << 20, pause: 500 * time.Millisecond},
		{name: "put together first", size: 4 * slowestStore, first: 700 * time.Millisecond},
		{name: "put together for too long", size: 3 << 20, first: 700 * time.Millisecond, err: []string{"the engine has sent nothing for 200ms"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			testkit.NoEngines(t)
			t.Setenv("DOCKER_HOST", "unix://"+testkit.UnixServer(t, over(&testkit.Engine{API: "1.47", Archive: archive}, func(_ http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, pathOf["save"]) {
					time.Sleep(tt.first)
				}
				return false
			})))
			e, err := Docker(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			r, err := e.Save(t.Context(), "app:1", Image{ID: testkit.AppID, Size: tt.size}, nil)
			var b []byte
			if err == nil {
				defer r.Close()
				half := make([]byte, 1<<20)
				if _, err = io.ReadFull(r, half); err == nil {
					time.Sleep(tt.pause)
					b, err = io.ReadAll(r)
				}
				b = append(slices.Clip(half), b...)
			}
			testkit.WantError(t, err, tt.err...)
			if err == nil && string(b) != archive {
				t.Errorf("%d bytes, want %d", len(b), len(archive))
			}
		})
	}
}

// TestEngineCancelledEverywhere checks that when cancelled, every call ends within a second,
// whatever it's waiting for.
func TestEngineCancelledEverywhere(t *testing.T) {
	connect := func(ctx context.Context) error {
		e, err := Docker(ctx, nil)
		if err == nil {
			e.Close()
		}
		return err
	}
	waits := map[string]func(*testing.T) func(ctx context.Context) error{
		"for an answer": func(t *testing.T) func(ctx context.Context) error {
			t.Setenv("DOCKER_HOST", rawServer(t, silent))
			return connect
		},
		"for a handshake": func(t *testing.T) func(ctx context.Context) error {
			t.Setenv("DOCKER_HOST", rawServer(t, silent))
			t.Setenv("DOCKER_TLS", "1")
			return connect
		},
		"for ssh": func(t *testing.T) func(ctx context.Context) error {
			stubbornSSH(t)
			t.Setenv("DOCKER_HOST", "ssh://build")
			return connect
		},
	}
	for name, call := range calls {
		for _, begun := range []bool{false, true} {
			what := "for " + name
			if begun {
				what = "for the rest of " + name
			}
			waits[what] = func(t *testing.T) func(ctx context.Context) error {
				t.Setenv("DOCKER_HOST", "unix://"+testkit.UnixServer(t, over(&testkit.Engine{API: "1.47"}, func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, pathOf[name]) {
						return false
					}
					if begun {
						_, _ = io.WriteString(w, "[")
						_ = http.NewResponseController(w).Flush()
					}
					<-r.Context().Done()
					return true
				})))
				e, err := Docker(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { e.Close() })
				return func(ctx context.Context) error { return call(ctx, e) }
			}
		}
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			testkit.NoEngines(t)
			call := wait(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var at time.Time
			time.AfterFunc(testkit.Size(30*time.Millisecond, 10*time.Millisecond), func() {
				at = time.Now()
				cancel()
			})
			err := call(ctx)
			if took := time.Since(at); !errors.Is(err, context.Canceled) || took > time.Second {
				t.Errorf("%v after %v", err, took)
			}
		})
	}
}

// stubbornSSH puts an "ssh" first in PATH that writes nothing and doesn't end when asked to.
func stubbornSSH(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake is a shell script")
	}
	dir := t.TempDir()
	script := "#!/bin/sh\ntrap '' TERM\nfor i in 1 2 3 4 5 6 7 8; do sleep 1; done\n"
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}
