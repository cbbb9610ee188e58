# shellcheck shell=bash disable=SC2034
# Shared by the scripts in this folder, which source it: the versions of their tools,
# and where they are stored.

# Each is the newest that builds with the Go version of go.mod.
golangci_version=v2.15.0
goreleaser_version=v2.16.0
actionlint_version=v1.7.12
versitygw_version=v1.8.0

tools=${PEEL_CI_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/peel-ci}

# tool NAME MODULE VERSION prints the path of a tool, and builds it if it doesn't exist.
# The path contains the version, so a new version is built too.
tool() {
  local name=$1 module=$2 version=$3 dir
  dir=$tools/$name-$version-$(go env GOVERSION)
  if [ ! -x "$dir/$name" ]; then
    mkdir -p "$dir"
    # Outside the project, so that its go.mod has no effect.
    (cd "$dir" && GOBIN=$dir GOFLAGS=-buildvcs=false go install "$module@$version" >"$dir/log" 2>&1) || {
      tail -n 5 "$dir/log" >&2
      return 1
    }
  fi
  echo "$dir/$name"
}

golangci() { tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint "$golangci_version"; }
goreleaser() { tool goreleaser github.com/goreleaser/goreleaser/v2 "$goreleaser_version"; }
actionlint() { tool actionlint github.com/rhysd/actionlint/cmd/actionlint "$actionlint_version"; }

versitygw() { tool versitygw github.com/versity/versitygw/cmd/versitygw "$versitygw_version"; }

# kubebox prints the path of Kubernetes and etcd in one program, and builds it if it doesn't
# exist. That takes ten minutes on two cores, so it runs at a low priority.
kubebox() {
  local src=integration/kubernetes/testdata/kubebox dir version=v1.34.4
  dir=$tools/kubebox-$(cat $src/go.mod $src/go.sum $src/main.go | sha256sum | cut -c1-16)-$(go env GOVERSION)
  if [ ! -x "$dir/kubebox" ]; then
    mkdir -p "$dir"
    (cd $src && CGO_ENABLED=0 nice go build -trimpath -buildvcs=false -mod=readonly -o "$dir/kubebox" \
      -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34" . >"$dir/log" 2>&1) || {
      tail -n 5 "$dir/log" >&2
      return 1
    }
  fi
  echo "$dir/kubebox"
}

# wait_for SECONDS COMMAND... waits until the command succeeds.
wait_for() {
  local left=$1
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$((left--))" -gt 0 ] || return 1
    sleep 1
  done
}
