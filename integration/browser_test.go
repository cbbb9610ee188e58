package integration

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/peelhq/peel/internal/testkit"
)

// pageTimeout bounds a test's work with one page.
const pageTimeout = 90 * time.Second

// chromium returns the path of this machine's Chromium, or "" if it isn't installed.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// needBrowser skips a test if Chromium isn't installed, and fails it if PEEL_INTEGRATION
// requires it.
func needBrowser(t *testing.T) {
	t.Helper()
	if os.Getenv("PEEL_INTEGRATION") != "require" {
		testkit.Long(t, "it opens the page in Chromium")
	}
	switch {
	case chromium() != "":
	case os.Getenv("PEEL_INTEGRATION") == "require":
		t.Fatal("PEEL_INTEGRATION=require, but chromium isn't installed")
	default:
		t.Skip("opens the page in Chromium, which isn't installed: install Debian's package chromium")
	}
}

// browserPage is a page open in its own tab.
type browserPage struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string // events that a correct page never causes
}

// browser starts one browser for all tests, with its own profile, and returns its context.
var browser = sync.OnceValues(func() (context.Context, error) {
	profile, err := os.MkdirTemp("", "peel-chromium-")
	if err != nil {
		return nil, err
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(chromium()), chromedp.UserDataDir(profile), chromedp.NoFirstRun, chromedp.NoSandbox,
		chromedp.Headless, chromedp.DisableGPU, chromedp.WindowSize(1280, 1000),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	)
	ctx, stopBrowser := chromedp.NewContext(ctx)
	atExit = append(atExit, func() {
		stopBrowser()
		stop()
		_ = os.RemoveAll(profile)
	})
	return ctx, chromedp.Do(ctx) // starts the browser
})

// openPage opens a page with a map in a tab of 1280 by 1000 pixels.
func openPage(t *testing.T, file string) *browserPage {
	t.Helper()
	return openPageWith(t, file, "cells")
}

// openPageWith opens a file in a tab, and waits for the element with the given ID.
func openPageWith(t *testing.T, file, id string) *browserPage {
	t.Helper()
	needBrowser(t)
	ctx, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil { // opens the tab, for the lifetime of that context
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	t.Cleanup(cancel)
	p := &browserPage{t: t, ctx: ctx}
	url := "file://" + filepath.ToSlash(file)
	if err := chromedp.Listen(ctx, p.watch(url)); err != nil {
		t.Fatal(err)
	}
	call(p, log.Enable, cdp.Empty{})
	call(p, network.Enable, network.EnableParams{})
	call(p, runtime.Enable, cdp.Empty{})
	p.run(chromedp.Navigate(url), chromedp.WaitVisible(chromedp.ID(id)))
	p.settle()
	t.Cleanup(func() {
		for _, fault := range p.forgive() {
			t.Error(fault)
		}
	})
	return p
}

// watch records everything that the page must not do: send requests, log, fail, or open a
// dialogue.
func (p *browserPage) watch(url string) func(any) {
	return func(event any) {
		fault := ""
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if own, _, _ := strings.Cut(e.Request.URL, "#"); own != url && e.Request.URL != "data:," {
				fault = "the page asks for " + e.Request.URL
			}
		case *runtime.EventConsoleAPICalled:
			fault = "the page writes to the console: " + string(e.Type)
		case *runtime.EventExceptionThrown:
			fault = "an exception: " + e.ExceptionDetails.Text
		case *log.EventEntryAdded:
			fault = "the browser complains: " + e.Entry.Text
		case *page.EventJavascriptDialogOpening:
			fault = "a dialogue opens: " + e.Message
			go func() { _, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{}) }()
		}
		if fault != "" {
			p.mu.Lock()
			p.faults = append(p.faults, fault)
			p.mu.Unlock()
		}
	}
}

// forgive returns the faults recorded so far, and clears them.
func (p *browserPage) forgive() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	faults := p.faults
	p.faults = nil
	return faults
}

func (p *browserPage) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// call sends the browser a command of its protocol.
func call[P, R any](p *browserPage, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.t.Fatal(err)
	}
}

// settle waits until the page has been drawn, which happens before its next frame.
func (p *browserPage) settle() {
	p.t.Helper()
	p.run(chromedp.Evaluate[chromedp.Void](`new Promise(function (ok) {
		requestAnimationFrame(function () { requestAnimationFrame(function () { setTimeout(ok, 0); }); });
	})`, chromedp.EvalAwaitPromise))
}

// resize changes the page's size and waits until it has been drawn again.
func (p *browserPage) resize(width, height int64) {
	p.t.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	p.settle()
}

// dark sets the system's theme to dark or light.
func (p *browserPage) dark(on bool) {
	p.t.Helper()
	value := map[bool]string{true: "dark", false: "light"}[on]
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
	p.settle()
}

// value evaluates a JavaScript expression.
func value[T any](p *browserPage, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// want fails the test unless a JavaScript expression has the value.
func want[T comparable](p *browserPage, expression string, wanted T) {
	p.t.Helper()
	if got := value[T](p, expression); got != wanted {
		p.t.Errorf("%s is %v, want %v", expression, got, wanted)
	}
}

// click clicks on the element that the expression gives: in the middle of its visible part, or
// in its upper left corner if corner is set.
func (p *browserPage) click(element string, corner bool) {
	p.t.Helper()
	type point struct{ X, Y float64 }
	at := value[point](p, `(function (e) {
		e.scrollIntoView({ block: "center", behavior: "instant" });
		var r = e.getBoundingClientRect();
		return { X: r.left + (`+map[bool]string{true: "6", false: "r.width / 2"}[corner]+`), Y: r.top + (`+map[bool]string{true: "6", false: "r.height / 2"}[corner]+`) };
	})(`+element+`)`)
	p.run(chromedp.MouseClickXY(at.X, at.Y))
	p.settle()
}

// keys presses keys, one after the other.
func (p *browserPage) keys(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		p.run(chromedp.KeyEvent(k))
	}
	p.settle()
}

// focusOn moves the focus to the element that a JavaScript expression gives.
func focusOn(element string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](`(` + element + `).focus()`)
}
