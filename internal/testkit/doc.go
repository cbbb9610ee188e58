// Package testkit builds container images for tests: from a short text that
// says what an image holds to the bytes of every kind of archive that real
// tools write. It also drives the real program in a terminal, and keeps
// goldens. Nothing but tests may import it.
//
// # The text
//
// A fixture is one file, testdata/NAME.image, named after the quirk it shows.
// It opens with comments that state the rule and where the rule comes from;
// sections follow, each begun by a line "-- NAME ... --":
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
// Words are divided by spaces; one that holds spaces or odd bytes is written
// as a Go string. Lines that begin with # are comments.
//
// Before the first section:
//
//	only SHAPE...                 it can be expressed in these shapes alone
//	not SHAPE...                  it cannot be expressed in these
//	refuse TAG PLATFORM "TEXT"    opening TAG for PLATFORM ("-": none given)
//	                              fails, and the error holds TEXT
//
// Sections that describe:
//
//	-- image TAG PLATFORM [absent|gone] --  begins an image (the first one may go
//	                              without: it is fixture:1 linux/amd64).
//	                              A version and features of the operating system
//	                              follow the platform: windows/amd64:10.0.1+win32k.
//	                              absent: of its blobs the archive has only the
//	                              manifest; gone: not even that
//	    history none              the config has no history
//	    step "COMMAND"            a history entry that made a layer
//	    empty "COMMAND"           one that made none (without either, there is
//	                              one step a layer: "layer N")
//	    label KEY=VALUE
//	    env "NAME=VALUE"          a variable beside PATH
//	    user NAME
//	    healthcheck "CMD WORD..." or NONE
//	-- layer [as=...] [end=...] --      begins a layer, lowest first. as: see
//	                              Unreadable; end: two (default), one, none,
//	                              padded, or zero (no byte at all)
//	    dir NAME
//	    file NAME [SIZE|"TEXT"]   SIZE bytes that seed=... varies, or TEXT
//	    symlink NAME -> TARGET
//	    hardlink NAME -> TARGET
//	    char NAME MAJOR:MINOR, block NAME MAJOR:MINOR, fifo NAME
//	    global KEY=VALUE...       a global PAX header
//	    raw "BYTES"               these bytes, padded to a block with zeros
//
// Attributes of an entry, after its words: mode=0644 uid=0 gid=0 uname= gname=
// mtime=SECONDS[.FRACTION] seed=X, xattr:NAME=VALUE, pax:KEY=VALUE (a record as
// it stands), as=ustar|pax|gnu|v7 (default: ustar, or PAX where that cannot
// say it), sparse=gnu|0.0|0.1|1.0 with data=OFFSET+LENGTH,... (SIZE is then
// the whole size), base256 (all numbers in binary), flag=C (the type byte),
// claims=N (a size in the header that no data follows), badsum.
//
// Sections that say what is expected are kept as lines (see Image.Want) and
// compared by the tests with what the program says of the image: tree (the
// final union), waste, totals, layers, flaws, steps, removed.
package testkit
