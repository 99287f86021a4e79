# Each target calls a script: one verb, one file. All steps but `setup` run under the Node that package.json pins.
SHELL := /bin/bash
.DEFAULT_GOAL := help
NODE24 := PATH="$(CURDIR)/node_modules/.bin:$$PATH"

.PHONY: setup build gen lint test test-long demo up bench bench-quick clean help

setup: ## install the dependencies and the pinned Node (needs Node 20 or newer, npm)
	@scripts/setup.sh

build: setup ## install, check the generated code, compile
	@$(NODE24) scripts/build.sh

gen: setup ## generate gen/src from proto/
	@$(NODE24) scripts/gen.sh

lint: setup ## format, lint, types, contract, imports, docs: everything that needs no run
	@$(NODE24) scripts/lint.sh

test: build ## all tests but the long ones (ARGS="path -t name" selects)
	@$(NODE24) scripts/test.sh $(ARGS)

test-long: build ## the *.long.test.ts tests: soak, volume, memory (ARGS as above)
	@$(NODE24) scripts/test-long.sh $(ARGS)

demo: build ## an orchestrator and two agents, a few jobs on them, and away again
	@$(NODE24) scripts/demo.sh

up: build ## the same left running, with what to try next
	@$(NODE24) scripts/up.sh

bench: build ## all benchmarks
	@$(NODE24) node scripts/bench.ts

bench-quick: build ## the first figures, in two minutes
	@$(NODE24) node scripts/bench.ts --quick

clean: ## remove what was built and installed (not state directories of a running demo)
	@scripts/clean.sh

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
