//go:build tools

// Package tools pins etcd, which the tests' API server stores in.
package tools

import _ "go.etcd.io/etcd/server/v3"
