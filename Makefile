# SPDX-License-Identifier: MIT
# attnviz. `make list` names the targets; `make demo` and `make test` are all that a new user needs.

MODE   ?= release
PREFIX ?= /usr/local
MPI    ?=
COMMIT ?=
BUILD  ?= build/$(if $(MPI),mpi,$(MODE))

PACKAGES := gcc libc6-dev pkg-config libpng-dev libjpeg-dev libcairo2-dev libpango1.0-dev libjansson-dev libzip-dev \
	zlib1g-dev fonts-dejavu-core
TEST_PACKAGES := check mandoc binutils
LIBRARIES := libpng libjpeg pangocairo cairo jansson libzip zlib

CFLAGS_release := -O2 -g
CFLAGS_debug   := -O0 -g3
CFLAGS_asan    := -O1 -g -fsanitize=address -fno-omit-frame-pointer
CFLAGS_ubsan   := -O1 -g -fsanitize=undefined -fno-sanitize-recover=undefined
CFLAGS_tsan    := -O1 -g -fsanitize=thread
CFLAGS_coverage := -O0 -g --coverage -fprofile-update=prefer-atomic
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
CFLAGS ?= $(CFLAGS_$(MODE))
MODE_FLAGS := $(filter -fsanitize% -fno-sanitize% --coverage,$(CFLAGS_$(MODE)))
WARNINGS := -Wall -Wextra -Wpedantic -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings -Wpointer-arith \
	-Wshadow -Wundef -Wformat=2 $(if $(CI),-Werror)

# pkg-config is asked once, and only by what compiles: the first use replaces the definition.
ask = $(eval $1 := $$(shell pkg-config $2 || echo missing))$(if $(filter missing,$($1)),$(error a library is missing: \
	'make deps' installs what attnviz needs))$($1)
PKG_CFLAGS = $(call ask,PKG_CFLAGS,--cflags $(LIBRARIES))
PKG_LIBS   = $(call ask,PKG_LIBS,--libs $(LIBRARIES))
CHECK_LIBS = $(call ask,CHECK_LIBS,--libs check)

ifdef MPI
CC := mpicc
TEST_PACKAGES += libopenmpi-dev openmpi-bin
MPI_FLAGS := -DATTNVIZ_MPI=1
endif

