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

// remapped matches the name of Docker's folder for a user namespace ("userns-remap"): its first
// user and group.
var remapped = lazy.New(`^(\d{1,10})\.(\d{1,10})$`)

// inNamespace sets the options for a store in a user namespace. The store of a rootless engine
// belongs to its user; Docker's userns-remap uses a separate folder.
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
	opts.User, opts.Fuse = true, true // rootless podman uses one of the two and does not say which
	name := strconv.FormatInt(uid, 10)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if opts.UIDs, err = subordinate("/etc/subuid", name, uid); err == nil {
		opts.GIDs, err = subordinate("/etc/subgid", name, gid)
	}
	return err
}

// dockerRemap returns the users and groups of Docker's userns-remap, read from the name of its
// folder. Nil without userns-remap.
func dockerRemap(root string) (uids, gids layer.IDMap) {
	m := remapped.FindStringSubmatch(filepath.Base(root))
	if m == nil {
		return nil, nil
	}
	uid, _ := strconv.ParseInt(m[1], 10, 64) // digits, by the pattern
	gid, _ := strconv.ParseInt(m[2], 10, 64)
	return layer.IDMap{{Outside: uid, Count: idCount}}, layer.IDMap{{Outside: gid, Count: idCount}}
}

// idCount is the number of users in a namespace of Docker's.
const idCount = 65536

// subordinate returns the mapping of users or groups of a rootless engine: root is the engine's
// own user, and IDs from 1 on are the subordinate IDs from the file. Source: subuid(5),
// newuidmap(1).
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
