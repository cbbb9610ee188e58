package packages

import (
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"
)

// Python's packages: a directory NAME-VERSION.dist-info with METADATA, which has the package's
// name, and RECORD, which lists its files relative to the parent directory. Older ones have
// .egg-info with PKG-INFO and installed-files.txt, whose paths are relative to that directory
// itself. Conda has a JSON file for each package. Sources: packaging.python.org, "Recording
// installed projects"; PEP 376; conda-meta.
var (
	pythonMetadata = &kind{
		name: "python-metadata", typ: "python", names: []string{"METADATA"}, most: maxText,
		fits: func(p string) bool { return strings.HasSuffix(path.Dir(p), ".dist-info") },
		draw: drawPythonName,
	}
	pythonRecord = &kind{
		name: "python-record", typ: "python", names: []string{"RECORD"}, most: maxText,
		fits: func(p string) bool { return strings.HasSuffix(path.Dir(p), ".dist-info") },
		draw: drawRecord,
	}
	pythonEgg = &kind{
		name: "python-egg", typ: "python", names: []string{"PKG-INFO"}, most: maxText,
		fits: func(p string) bool { return strings.HasSuffix(path.Dir(p), ".egg-info") },
		draw: drawPythonName,
	}
	pythonEggFiles = &kind{
		name: "python-egg-files", typ: "python", names: []string{"installed-files.txt"}, most: maxText,
		fits: func(p string) bool { return strings.HasSuffix(path.Dir(p), ".egg-info") },
		draw: drawEggFiles,
	}
	condaMeta = &kind{
		name: "conda", typ: "conda", suffixes: []string{".json"}, most: maxText,
		fits: func(p string) bool { return path.Base(path.Dir(p)) == "conda-meta" },
		draw: drawConda,
	}
)

// maxHead is how many bytes of METADATA's headers are read; a description follows.
const maxHead = 64 << 10

func drawPythonName(f *Facts, p string, content io.Reader) error {
	name, version := "", ""
	done := false
	err := eachLine(io.LimitReader(content, maxHead), func(line []byte) {
		if len(line) == 0 {
			done = true
		}
		if !done && name == "" {
			setField(&name, line, "Name: ")
		}
		if !done && version == "" {
			setField(&version, line, "Version: ")
		}
	})
	if name == "" {
		name, version = nameOfDir(p)
	}
	f.pkg(name, version, "", "")
	return err
}

// nameOfDir returns the name and the version in the name of a file's directory.
func nameOfDir(p string) (name, version string) {
	dir := path.Base(path.Dir(p))
	dir = strings.TrimSuffix(strings.TrimSuffix(dir, ".dist-info"), ".egg-info")
	name, version, _ = strings.Cut(dir, "-")
	return name, version
}

func drawRecord(f *Facts, p string, content io.Reader) error {
	name, version := nameOfDir(p)
	f.pkg(name, version, "", "")
	root := "/" + path.Dir(path.Dir(p))
	bad := 0
	err := eachLine(content, func(line []byte) {
		file, ok := recorded(string(line))
		switch {
		case !ok:
			bad++
		case file == "":
		case strings.HasPrefix(file, "/"):
			f.file(file)
		default:
			f.file(root + "/" + file)
		}
	})
	if err == nil && bad > 0 {
		err = errors.New("lines without exactly three columns were skipped")
	}
	return err
}

// recorded returns the first of the three columns of a RECORD row.
func recorded(line string) (string, bool) {
	if line == "" {
		return "", true
	}
	if line[0] != '"' {
		file, rest, ok := strings.Cut(line, ",")
		return file, ok && strings.Contains(rest, ",")
	}
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		if line[i] != '"' {
			b.WriteByte(line[i])
			continue
		}
		if i+1 < len(line) && line[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		return b.String(), i+1 < len(line) && line[i+1] == ','
	}
	return "", false
}

func drawEggFiles(f *Facts, p string, content io.Reader) error {
	name, version := nameOfDir(p)
	f.pkg(name, version, "", "")
	root := "/" + path.Dir(p)
	err := eachLine(content, func(line []byte) {
		switch file := string(line); {
		case file == "":
		case file[0] == '/':
			f.file(file)
		default:
			f.file(root + "/" + file)
		}
	})
	return err
}

func drawConda(f *Facts, p string, content io.Reader) error {
	var meta struct {
		Name, Version string
		Files         []string
	}
	if err := json.NewDecoder(content).Decode(&meta); err != nil {
		return errors.New("not the JSON of a package")
	}
	if meta.Name == "" {
		return errors.New("no package in it")
	}
	f.pkg(meta.Name, meta.Version, "", "")
	root := "/" + path.Dir(path.Dir(p))
	for _, file := range meta.Files {
		f.file(root + "/" + file)
	}
	f.file("/" + p)
	return nil
}