# What the compiler makes code for, which need not be this machine.
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
SOURCES := $(sort $(wildcard src/*.c src/*/*.c) $(if $(filter x86_64,$(ARCH)),$(wildcard src/kernel/x86/*.c)) \
	$(if $(filter aarch64,$(ARCH)),$(wildcard src/kernel/arm/*.c)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/libattnviz.a
PROGRAM := $(BUILD)/attnviz
TEST_SOURCES := $(sort $(wildcard tests/unit/test_*.c tests/kernel/test_*.c tests/conformance/test_*.c tests/fuzz/test_*.c))
TEST_PROGRAMS := $(TEST_SOURCES:%.c=$(BUILD)/%)
SUPPORT := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/support/*.c)))
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz/fuzz_%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/bench/*.c)))

ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Isrc -pthread $(WARNINGS) $(PKG_CFLAGS) $(MPI_FLAGS) $(CPPFLAGS) $(CFLAGS) $(MODE_FLAGS)
ALL_LIBS = $(PKG_LIBS) -pthread -lm
QUIET := $(if $(V),,@)
# For the targets that build by calling make again: all processors, unless the user chose a number.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))

.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:

all: $(PROGRAM) ## build build/MODE/attnviz (MODE=release debug asan ubsan tsan coverage, MPI=1)

list: ## name the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1: \2/p' $(MAKEFILE_LIST)

# Each instruction set has flags of its own for its one file; nothing else is compiled for more than the baseline.
$(BUILD)/src/kernel/x86/avx512.o: ISA := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -O3
$(BUILD)/src/kernel/x86/avx512_bf16.o: ISA := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mfma -O3
$(BUILD)/src/kernel/x86/avx2.o: ISA := -mavx2 -mfma -mf16c -O3
$(BUILD)/src/kernel/x86/sse2.o $(BUILD)/src/kernel/arm/neon.o $(BUILD)/src/kernel/portable.o: ISA := -O3
$(BUILD)/src/tensor/dtype.o $(BUILD)/src/mechanism/mask.o $(BUILD)/src/mechanism/mask_file.o $(BUILD)/src/mechanism/relative.o $(BUILD)/src/mechanism/ready.o $(BUILD)/src/mechanism/projection.o $(BUILD)/src/mechanism/grouped_filter.o $(BUILD)/src/analysis/pooled_map.o $(BUILD)/src/analysis/pooled_picture.o: ISA := -O3

$(PROGRAM): $(BUILD)/src/main.o $(LIBRARY)
	@echo "  LD    $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(LIBRARY): $(filter-out $(BUILD)/src/main.o,$(OBJECTS)) $(BUILD)/objects
	@echo "  AR    $@"
	$(QUIET)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(BUILD)/%.o: %.c $(BUILD)/flags Makefile
	@echo "  CC    $<"
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(ALL_CFLAGS) $(ISA) $(if $(filter tests/%,$<),-Itests) -MMD -MP -c -o $@ $<

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(LIBRARY)
	@echo "  LD    $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(BENCH_LIBS) $(ALL_LIBS)

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(LIBRARY)
	@echo "  LD    $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(SUPPORT) $(LIBRARY)
	@echo "  LD    $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(ALL_LIBS)

# The commit is asked for at build time, in a checkout; COMMIT=... says it elsewhere.
$(BUILD)/commit: FORCE
	@mkdir -p $(@D)
	@commit='$(COMMIT)'; [ -n "$$commit" ] || ! [ -e .git ] || \
		commit=$$(git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null); \
		echo "$${commit:-unknown}" | cmp -s - $@ || echo "$${commit:-unknown}" > $@
$(BUILD)/src/commands/version.o: $(BUILD)/commit
$(BUILD)/src/commands/version.o: ISA = -DATTNVIZ_COMMIT='"$(shell cat $(BUILD)/commit)"'

# Objects depend on the command that made them, the library on the list of its members: a source that is gone leaves it.
$(BUILD)/flags: TEXT = $(CC) $(ALL_CFLAGS) $(LDFLAGS)
$(BUILD)/objects: TEXT = $(OBJECTS)
$(BUILD)/flags $(BUILD)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(TEXT))' | cmp -s - $@ || echo '$(subst ','\'',$(TEXT))' > $@
FORCE:

-include $(OBJECTS:.o=.d) $(TEST_PROGRAMS:=.d) $(SUPPORT:.o=.d) $(BENCHES:=.d)

deps: ## install what is missing (Debian: apt-get)
	@MPI=$(MPI) sh tests/support/deps.sh $(PACKAGES) $(TEST_PACKAGES)

demo: ## install what is missing, build, and draw the first pictures from samples/ (ALL=1: every mechanism)
	@sh tests/support/deps.sh $(PACKAGES)
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@ATTNVIZ=$(PROGRAM) ALL=$(ALL) sh samples/demo.sh build/demo

test: ## install what is missing, build, and run every test
	@sh tests/support/deps.sh $(PACKAGES) $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory $(PARALLEL) check

check: $(PROGRAM) $(TEST_PROGRAMS) ## run every test, installing nothing
	@BUILD=$(BUILD) CC='$(CC)' sh tests/run.sh $(TEST_PROGRAMS)

torture: $(PROGRAM) ## fail each allocation of each command in turn (minutes)
	@BUILD=$(BUILD) CC='$(CC)' STRIDE=1 TEST_TIMEOUT=14400 sh tests/run.sh --only tests/faults/allocations.sh

fuzz: ## every parser under libFuzzer, FUZZ_SECONDS=60 each (needs clang)
	@command -v clang > /dev/null || { echo 'make fuzz: clang is missing'; exit 1; }
	@$(MAKE) --no-print-directory MODE=fuzz CC=clang $(PARALLEL) run-fuzzers

run-fuzzers: $(FUZZERS)
	@BUILD=$(BUILD) sh tests/fuzz/run.sh $(FUZZERS)

mutate: ## plant faults in the sources, one at a time, and see which the tests notice (SEED=1 MUTANTS=60 ROOMS=...)
	@perl tests/mutate/run.pl

coverage: ## lines of each room that the tests run (gcov)
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory MODE=coverage $(PARALLEL) check || echo 'make coverage: some tests failed; the numbers are of what ran'
	@BUILD=build/coverage sh tests/coverage.sh

bench: $(PROGRAM) $(BENCHES) ## measure speed and memory, as ratios in one run
	@BUILD=$(BUILD) sh tests/bench/run.sh

headers: $(BUILD)/flags ## compile every header alone
	$(QUIET)for h in $$(find src -name '*.h' ! -name '*_template.h' ! -path 'src/kernel/x86/*'); do \
		$(CC) $(ALL_CFLAGS) -fsyntax-only -x c $$h || exit 1; done

# Where the shells look for completions of what is installed.
COMPLETION_bash = $(PREFIX)/share/bash-completion/completions/attnviz
COMPLETION_zsh = $(PREFIX)/share/zsh/site-functions/_attnviz
COMPLETION_fish = $(PREFIX)/share/fish/vendor_completions.d/attnviz.fish

install: $(PROGRAM) ## install under DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man7
	install -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/attnviz
	for page in man/*.1; do install -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man1/; done
	for page in $(wildcard man/*.7); do install -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man7/; done
	install -d $(foreach shell,bash zsh fish,$(DESTDIR)$(dir $(COMPLETION_$(shell))))
	for shell in bash=$(COMPLETION_bash) zsh=$(COMPLETION_zsh) fish=$(COMPLETION_fish); do \
		$(PROGRAM) completion $${shell%%=*} > $(DESTDIR)$${shell#*=} && chmod 644 $(DESTDIR)$${shell#*=} || exit 1; done
	find samples -type f | while read -r file; do \
		install -D -m 644 "$$file" "$(DESTDIR)$(PREFIX)/share/attnviz/$$file" || exit 1; done

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/attnviz
	for page in man/*.1; do rm -f $(DESTDIR)$(PREFIX)/share/man/man1/$${page##*/}; done
	for page in $(wildcard man/*.7); do rm -f $(DESTDIR)$(PREFIX)/share/man/man7/$${page##*/}; done
	rm -f $(foreach shell,bash zsh fish,$(DESTDIR)$(COMPLETION_$(shell)))
	rm -rf $(DESTDIR)$(PREFIX)/share/attnviz

clean: ## remove build/
	rm -rf build

.PHONY: all list deps demo test check torture fuzz run-fuzzers mutate coverage bench headers install uninstall clean FORCE
