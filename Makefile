# The front door of Saker. `make run` and `make test` need nothing but a Debian 12 machine, root and a
# Rust toolchain; they install what else is missing.

CARGO ?= cargo
TARGET := x86_64-unknown-linux-gnu
RELEASE := target/$(TARGET)/release

.PHONY: help run test compat bench bench-recording bench-turnover bench-rules check build kmod-source deps fmt clippy unit live attacks-deps busy vm-deps vm-debug-deps vm-programs vm-test vm vm-attacks vm-debug vm-debug-tests bench-vm fuzz clean

help:
	@echo "make run      build, run the agent with the default rules, print alerts (root)"
	@echo "make test     everything CI runs but the compatibility data: format, clippy, tests, live tests (root)"
	@echo "make compat   tests against the data in SAKER_COMPAT (default ../shared/compat) (root)"
	@echo "make busy     alerts of the stock rules on a busy host: BUSY_SECONDS=600 (root)"
	@echo "make bench    cost of the agent, measured against the same loads without it (root)"
	@echo "make bench-turnover   memory and tables after a million forks (root, minutes)"
	@echo "make vm       the drivers on Debian kernels under qemu: KERNELS=\"5.10 6.1\" or all (root, long)"
	@echo "make vm-attacks  the attack suite there: SAKER_COMPAT=DIR KERNELS=\"5.10 6.1\" (root, long)"
	@echo "make vm-debug the module on a kernel with KASAN and lockdep, built from source once (root, very long)"
	@echo "make bench-vm what the drivers cost there, as ratios"
	@echo "make bench-rules  cost of loading and matching rules (SAKER_COMPAT adds the stock rules)"
	@echo "make fuzz     the rule language and capture files with random input, FUZZ_SECONDS for each target"
	@echo "make check    format and clippy only"
	@echo "make build    release build: $(RELEASE)/saker"

# Debian packages the build needs, installed when one of them is missing.
deps:
	@packaging/install-build-deps.sh

# Those of the test bed in tests/vm.
vm-deps:
	@packaging/install-build-deps.sh vm

# And of its kernel `debug`, which is built here.
vm-debug-deps:
	@packaging/install-build-deps.sh vm-debug

# Those of the attack suite.
attacks-deps:
	@packaging/install-build-deps.sh attacks

build: deps
	$(CARGO) build --locked --release -p saker

run: build
	$(RELEASE)/saker run -r rules

fmt:
	$(CARGO) fmt --all -- --check

clippy: deps
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

check: fmt clippy

unit: deps
	$(CARGO) test --locked --workspace --exclude saker-tests-live

# The agent on this host's kernel sees real actions. Fails with the reason without root or BTF. The
# tests share the kernel and the agent's lock, so they run one after the other.
live: build
	SAKER_BIN=$(abspath $(RELEASE)/saker) $(CARGO) test --locked -p saker-tests-live -- --test-threads=1

test: fmt clippy unit live vm-test

# Guests with Debian's kernels under qemu (tests/vm): programs and modules first, then the tests whose name
# begins with `short_` for vm-test, all but the benchmark and those of vm-debug for vm; those of the attack suite need the
# stock rules, too, and vm says so where it finds none. KERNELS="5.10 6.1 6.12 sid" or all.
KERNELS ?= 5.10 6.1
ifeq ($(KERNELS),all)
override KERNELS := 5.10 6.1 6.12 sid
endif
VM_DIR := $(abspath target/saker-vm)
COMPAT_DIR = $(abspath $(or $(SAKER_COMPAT),../shared/compat))
# Seconds for what is fetched, and for the tests of vm-test; each guest has a limit of its own.
VM_DEADLINE ?= 2400
# Tests of vm-test at a time: a guest is emulated on one processor, so 2 is faster on a machine that has nothing else to do.
VM_THREADS ?= 1
VM_TEST = env SAKER_BIN=$(abspath $(RELEASE)/saker) SAKER_PROGRAMS=$(abspath target/$(TARGET)/debug) \
	SAKER_MODULES=$(VM_DIR) SAKER_VM_KERNELS="$(KERNELS)" $(CARGO) test --locked -p saker-vm

