package analyze

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"github.com/peelhq/peel/source"
)

// A FilterError says what is wrong with the text of a filter, and where.
type FilterError struct {
	At   int    // start of the term: number of characters before it
	Term string // as written
	Err  error
}

// Error names the term, its position (1-based) and the fault.
func (e *FilterError) Error() string {
	return fmt.Sprintf("%s (at %d): %v", e.Term, e.At+1, e.Err)
}

// Unwrap returns the fault of the term.
func (e *FilterError) Unwrap() error { return e.Err }

// ParseFilter parses a filter: terms separated by spaces, all of which must hold. "!" before a
// term negates it.
//
//	*.so  lib?.{a,so}       a name that matches the glob
//	conf                    a name that contains the word; case-sensitive if it has capitals
//	/usr/**/*.conf          a path that matches the glob (** any number of directories)
//	/usr/lib                that path and everything below
//	re:^/etc/.*\.conf$      a path that contains a match of the regular expression (RE2)
//	change:added,removed    change of the visible version: a word of Change
//	here:added,unmodified   the same in the view's layer or range: a word of news
//	cause:metadata          why a version is hidden: a word of Cause
//	layer:3  layer:2-5,7    layers of the visible version
//	size:>10MB  >10MB       its own bytes; also <, >=, <=, = and 1MB-5MB
//	wasted:>1MB             its own wasted bytes
//	package:git             a package lists the visible version; see PackageWant
//	uid:0  gid:1000-1999    number of its owner or group
//	owner:1000:1000         both; either may be omitted
//	mode:0644  mode:setuid  its mode: see modeTerm
//	mtime:>2024-05-01       its time, in UTC; also 2024-05 and 2024-05-01..2024-06-30
//	type:file               its type, as in peel ls; link is a symlink or a hard link
//
// Write a space in a term as "\ ", or quote the term. A backslash removes the special meaning of
// the next character. The error is a *FilterError.
func ParseFilter(text string) (Filter, error) {
	var f Filter
	words, err := filterWords(text)
	if err != nil {
		return Filter{}, err
	}
	for _, w := range words {
		t, err := parseTerm(w.text)
		if err != nil {
			return Filter{}, &FilterError{w.at, w.written, err}
		}
		f.terms = append(f.terms, t)
	}
	written := make([]string, len(words))
	for i, w := range words {
		written[i] = w.written
	}
	f.text = strings.Join(written, " ")
	return f, nil
}

// A filterWord is the text of one term.
type filterWord struct {
	text    string // without quotes
	written string
	at      int // in characters
}

var errQuote = errors.New(`the " isn't closed`)

// filterWords splits text at spaces, except within quotes or after a backslash.
// It keeps backslashes before other characters, because they mean something to
// the terms' parsers.
func filterWords(text string) ([]filterWord, error) {
	var words []filterWord
	var b strings.Builder
	inside, quoted := false, false // in a word, in quotes
	start, startRune := 0, 0
	at := 0 // characters read
	end := func(i int) {
		if inside {
			words = append(words, filterWord{b.String(), text[start:i], startRune})
		}
		inside = false
		b.Reset()
	}
	for i := 0; i < len(text); at++ {
		r, size := utf8.DecodeRuneInString(text[i:])
		if unicode.IsSpace(r) && !quoted {
			end(i)
			i += size
			continue
		}
		if !inside {
			inside, start, startRune = true, i, at
		}
		switch {
		case r == '"':
			quoted = !quoted
		case r == '\\' && i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '"'):
			b.WriteByte(text[i+1])
			size++
			at++
		case r == '\\' && i+1 < len(text):
			_, next := utf8.DecodeRuneInString(text[i+1:])
			b.WriteString(text[i : i+1+next])
			size += next
			at++
		default:
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	if quoted {
		return nil, &FilterError{startRune, text[start:], errQuote}
	}
	end(len(text))
	return words, nil
}

var (
	errNothing   = errors.New("a term is missing")
	errNoSize    = errors.New("not a size: write 10MB, >10MB, <=1kB or 1MB-5MB")
	errNoLayers  = errors.New("not a layer: write 3, 2-5 or 1,4-6")
	errBackwards = errors.New("it ends before it begins")
)

func parseTerm(word string) (term, error) {
	rest, not := strings.CutPrefix(word, "!")
	t, err := parsePositive(rest)
	t.not = not
	return t, err
}

func parsePositive(word string) (term, error) {
	switch {
	case word == "":
		return term{}, errNothing
	case word[0] == '>' || word[0] == '<':
		r, err := parseSize(word)
		return sizeTerm(r), err
	}
	if key, value, ok := strings.Cut(word, ":"); ok && isWord(key) {
		return parseKeyed(key, value)
	}
	if len(word) > maxGlob {
		return term{}, fmt.Errorf("%d bytes: the maximum is %d", len(word), maxGlob)
	}
	path := "/" + strings.Trim(word, "/")
	switch isPath := strings.Contains(word, "/"); {
	case isPath && isGlob(word):
		return pathTerm(path)
	case isPath:
		return belowTerm(path), nil
	case isGlob(word):
		return nameTerm(word)
	}
	return wordTerm(word), nil
}

// isWord reports whether s consists of letters, as the keys do.
func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < 'a' || r > 'z' })
}

