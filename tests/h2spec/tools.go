//go:build tools

// Package h2spec pins the HTTP/2 conformance tester that the tests run.
package h2spec

import _ "github.com/summerwind/h2spec/cmd/h2spec"
