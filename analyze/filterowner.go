package analyze

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The terms on owner, mode and time test the version that a view shows. A removal never matches.

var (
	errNoID    = errors.New("not a number: write 0, 1000-1999 or 0,33")
	errNoOwner = errors.New("not an owner: write 1000:1000, 1000: or :33, in numbers")
	errNoMode  = errors.New("not a mode: write 0644, -4000, /6000, setuid, setgid, sticky, writable or executable")
	errNoTime  = errors.New("not a time: write 2024-05-01, >=2024-05-01T12:00:00 or 2024-05-01..2024-06-30, in UTC")
)

// keptTerm matches versions, except removals, that satisfy test.
func keptTerm(test func(v Version) bool) term {
	return term{version: func(v *View, i int32) bool {
		return v.t.versions[i].change != Removed && test(Version{v.t, i})
	}}
}

// parseIDs parses user or group numbers and ranges, separated by commas.
func parseIDs(value string) ([]intRange, error) {
	var out []intRange
	for part := range strings.SplitSeq(value, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err := strconv.ParseUint(low, 10, 63)
		if err != nil {
			return nil, errNoID
		}
		to, err := strconv.ParseUint(high, 10, 63)
		if err != nil {
			return nil, errNoID
		}
		if to < from {
			return nil, errBackwards
		}
		out = append(out, intRange{int64(from), int64(to)})
	}
	return out, nil
}

func inAny(ranges []intRange, n int64) bool {
	for _, r := range ranges {
		if r.has(n) {
			return true
		}
	}
	return false
}

// idTerm is "uid:" or "gid:"; id reads the number from a version.
func idTerm(value string, id func(v Version) int64) (term, error) {
	ids, err := parseIDs(value)
	return keptTerm(func(v Version) bool { return inAny(ids, id(v)) }), err
}

// ownerTerm is "owner:UID:GID"; either may be omitted. A single number is a user.
func ownerTerm(value string) (term, error) {
	uid, gid, _ := strings.Cut(value, ":")
	if uid == "" && gid == "" {
		return term{}, errNoOwner
	}
	all := []intRange{{0, math.MaxInt64}}
	uids, gids := all, all
	var err error
	if uid != "" {
		if uids, err = parseIDs(uid); err != nil {
			return term{}, errNoOwner
		}
	}
	if gid != "" {
		if gids, err = parseIDs(gid); err != nil {
			return term{}, errNoOwner
		}
	}
	return keptTerm(func(v Version) bool { return inAny(uids, v.UID()) && inAny(gids, v.GID()) }), nil
}

// modeWords are the bits of which at least one is set.
var modeWords = map[string]uint32{"setuid": 0o4000, "setgid": 0o2000, "sticky": 0o1000, "writable": 0o002, "executable": 0o111}

// modeTerm is "mode:" with the syntax of find's -perm: 0644 for exactly these bits, -4000 for at
// least these bits, /6000 for any of them; or words separated by commas, which must all hold.
// Symlinks have no mode of their own and match only 0777.
func modeTerm(value string) (term, error) {
	if first := value[0]; first == '-' || first == '/' || first >= '0' && first <= '9' {
		bits, err := strconv.ParseUint(strings.TrimLeft(value[:1], "-/")+value[1:], 8, 12)
		if err != nil {
			return term{}, errNoMode
		}
		want := uint32(bits)
		return keptTerm(func(v Version) bool {
			switch mode := v.Mode(); first {
			case '-':
				return mode&want == want
			case '/':
				return mode&want != 0
			default:
				return mode == want
			}
		}), nil
	}
	var all []uint32
	for word := range strings.SplitSeq(value, ",") {
		bits, ok := modeWords[word]
		if !ok {
			return term{}, errNoMode
		}
		all = append(all, bits)
	}
	return keptTerm(func(v Version) bool {
		if v.Type() == TypeSymlink {
			return false
		}
		for _, bits := range all {
			if v.Mode()&bits == 0 {
				return false
			}
		}
		return true
	}), nil
}

// timeTerm is "mtime:" with a day or a second, one bound, or two bounds. A day means the whole
// day.
func timeTerm(value string) (term, error) {
	from, to, err := parseTimes(value)
	return keptTerm(func(v Version) bool {
		t := v.Time()
		return !t.IsZero() && !t.Before(from) && t.Before(to)
	}), err
}

// The earliest and the latest time for an open bound.
var (
	firstTime = time.Unix(math.MinInt32*1000, 0)
	lastTime  = time.Unix(math.MaxInt32*1000, 0)
)

// parseTimes parses a half-open range of times.
func parseTimes(value string) (from, to time.Time, err error) {
	for _, op := range []string{">=", "<=", ">", "<", "="} {
		text, ok := strings.CutPrefix(value, op)
		if !ok {
			continue
		}
		from, to, err = parseTime(text)
		switch op {
		case ">=":
			to = lastTime
		case ">":
			from, to = to, lastTime
		case "<=":
			from = firstTime
		case "<":
			from, to = firstTime, from
		}
		return from, to, err
	}
	low, high, isRange := strings.Cut(value, "..")
	if !isRange {
		return parseTime(value)
	}
	if from, _, err = parseTime(low); err != nil {
		return from, to, err
	}
	if _, to, err = parseTime(high); err != nil {
		return from, to, err
	}
	if !from.Before(to) {
		return from, to, errBackwards
	}
	return from, to, nil
}

// parseTime parses a day or a time in UTC and returns its start and its end.
func parseTime(s string) (from, to time.Time, err error) {
	for _, form := range []struct {
		layout string
		next   func(time.Time) time.Time
	}{
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{time.DateOnly, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
	} {
		if from, err = time.Parse(form.layout, strings.TrimSuffix(s, "Z")); err == nil {
			return from, form.next(from), nil
		}
	}
	return time.Time{}, time.Time{}, fmt.Errorf("%q: %w", s, errNoTime)
}
