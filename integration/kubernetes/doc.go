// Package kubernetes runs the Jobs of "peel fleet kube" in a real Kubernetes on one machine:
// etcd, API server, scheduler, controllers, kubelet and containerd in isolated namespaces,
// together with a registry and an object store.
//
// The tests run only if you ask for them, as root, with the program that testdata/kubebox
// builds:
//
//	PEEL_KUBEBOX=FILE PEEL_VERSITYGW=FILE go test ./integration/kubernetes
//
// The cluster is one node without TLS between its parts, not a cloud.
package kubernetes
