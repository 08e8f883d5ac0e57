//go:build tools

// Package distribution pins the server that tests are made with.
package distribution

import _ "github.com/distribution/distribution/v3/cmd/registry"
