export STREAMJOB_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/streamjob
export CARGO_TARGET_DIR ?= $(STREAMJOB_CACHE)/target
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin
REGISTRY ?= 172.30.0.1:5000
TAG ?= dev
.DEFAULT_GOAL := help
.PHONY: help demo test unit crates model sim fuzz it explore e2e bench bench-quick bench-operator soak mutants sabotage images cluster-up cluster-down fmt lint manifests clean-cache

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
demo: ## a job on this machine, killed and recovered before your eyes; ARGS="--help" shows its arguments
	@tests/tools/program.sh demo $(ARGS)
test: ## everything: build, lint, unit, crates, model, sim, fuzz, it, chart, e2e
	@tests/tools/test.sh
unit: ## the tests of single crates that answer at once
	@tests/tools/test.sh unit
crates: ## the other tests of single crates: with waits, with many cases
	@tests/tools/test.sh crates
model: ## every order of steps and faults of ownership and commit, within the large bounds
	@STREAMJOB_MODEL=full tests/tools/test.sh model
sim: ## the slot loop in a simulated world: SEEDS=… fresh seeds, or SEED=… once more, step by step
	@$(if $(SEED),STREAMJOB_SIM_SEED=$(SEED)) STREAMJOB_SIM_SEEDS=$(or $(SEEDS),500) tests/tools/run-tests.sh sim --nocapture
fuzz: ## what comes from outside, spoilt: a minute for each reader; prints seeds and cases
	@STREAMJOB_FUZZ_SECONDS=60 tests/tools/run-tests.sh fuzz --nocapture
it: ## against a real Kafka and a real object store
	@tests/tools/test.sh it
explore: ## the operator, disturbed in every way there is, and in pairs; prints the number of states
	@STREAMJOB_EXPLORE=1 tests/tools/run-tests.sh crates no_disturbance
e2e: ## in a real Kubernetes cluster on this machine (root)
	@tests/tools/test.sh e2e
bench: ## the benchmarks beside other systems, about two hours; ARGS="--help" shows their arguments
	@tests/tools/program.sh bench $(ARGS)
bench-quick: ## the ratios of the flagship, in about ten minutes once everything is built
	@tests/tools/program.sh bench --quick $(ARGS)
bench-operator: ## 10,000 jobs and no nodes: memory, a core at rest, edit to objects; ARGS="--jobs 1000" for fewer
	@tests/tools/cargo-build.sh && tests/tools/cluster.sh ensure >/dev/null && tests/bench/operator.py $(CARGO_TARGET_DIR)/debug/streamjob-operator $(ARGS)
sabotage: ## a worker that breaks the protocol on purpose, in 17 ways: the checker must see each
	@tests/tools/run-tests.sh it sabotage:: --nocapture
mutants: ## every small change of the protocol's decisions, one at a time: its tests or the model must notice; PART=K/N
	@tests/tools/mutants.sh $(PART)
soak: ## what make test draws a part of, whole, some three hours; one table of what was survived; ARGS="kills" for a part
	@tests/tools/soak.sh $(ARGS)
images: ## worker and operator images, pushed to REGISTRY with TAG
	@tests/tools/cargo-build.sh && tests/images/images.sh $(CARGO_TARGET_DIR) $(REGISTRY) $(TAG)
cluster-up: ## start a Kubernetes cluster on this machine (root); prints its KUBECONFIG
	@tests/tools/cluster.sh up
cluster-down: ## stop it and remove every trace
	@tests/tools/cluster.sh down
fmt: ## format the sources
	@cargo fmt --all
lint: ## formatting, clippy, scripts, chart
	@tests/tools/test.sh lint
manifests: ## write the manifests of the custom resources anew, for the chart too
	@cargo build --quiet --workspace --bins && $(CARGO_TARGET_DIR)/debug/streamjob-crds crds/manifests charts/streamjob/files/crds
clean-cache: ## remove what was built and fetched outside the checkout
	@tests/tools/clean-cache.sh
