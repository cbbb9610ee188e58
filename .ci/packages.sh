#!/usr/bin/env bash
# Checks the files of a release before it is published: unpacks the archives and packages,
# runs the binary, reads the manifests of package managers, and runs lintian and rpmlint on
# the packages.
#
#   goreleaser release --snapshot --clean --skip=docker,sign,sbom && .ci/packages.sh dist
set -euo pipefail
cd "$(dirname "$0")/.."
dist=$(realpath "${1:?usage: packages.sh DIST}")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

die() {
  echo "packages: $*" >&2
  exit 1
}

version=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["version"])' "$dist/metadata.json")

# same WHAT WANT GOT compares two texts.
same() { [ "$2" = "$3" ] || { diff <(echo "$2") <(echo "$3") >&2; die "$1: < is wanted, > is there"; }; }

# files DIR lists the files below a folder.
files() { (cd "$1" && find . -type f | sed 's|^\./||' | LC_ALL=C sort); }

# is_peel PROGRAM checks a binary for this machine: its version, and that it opens an image.
is_peel() {
  same "$1 --version" "peel version $version" "$("$1" --version)"
  XDG_CACHE_HOME=$tmp/cache "$1" ls testdata/sample.tar /etc >/dev/null
}

# stripped ELF checks that a binary has no symbols, debugging sections or shared libraries.
stripped() {
  if readelf -SW "$1" | grep -E '\.(debug|symtab)'; then die "$1 is not stripped"; fi
  if readelf -dW "$1" | grep NEEDED; then die "$1 needs libraries"; fi
}

# documents DIR MAN BASH ZSH FISH compares man page and completions with the binary's own.
documents() {
  local shell
  [[ $(gzip -dc "$1/$2") == ".TH PEEL 1 "* ]] || die "$1/$2 isn't a man page"
  same "the man page" "$("$peel" man | tail -n +2)" "$(gzip -dc "$1/$2" | tail -n +2)"
  for shell in bash:$3 zsh:$4 fish:$5; do
    cmp "$1/${shell#*:}" <("$peel" completion "${shell%%:*}") || die "$1/${shell#*:} is out of date"
  done
}

