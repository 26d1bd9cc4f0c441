# `make demo` and `make test` are the whole of getting started; hooks, CI and people call the same targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport CONDA_PREFIX

# One profile and one selection of packages (all) everywhere, so that demo, tests, lint and benches share what is built:
# docs/decisions/0006-build.md.
CARGO_FLAGS := --release
RUST_SOURCES := $(shell find rust -name '*.rs' -not -path '*/target/*') $(shell find rust -name Cargo.toml) Cargo.toml Cargo.lock pyproject.toml
MANYLINUX := manylinux2014
EXTENSION := $(VENV)/.extension

.PHONY: help demo test test-rust test-python lint lint-rust lint-python interop bench bench-interop soak fuzz wheel licences format

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(EXTENSION) ## place a call to the embedded gateway and listen to it
	python examples/demo.py

test: test-rust test-python ## unit, property and integration tests (no root, no Debian package)

test-rust: $(EXTENSION)
	cargo test $(CARGO_FLAGS)

test-python: $(EXTENSION)
	python -m pytest tests/unit tests/property tests/integration

lint: lint-rust lint-python ## everything CI refuses

lint-rust: $(VENV)/.tools
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc $(CARGO_FLAGS) --no-deps --workspace --document-private-items
	cargo deny check bans licenses sources
	python packaging/third_party_licences.py --check

lint-python: $(EXTENSION)
	ruff format --check .
	ruff check .
	mypy
	python -m mypy.stubtest c2c._c2c --allowlist tests/typing/stubtest-allowlist.txt --ignore-unused-allowlist
	lint-imports

interop: $(EXTENSION) ## calls with Kamailio, rtpengine and Chromium (installs them: needs root)
	tests/interop/run.sh

bench: $(EXTENSION) ## the figures of docs/performance.md that need no package (the set-up needs root)
	cargo bench
	python benches/bench_border.py
	python benches/bench_calls.py --calls 50
	tests/interop/in_namespace python benches/bench_setup.py

bench-interop: $(EXTENSION) ## set-up and a moved address over a long link through Kamailio, the SDK in Chromium beside, and the link itself (installs them: needs root)
	tests/interop/install.sh
	tests/interop/in_namespace python benches/bench_setup.py --far kamailio
	tests/interop/in_namespace python benches/bench_setup.py --caller sdk
	tests/interop/in_namespace python benches/bench_restart.py
	tests/interop/in_namespace python benches/bench_impairer.py

# needs rustup's nightly and cargo-fuzz; `make fuzz FUZZ="rtp stun" FUZZ_SECONDS=60` for some of them
FUZZ ?= $(patsubst rust/fuzz/fuzz_targets/%.rs,%,$(wildcard rust/fuzz/fuzz_targets/*.rs))
FUZZ_SECONDS ?= 600
fuzz: ## each fuzz target for ten minutes (CI replays the corpora only)
	set -e; for target in $(FUZZ); do \
	  case $$target in sip_message|sdp) length=70000;; *) length=4096;; esac; \
	  echo "== $$target"; mkdir -p target/fuzz-corpus/$$target; \
	  cargo +nightly fuzz run --fuzz-dir rust/fuzz $$target target/fuzz-corpus/$$target rust/fuzz/corpus/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=$$length -timeout=10 -rss_limit_mb=2048 -print_final_stats=1; \
	done

soak: $(EXTENSION) ## 1,000 calls in one process, with one client and with one each, also with losses: nothing may grow
	PYTHONPATH=tests python -m soak --connect once
	PYTHONPATH=tests python -m soak --connect each
	PYTHONPATH=tests python -m soak --connect once --loss-every 10

wheel: $(EXTENSION) $(VENV)/.wheel-tools ## an abi3 manylinux wheel and an sdist in dist/: audited, installed without a compiler, called with
	rm -rf dist
	maturin build $(CARGO_FLAGS) --locked --zig --compatibility $(MANYLINUX) --config rust/wheel.toml --out dist
	maturin sdist --out dist
	python -m pytest tests/wheel
	python benches/bench_install.py

licences: ## LICENSE-THIRD-PARTY anew, after a change of Cargo.lock
	$(PYTHON) packaging/third_party_licences.py

format: $(VENV)/.tools ## rewrite the tree in the house style
	cargo fmt --all
	ruff format .
	ruff check --fix .

$(VENV)/.tools: pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --upgrade 'pip>=25.1'
	python -m pip install --quiet --group dev
	touch $@

$(VENV)/.wheel-tools: $(VENV)/.tools
	python -m pip install --quiet --group wheel
	touch $@

# The extension lands beside the package's sources; without isolation maturin and cmake come from the venv.
$(EXTENSION): $(VENV)/.tools $(RUST_SOURCES)
	maturin develop $(CARGO_FLAGS) --locked
	touch $@
