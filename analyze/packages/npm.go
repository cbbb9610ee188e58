package packages

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"
)

// JavaScript's packages: a directory NAME or @SCOPE/NAME in node_modules, in the same format for
// npm, pnpm and yarn. Everything in it belongs to the package, except a nested node_modules. Yarn
// without node_modules keeps each package in a zip file. Sources: docs.npmjs.com, "folders";
// pnpm.io, "Symlinked node_modules structure"; yarnpkg.com, "Plug'n'Play".
var (
	npmPackage = &kind{
		name: "npm", typ: "npm", names: []string{"package.json"}, most: 4 << 20,
		fits: isNpmPackage,
		draw: drawNpm,
	}
	yarnZip = &kind{
		name: "yarn", typ: "npm", suffixes: []string{".zip"}, most: maxFile,
		fits:   func(p string) bool { return strings.HasSuffix(path.Dir(p), ".yarn/cache") },
		drawAt: drawYarn,
	}
)

// isNpmPackage reports whether a package.json belongs to a package in node_modules.
func isNpmPackage(p string) bool {
	name := path.Dir(p)
	above := path.Dir(name)
	if strings.HasPrefix(path.Base(above), "@") {
		above = path.Dir(above)
	}
	return path.Base(above) == "node_modules" && !strings.HasPrefix(path.Base(name), ".")
}

type npmJSON struct {
	Name    any `json:"name"`
	Version any `json:"version"`
}

func drawNpm(f *Facts, p string, content io.Reader) error {
	dir := path.Dir(p)
	name := strings.TrimPrefix(dir[strings.LastIndex(dir, "node_modules/")+len("node_modules/"):], "/")
	var meta npmJSON
	err := json.NewDecoder(content).Decode(&meta)
	if said, ok := meta.Name.(string); ok && said != "" {
		name = said
	}
	version, _ := meta.Version.(string)
	f.pkg(name, version, "", "")
	f.around()
	if err != nil {
		return errors.New("not the JSON of a package")
	}
	return nil
}

func drawYarn(f *Facts, _ string, content io.ReaderAt, size int64) error {
	z, err := openZip(content, size)
	if err != nil {
		return err
	}
	for _, member := range z.File {
		if path.Base(member.Name) != "package.json" || !isNpmPackage(member.Name) {
			continue
		}
		var meta npmJSON
		if readMember(member, func(r io.Reader) error { return json.NewDecoder(r).Decode(&meta) }) != nil {
			continue
		}
		name, _ := meta.Name.(string)
		version, _ := meta.Version.(string)
		if name != "" {
			f.pkg(name, version, "", "")
			f.self()
			return nil
		}
	}
	return errors.New("no package in it")
}

// Limits on zip files.
const (
	maxMembers = 1 << 20
	maxMember  = 1 << 20 // bytes of a text member
)

func openZip(content io.ReaderAt, size int64) (*zip.Reader, error) {
	z, err := zip.NewReader(content, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, errors.New("not a zip file, or a damaged one")
	}
	if len(z.File) > maxMembers {
		return nil, errors.New("too many members")
	}
	return z, nil
}

// readMember reads a text member of a zip file.
func readMember(m *zip.File, read func(io.Reader) error) (err error) {
	r, err := m.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return read(io.LimitReader(r, maxMember))
}
