package source

import (
	"bufio"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source/layer"
)

// remapped is the name of the folder in which Docker keeps what it has for a user
// namespace ("userns-remap"): the first user and group of it.
var remapped = lazy.New(`^(\d{1,10})\.(\d{1,10})$`)

// inNamespace says how a store is read that is in a user namespace: that of a
// rootless engine belongs to its user, that of Docker's userns-remap has a folder of
// its own.
func inNamespace(store, engine string, opts *layer.UpperOptions) error {
	if uids, gids := dockerRemap(store); uids != nil && engine == "docker" {
		opts.UIDs, opts.GIDs = uids, gids
		return nil
	}
	info, err := os.Stat(store)
	if err != nil {
		return err
	}
	uid, gid, ok := ownerOf(info)
	if !ok || uid == 0 {
		return nil
	}
	opts.User, opts.Fuse = true, true // rootless podman has either, and does not say which
	name := strconv.FormatInt(uid, 10)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if opts.UIDs, err = subordinate("/etc/subuid", name, uid); err == nil {
		opts.GIDs, err = subordinate("/etc/subgid", name, gid)
	}
	return err
}

// dockerRemap returns the users and groups of Docker's userns-remap by the folder that
// it keeps what it has in; nil without it.
func dockerRemap(root string) (uids, gids layer.IDMap) {
	m := remapped.FindStringSubmatch(filepath.Base(root))
	if m == nil {
		return nil, nil
	}
	uid, _ := strconv.ParseInt(m[1], 10, 64) // it is digits
	gid, _ := strconv.ParseInt(m[2], 10, 64)
	return layer.IDMap{{Outside: uid, Count: idCount}}, layer.IDMap{{Outside: gid, Count: idCount}}
}

// idCount is how many users a namespace of Docker's has.
const idCount = 65536

// subordinate returns how the users, or groups, of a rootless engine are mapped: its
// own user is root, and those that the file gives it follow from 1 on. Source:
// subuid(5), newuidmap(1).
func subordinate(file, name string, own int64) (layer.IDMap, error) {
	out := layer.IDMap{{Inside: 0, Outside: own, Count: 1}}
	f, err := os.Open(file)
	if os.IsNotExist(err) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	next := int64(1)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		parts := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(parts) != 3 || parts[0] != name && parts[0] != strconv.FormatInt(own, 10) {
			continue
		}
		from, err1 := strconv.ParseUint(parts[1], 10, 32)
		count, err2 := strconv.ParseUint(parts[2], 10, 32)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%s: malformed line %q", file, lines.Text())
		}
		out = append(out, layer.IDRange{Inside: next, Outside: int64(from), Count: int64(count)})
		next += int64(count)
	}
	return out, lines.Err()
}
