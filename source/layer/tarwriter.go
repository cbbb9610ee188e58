package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/peelhq/peel/internal/draft"
)

// A TarWriter writes the tar of a layer in PAX format. Its output is reproducible. It is for one
// goroutine.
type TarWriter struct {
	out io.Writer
	tar *tar.Writer
}

// NewTarWriter returns a TarWriter that writes to w.
func NewTarWriter(w io.Writer) *TarWriter { return &TarWriter{w, tar.NewWriter(w)} }

// Close writes the end of the tar. It does not close the underlying writer.
func (t *TarWriter) Close() error { return t.tar.Close() }

// typeFlags are the types of tar members.
var typeFlags = [...]byte{File: tar.TypeReg, Dir: tar.TypeDir, Symlink: tar.TypeSymlink, Hardlink: tar.TypeLink, Char: tar.TypeChar, Block: tar.TypeBlock, Fifo: tar.TypeFifo}

const xattrRecord = "SCHILY.xattr."

// maxOctal7 is the largest device number in ustar.
const maxOctal7 = 1<<21 - 1

// Add writes a member without content, such as a directory or an empty file. It ignores the
// record's Stored and Offset.
func (t *TarWriter) Add(r *Record) error { return t.header(r, r.Size) }

// header writes the header of a member with this many content bytes.
func (t *TarWriter) header(r *Record, size int64) error {
	h := &tar.Header{
		Typeflag: typeFlags[r.Type], Name: string(r.Name), Linkname: string(r.Link), Size: size,
		Mode: r.Mode, Uid: int(r.UID), Gid: int(r.GID), ModTime: time.Unix(r.Sec, int64(r.Nsec)),
		Devmajor: r.Major, Devminor: r.Minor, Format: tar.FormatPAX,
	}
	if r.Type == Dir {
		h.Name += "/"
	}
	for name, value := range r.Xattrs {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrRecord+name] = value
	}
	if r.Major > maxOctal7 || r.Minor > maxOctal7 || r.Major < 0 || r.Minor < 0 {
		h.Format = tar.FormatGNU // PAX has no record for device numbers
	}
	if err := t.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("%q cannot be written as a tar member: %w", r.Name, err)
	}
	return nil
}

// File writes a regular file with r.Size bytes of content. A sparse file stays sparse, in the
// format "PAX 1.0", if content reports its holes to a HoleWriter.
func (t *TarWriter) File(r *Record, content io.Reader) error {
	if r.Sparse {
		return t.sparse(r, content)
	}
	if err := t.header(r, r.Size); err != nil {
		return err
	}
	n, err := io.Copy(t.tar, content)
	if err == nil && n != r.Size {
		err = fmt.Errorf("%d bytes, not %d", n, r.Size)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", r.Name, err)
	}
	return nil
}

// sparse writes a sparse file. Its map precedes its data, so the data is stored in an unlinked
// temporary file until the map is known.
func (t *TarWriter) sparse(r *Record, content io.Reader) (err error) {
	f, err := draft.Scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data := &fragmentWriter{w: f}
	if _, err := io.Copy(data, content); err != nil {
		return fmt.Errorf("%q: %w", r.Name, err)
	}
	if data.at != r.Size {
		return fmt.Errorf("%q: %d bytes, not %d", r.Name, data.at, r.Size)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	list := sparseMap10(data.fragments)
	if err := t.tar.Flush(); err != nil {
		return err
	}
	size := int64(len(list)) + data.stored
	if err := t.sparseHeaders(r, size); err != nil {
		return err
	}
	n, err := io.Copy(t.out, io.MultiReader(bytes.NewReader(list), f))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		_, err = t.out.Write(zeroBlock[:-size&(blockSize-1)])
	}
	return err
}

// fragmentWriter writes the data of a sparse file and records its offsets.
type fragmentWriter struct {
	w          io.Writer
	fragments  []fragment
	at, stored int64
}

var _ HoleWriter = (*fragmentWriter)(nil)

