package madeup

import (
	"fmt"
	"strings"
	"sync"
)

// tops are the directories in which most files of an image are.
var tops = []string{
	"usr/lib/python3/dist-packages", "opt/venv/lib/python3.11/site-packages", "srv/app/node_modules",
	"usr/share/doc", "usr/lib/x86_64-linux-gnu", "usr/share/locale", "usr/include", "var/lib/app",
}

var (
	words = strings.Fields(`async base buffer cache client codec color config core crypto data debug event
		fetch filter form graph handler http index input json kernel layer lexer link list loader locale lock
		map memory merge mock model node option parser path pool proxy query queue reader record render route
		schema scope server session signal socket source stream string style symbol table task text thread
		token tree type util value vector view widget worker writer xml yaml zone`)
	subs       = []string{"dist", "lib", "src", "tests", "internal", "locale", "vendor", "__pycache__"}
	extensions = []string{".py", ".js", ".d.ts", ".so", ".h", ".txt", ".json", ".mo", ".pyc", ".md", ""}
)

// dirName names the directory of group g of layer k. Three groups make a package: its
// directory, one in that, and one in that again.
func dirName(k, g int) string {
	pack := g / 3
	x := mix(uint64(k), uint64(pack), 0xd1)
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s-%s-%d", pick(tops, x), pick(words, x>>8), pick(words, x>>20), k<<20|pack)
	for depth := range uint64(g % 3) {
		b.WriteByte('/')
		b.WriteString(pick(subs, x>>(32+8*depth)))
	}
	return b.String()
}

// fileName returns the name of the file at an index in its group.
func fileName(seed uint64, at int) string {
	name := pick(words, seed>>16) + "_" + pick(words, seed>>28)
	if seed>>40%50 == 0 { // too long for the field of a tar header
		name += strings.Repeat("-"+pick(words, seed>>44), 20)
	}
	return fmt.Sprintf("%s%d%s", name, at, pick(extensions, seed>>52))
}

func pick(from []string, x uint64) string { return from[x%uint64(len(from))] }

// poolSize is the number of bytes that contents are cut from. It exceeds a compressor's window.
const poolSize = 32 << 20

// pool returns the bytes that contents are cut from: text, and incompressible bytes, so that it
// compresses to slightly over half, as real layers do.
var pool = sync.OnceValue(func() []byte {
	b := make([]byte, 0, poolSize+64)
	for x := uint64(1); len(b) < poolSize; {
		x = mix(x)
		if x%5 == 0 {
			for range 4 {
				x = mix(x)
				for s := range 8 {
					b = append(b, byte(x>>(8*s)))
				}
			}
			continue
		}
		b = append(b, pick(words, x>>8)...)
		b = append(b, " \n=(._;,"[x>>32%8])
	}
	return b[:poolSize]
})
