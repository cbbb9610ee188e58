package analyze

import "github.com/peelhq/peel/source"

// A FileType is the type of a file: a file, a directory, a link or a device. It is
// source.Type by another name, so that a package that only shows an analysis need
// not import source.
type FileType = source.Type

// The types of files. A hard link has the Kind of what it links to, and the Type
// TypeHardlink.
const (
	TypeFile     = source.File
	TypeDir      = source.Dir
	TypeSymlink  = source.Symlink
	TypeHardlink = source.Hardlink
	TypeChar     = source.Char
	TypeBlock    = source.Block
	TypeFifo     = source.Fifo
)

// A Document is a text that describes an image, as it is stored: see Image.Documents.
type Document = source.Document
