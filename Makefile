# `make` alone says what there is. Nothing here needs root, and everything lands in .venv/ and .local/; only a Chromium
# that is missing for `make test` is installed by apt-get, and only if root asks for it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup up test test-fast test-backup lint lock bench clean test-k8s k8s-rules test-deploy test-containers sbom test-cluster test-prometheus

BIN := .venv/bin
PACKAGE := .venv/.package-installed
KAFKA := .local/kafka/libs/.complete
REDIS := .local/redis/redis-server
CHROMIUM_LINK := .local/browser/chromium
CONTROL_PLANE := .local/k8s/bin/.complete
DEFINITIONS := .local/k8s/definitions/.complete
NEEDS := python java maven
PYTEST_OPTIONS ?=
UP_OPTIONS ?=

lint test-fast k8s-rules lock sbom: NEEDS := python

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(PACKAGE) $(KAFKA) $(REDIS) ## .venv, Kafka's jars, redis-server (needs Python 3.11+, Java 17+, Maven; network the first time)
	@:

up: setup ## the whole demo stack in the foreground; Ctrl-C stops it (needs what setup needs)
	@exec $(BIN)/python -m deploy.local.up $(UP_OPTIONS)

test: setup $(CHROMIUM_LINK) ## all tests, real Kafka, Redis and Chromium included (needs what setup needs, and a Chromium)
	@$(BIN)/python -m pytest tests --ignore=tests/deploy -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_OPTIONS)

test-deploy: test-containers test-prometheus test-backup ## these three

test-containers: setup ## images and compose file, for real (needs root, podman, debootstrap; ten minutes)
	@deploy/local/require.sh podman debootstrap >/dev/null
	@$(BIN)/python -m pytest tests/deploy/containers -o timeout=3000 $(PYTEST_OPTIONS)

test-fast: $(PACKAGE) ## tests without any server, in seconds (needs Python)
	@$(BIN)/python -m pytest tests/unit tests/contract $(PYTEST_OPTIONS)

test-backup: setup ## a lost Kafka comes back from files; every way in which a topic is saved, refused and restored (needs what setup needs)
	@$(BIN)/python -m pytest tests/deploy/backup $(PYTEST_OPTIONS)

test-k8s: $(PACKAGE) $(KAFKA) $(REDIS) $(CONTROL_PLANE) $(DEFINITIONS) ## deploy/k8s on a real API server and scheduler, its users on real servers (needs Go 1.26+, Java 21+, Maven, redis-cli, openssl; minutes)
	@$(BIN)/python -m pytest tests/deploy/k8s $(PYTEST_OPTIONS)

k8s-rules: $(PACKAGE) ## deploy/prometheus/rules, written again as the Prometheus operator's object
	@$(BIN)/python -m deploy.k8s.prometheus_rule

test-cluster: setup ## three brokers and a Redis Cluster with nodes killed, users and rights, an upgrade (needs what setup needs, openssl, git, redis-tools; 2 GB; eleven minutes)
	@$(BIN)/python -m pytest tests/deploy/cluster tests/deploy/security --timeout=3600 $(PYTEST_OPTIONS)

test-prometheus: setup ## rules and dashboards, a real Prometheus beside a real stack (needs Debian's prometheus, prometheus-alertmanager, nodejs, npm; twenty minutes)
	@$(BIN)/python -m pytest tests/deploy/prometheus $(PYTEST_OPTIONS)

lint: $(PACKAGE) ## style, types, and who may import whom (needs Python)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --explicit-package-bases deploy tests/servers.py tests/conftest.py
	@$(BIN)/lint-imports

sbom: ## lists what is in each image, CycloneDX, into .local/sbom (needs Python, network)
	@[ -x .local/sbom/venv/bin/cyclonedx-py ] || { python=$$(deploy/local/require.sh $(NEEDS)) \
		&& $$python -m venv --clear .local/sbom/venv \
		&& .local/sbom/venv/bin/pip install --quiet --disable-pip-version-check "cyclonedx-bom>=7.5,<8"; }
	@deploy/docker/sbom.sh .local/sbom

lock: ## renews requirements.lock from pyproject.toml (needs Python, network)
	@python=$$(deploy/local/require.sh $(NEEDS)) && $$python -m venv --clear .local/lock-venv
	@.local/lock-venv/bin/pip install --quiet pip-tools
	@.local/lock-venv/bin/pip-compile --quiet --upgrade --all-extras --generate-hashes --allow-unsafe \
		--strip-extras --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--output-file requirements.lock pyproject.toml
	@rm -rf .local/lock-venv

bench: setup $(CHROMIUM_LINK) ## measures on this machine and prints it with the result (needs what test needs; minutes)
	@for file in $$(grep -l '__main__' bench/*.py); do \
		name=$$(basename $$file .py); echo "== $$name"; $(BIN)/python -m bench.$$name || exit 1; done

clean: ## forgets the stack's data, logs and keys, and the tools' caches; keeps .venv and downloads
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m deploy.local.up --forget
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	@find sipas services deploy tests bench -name __pycache__ -type d -exec rm -rf {} +

.venv/.lock-installed: requirements.lock
	@python=$$(deploy/local/require.sh $(NEEDS)) && { [ -x $(BIN)/python ] || $$python -m venv --clear .venv; }
	@echo "Installing Python packages into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(PACKAGE): .venv/.lock-installed pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(KAFKA): deploy/kafka/pom.xml
	@deploy/local/require.sh $(NEEDS) >/dev/null
	@echo "Fetching Apache Kafka's jars into $(@D)"
	@rm -rf $(@D).part
	@mvn -q -B -Dstyle.color=never -f deploy/kafka/pom.xml dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory=$(CURDIR)/$(@D).part
	@touch $(@D).part/$(@F)
	@rm -rf $(@D)
	@mv $(@D).part $(@D)

$(REDIS): deploy/redis/requirements.txt | $(PACKAGE)
	@echo "Getting redis-server"
	@$(BIN)/python deploy/redis/install.py $@
	@touch -h $@

$(CONTROL_PLANE): tests/deploy/k8s/build.sh
	@echo "Building the Kubernetes API server, its controllers and its scheduler into $(@D)"
	@tests/deploy/k8s/build.sh .local/k8s
	@touch $@

$(DEFINITIONS): tests/deploy/k8s/definitions.sh tests/deploy/k8s/strimzi.xml | $(CONTROL_PLANE)
	@echo "Making the definitions of Strimzi's resources in $(@D)"
	@tests/deploy/k8s/definitions.sh $(@D)
	@touch $@

$(CHROMIUM_LINK): | $(PACKAGE)
	@$(BIN)/python deploy/browser/install.py $@