func (f *fragmentWriter) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if n > 0 {
		last := len(f.fragments) - 1
		if last >= 0 && f.fragments[last].offset+f.fragments[last].length == f.at {
			f.fragments[last].length += int64(n)
		} else {
			f.fragments = append(f.fragments, fragment{f.at, int64(n)})
		}
		f.at += int64(n)
		f.stored += int64(n)
	}
	if err == nil && len(f.fragments) >= maxFragments {
		err = fmt.Errorf("a sparse file of more than %d pieces", maxFragments)
	}
	return n, err
}

// Hole records a hole.
func (f *fragmentWriter) Hole(n int64) error {
	f.at += n
	return nil
}

// sparseMap10 returns the map of a sparse file in the format of map10.
func sparseMap10(fragments []fragment) []byte {
	b := append(strconv.AppendInt(nil, int64(len(fragments)), 10), '\n')
	for _, f := range fragments {
		b = append(strconv.AppendInt(b, f.offset, 10), '\n')
		b = append(strconv.AppendInt(b, f.length, 10), '\n')
	}
	return append(b, zeroBlock[:-len(b)&(blockSize-1)]...)
}

// sparseHeaders writes the two headers of a sparse file: the records, and the member with this
// many bytes. archive/tar can't write such records. They contain everything; the second header
// repeats what fits.
func (t *TarWriter) sparseHeaders(r *Record, size int64) error {
	records := map[string]string{
		paxSparse + "major": "1", paxSparse + "minor": "0", paxSparse + "name": string(r.Name),
		paxSparse + "realsize": strconv.FormatInt(r.Size, 10),
		"size":                 strconv.FormatInt(size, 10), "uid": strconv.FormatInt(r.UID, 10), "gid": strconv.FormatInt(r.GID, 10),
		"mtime": formatTime(r.Sec, r.Nsec),
	}
	for name, value := range r.Xattrs {
		records[xattrRecord+name] = value
	}
	var text []byte
	names := make([]string, 0, len(records))
	for name := range records {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text = append(text, formatRecord(name, records[name])...)
	}
	if len(text) > maxSpecial {
		return fmt.Errorf("%q: its attributes take more than 1 MiB", r.Name)
	}
	var b bytes.Buffer
	b.Write(ustarBlock("PaxHeaders.0/sparse", 'x', int64(len(text)), 0o644))
	b.Write(text)
	b.Write(zeroBlock[:-len(text)&(blockSize-1)])
	name := path.Base(string(r.Name))
	b.Write(ustarBlock("GNUSparseFile.0/"+name[:min(len(name), 80)], '0', size, r.Mode))
	_, err := t.out.Write(b.Bytes())
	return err
}

// ustarBlock returns a header; the preceding records contain what does not fit.
func ustarBlock(name string, typ byte, size, mode int64) []byte {
	b := make([]byte, blockSize)
	octal := func(at, digits int, v int64) {
		if v < 0 || v >= 1<<(3*digits) {
			v = 0
		}
		copy(b[at:], fmt.Sprintf("%0*o", digits, v))
	}
	copy(b[:100], name)
	octal(100, 7, mode)
	octal(108, 7, 0)
	octal(116, 7, 0)
	octal(124, 11, size)
	octal(136, 11, 0)
	b[156] = typ
	copy(b[257:], "ustar\x0000")
	copy(b[148:], "        ")
	sum := int64(0)
	for _, c := range b {
		sum += int64(c)
	}
	octal(148, 6, sum)
	b[154], b[155] = 0, ' '
	return b
}

// formatRecord returns "LENGTH NAME=VALUE\n", where LENGTH includes itself.
func formatRecord(name, value string) string {
	rest := len(name) + len(value) + 3
	size := rest + len(strconv.Itoa(rest))
	if n := rest + len(strconv.Itoa(size)); n != size {
		size = n
	}
	return strconv.Itoa(size) + " " + name + "=" + value + "\n"
}

// formatTime returns a time in seconds with the necessary decimals.
func formatTime(sec int64, nsec uint32) string {
	if nsec == 0 {
		return strconv.FormatInt(sec, 10)
	}
	sign := ""
	if sec < 0 { // "-1.5" is half a second before -1
		sign, sec, nsec = "-", -sec-1, 1_000_000_000-nsec
	}
	return fmt.Sprintf("%s%d.%s", sign, sec, bytes.TrimRight(fmt.Appendf(nil, "%09d", nsec), "0"))
}
