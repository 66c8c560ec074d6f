# Thin: every target calls Meson or a script in tools/.
# make            build build/hemostat             make run      install what is missing, build, start
# make test       install what is missing, test    make bench    side by side with other tools
# make fuzz       fuzz every parser (FUZZ_SECONDS each)    make lint     static checks
# make install    to PREFIX (DESTDIR honoured)     make uninstall

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 600
BUILD := build

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) hemostat hemostat-verify

$(BUILD)/build.ninja:
	@tools/packages build
	@meson setup $(BUILD) --prefix=$(PREFIX)

run: all
	@exec $(BUILD)/hemostat run

test:
	@tools/packages build test
	@tools/test $(BUILD)

bench:
	@tools/packages build bench
	@$(MAKE) --no-print-directory all
	@python3 tests/bench/bench.py $(BUILD)

fuzz:
	@tools/packages build fuzz
	@tools/fuzz $(FUZZ_SECONDS)

soak: all
	@ninja -C $(BUILD) tests/brain_ledger_test
	@HEMOSTAT_KILLS=2000 $(BUILD)/tests/brain_ledger_test
	@python3 tests/e2e/soak.py $(BUILD)/hemostat $(SOAK_SECONDS)

lint:
	@tools/packages build lint
	@tools/lint

install: all
	@meson install -C $(BUILD) --no-rebuild

uninstall:
	@ninja -C $(BUILD) uninstall

clean:
	@rm -rf $(BUILD) build-asan build-fuzz build-bench

.PHONY: all run test bench fuzz soak lint install uninstall clean
