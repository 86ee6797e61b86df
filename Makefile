# run: the server on the embedded node.  test: everything, with real QEMU guests.  check: all that needs no hypervisor.
# fuzz: a million spoilt requests to the decoder and thousands to a server: make fuzz ARGS="--decode 10000 --seed 7"
.PHONY: chaos run test check bench lint format docs fuzz setup deb
venv := .venv/bin
# Where virtcim listens and what it manages: make run ARGS="--connect qemu:///system"
ARGS ?=
# Which tests, and how: make test PYTEST="tests/live -x"
PYTEST ?=
ROUNDS ?= 200

run: setup
	@exec $(venv)/virtcim serve $(ARGS)

test:
	@scripts/install-packages.sh test
	@scripts/setup-venv.sh
	@scripts/run-tests.sh $(PYTEST)

check: lint
	$(venv)/pytest -m "not live" $(PYTEST)

# How fast it is, in ratios to a server that does nothing and to libvirt; see docs/performance.md: make bench ARGS="--guests 100"
bench: setup
	@$(venv)/python -m bench $(ARGS)

lint: setup
	$(venv)/ruff format --check .
	$(venv)/ruff check .
	$(venv)/mypy
	$(venv)/pytest -q tests/test_layers.py

format: setup
	$(venv)/ruff check --fix .
	$(venv)/ruff format .

fuzz: setup
	@$(venv)/python -m tests.fuzz.run $(ARGS)

deb:
	@packaging/build-deb.sh dist

# kill -9 of the server, libvirtd and PostgreSQL at random moments under load: make chaos ROUNDS=20
chaos: setup
	$(venv)/python -m tests.chaos $(ROUNDS)

docs: setup
	$(venv)/python -m tools.profile_docs

setup:
	@scripts/install-packages.sh base
	@scripts/setup-venv.sh
