# Every job of CI is a target here, so that what CI runs a developer runs.

SHELL := /bin/bash
# Outside the clone: wasmtime is built once for all clones and work trees.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/kube-wagi/target

.PHONY: help demo dev-cluster test build bench fuzz examples crds lint

help: ## say what there is (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## serve the examples and watch one stream; ONCE=1 ends by itself
	@scripts/demo

dev-cluster: ## a control plane, the operator, two runtimes and a registry on this machine; ONCE=1 ends by itself
	@scripts/dev-cluster

test: ## all tests: examples, unit tests, whole programs, the control plane
	@scripts/test

build: ## build wagi as tests and demo use it
	@scripts/need build
	cargo build --workspace --bins

examples: ## build the examples that need a compiler (C, Go)
	@scripts/examples

crds: ## write crds/generated, the custom resource definitions, from the code
	REWRITE_GENERATED=1 cargo test -p tests --test it generated::

lint: ## format, licences and bans, clippy, documentation
	@scripts/lint

bench: ## measure against bare hyper and write docs/benchmarks.md (release build)
	@scripts/bench

fuzz: ## fuzz with libFuzzer, FUZZ_SECONDS a target (default 300), FUZZ_TARGETS only these
	@scripts/fuzz