vm-programs: build vm-deps
	$(CARGO) build --locked -p saker-vm -p saker-vm-guest -p saker-conformance -p saker-bench
	$(CARGO) build --locked -p saker-capture --example drain
	$(CARGO) test --locked -p saker-vm --no-run
	timeout $(VM_DEADLINE) target/$(TARGET)/debug/saker-vm fetch --userland $(KERNELS)
	set -e; for kernel in $(KERNELS); do target/$(TARGET)/debug/saker-vm build $$kernel --strict; done

vm-test: vm-programs
	timeout --kill-after=10 $(VM_DEADLINE) $(VM_TEST) -- --ignored --test-threads=$(VM_THREADS) short_ || { \
		status=$$?; [ $$status != 124 ] || echo "make vm-test: not done within $(VM_DEADLINE) s" \
		"(VM_DEADLINE=SECONDS allows more); the last lines above say in which test" >&2; exit $$status; }

# The matrix goes on behind a failure: an hour's run says all that is wrong.
vm: vm-programs
	$(VM_TEST) --no-fail-fast -- --ignored --test-threads=1 --skip bench_ --skip debug_ --skip attacks_ --skip compat_
	@if [ -d "$(COMPAT_DIR)" ]; then $(MAKE) vm-attacks; else \
		echo "make vm: the attack suite was left out, there are no stock rules in $(COMPAT_DIR):" \
		"make vm-attacks SAKER_COMPAT=DIR" >&2; fi

# The attack suite (tests/attacks) with the module on KERNELS and with eBPF on 6.1.
vm-attacks: vm-programs
	SAKER_COMPAT=$(COMPAT_DIR) $(VM_TEST) --test attacks -- --ignored --test-threads=1 --nocapture attacks_

# The module on the kernel `debug`, which the first run builds. Its own target: CI builds no kernel.
vm-debug: vm-debug-deps
	$(CARGO) build --locked -p saker-vm
	target/$(TARGET)/debug/saker-vm fetch debug
	$(MAKE) KERNELS=debug vm-debug-tests

vm-debug-tests: vm-programs
	$(VM_TEST) --test debug --test kbuild --test storms --test device --test conformance -- --ignored --test-threads=1 \
		--skip short_random --skip long_

bench-vm: vm-programs
	$(VM_TEST) --test bench -- --ignored --nocapture

compat: build attacks-deps vm-deps
	SAKER_BIN=$(abspath $(RELEASE)/saker) SAKER_COMPAT=$(COMPAT_DIR) \
		$(CARGO) test --locked --workspace compat_ -- --ignored --test-threads=1

# Alerts of the stable stock rules on a host that is busy and not attacked, BUSY_SECONDS (600) long (root).
busy: build
	tests/attacks/busy.sh $(RELEASE)/saker $(COMPAT_DIR)/falco-rules/falco_rules.yaml

# Rules alone, no kernel and no root: loading, matching, memory, against the oracle.
bench-rules: deps
	SAKER_COMPAT=$(COMPAT_DIR) \
		$(CARGO) bench --locked -p saker-tests-rules

bench: build
	$(CARGO) build --locked --release -p saker-bench
	$(RELEASE)/saker-bench compare --saker $(RELEASE)/saker --rules rules

# The same loads with captures and under `saker record`.
bench-recording: build
	$(CARGO) build --locked --release -p saker-bench
	$(RELEASE)/saker-bench recording --saker $(RELEASE)/saker --rules rules

# 10,000 cgroups and 1,000,000 forks come and go; fails if the agent grows or keeps the dead.
bench-turnover: build
	$(CARGO) build --locked --release -p saker-bench
	$(RELEASE)/saker-bench turnover --saker $(RELEASE)/saker

# The module's source where DKMS and `saker driver build` look for it, below DESTDIR.
kmod-source:
	driver-kmod/install-source.sh $(DESTDIR)

FUZZ_SECONDS ?= 60

# No sanitizer: the engine has no unsafe code; what is looked for is panics, loops and memory. Coverage needs
# unstable flags of the compiler, whatever its release.
fuzz:
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	@for target in rules condition output; do \
		mkdir -p fuzz/corpus/$$target && \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-dict=fuzz/dictionary.txt -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
			-max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done
	mkdir -p fuzz/corpus/capture
	RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none capture fuzz/corpus/capture tests/captures -- \
		-max_len=131072 -timeout=10 -rss_limit_mb=2048 -max_total_time=$(FUZZ_SECONDS)

clean:
	$(CARGO) clean
