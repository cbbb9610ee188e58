// Package kubernetes holds the Jobs of "peel fleet kube" against a real Kubernetes on one
// machine: etcd, API server, scheduler, controllers, kubelet and containerd in namespaces of
// their own, from which nothing leaves. A registry and an object store stand inside.
//
// The tests run where they are asked for, as root, with what testdata/kubebox builds:
//
//	PEEL_KUBEBOX=FILE PEEL_VERSITYGW=FILE go test ./integration/kubernetes
//
// It is one node without TLS between its parts, and not a cloud.
package kubernetes
