// Package testkit builds container images for tests: it turns a short text
// that describes an image into the bytes of every kind of archive that real
// tools write. It also drives the real program in a terminal, and compares
// goldens. Only tests may import it.
//
// # The text
//
// A fixture is a file, testdata/NAME.image, named after the quirk it shows.
// It begins with comments that state the rule and its source. Sections
// follow; each begins with a line "-- NAME ... --":
//
//	# A whiteout hides the file in the layers below.
//	# Source: OCI image spec, layer.md, "Whiteouts".
//	-- layer --
//	dir  etc/
//	file etc/a 5
//	-- layer --
//	file etc/.wh.a
//	-- tree --
//	dir 0755 0 0 added /etc
//	-- waste --
//	5 removed layer 0 by 1 /etc/a
//	-- totals --
//	entries 3 stored 5 visible 0 wasted 5
//
// Words are separated by spaces; a word with spaces or unusual bytes is written
// as a Go string. Lines that begin with # are comments.
//
// Before the first section:
//
//	only SHAPE...                 only these shapes can express it
//	not SHAPE...                  these shapes cannot express it
//	refuse TAG PLATFORM "TEXT"    opening TAG for PLATFORM ("-": none given)
//	                              fails, and the error contains TEXT
//
// Sections that describe:
//
//	-- image TAG PLATFORM [absent|gone] --  begins an image (the first one may omit
//	                              it: it is then fixture:1 linux/amd64).
//	                              A version and features of the operating system
//	                              follow the platform: windows/amd64:10.0.1+win32k.
//	                              absent: the archive has only the manifest of
//	                              its blobs; gone: not even that
//	    history none              the config has no history
//	    step "COMMAND"            a history entry that made a layer
//	    empty "COMMAND"           one without a layer (without either line, every
//	                              layer has a step: "layer N")
//	    label KEY=VALUE
//	    env "NAME=VALUE"          a variable beside PATH
//	    user NAME
//	    healthcheck "CMD WORD..." or NONE
//	-- layer [as=...] [end=...] --      begins a layer, lowest first. as: see
//	                              Unreadable; end: two (default), one, none,
//	                              padded, or zero (no byte at all)
//	    dir NAME
//	    file NAME [SIZE|"TEXT"]   SIZE bytes, varied by seed=..., or TEXT
//	    symlink NAME -> TARGET
//	    hardlink NAME -> TARGET
//	    char NAME MAJOR:MINOR, block NAME MAJOR:MINOR, fifo NAME
//	    global KEY=VALUE...       a global PAX header
//	    raw "BYTES"               these bytes, padded to a block with zeros
//
// Attributes of an entry, after its words: mode=0644 uid=0 gid=0 uname= gname=
// mtime=SECONDS[.FRACTION] seed=X, xattr:NAME=VALUE, pax:KEY=VALUE (an unchanged
// record), as=ustar|pax|gnu|v7 (default: ustar, or PAX if ustar cannot
// express it), sparse=gnu|0.0|0.1|1.0 with data=OFFSET+LENGTH,... (SIZE is then
// the whole size), base256 (all numbers in binary), flag=C (the type byte),
// claims=N (a size in the header without data), badsum.
//
// Sections with expected results are stored as lines (see Image.Want), which the
// tests compare with the program's results: tree (the final union), waste,
// totals, layers, flaws, steps, removed.
package testkit
