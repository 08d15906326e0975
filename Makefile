# Two commands on a fresh Debian (12 or newer; root or sudo): `make run` and `make test`.
# Each does its own set-up: system packages by apt, a virtual environment, generated code.

VERSION ?= 2.0.1
ONCE ?=
VENV := .venv
PYTHON := $(VENV)/bin/python
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# Debian's own interpreter: python3-dbus and python3-gi (for python-dbusmock) belong to it.
SYSTEM_PYTHON ?= /usr/bin/python3
PACKAGES := python3 python3-venv python3-dbus python3-gi dbus dbus-daemon systemd libxml2-utils openssl util-linux iproute2 faketime gcc libc6-dev libsystemd-dev pkgconf
DEB_PACKAGES := build-essential debhelper dh-python pybuild-plugin-pyproject python3-pip python3-wheel lintian
JOBS ?= 4

.PHONY: help run test check lint types imports docs bench deb test-image torture clean setup validators

help:
	@echo "make run [VERSION=1.6|2.0.1|2.1|2.1,2.0.1,1.6] [ONCE=1]   a charger, a CSMS and the daemon, live"
	@echo "make test                                            all tests"
	@echo "make check                                           lint, types, import contracts, tests"
	@echo "make bench                                           measurements, each beside its floor"
	@echo "make docs                                            docs/interfaces.md out of dbus/*.xml"
	@echo "make deb [SUITE=bookworm|trixie]                     the Debian packages, into dist/"
	@echo "make test-image [SUITES=...]                         the packages, booted under systemd (root)"
	@echo "make torture [ARGS=\"R1 R12 --full\"]                  the reliability targets, each with its figures"

setup: $(VENV)/.packages $(VENV)/.installed validators

# apt runs only where something is missing, so that a prepared machine needs no network.
need = @missing=; for package in $(1); do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $$missing >/dev/null; \
	fi

$(VENV)/.packages:
	$(call need,$(PACKAGES))
	@mkdir -p $(VENV) && touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.packages
	$(SYSTEM_PYTHON) -m venv --system-site-packages $(VENV)
	$(PYTHON) -m pip install -q --disable-pip-version-check --upgrade pip "setuptools>=77" wheel
	$(PYTHON) -m pip install -q --disable-pip-version-check "ocpp==2.1.0" "fastjsonschema>=2.16" "python-dbusmock>=0.38"
	PYTHONWARNINGS="ignore:Editable installation" $(PYTHON) -m pip install -q --disable-pip-version-check --no-build-isolation -e ".[fast,pretty,test]"
	@touch $@

validators: $(VENV)/.installed
	@$(PYTHON) -m ocppd.csms.validators.generate

run: setup
	@$(PYTHON) -m ocppd.tools.demo --version $(VERSION) $(if $(ONCE),--once)

test: setup
	$(PYTHON) -m pytest -q -n $(JOBS) --dist loadgroup $(ARGS)

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	xmllint --noout dbus/*.xml

types: setup
	$(VENV)/bin/mypy

imports: setup
	$(VENV)/bin/lint-imports

check: lint types imports test

docs: setup
	$(PYTHON) -m tests.contract.interfaces_document

bench: setup
	$(PYTHON) -m tests.bench

torture: setup
	$(PYTHON) -m tests.torture $(ARGS)

# With SUITE in an image of that suite, else on this machine.
deb:
	$(call need,$(DEB_PACKAGES))
	debian/build $(if $(SUITE),--suite $(SUITE))
	lintian --fail-on error,warning dist/*.deb

# Install, upgrade and run in throw-away systems; what it needs of this machine it says.
test-image:
	tests/image/run $(SUITES)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis ocppd/csms/validators/generated
