//go:build linux

package main

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// costs lists all kinds. Add a row for every kind that turned out to cost more than its size
// justifies.
var costs = []cost{
	{"one path many times in one layer", 100_000, func(n int) costImage {
		return layers(func(l *costLayer) {
			for range n {
				l.file("a", 0)
			}
		})
	}, []string{"report IMAGE", "check IMAGE"}},
	{"one path, a file and a directory in turn", 40_000, func(n int) costImage {
		return layers(func(l *costLayer) {
			for range n {
				l.file("d", 0)
				l.file("d/f", 1)
			}
		})
	}, []string{"report IMAGE", "check IMAGE"}},
	{"many names of a file that is seldom wanted", 200_000, func(n int) costImage {
		const dir = "var/cache/apt/archives/"
		return layers(func(l *costLayer) { l.file("etc/x", 1) }, func(l *costLayer) {
			l.file(dir+"first", 200_000)
			for i := range n {
				l.link(fmt.Sprintf("%s%07d", dir, i), dir+"first")
			}
		})
	}, []string{"report IMAGE", "check IMAGE"}},
	{"many names of a file that is written again", 100_000, func(n int) costImage {
		name := func(i int) string { return fmt.Sprintf("d/%07d", i) }
		return layers(func(l *costLayer) {
			for i := range n {
				l.file(name(i), 1)
			}
		}, func(l *costLayer) {
			l.file(name(0), 1)
			for i := 1; i < n; i++ {
				l.link(name(i), name(0))
			}
		})
	}, []string{"report IMAGE", "check IMAGE"}},
	{"many files whose mode each layer changes", 400, func(n int) costImage {
		mode := func(mode int64) func(l *costLayer) {
			return func(l *costLayer) {
				for i := range 1000 {
					l.add(tar.Header{Name: fmt.Sprintf("d/%07d", i), Size: 1, Mode: mode})
				}
			}
		}
		im := layers(mode(0o644), mode(0o755))
		im.order = repeat([]int{0, 1}, n)
		return im
	}, []string{"report IMAGE", "check IMAGE"}},
	{"deep whiteouts with content", 100, func(n int) costImage {
		deep := strings.Repeat("a/", 32_000)
		return layers(func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf("%s.wh.%d", deep, i), 1)
			}
		})
	}, []string{"report IMAGE", "check IMAGE --forbid /srv/**/b/**/c/**/d --forbid /**/x/*", "check IMAGE --forbid **/a/**/a/**/a/**/b --ignore **/a/b"}},
	{"deep directories", 20, func(n int) costImage {
		deep := strings.Repeat("a/", 32_000)
		return layers(func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf("%07d/%sx", i, deep), 1)
			}
		}, func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf(".wh.%07d", i), 0)
			}
		})
	}, []string{"report IMAGE", "check IMAGE --forbid /srv/**/b/**/c/**/d --forbid /**/x/*", "check IMAGE --forbid **/a/**/a/**/a/**/b --ignore **/a/b"}},
	{"many deep files that are removed", 5_000, func(n int) costImage {
		dirs := strings.Repeat(strings.Repeat("d", 200)+"/", 300)
		return layers(func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf("%s%07d", dirs, i), 1)
			}
		}, func(l *costLayer) { l.file(".wh."+strings.Repeat("d", 200), 0) })
	}, []string{"report IMAGE", "check IMAGE"}},
	{"findings of every layer", 400, func(n int) costImage {
		names := strings.Fields(`a/.git/x var/lib/apt/lists/x var/cache/apt/x var/cache/apk/x var/cache/dnf/x root/.cache/pip/x root/.cache/uv/x root/.npm/_cacache/x
			root/go/pkg/mod/x root/.cargo/registry/x root/.m2/repository/x usr/share/doc/x a/__pycache__/x a/x.deb a/x.tar var/lib/dpkg/x var/log/x tmp/x .env`)
		deep := strings.Repeat("deep/", 200)
		im := layers(func(l *costLayer) {
			for _, name := range names {
				l.file(name, 200_000)
				l.file(strings.TrimSuffix(name, "x")+deep+"f", 1)
			}
		}, func(l *costLayer) {
			for _, name := range names {
				dir, _, _ := strings.Cut(name, "/")
				l.file(".wh."+dir, 0)
			}
		})
		im.order = repeat([]int{0, 1}, n)
		return im
	}, []string{
		"report IMAGE", "check IMAGE --forbid * --forbid **/x --forbid /var --forbid !/tmp", "check IMAGE -f json --forbid *", "check IMAGE -f junit --max-layer-size 1",
		"check IMAGE -f sarif", "check IMAGE -f gitlab", "check IMAGE -f markdown", "check IMAGE -f github", "report IMAGE -f html",
	}},
	{"a secret that every layer links again", 1000, func(n int) costImage {
		all := make([]func(*costLayer), n+1)
		for k := range n {
			all[k] = func(l *costLayer) {
				l.file(fmt.Sprintf("kept/%d", k), int64(k+1))
				for i := range 20 {
					l.link(fmt.Sprintf("%d/.env", i), fmt.Sprintf("kept/%d", k))
				}
			}
		}
		all[n] = func(l *costLayer) {
			l.file(".wh.kept", 0)
			for i := range 20 {
				l.file(fmt.Sprintf(".wh.%d", i), 0)
			}
		}
		return layers(all...)
	}, []string{"check IMAGE"}},
	{"one layer of deep files many times", 200, func(n int) costImage {
		deep := strings.Repeat("a/", 30_000)
		im := layers(func(l *costLayer) {
			l.file("x", 1)
			for i := range 50 {
				l.file(fmt.Sprintf("%s%d", deep, i), 1)
			}
		})
		im.order = repeat([]int{0}, n)
		return im
	}, []string{"report IMAGE", "check IMAGE --forbid 1* --forbid **/a/a/*"}},
	{"files that move", 60_000, func(n int) costImage {
		return layers(func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf("a/%d", i), 100)
			}
		}, func(l *costLayer) {
			l.file(".wh.a", 0)
			for i := range n {
				l.file(fmt.Sprintf("b/x%d", i), 100)
			}
		})
	}, []string{"check IMAGE"}},
	{"a long history", 140_000, func(n int) costImage {
		im := layers(func(l *costLayer) { l.file("a", 1) })
		im.empty = n
		im.files = map[string]string{"Dockerfile": "FROM x\n" + strings.Repeat("RUN step\n", 9_000)}
		return im
	}, []string{"report IMAGE", "check IMAGE --dockerfile DIR/Dockerfile"}},
	{"long steps", 50, func(n int) costImage {
		im := layers(func(l *costLayer) {
			for _, name := range []string{"a/.git/x", "usr/share/doc/x", "tmp/x", "var/log/x", ".env"} {
				l.file(name, 1)
			}
		}, func(l *costLayer) {
			for _, name := range []string{"a", "usr", "tmp", "var", ".env"} {
				l.file(".wh."+name, 0)
			}
		})
		im.order = repeat([]int{0, 1}, n)
		var dockerfile strings.Builder
		dockerfile.WriteString("FROM x\n")
		for range im.order {
			step := "RUN " + strings.Repeat("apt-get install x; ", 1500)
			im.history = append(im.history, step)
			dockerfile.WriteString("ENV $a" + strings.Repeat(" $x apt-get", 2000) + "\nRUN " + strings.Repeat("$a ", 1500) + "\n")
		}
		im.files = map[string]string{"Dockerfile": dockerfile.String()}
		return im
	}, []string{"report IMAGE", "check IMAGE --dockerfile DIR/Dockerfile", "check IMAGE -f json"}},
	{"a Dockerfile of here-documents", 100_000, func(n int) costImage {
		im := layers(func(l *costLayer) { l.file("a", 1) })
		im.files = map[string]string{"Dockerfile": "FROM x\nRUN " + strings.Repeat("<<a ", n) + "\n" + strings.Repeat("x\na\n", n) + "RUN a \\\n" + strings.Repeat(" && b \\\n", n/4) + " c\n"}
		return im
	}, []string{"check IMAGE --dockerfile DIR/Dockerfile"}},
	{"a rules file of globs", 1500, func(n int) costImage {
		im := layers(func(l *costLayer) {
			for i := range 5000 {
				l.file(fmt.Sprintf("a/b/c%d/%d", i%50, i), 1)
			}
		}, func(l *costLayer) { l.file("a/b/c1/1", 1) })
		var rules strings.Builder
		rules.WriteString("forbid:\n")
		for i := range n {
			fmt.Fprintf(&rules, "- '**/b/x%d'\n", i)
		}
		im.files = map[string]string{"rules.yaml": rules.String()}
		return im
	}, []string{"check IMAGE --config DIR/rules.yaml"}},
	{"directories, each in a layer of its own", 2500, func(n int) costImage {
		all := make([]func(*costLayer), n)
		for k := range n {
			all[k] = func(l *costLayer) {
				for i := range 20 {
					l.file(fmt.Sprintf("%d-%d/f", k, i), 1)
				}
			}
		}
		return layers(all...)
	}, []string{"report IMAGE", "ls -R IMAGE", "check IMAGE --max-files 1", "report IMAGE -f html"}},
	{"one path that every layer covers itself", 1500, func(n int) costImage {
		im := layers(func(l *costLayer) {
			for range 50 {
				l.file("d/f", 1)
			}
			l.file("d", 1)
		})
		im.order = repeat([]int{0}, n)
		return im
	}, []string{"report IMAGE", "ls -R IMAGE", "log IMAGE /d", "log IMAGE /d/f"}},
	{"two images that differ in everything", 100_000, func(n int) costImage {
		return layers(func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf("a/%07d", i), 1)
			}
		}, func(l *costLayer) {
			for i := range n {
				l.add(tar.Header{Name: fmt.Sprintf("a/%07d", i), Size: 2, Mode: 0o600})
			}
		})
	}, []string{"diff IMAGE --from 0 --to 1", "check IMAGE --baseline IMAGE --max-growth 1%", "check IMAGE --baseline IMAGE --max-growth 1% -f json"}},
	{"files named like secrets", 4000, func(n int) costImage {
		im := layers(func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf("%d/.env", i), 10_000)
				l.file(fmt.Sprintf("%d/server.key", i), 100)
			}
		}, func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf(".wh.%d", i), 0)
			}
		})
		im.order = []int{0, 1, 0}
		return im
	}, []string{"report IMAGE", "check IMAGE --base 0", "check IMAGE --base 0 -f sarif"}},
	{"a config of variables and labels", 4000, func(n int) costImage {
		im := layers(func(l *costLayer) { l.file("a", 1) })
		env, labels := make([]string, n), map[string]string{}
		for i := range n {
			env[i] = fmt.Sprintf("API_TOKEN_%d=https://me:%s@host/=:=:", i, strings.Repeat("a=b:c@d", 20))
			labels[fmt.Sprintf("label-%d", i)] = strings.Repeat("-----BEGIN x", 20)
		}
		im.config = map[string]any{"Env": env, "Labels": labels, "User": strings.Repeat("0", n)}
		return im
	}, []string{"report IMAGE -f json", "check IMAGE", "check IMAGE -f markdown"}},
	{"a rules file of waivers and images", 240, func(n int) costImage {
		im := layers(func(l *costLayer) {
			for i := range 300 {
				l.file(fmt.Sprintf("%d/.env", i), 1000)
			}
		})
		var rules strings.Builder
		rules.WriteString("waive:\n")
		for i := range n {
			fmt.Fprintf(&rules, "- {rule: secret, path: '/**/%d*/**/.e*', reason: known}\n", i)
		}
		rules.WriteString("images:\n")
		for i := range n {
			fmt.Fprintf(&rules, "- {name: 'registry.example/**/app-%d*', max-size: 1GB}\n", i)
		}
		im.files = map[string]string{"rules.yaml": rules.String()}
		return im
	}, []string{"check IMAGE --base 0 --config DIR/rules.yaml --error secret"}},
	{"a folder of many files", 40_000, folderOf(func(dir string, n int) error {
		for i := range n {
			if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o644); err != nil {
				return err
			}
		}
		return nil
	}), []string{"report dir:DIR/tree", "ls -R dir:DIR/tree", "diff dir:DIR/tree rootfs:IMAGE"}},
	{"a folder of many names of two files", 30_000, folderOf(func(dir string, n int) error {
		for i, first := range []string{"a", "b"} {
			if err := os.WriteFile(filepath.Join(dir, first), []byte(first), 0o644); err != nil {
				return err
			}
			for k := i; k < n; k += 2 {
				if err := os.Link(filepath.Join(dir, first), filepath.Join(dir, fmt.Sprintf("%07d", k))); err != nil {
					return err
				}
			}
		}
		return nil
	}), []string{"report dir:DIR/tree", "check dir:DIR/tree", "log dir:DIR/tree /a"}},
	{"a folder of deep directories", 60, folderOf(func(dir string, n int) error {
		deep := strings.Repeat(strings.Repeat("d", 10)+"/", 300) // a path may have 4,096 bytes
		for i := range n {
			if err := os.MkdirAll(filepath.Join(dir, strconv.Itoa(i), deep), 0o755); err != nil {
				return err
			}
		}
		return nil
	}), []string{"report dir:DIR/tree", "ls -R dir:DIR/tree"}},
	{"an index of many versions", 60_000, func(n int) costImage {
		im := layers(func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf("a/%07d", i), 1)
			}
		}, func(l *costLayer) { l.file(".wh.a", 0) })
		im.order = []int{0, 1, 0, 1, 0}
		im.before = []string{"index IMAGE -o DIR/image.index"}
		return im
	}, []string{"report index:DIR/image.index", "check index:DIR/image.index", "diff index:DIR/image.index IMAGE"}},
	{"an index of deep directories", 20, func(n int) costImage {
		deep := strings.Repeat("a/", 32_000)
		im := layers(func(l *costLayer) {
			for i := range n {
				l.file(fmt.Sprintf("%07d/%sx", i, deep), 1)
			}
		})
		im.before = []string{"index IMAGE -o DIR/image.index"}
		return im
	}, []string{"report index:DIR/image.index", "ls -R index:DIR/image.index"}},
}

// folderOf returns an image of one file, beside a folder that fill fills with about n files.
func folderOf(fill func(dir string, n int) error) func(n int) costImage {
	return func(n int) costImage {
		im := layers(func(l *costLayer) { l.file("a", 1) })
		im.folder = func(dir string) error { return fill(dir, n) }
		return im
	}
}

// layers returns an image of layers.
func layers(all ...func(*costLayer)) costImage { return costImage{layers: all} }

// repeat repeats a list until it has n elements.
func repeat(list []int, n int) []int {
	return slices.Repeat(list, (n+len(list)-1)/len(list))[:n]
}
