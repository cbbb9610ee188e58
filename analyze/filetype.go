package analyze

import "github.com/peelhq/peel/source"

// A FileType is the type of a file: a regular file, a directory, a link or a device. It is an
// alias of source.Type, so that packages that only display an analysis need not import source.
type FileType = source.Type

// The file types. A hard link has the Kind of its target and the Type TypeHardlink.
const (
	TypeFile     = source.File
	TypeDir      = source.Dir
	TypeSymlink  = source.Symlink
	TypeHardlink = source.Hardlink
	TypeChar     = source.Char
	TypeBlock    = source.Block
	TypeFifo     = source.Fifo
)

// A Document is a stored text that describes an image: see Image.Documents.
type Document = source.Document