func parseKeyed(key, value string) (term, error) {
	if value == "" {
		return term{}, errNothing
	}
	switch key {
	case "re":
		re, err := regexp.Compile(value)
		if wrong := (*syntax.Error)(nil); errors.As(err, &wrong) {
			return term{}, fmt.Errorf("%s: %s", wrong.Code, wrong.Expr)
		} else if err != nil {
			return term{}, err
		}
		return regexpTerm(re), nil
	case "change":
		changes, err := parseWords[Change](key, value, changeNames[:], nil)
		return changeTerm(changes), err
	case "here":
		news, err := parseWords[news](key, value, newsNames[:], nil)
		return hereTerm(news), err
	case "cause":
		causes, err := parseWords[Cause](key, value, causeNames[:], nil)
		return causeTerm(causes), err
	case "type":
		types, err := parseWords(key, value, typeWords, map[string][]source.Type{"link": {source.Symlink, source.Hardlink}})
		return typeTerm(types), err
	case "layer":
		layers, err := parseLayers(value)
		return layerTerm(layers), err
	case "uid":
		return idTerm(value, Version.UID)
	case "gid":
		return idTerm(value, Version.GID)
	case "owner":
		return ownerTerm(value)
	case "mode":
		return modeTerm(value)
	case "mtime":
		return timeTerm(value)
	case "size":
		r, err := parseSize(value)
		return sizeTerm(r), err
	case "wasted":
		r, err := parseSize(value)
		return wastedTerm(r), err
	case "package":
		return packageTerm(value)
	}
	return term{}, fmt.Errorf(`unknown key %q: use re, change, here, cause, layer, size, wasted, uid, gid, owner, mode, mtime, type or package; %s\: begins a name with a colon`, key, key)
}

// typeWords are the words of source.Type in the order of its values.
var typeWords = func() []string {
	var words []string
	for t := source.File; t <= source.Fifo; t++ {
		words = append(words, t.String())
	}
	return words
}()

// parseWords parses words separated by commas. The value of a word is its index, or the value in
// short.
func parseWords[T ~uint8](what, value string, all []string, short map[string][]T) ([]T, error) {
	var out []T
	for word := range strings.SplitSeq(value, ",") {
		if more, ok := short[word]; ok {
			out = append(out, more...)
			continue
		}
		i := slices.Index(all, word)
		if i < 0 || word == "" {
			known := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
			for s := range short {
				known = append(known, s)
			}
			return nil, fmt.Errorf("no %s is called %q: %s", what, word, strings.Join(known, ", "))
		}
		out = append(out, T(i))
	}
	return out, nil
}

// An intRange is an inclusive range of integers.
type intRange struct{ from, to int64 }

func (r intRange) has(n int64) bool { return n >= r.from && n <= r.to }

// parseLayers parses layers and ranges of layers, separated by commas.
func parseLayers(value string) ([]intRange, error) {
	var out []intRange
	for part := range strings.SplitSeq(value, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err := strconv.ParseUint(low, 10, 31)
		if err != nil {
			return nil, errNoLayers
		}
		to, err := strconv.ParseUint(high, 10, 31)
		if err != nil {
			return nil, errNoLayers
		}
		if to < from {
			return nil, errBackwards
		}
		out = append(out, intRange{int64(from), int64(to)})
	}
	return out, nil
}

// parseSize parses a bound, a range or a number of bytes, optionally with a unit: decimal (kB,
// MB) or binary (KiB, MiB).
func parseSize(value string) (intRange, error) {
	for _, op := range []string{">=", "<=", ">", "<", "="} {
		number, ok := strings.CutPrefix(value, op)
		if !ok {
			continue
		}
		n, err := parseBytes(number)
		if err != nil {
			return intRange{}, err
		}
		switch op {
		case ">=":
			return intRange{n, math.MaxInt64}, nil
		case ">":
			if n == math.MaxInt64 {
				return intRange{1, 0}, nil
			}
			return intRange{n + 1, math.MaxInt64}, nil
		case "<=":
			return intRange{0, n}, nil
		case "<":
			return intRange{0, n - 1}, nil
		}
		return intRange{n, n}, nil
	}
	low, high, isRange := strings.Cut(value, "-")
	if !isRange {
		high = low
	}
	from, err := parseBytes(low)
	if err != nil {
		return intRange{}, err
	}
	to, err := parseBytes(high)
	if err != nil {
		return intRange{}, err
	}
	if to < from {
		return intRange{}, errBackwards
	}
	return intRange{from, to}, nil
}

func parseBytes(s string) (int64, error) {
	if s == "" || s[0] < '0' || s[0] > '9' || strings.Contains(s, ",") {
		return 0, errNoSize
	}
	n, err := humanize.ParseBytes(s)
	if err != nil || n > math.MaxInt64 {
		return 0, errNoSize
	}
	return int64(n), nil
}
