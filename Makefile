# Two commands for a newcomer: `make run` and `make test`. Both set everything up first.
IMAGE ?= skimage:camera
OUT ?= out
BIN := .venv/bin
STAMP := .venv/.setup
NATIVE := .venv/.native
# The editable install maps modules to files, so it is renewed when a file comes, goes or moves.
LAYOUT := .venv/.layout-$(shell find app core nbf -name '*.py' 2>/dev/null | LC_ALL=C sort | cksum | cut -d' ' -f1)

.PHONY: help run test setup check format native cuda kill sanitize fuzz soak clean

help:
	@echo "make run [IMAGE=photo.jpg]  open the debugger (without a display: fit, and say where the results are)"
	@echo "make test                   lint, types and all tests, the window's too"
	@echo "make check                  lint and types alone"
	@echo "make format                 let ruff format and fix"
	@echo "make setup                  the set-up alone: .venv with everything pinned, native code"
	@echo "make native                 rebuild the native library after a change under cuda/"
	@echo "make cuda                   build the CUDA library (wants nvcc)"
	@echo "make kill [N=20] [SEED=0]   kill fit, synth, train and eval at random times"
	@echo "make sanitize               ten thousand random scenes under AddressSanitizer and UBSan"
	@echo "make fuzz N=100000 [SEED=0] damaged files for every reader; findings go to build/fuzz"
	@echo "make soak [MINUTES=10] [SEED=0]  random input to the real window"
	@echo "make clean                  remove what was built (.venv stays)"

run: setup
	@if [ -n "$$DISPLAY" ]; then \
		exec $(BIN)/nbf app "$(IMAGE)"; \
	else \
		echo "no display: fitting without a window" >&2; \
		exec $(BIN)/nbf fit "$(IMAGE)" --out "$(OUT)"; \
	fi

# One thread a process: PyTorch's threads would wait for each other's processors.
test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(STAMP) $(NATIVE)

$(STAMP): pyproject.toml constraints.txt tools/setup.sh tools/install.sh
	@sh tools/setup.sh
	@rm -f .venv/.layout-*
	@touch $(LAYOUT) $(STAMP) $(NATIVE)

# Set-up has built it already; this rule rebuilds when a source changes later.
$(NATIVE): CMakeLists.txt $(wildcard cuda/*/*.h cuda/*/*.cpp) $(LAYOUT) | $(STAMP)
	@sh tools/install.sh -qq
	@touch $(NATIVE)

$(LAYOUT): | $(STAMP)
	@rm -f .venv/.layout-*
	@touch $@

native: | $(STAMP)
	@rm -f $(NATIVE)
	@$(MAKE) --no-print-directory $(NATIVE)
	@$(BIN)/python -c 'from core.native import native_status as s; print("native code:", s())'

# CMake alone, so that it works on a machine with CUDA and its own PyTorch; ARCH=90 is quicker.
cuda:
	cmake -S . -B build/cuda -DNBF_CUDA=ON $(if $(ARCH),-DCMAKE_CUDA_ARCHITECTURES=$(ARCH))
	cmake --build build/cuda --target nbf_cuda --parallel

kill: setup
	@$(BIN)/python -m tests.kills.at_random $(or $(N),20) $(or $(SEED),0)

sanitize:
	@sh tests/sanitize/build.sh build/sanitize
	@build/sanitize/volume_scenes 0 10000

soak: setup
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),10) --seed $(or $(SEED),0)

fuzz: setup
	$(BIN)/python -m tests.fuzz $(or $(N),10000) --seed $(or $(SEED),0)

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
