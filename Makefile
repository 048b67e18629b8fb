# Everything a newcomer types. `make demo` and `make test` do all the set-up themselves.

WASM   := wasm32-unknown-unknown
FRESH  := target/guests
KEPT   := host/components
GUESTS := guest_default guest_deals
# What the stock components are made of: a test compares this with what the kept ones were made of.
SOURCES = find wit guest-sdk guest-default guest-deals -type f \( -name '*.rs' -o -name '*.wit' -o -name '*.json' -o -name Cargo.toml \) | LC_ALL=C sort

# How often `make crash` kills the service on each database: 1000 before a release.
CYCLES ?= 50
# A few more words for the campaign on SQLite, such as `--seed 7` or `--point CP9`.
CRASH  ?=
# How long `make fuzz` goes on. `FUZZ_SEED=7` starts it elsewhere.
FUZZ_SECONDS ?= 60

.PHONY: demo build test postgres browser lint bench rivals crash fuzz schemathesis guests toolchains components

## Two dealerships, a HubSpot simulator, and the leads of examples/, with a table of what became of each.
demo: build
	target/release/leadline demo

build: guests
	cargo build --release -p leadline

## Everything that can fail: natively, in the sandbox, through the real service, and through its deaths.
test: guests
	@rustup target add wasm32-wasip1 wasm32-wasip2 >/dev/null 2>&1 || echo "wasm32-wasip1 and wasm32-wasip2 cannot be fetched: the tests of their guests are left out"
	cargo test --doc -p guest-sdk
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace; else cargo test --workspace --all-targets; fi
	$(MAKE) postgres
	LEADLINE_BIN=$(CURDIR)/target/debug/leadline $(MAKE) browser
	$(MAKE) crash CYCLES=25

# What does not touch the database, and what takes long on any, is left out.
## The same promises of the service on a Postgres server that is started for it.
postgres: guests
	@if cargo nextest --version >/dev/null 2>&1; then \
	  tests/with-postgres cargo nextest run --workspace -E 'package(leadline-tests) and binary(it) and not test(/^(pace|sandbox|components|guests|examples|author|toolchains|contract|uploads|probe|fuzz)::/)'; \
	else \
	  tests/with-postgres cargo test --workspace --test it -- --skip pace:: --skip sandbox:: --skip components:: --skip guests:: --skip examples:: \
	    --skip author:: --skip toolchains:: --skip contract:: --skip uploads:: --skip probe:: --skip fuzz::; \
	fi

# LEADLINE_BIN names another binary than the release one, or the debug one where there is no other.
## The dashboard in a real Chromium: every screen, the journeys, the keyboard, hostile text. Failures leave pictures and traces in target/browser.
browser:
	@test -n "$$LEADLINE_BIN" || test -x target/release/leadline || test -x target/debug/leadline || $(MAKE) build
	@tests/browser/run

# The crash points are in what the tests are built with (tests/Cargo.toml), and the broken promises are found by the names of
# their tests: so nothing is compiled a second time.
## Kills the service again and again, and compares what was sent, what HubSpot saw and what is stored.
crash: guests
	cargo test --workspace --no-run
	target/debug/leadline-crash --cycles $(CYCLES) $(CRASH)
	tests/with-postgres sh -c 'target/debug/leadline-crash --cycles $(CYCLES) --database "$$LEADLINE_TEST_POSTGRES"'
	cargo test --workspace --tests -- --ignored --list is_noticed 2>/dev/null | grep -q is_noticed
	cargo test --workspace --tests -- --ignored is_noticed

## Uploads and events that nobody thought of: none may make the host panic, and each has an outcome.
fuzz: guests
	FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --workspace --test it fuzz::for_as_long -- --ignored --nocapture

# It needs python3 and Node, and fetches Schemathesis into target/; SCHEMATHESIS_SECONDS bounds it.
## The API asked at random by its own description, in a service with leads in it: no answer may be a failure of ours.
schemathesis:
	@test -n "$$LEADLINE_BIN" || test -x target/release/leadline || test -x target/debug/leadline || $(MAKE) build
	@tests/schemathesis/run

# The second pass is the service as it is released: without the crash points that the tests turn on.
## Warnings are errors here.
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p leadline -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

# In a workspace of their own, because nothing of them should get into what we build.
## Builds what people would use instead of our sandbox, which `make bench` then runs beside it.
rivals:
	rustup target add $(WASM)
	cd bench/rivals && CARGO_TARGET_DIR=../../target/rivals cargo build --release -p rivals
	cd bench/rivals && CARGO_TARGET_DIR=../../target/rivals cargo build --release -p rivals-plugin --target $(WASM)

## Every figure beside its baseline (docs/benchmarks.md); the values of all runs are kept in target/bench.
bench: guests rivals
	cargo run --release -p bench -- --raw target/bench

# By `cargo rustc` with the one crate type: beside an rlib, cargo drops link-time optimisation without a word.
## Builds the stock transformations where the target can be had; else the checked-in ones are used.
guests:
	@mkdir -p $(FRESH)
	@if rustup target list --installed 2>/dev/null | grep -qx $(WASM) || rustup target add $(WASM); then \
	  for package in guest-default guest-deals; do \
	    cargo rustc -p $$package --crate-type cdylib --profile guest --target $(WASM) || exit 1; \
	  done && \
	  for name in $(GUESTS); do \
	    cmp -s target/$(WASM)/guest/$$name.wasm $(FRESH)/$$name.wasm || cp target/$(WASM)/guest/$$name.wasm $(FRESH)/; \
	  done && echo "stock transformations: freshly built"; \
	else \
	  rm -f $(FRESH)/*.wasm; \
	  echo "stock transformations: the checked-in ones, because the target $(WASM) cannot be fetched"; \
	fi

# Without it the tests of a toolchain that is missing are left out, and say so; the one of JavaScript runs only here.
## Installs every toolchain that a guest may be built with, and tests the guest of each.
toolchains: guests
	rustup target add wasm32-unknown-unknown wasm32-wasip1 wasm32-wasip2
	cargo component --version >/dev/null 2>&1 || cargo install cargo-component --locked --version 0.21.1
	LEADLINE_TOOLCHAINS=all cargo test --workspace --test it -- --include-ignored toolchains:: hostile::

## Renews the checked-in components from the guests' sources.
components: build
	mkdir -p $(KEPT)
	for name in $(GUESTS); do target/release/leadline transform component $(FRESH)/$$name.wasm --output $(KEPT)/$$name.wasm; done
	$(SOURCES) | xargs sha256sum > $(KEPT)/SOURCES
