package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// maxNesting is the maximum nesting of lists and maps in a file of rules or settings; three
// levels are enough.
const maxNesting = 16

// A lineError is an error in a file of rules or settings, with its place.
type lineError struct {
	line int    // from 1; 0 if it is unknown
	file string // "" for the one that is being read
	err  error
	done bool // err already says where
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

// at returns an error about a node of such a file.
func at(n *yaml.Node, format string, args ...any) error {
	return &lineError{line: n.Line, err: fmt.Errorf(format, args...)}
}

// located returns err with the file and the line that it is about at its beginning, unless it
// already says them.
func located(err error, file string) error {
	where := (*lineError)(nil)
	switch {
	case !errors.As(err, &where):
		return fmt.Errorf("%s: %w", file, err)
	case where.done:
		return err
	case where.file != "":
		file = where.file
	}
	if where.line > 0 {
		file = fmt.Sprintf("%s:%d", file, where.line)
	}
	return &lineError{done: true, err: fmt.Errorf("%s: %w", file, err)}
}

// document parses the single map in such a file. Anchors, aliases and tags are errors, because
// they make text stand for something else.
func document(data []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxNesting))))
	if err != nil {
		return nil, err
	}
	var doc, more yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty: remove it, or fill it in")
	case err != nil:
		return nil, syntaxError(data, err)
	}
	if err := loader.Load(&more); err == nil {
		return nil, at(&more, "a second document: only one is allowed")
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(data, err)
	}
	if len(doc.Content) != 1 {
		return nil, errors.New("it is empty: remove it, or fill it in")
	}
	root := doc.Content[0]
	if err := plain(root); err != nil {
		return nil, err
	}
	if root.Kind != yaml.MappingNode || len(root.Content) == 0 {
		return nil, at(root, `it has to be a map, as "name: value"`)
	}
	return root, nil
}

// syntaxError gives the YAML library's error its line.
func syntaxError(data []byte, err error) error {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		return err
	}
	line, message := e.Mark.Line, e.Message
	if line == 0 {
		if i := bytes.IndexFunc(data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == '\uFFFD' }); i >= 0 {
			line = 1 + bytes.Count(data[:i], []byte("\n"))
		}
	}
	if strings.Contains(message, "anchor") || strings.Contains(message, "alias") {
		message += ` (quote globs: "*.pem")`
	}
	return &lineError{line: line, err: errors.New(message)}
}

// plain rejects aliases and the like below n.
func plain(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.AliasNode, n.Anchor != "":
		return at(n, `anchors and aliases are not supported (quote globs: "*.pem")`)
	case n.Style&yaml.TaggedStyle != 0:
		return at(n, `tags are not supported (quote globs: "!/etc/ssl")`)
	}
	for _, c := range n.Content {
		if err := plain(c); err != nil {
			return err
		}
	}
	return nil
}

// pairs calls each with the keys of a map and their values, in order. Duplicate keys are an
// error.
func pairs(n *yaml.Node, each func(key, value *yaml.Node) error) error {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return at(key, "a key has to be a word")
		}
		if first, twice := seen[key.Value]; twice {
			return at(key, "%q occurs twice, also on line %d", key.Value, first)
		}
		seen[key.Value] = key.Line
		if err := each(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// text returns the value of a key as it was written.
func text(key, value *yaml.Node) (string, error) {
	switch {
	case value.Kind != yaml.ScalarNode:
		return "", at(value, `%s: expected a single value (quote globs: "{a,b}")`, key.Value)
	case value.Tag == "!!null" || strings.TrimSpace(value.Value) == "":
		return "", at(key, "%s has no value", key.Value)
	}
	return value.Value, nil
}
