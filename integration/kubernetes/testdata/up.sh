#!/usr/bin/env bash
# Starts Kubernetes on one node below the folder $K, which has bin/kubebox and img/*.tar, in
# a mount, pid and network namespace of its own: whoever kills the process in
# run/unshare.pid ends all of it. Says nothing, and returns once the node is ready.
set -euo pipefail
K=${K:?the folder}
R=$K/run
IP=10.99.0.1

if [ -z "${INNER:-}" ]; then
  mkdir -p "$R" "$K/log" "$K/etc/cni"
  INNER=1 setsid unshare -m -p -n -f --mount-proc --kill-child --propagation private bash "$0" >"$K/log/inner.log" 2>&1 </dev/null &
  echo $! >"$R/unshare.pid"
  for _ in $(seq 1 900); do
    [ ! -e "$R/ready" ] || exit 0
    kill -0 "$(cat "$R/unshare.pid")" || break
    sleep 0.1
  done
  tail -n 20 "$K/log/inner.log" >&2
  exit 1
fi

# A network of its own, with addresses for the node and, by the ptp plugin, for pods.
ip link set lo up
ip link add eth0 type veth peer name peer0
ip link set peer0 up
ip addr add $IP/24 dev eth0
ip link set eth0 up
ip route add default dev eth0 2>/dev/null || true
cp "$(dirname "$0")/10-ptp.conflist" "$K/etc/cni/"

mkdir -p "$R"/{kubelet,containerd,podlogs,containerlogs,cni,volumes} /var/lib/cni /var/lib/kubelet /run/containerd /var/log/pods /var/log/containers
mount --make-rshared /
mount --bind "$R/kubelet" /var/lib/kubelet
mount --bind "$R/containerd" /run/containerd
mount --bind "$R/cni" /var/lib/cni
mount --bind "$R/podlogs" /var/log/pods
mount --bind "$R/containerlogs" /var/log/containers

cat >"$R/containerd.toml" <<X
version = 2
root = "$R/containerd-root"
state = "$R/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "$R/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  disable_tcp_service = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$K/etc/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
X

openssl genrsa -out "$R/sa.key" 2048 2>/dev/null
openssl rsa -in "$R/sa.key" -pubout -out "$R/sa.pub" 2>/dev/null
kubeconfig() {
  cat >"$1" <<X
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: "$2"}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
X
}
admin=$(openssl rand -hex 16)
node=$(openssl rand -hex 16)
printf '%s,admin,admin,"system:masters"\n%s,system:node:node1,node1,"system:nodes"\n' "$admin" "$node" >"$R/tokens.csv"
kubeconfig "$R/admin.kubeconfig" "$admin"
kubeconfig "$R/node1.kubeconfig" "$node"
export KUBECONFIG=$R/admin.kubeconfig

cat >"$R/kubelet.yaml" <<X
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $IP
containerRuntimeEndpoint: unix://$R/containerd.sock
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
makeIPTablesUtilChains: false
localStorageCapacityIsolation: false
oomScoreAdj: 0
resolvConf: ""
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
volumePluginDir: $R/volumes
podLogsDir: $R/podlogs
shutdownGracePeriod: 0s
X

B=$K/bin/kubebox
"$B" etcd --data-dir "$R/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync --log-level warn >"$K/log/etcd.log" 2>&1 &
containerd --config "$R/containerd.toml" >"$K/log/containerd.log" 2>&1 &
"$B" kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=127.0.0.1 --secure-port=6443 --advertise-address=$IP \
  --endpoint-reconciler-type=none --kubelet-preferred-address-types=InternalIP --cert-dir="$R/apicerts" --service-cluster-ip-range=10.96.0.0/24 \
  --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$R/sa.pub" --service-account-signing-key-file="$R/sa.key" \
  --token-auth-file="$R/tokens.csv" --authorization-mode=Node,RBAC --allow-privileged=true >"$K/log/apiserver.log" 2>&1 &

ctr() { command ctr -a "$R/containerd.sock" -n k8s.io "$@"; }
for _ in $(seq 1 100); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
for f in "$K"/img/*.tar; do ctr image import --snapshotter overlayfs "$f"; done
for _ in $(seq 1 300); do "$B" kubectl get --raw /readyz >/dev/null 2>&1 && break; sleep 0.2; done
"$B" kube-controller-manager --kubeconfig="$R/admin.kubeconfig" --leader-elect=false --bind-address=127.0.0.1 \
  --service-account-private-key-file="$R/sa.key" --cert-dir="$R/kcmcerts" >"$K/log/kcm.log" 2>&1 &
"$B" kube-scheduler --kubeconfig="$R/admin.kubeconfig" --leader-elect=false --bind-address=127.0.0.1 --cert-dir="$R/schedcerts" >"$K/log/scheduler.log" 2>&1 &
"$B" kubelet --config="$R/kubelet.yaml" --kubeconfig="$R/node1.kubeconfig" --root-dir=/var/lib/kubelet --cert-dir="$R/kubeletcerts" \
  --hostname-override=node1 --node-ip=$IP --v=2 >"$K/log/kubelet.log" 2>&1 &
for _ in $(seq 1 600); do
  [ "$("$B" kubectl get node node1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null)" = True ] &&
    "$B" kubectl get sa default >/dev/null 2>&1 && break
  sleep 0.2
done
touch "$R/ready"
trap 'exit 0' TERM
wait
