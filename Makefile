# A thin front for people: each target does its own set-up (Debian packages through apt) and is quick when it is done.

.PHONY: help demo check check-cuda cuda-bundle soak bench fuzz coverage fmt tidy deb deb-check vm-check clean

ARCH ?= amd64

help:
	@echo 'make demo       build, then say ten sentences to a simulated device over MQTT'
	@echo 'make check      everything that must hold: all tests, sanitizers, 64-bit ARM under emulation, format, clang-tidy'
	@echo 'make soak       the long form of the system tests: over a thousand kills, faults of network and disk'
	@echo 'make check-cuda build the GPU kernels with what is here (nvcc, clang-19); test all of them that needs no GPU'
	@echo 'make cuda-bundle  a folder that tests and measures the kernels on a machine with a GPU: build/cuda-bundle/run.sh'
	@echo 'make bench      build the benchmarks and print their figures'
	@echo 'make fuzz       fuzz every parser for FUZZ_SECONDS (60) each'
	@echo 'make coverage   line coverage of the tests, a file a line'
	@echo 'make deb        Debian packages for ARCH (amd64, arm64 or armhf) in build/deb/ARCH'
	@echo 'make deb-check  lintian, symbols, dependencies, reproducibility; install, upgrade, downgrade, purge (root)'
	@echo 'make vm-check   boots a virtual machine, installs the packages of `make deb`, cuts its power (root, 15 minutes)'
	@echo 'make fmt        format every source'
	@echo 'make tidy       clang-tidy over every source'

demo:
	@toolchains/setup-debian.sh demo
	@cmake --preset release >/dev/null
	@cmake --build build/release --target linnet linnetd
	@/usr/bin/python3 -B docs/examples/home/demo.py build/release/bin

check:
	@.ci/check.sh

check-cuda:
	@toolchains/setup-debian.sh check
	@cmake --preset release >/dev/null
	@cmake --build build/release --target cuda_kernels cuda_kernels_test cuda_engine_test cuda_logits_test
	@ctest --preset release -R cuda
	@tests/kernels/cuda/entries_test.py kernels/cuda/launch.h $$(ls build/release/cuda/*.ptx build/release/cuda/*.cubin 2>/dev/null)

cuda-bundle:
	@toolchains/setup-debian.sh demo
	@bench/cuda/bundle.sh

soak:
	@toolchains/setup-debian.sh check
	@cmake --preset release >/dev/null
	@cmake --build build/release --target linnet linnetd linnet_fault_preload
	@tests/system/soak.sh build/release/bin

bench:
	@toolchains/setup-debian.sh demo
	@cmake --preset release >/dev/null
	@cmake --build --preset release
	@bench/run.sh build/release/bin

fuzz:
	@toolchains/setup-debian.sh check
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz
	@ctest --preset fuzz

coverage:
	@toolchains/setup-debian.sh check
	@cmake --preset coverage >/dev/null
	@cmake --build --preset coverage
	@.ci/coverage.sh

fmt:
	@toolchains/setup-debian.sh check
	@git ls-files -co --exclude-standard '*.cc' '*.h' '*.c' '*.cu' | xargs -r clang-format-14 -i

tidy:
	@toolchains/setup-debian.sh check
	@toolchains/make-sysroot.sh arm64 build/sysroot-arm64
	@cmake --preset asan >/dev/null
	@cmake --preset aarch64 >/dev/null
	@.ci/tidy.py --all build/asan build/aarch64

deb:
	@packaging/build-deb.sh $(ARCH)

deb-check:
	@toolchains/setup-debian.sh deb
	@packaging/check-deb.sh $(ARCH)

vm-check:
	@toolchains/setup-debian.sh vm
	@tests/vm/vm_check.py build/deb/amd64 build/vm

clean:
	@rm -rf build .cache