echo "  archives"
in_archive="CHANGELOG.md
LICENSE
README.md
THIRD_PARTY_NOTICES
completions/peel.bash
completions/peel.fish
completions/peel.ps1
completions/peel.zsh
man/peel.1.gz
peel"
n=0
for archive in "$dist"/*.tar.gz "$dist"/*.zip; do
  to=$tmp/archives/$(basename "$archive")
  mkdir -p "$to"
  case $archive in
    *.zip) python3 -m zipfile -e "$archive" "$to" ;;
    *) tar -C "$to" -xzf "$archive" ;;
  esac
  same "$archive" "$in_archive" "$(files "$to" | sed 's/^peel\.exe$/peel/')"
  case $archive in *linux*) stripped "$to/peel" ;; esac
  n=$((n + 1))
done
[ $n -eq 8 ] || die "$n archives, want 8"
here=$tmp/archives/peel_${version}_linux_$(go env GOARCH).tar.gz
peel=$here/peel
is_peel "$peel"
documents "$here" man/peel.1.gz completions/peel.bash completions/peel.zsh completions/peel.fish
for name in LICENSE README.md CHANGELOG.md THIRD_PARTY_NOTICES; do cmp "$name" "$here/$name"; done

echo "  packages"
in_package="usr/bin/peel
usr/share/bash-completion/completions/peel
usr/share/doc/peel/README.md
usr/share/doc/peel/THIRD_PARTY_NOTICES.gz
usr/share/doc/peel/changelog.gz
usr/share/fish/vendor_completions.d/peel.fish
usr/share/man/man1/peel.1.gz"
more_deb="usr/share/doc/peel/changelog.Debian.gz
usr/share/doc/peel/copyright
usr/share/lintian/overrides/peel
usr/share/zsh/vendor-completions/_peel"
more_other="usr/share/licenses/peel/LICENSE
usr/share/zsh/site-functions/_peel"
for arch in amd64 arm64; do
  for kind in deb rpm apk; do
    package=$dist/peel_${version}_linux_$arch.$kind
    to=$tmp/packages/$arch.$kind
    mkdir -p "$to"
    more=$more_other zsh=usr/share/zsh/site-functions/_peel
    case $kind in
      deb)
        dpkg-deb -x "$package" "$to"
        more=$more_deb zsh=usr/share/zsh/vendor-completions/_peel
        ;;
      rpm)
        cp "$package" "$tmp/one.rpm"
        (cd "$tmp" && rpm2archive one.rpm && tar -C "$to" -xzf one.rpm.tgz)
        ;;
      apk) tar -C "$to" --exclude='.PKGINFO' --warning=no-unknown-keyword -xzf "$package" ;;
    esac
    same "$package" "$(printf '%s\n%s' "$in_package" "$more" | LC_ALL=C sort)" "$(files "$to")"
    same "modes in $package" "755" "$(find "$to" -type f -perm /111 -printf '%m\n')"
    stripped "$to/usr/bin/peel"
    cmp "$to/usr/bin/peel" "$tmp/archives/peel_${version}_linux_$arch.tar.gz/peel"
    gzip -dc "$to/usr/share/doc/peel/THIRD_PARTY_NOTICES.gz" | cmp - THIRD_PARTY_NOTICES
    gzip -dc "$to/usr/share/doc/peel/changelog.gz" | cmp - CHANGELOG.md
    documents "$to" usr/share/man/man1/peel.1.gz usr/share/bash-completion/completions/peel "$zsh" usr/share/fish/vendor_completions.d/peel.fish
  done
done
same "Debian's fields" "peel
utils
optional
The peel authors <peelhq@users.noreply.github.com>" "$(for f in Package Section Priority Maintainer; do dpkg-deb -f "$dist/peel_${version}_linux_amd64.deb" $f; done)"
[ "$(dpkg-deb -f "$dist/peel_${version}_linux_amd64.deb" Description | wc -l)" -gt 2 ] || die "the description is not in two parts"
same "documents of the rpm" "$(grep -E 'man|doc' <<<"$in_package" | sed 's|^|/|')" "$(rpm -qpd "$dist/peel_${version}_linux_amd64.rpm" | LC_ALL=C sort)"

echo "  manifests"
PYTHONDONTWRITEBYTECODE=1 python3 - "$dist" "$version" <<'PY'
import json, os, pathlib, re, subprocess, sys
import yaml

dist, version = pathlib.Path(sys.argv[1]), sys.argv[2]
sums = dict(reversed(line.split()) for line in (dist / "checksums.txt").read_text().splitlines())

def die(text):
    sys.exit("packages: " + text)

# A manifest downloads a file of the release, with its checksum.
def downloads(name, systems, form=lambda digest: digest):
    text = (dist / name).read_text()
    found = [os.path.basename(u) for u in re.findall(r"https://github\.com/peelhq/peel/releases/download/[^\"')\s]+", text.replace("#{version}", version))]
    if sorted(found) != sorted(f"peel_{version}_{s}" for s in systems):
        die(f"{name} downloads {found}")
    for f in found:
        if form(sums[f]) not in text:
            die(f"{name} does not have the checksum of {f}")
    return text

windows = ["windows_amd64.zip", "windows_arm64.zip"]
linux = ["linux_amd64.tar.gz", "linux_arm64.tar.gz"]
unix = linux + ["darwin_amd64.tar.gz", "darwin_arm64.tar.gz"]

cask = downloads("homebrew/Casks/peel.rb", unix)
for named in re.findall(r'^  (?:binary|manpage|\w+_completion) "(.+)"', cask, re.M):
    if not re.search("^" + named + "$", "\n".join(["peel", "man/peel.1.gz"] + [f"completions/peel.{s}" for s in ("bash", "zsh", "fish")]), re.M):
        die(f"the cask names {named}")
if cask.count("_completion ") != 3 or "manpage" not in cask:
    die("the cask has no man page, or not all completions")

scoop = json.loads(downloads("scoop/peel.json", windows))
if scoop["version"] != version or scoop["license"] != "Apache-2.0":
    die(f"scoop: {scoop}")

folder = f"winget/manifests/p/peelhq/peel/{version}/peelhq.peel"
downloads(folder + ".installer.yaml", windows, str.lower)
for kind in ("", ".installer", ".locale.en-US"):
    m = yaml.safe_load((dist / (folder + kind + ".yaml")).read_text())
    if m["PackageIdentifier"] != "peelhq.peel" or m["PackageVersion"] != version:
        die(f"winget: {m}")

downloads("aur/peel-bin.pkgbuild", linux)
downloads("aur/peel-bin.srcinfo", linux)

def base32(digest):
    return subprocess.run(["nix-hash", "--type", "sha256", "--to-base32", digest], check=True, capture_output=True, text=True).stdout.strip()
downloads("nix/pkgs/peel/default.nix", unix, base32)
PY
for expression in "$dist/nix/pkgs/peel/default.nix" packaging/nix/package.nix; do
  nix-instantiate --parse "$expression" >/dev/null 2>"$tmp/log" || { cat "$tmp/log" >&2; die "$expression is wrong"; }
done
# Build Arch's package as makepkg would.
mkdir "$tmp/arch"
(cd "$here" && pkgdir=$tmp/arch bash -euc '. "$1"; package' sh "$dist/aur/peel-bin.pkgbuild")
documents "$tmp/arch" usr/share/man/man1/peel.1.gz usr/share/bash-completion/completions/peel usr/share/zsh/site-functions/_peel usr/share/fish/vendor_completions.d/peel.fish
is_peel "$tmp/arch/usr/bin/peel"

echo "  the modules' hash in packaging/nix/package.nix"
bash .ci/nix-hash.sh

echo "  lintian and rpmlint"
# The names in an rpm by nfpm are absolute, and rpmlint unpacks by cpio, which would write to /usr.
mkdir "$tmp/relative"
printf '#!/bin/sh\nexec %s --no-absolute-filenames "$@"\n' "$(command -v cpio)" >"$tmp/relative/cpio"
chmod +x "$tmp/relative/cpio"
for arch in amd64 arm64; do
  lintian --allow-root --pedantic --display-info --fail-on error,warning,info,pedantic "$dist/peel_${version}_linux_$arch.deb"
  PATH=$tmp/relative:$PATH rpmlint -c packaging/rpmlint.toml "$dist/peel_${version}_linux_$arch.rpm" >"$tmp/log" 2>&1 || true
  grep -q '0 errors, 0 warnings' "$tmp/log" || { cat "$tmp/log" >&2; die "rpmlint finds something"; }
done
[ ! /usr/bin/peel -nt "$tmp/relative/cpio" ] || die "rpmlint installed peel on this machine"
echo "  the release of peel $version is correct"
