# What there is to run; `make help` lists it.

SWIFT ?= swift
PREFIX ?= /usr
# Debian's own: it has the venv module that apt-get installs here.
PYTHON ?= /usr/bin/python3
export PYTHONDONTWRITEBYTECODE := 1
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

NAME := tutorial-extension
EXTENSIONS := $(PREFIX)/lib/osquery/extensions
INSTALL_OWNER := $(if $(SUDO),,-o root -g root)
DOC := $(PREFIX)/share/doc/$(NAME)
VENV := .build/venv
build_PACKAGES := libsqlite3-dev libsystemd-dev pkg-config
demo_PACKAGES := $(build_PACKAGES) openssl python3 systemd util-linux
test_PACKAGES := $(build_PACKAGES) dbus g++ gcc libboost-dev libc6-dev libthrift-dev openssl python3-venv strace systemd systemd-container systemd-journal-remote thrift-compiler util-linux
# Only what is used, found by lld; positions of data are relocated in a packed form, which starts faster and is smaller.
# Neither the path of this folder is in it, nor what is made of that path: the compiler's hash of each module, and of those of its cache,
# of which debug information would tell. Whoever builds gets the same.
# The package traits: `make build LEAN=1` leaves the HTTP client out, and the config plugin with it.
TRAITS := $(if $(LEAN),--disable-default-traits)
# SQLite is linked statically, by a description for pkg-config that names the archive.
STATIC_SQLITE := .build/static/sqlite3.pc
RELEASE_BUILD := env PKG_CONFIG_PATH=$(CURDIR)/$(dir $(STATIC_SQLITE)) $(SWIFT) build
# What a compiler prints is one line, unless it fails or V=1 says otherwise.
PROGRESS := $(CURDIR)/packaging/progress
UNSTRIPPED_RELEASE := -c release $(TRAITS) --static-swift-stdlib --disable-local-rpath -Xswiftc -use-ld=lld -Xlinker --gc-sections \
	-Xlinker --icf=all -Xlinker -z -Xlinker pack-relative-relocs -Xlinker -z -Xlinker relro -Xlinker -z -Xlinker now \
	$(foreach language,cc cxx,-X$(language) -ffile-prefix-map=$(CURDIR)=.) -Xswiftc -file-prefix-map -Xswiftc $(CURDIR)=. \
	$(foreach flag,-disable-incremental-llvm-codegen -no-clang-module-breadcrumbs,-Xswiftc -Xfrontend -Xswiftc $(flag))
RELEASE := $(UNSTRIPPED_RELEASE) -Xlinker -s
forwarding_PACKAGES := $(test_PACKAGES) debootstrap iproute2 rsyslog
rpm_PACKAGES := $(build_PACKAGES) dpkg-dev python3 rpm rpmlint
comma := ,
deb_PACKAGES := $(build_PACKAGES) debhelper debootstrap lintian python3
bench_PACKAGES := $(test_PACKAGES) libsimdjson-dev python3-dev valgrind
INTEGRATION := Tests/Integration/with-journald $(VENV)/bin/python
PYTEST := -m pytest -rs -c Tests/Integration/pytest.ini -p no:cacheprovider

# The packages of Examples, into one folder.
EXAMPLES := $(notdir $(wildcard Examples/*))
# How long each part is fuzzed.
SECONDS := 60

.PHONY: help demo test test-unit test-integration test-sanitizers test-faults test-deb test-rpm test-system test-forwarding check-api examples docs fuzz build install uninstall bench recording reference lint format bench-receiver cost deb rpm dist install-files clean build-packages demo-packages test-packages bench-packages deb-packages rpm-packages forwarding-packages

help:
	@echo 'make demo       install what is missing, build, carry logs into the journal and show them'
	@echo 'make test       install what is missing, build, run all tests'
	@echo 'make test-faults  the tests of faults that take minutes'
	@echo 'make test-deb   the Debian package with dpkg, in a clean system'
	@echo 'make test-rpm   the RPM package with rpm, in a clean system'
	@echo 'make test-system  the Debian package in a container that systemd has booted'
	@echo 'make test-forwarding  rsyslog, syslog-ng, and the journal over TLS; installs rsyslog'
	@echo 'make check-api  the public API, against that of the commit in Tests/API/baseline'
	@echo 'make examples   build the packages of Examples'
	@echo 'make docs       the documentation of the library Osquery, into .build/docs'
	@echo 'make fuzz       fuzz what reads bytes that others wrote, for SECONDS=60 each part'
	@echo 'make build      the stripped, statically linked extension: build/$(NAME).ext'
	@echo 'make install    build, and install to $$DESTDIR$(EXTENSIONS), PREFIX=$(PREFIX)'
	@echo 'make deb        Debian packages: build/*.deb'
	@echo 'make rpm        an RPM package: build/*.rpm'
	@echo 'make dist       what a release consists of: build/dist'
	@echo 'make uninstall  take away what install brought'
	@echo 'make bench      measure beside peers, and write docs/benchmarks.md; 10 minutes at most'
	@echo 'make bench-receiver  many hosts that upload to one systemd-journal-remote'
	@echo 'make cost       instructions and allocations a line, against Tests/Benchmarks/thresholds.json'
	@echo 'make reference  the tables of variables and flags in docs/configure.md'
	@echo 'make recording  what make demo prints, drawn: docs/demo.svg'
	@echo 'make lint       check the format, strictly'
	@echo 'make format     format the Swift sources'
	@echo 'make clean      remove what was built'
	@echo 'With V=1 all that compilers print is shown.'

DEMO := $(PYTHON) Tests/Integration/demo.py build/$(NAME).ext .build/release/osquery-stand-in
demo: demo-packages build
	@$(PROGRESS) 'Building osquery-stand-in' $(SWIFT) build $(RELEASE) --product osquery-stand-in
	@if [ -S /run/systemd/journal/socket ] && systemctl -q is-active systemd-journald 2>/dev/null; then \
		$(SUDO) $(DEMO); \
	else \
		echo 'No systemd-journald runs here: a private one is started for the demo.'; \
		Tests/Integration/with-journald $(DEMO); \
	fi

# What `make demo` prints on a system that systemd has booted, as docs/demo.svg.
recording: test-packages build
	@$(PROGRESS) 'Building osquery-stand-in' $(SWIFT) build $(RELEASE) --product osquery-stand-in
	Tests/Integration/with-systemd $(PYTHON) packaging/recording.py $(CURDIR)/.build/demo.svg 'make demo' $(DEMO)
	cp .build/demo.svg docs/demo.svg

test: test-unit test-integration test-sanitizers

test-unit: test-packages
	@$(PROGRESS) 'Building the unit tests' $(SWIFT) build --disable-default-traits --build-tests
	$(SWIFT) test --disable-default-traits --skip-build

test-integration: test-packages build examples .build/peer/peer $(VENV)/ready
	EXTENSION=$(CURDIR)/build/$(NAME).ext $(INTEGRATION) $(PYTEST) -m 'not long and not systemd' Tests/Integration
	EXTENSION=$(CURDIR)/build/$(NAME).ext Tests/Integration/with-systemd $(VENV)/bin/python $(PYTEST) -m systemd Tests/Integration

# The server and the writer, with real peers, under AddressSanitizer and ThreadSanitizer. Left out is what measures memory or time.
SANITIZED := (bad_input or life_cycle or journal) and not memory and not older_kernel and not 16_mib and not 50_000 and not stalled and not flushed_between and not in_the_middle and not faults \
	or (faults and (removed or clean or bound or full_disk or 20_times or header or looks_like)) or 50_rounds
test-sanitizers: test-packages $(VENV)/ready
	@for kind in address thread; do \
		$(PROGRESS) "Building with -sanitize=$$kind" $(SWIFT) build --disable-default-traits --sanitize=$$kind -Xswiftc -use-ld=lld --product $(NAME) --scratch-path .build/$$kind || exit 1; \
	done
	@echo 'Testing both at once …'
	@for kind in address thread; do \
		(EXTENSION=$(CURDIR)/.build/$$kind/debug/$(NAME) TSAN_OPTIONS='exitcode=66 atexit_sleep_ms=0' \
			ASAN_OPTIONS='exitcode=66 detect_leaks=0' $(INTEGRATION) $(PYTEST) -q \
			-m 'not systemd' -k '$(SANITIZED)' Tests/Integration >.build/$$kind/tests.log 2>&1; echo $$? >.build/$$kind/tests.status) & \
	done; wait; \
	for kind in address thread; do echo "With -sanitize=$$kind:"; cat .build/$$kind/tests.log; done; \
	cat .build/address/tests.status .build/thread/tests.status | awk '$$1 != 0 { failed = 1 } END { exit failed || NR != 2 }'

# The Debian package with dpkg, in a clean system.
DEB_FILE = $(CURDIR)/build/$(NAME)_$(VERSION)_$(shell dpkg --print-architecture).deb
test-deb: deb .build/system/ready build $(VENV)/ready
	EXTENSION=$(CURDIR)/build/$(NAME).ext SYSTEM=$(CURDIR)/.build/system DEB=$(DEB_FILE) \
		$(if $(SUDO),sudo --preserve-env=EXTENSION$(comma)SYSTEM$(comma)DEB) unshare --mount $(VENV)/bin/python $(PYTEST) Tests/Packages/test_deb.py

# The Debian package on a system that debootstrap has made and systemd booted, in a container; with OSQUERYD=/path/of/osqueryd under that one.
SYSTEM_TESTS := $(CURDIR)/$(VENV)/bin/python $(PYTEST) Tests/System
test-system: deb test-packages .build/booted/ready $(VENV)/ready
	@[ -n "$(OSQUERYD)" ] || echo 'No osqueryd is named by OSQUERYD=: a stand-in with its pair of processes takes its place.'
	@[ -z "$(OSQUERYD)" ] || [ -x "$(OSQUERYD)" ] || { echo 'OSQUERYD=$(OSQUERYD) is not a program.' >&2; exit 1; }
	OSQUERYD=$(OSQUERYD) DEB=$(DEB_FILE) SYSTEM=$(CURDIR)/.build/booted AFTER_REBOOT='$(SYSTEM_TESTS) -m rebooted' \
		Tests/Integration/with-systemd $(SYSTEM_TESTS) -m 'not rebooted'

# The files of packaging/forwarding. rsyslog is installed for it, which a system that has another syslog daemon will not like: in a container.
# syslog-ng, which conflicts with it, gets a system of its own.
test-forwarding: forwarding-packages build .build/syslog-ng/ready $(VENV)/ready
	EXTENSION=$(CURDIR)/build/$(NAME).ext SYSLOG_NG=$(CURDIR)/.build/syslog-ng $(INTEGRATION) $(PYTEST) Tests/Forwarding

.build/system/ready: | deb-packages
.build/syslog-ng/ready: | forwarding-packages
.build/syslog-ng/ready: INCLUDE := --include=syslog-ng-core
.build/booted/ready: | deb-packages
.build/booted/ready: INCLUDE := --include=dbus,python3,systemd,systemd-journal-remote,systemd-sysv
.build/system/ready .build/syslog-ng/ready .build/booted/ready:
	rm -rf $(@D)
	$(SUDO) debootstrap --variant=minbase $(INCLUDE) $$(. /etc/os-release && echo $$VERSION_CODENAME) $(@D) >.build/debootstrap.log
	$(SUDO) touch $@

test-faults: test-packages build $(VENV)/ready
	EXTENSION=$(CURDIR)/build/$(NAME).ext $(INTEGRATION) $(PYTEST) -m long -s Tests/Integration

examples: build-packages
	@for example in $(EXAMPLES); do \
		$(PROGRESS) "Building the example $$example" $(SWIFT) build --package-path Examples/$$example --scratch-path .build/examples || exit 1; \
	done
	@$(PROGRESS) "Building the tests' extension" $(SWIFT) build --package-path Tests/Integration/Subject --scratch-path .build/examples
	@$(PROGRESS) 'Building osquery-stand-in' $(SWIFT) build --disable-default-traits --product osquery-stand-in --scratch-path .build/examples

# Breaks of the public API. The modules of other packages are those that the examples were built with.
check-api: $(VENV)/ready .build/examples/debug/Modules/ServiceLifecycle.swiftmodule
	$(VENV)/bin/python $(PYTEST) -q Tests/API
	$(PYTHON) Tests/API/check.py .build/examples/debug/Modules .build/api

.build/examples/debug/Modules/ServiceLifecycle.swiftmodule: | build-packages
	@$(PROGRESS) 'Building the example Service' $(SWIFT) build --package-path Examples/Service --scratch-path .build/examples

# The library's documentation, as a site in .build/docs.
docs: build-packages
	@mkdir -p .build/docs
	@for target in Osquery OsqueryTesting; do \
		DOCS=1 $(PROGRESS) "Building the documentation of $$target" $(SWIFT) package --disable-default-traits --scratch-path .build/docs-build --allow-writing-to-directory .build/docs \
			generate-documentation --target $$target --warnings-as-errors --output-path .build/docs/$$target || exit 1; \
	done

# libFuzzer and AddressSanitizer on what reads bytes that others wrote. An input that breaks something is left in .build/fuzz.
fuzz: build-packages
	@FUZZ=1 $(PROGRESS) 'Building with libFuzzer' $(SWIFT) build --disable-default-traits --product Fuzz --scratch-path .build/fuzz -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld
	for part in thrift request json spool; do \
		echo "Fuzzing $$part for $(SECONDS) s"; mkdir -p .build/fuzz/corpora/$$part; \
		FUZZ=$$part .build/fuzz/debug/Fuzz -max_total_time=$(SECONDS) -max_len=4096 -rss_limit_mb=2048 -timeout=10 -verbosity=0 \
			-print_final_stats=1 -artifact_prefix=.build/fuzz/$$part- .build/fuzz/corpora/$$part Tests/Fuzz/Corpora/$$part || exit 1; \
	done

build: build-packages $(STATIC_SQLITE)
	@$(PROGRESS) 'Building $(NAME)' $(RELEASE_BUILD) $(RELEASE) --product $(NAME)
	@install -D -m 0755 .build/release/$(NAME) build/$(NAME).ext

$(STATIC_SQLITE): | build-packages
	@mkdir -p $(@D)
	@printf '%s\n' 'Name: sqlite3' 'Description: SQLite' 'Version: 3' 'Libs: -l:libsqlite3.a' >$@

install: build
	$(MAKE) --no-print-directory install-files EXECUTABLE=build/$(NAME).ext

# Where everything goes, below DESTDIR; packages are made with this, too.
install-files:
	install -D -m 0555 $(INSTALL_OWNER) $(EXECUTABLE) $(DESTDIR)$(EXTENSIONS)/$(NAME).ext
	ln -sf $(NAME).ext $(DESTDIR)$(EXTENSIONS)/$(NAME)-plugins.ext
	install -d $(DESTDIR)$(PREFIX)/bin
	ln -sf ../lib/osquery/extensions/$(NAME).ext $(DESTDIR)$(PREFIX)/bin/$(NAME)
	install -D -m 0644 extensions.load.example $(DESTDIR)$(DOC)/extensions.load.example
	install -D -m 0644 packaging/packs/journal-logger.conf $(DESTDIR)$(PREFIX)/share/osquery/packs/journal-logger.conf
	$(PYTHON) packaging/manual.py $(EXECUTABLE) >build/$(NAME).1
	install -D -m 0644 build/$(NAME).1 $(DESTDIR)$(PREFIX)/share/man/man1/$(NAME).1
	for shell in bash zsh fish; do $(EXECUTABLE) --generate-completion-script $$shell | sed '1{/^#!/d}' >build/completion.$$shell; done
	install -D -m 0644 build/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$(NAME)
	install -D -m 0644 build/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_$(NAME)
	install -D -m 0644 build/completion.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$(NAME).fish

uninstall:
	rm -f $(DESTDIR)$(EXTENSIONS)/$(NAME).ext $(DESTDIR)$(EXTENSIONS)/$(NAME)-plugins.ext $(DESTDIR)$(PREFIX)/bin/$(NAME) $(DESTDIR)$(DOC)/extensions.load.example \
		$(DESTDIR)$(PREFIX)/share/osquery/packs/journal-logger.conf \
		$(DESTDIR)$(PREFIX)/share/man/man1/$(NAME).1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$(NAME) \
		$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_$(NAME) $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$(NAME).fish

# With its symbols, which a package keeps in another one.
.build/unstripped/$(NAME): build-packages $(STATIC_SQLITE)
	@$(PROGRESS) 'Building $(NAME) with its symbols' $(RELEASE_BUILD) $(UNSTRIPPED_RELEASE) --product $(NAME)
	install -D -m 0755 .build/release/$(NAME) $@

# build/*.deb, with the symbols in a -dbgsym.
VERSION := $(shell sed -n 's/.*current = "\(.*\)"/\1/p' Sources/TutorialExtension/Version.swift)
# The sources, as a folder to make packages of.
SOURCES = git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t
deb: deb-packages .build/unstripped/$(NAME)
	rm -rf .build/deb && mkdir -p .build/deb/$(NAME)-$(VERSION) build
	$(SOURCES) .build/deb/$(NAME)-$(VERSION)
	cp -r packaging/debian .build/deb/$(NAME)-$(VERSION)/debian
	$(PYTHON) packaging/licences.py .build/checkouts .build/deb/$(NAME)-$(VERSION)/debian/copyright
	mkdir -p .build/deb/$(NAME)-$(VERSION)/build
	@cd .build/deb/$(NAME)-$(VERSION) && $(PROGRESS) 'Building the Debian package' env UNSTRIPPED=$(CURDIR)/.build/unstripped/$(NAME) dpkg-buildpackage -d -us -uc -b
	lintian --fail-on error,warning .build/deb/*.changes
	cp .build/deb/*.deb build/

# build/*.rpm
rpm: rpm-packages build
	rm -rf .build/rpm && mkdir -p .build/rpm/SOURCES .build/rpm/$(NAME)-$(VERSION)
	$(SOURCES) .build/rpm/$(NAME)-$(VERSION)
	$(PYTHON) packaging/licences.py .build/checkouts .build/rpm/$(NAME)-$(VERSION)/copyright
	tar -C .build/rpm -czf .build/rpm/SOURCES/$(NAME)-$(VERSION).tar.gz $(NAME)-$(VERSION)
	@$(PROGRESS) 'Building the RPM package' rpmbuild -bb --nodeps --define '_topdir $(CURDIR)/.build/rpm' --define 'version $(VERSION)' \
		--define 'executable $(CURDIR)/build/$(NAME).ext' packaging/$(NAME).spec
	cp .build/rpm/RPMS/*/*.rpm build/
	rpmlint --config packaging/rpmlint.toml build/$(NAME)-$(VERSION)-1.*.rpm

# The RPM package with Debian's rpm, in a clean system.
test-rpm: rpm .build/system/ready $(VENV)/ready
	SYSTEM=$(CURDIR)/.build/system RPM=$(CURDIR)/build/$(NAME)-$(VERSION)-1.$(shell uname -m).rpm \
		$(if $(SUDO),sudo --preserve-env=SYSTEM$(comma)RPM) unshare --mount $(VENV)/bin/python $(PYTEST) Tests/Packages/test_rpm.py

# What a release consists of: sources and executable as tar balls, what it is made of, and checksums. The version stands in
# Version.swift, CHANGELOG.md and packaging/debian/changelog; where they differ there is no release.
DIST := build/dist
TIMES = --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(SOURCE_DATE_EPOCH)
SOURCE_DATE_EPOCH := $(shell dpkg-parsechangelog -l packaging/debian/changelog -S Timestamp 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
dist: rpm-packages build
	@grep -qF '## [$(VERSION)]' CHANGELOG.md || { echo 'CHANGELOG.md has no entry for $(VERSION).' >&2; exit 1; }
	@head -n 1 packaging/debian/changelog | grep -qF '($(VERSION))' || \
		{ echo 'packaging/debian/changelog does not begin with $(VERSION).' >&2; exit 1; }
	rm -rf $(DIST) .build/dist && mkdir -p $(DIST) .build/dist/$(NAME)-$(VERSION)
	$(SOURCES) .build/dist/$(NAME)-$(VERSION)
	tar -C .build/dist $(TIMES) -cf - $(NAME)-$(VERSION) | gzip -n >$(DIST)/$(NAME)-$(VERSION).tar.gz
	$(MAKE) --no-print-directory install-files EXECUTABLE=build/$(NAME).ext DESTDIR=.build/dist/root
	tar -C .build/dist/root $(TIMES) -cf - . | gzip -n >$(DIST)/$(NAME)-$(VERSION)-linux-$(shell uname -m).tar.gz
	$(PYTHON) packaging/sbom.py $(VERSION) build/$(NAME).ext $(DIST)/$(NAME)-$(VERSION).spdx.json
	cd $(DIST) && sha256sum * >SHA256SUMS && cat SHA256SUMS

# All that is measured, into docs/benchmarks.md: the parts, the table systemd in a booted container, and whole lines beside peers.
BENCH := Tests/Benchmarks
bench: bench-packages build .build/bench/driver .build/bench/floor .build/bench/sdk .build/bench/simd $(VENV)/systemd-python
	@BENCH=1 $(PROGRESS) 'Building the benchmarks' $(SWIFT) build -c release --disable-default-traits -Xswiftc -enable-testing --product MicroBenchmarks --scratch-path .build/micro
	mkdir -p .build/bench/memory .build/bench/disk
	BENCH_TMPFS=$(CURDIR)/.build/bench/memory BENCH_DISK=$(CURDIR)/.build/bench/disk $(SUDO) unshare --mount sh -c 'mount -t tmpfs tmpfs /run/systemd \
		&& mount -t tmpfs tmpfs .build/bench/memory && $(PYTHON) $(BENCH)/micro.py .build/micro/release/MicroBenchmarks .build/bench/simd' \
		>.build/bench/micro.md
	rm -rf .build/bench/disk
	Tests/Integration/with-systemd $(PYTHON) $(BENCH)/units.py $(CURDIR)/build/$(NAME).ext $(CURDIR)/.build/bench \
		$(CURDIR)/.build/bench/units.json
	JOURNAL_MAX=8G Tests/Integration/with-journald $(PYTHON) $(BENCH)/bench.py $(CURDIR)/build/$(NAME).ext $(CURDIR)/.build/bench \
		$(CURDIR)/$(VENV)/bin/python $(CURDIR)/.build/bench/results.json
	$(PYTHON) $(BENCH)/report.py .build/bench/results.json .build/bench/micro.md .build/bench/units.json docs

# Many hosts that upload to one systemd-journal-remote; prints the table of docs/scaling.md.
bench-receiver: test-packages build .build/bench/driver
	Tests/Integration/with-journald $(PYTHON) $(BENCH)/receiver.py $(CURDIR)/build/$(NAME).ext $(CURDIR)/.build/bench

# Instructions and allocations a line, which may not exceed those of Tests/Benchmarks/thresholds.json.
cost: bench-packages build .build/bench/driver
	Tests/Integration/with-journald $(PYTHON) $(BENCH)/cost.py $(CURDIR)/build/$(NAME).ext $(CURDIR)/.build/bench/driver

# osqueryd's side in C++, over Apache Thrift's own library.
PEER := $(addprefix .build/peer/,Extension.cpp ExtensionManager.cpp peer_types.cpp)
.build/peer/ready: Tests/Integration/Peer/peer.thrift | test-packages
	mkdir -p .build/peer .build/bench
	thrift --gen cpp:no_skeleton -out .build/peer $<
	touch $@

PEER_FLAGS := -Wall -I.build/peer -ITests/Integration/Peer
.build/peer/peer: Tests/Integration/Peer/peer.cpp .build/peer/ready Tests/Integration/Peer/status.h
	g++ -O1 $(PEER_FLAGS) -o $@ $< $(PEER) -lthrift

.build/bench/driver .build/bench/sdk: .build/bench/%: Tests/Benchmarks/%.cpp .build/peer/ready Tests/Integration/Peer/status.h
	g++ -O2 -pthread $(PEER_FLAGS) -o $@ $< $(PEER) -lthrift -lsystemd

.build/bench/simd: Tests/Benchmarks/simd.cpp | bench-packages
	mkdir -p .build/bench
	g++ -O2 -Wall -o $@ $< -lsimdjson

.build/bench/floor: Tests/Benchmarks/floor.c | bench-packages
	mkdir -p .build/bench
	cc -O2 -Wall -pthread -o $@ $< -lsystemd

# The tables of docs/configure.md, out of the declarations.
reference: build
	$(PYTHON) packaging/reference.py build/$(NAME).ext docs/configure.md

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Examples

format:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests Examples

clean:
	rm -rf .build build

# Debian packages are installed when one is missing, and only then.
build-packages demo-packages test-packages bench-packages deb-packages rpm-packages forwarding-packages: %-packages:
	@packages='$($*_PACKAGES)'; \
	dpkg-query -W $$packages >/dev/null 2>&1 || { echo "Installing $$packages (Debian)"; \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq $$packages; }

$(VENV)/ready: Tests/Integration/requirements.txt | test-packages
	@echo 'Installing apsw, osquery, thrift and pytest (PyPI) into $(VENV)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/systemd-python: $(VENV)/ready | bench-packages
	@echo 'Installing systemd-python (PyPI) into $(VENV)'
	$(VENV)/bin/pip install --quiet --disable-pip-version-check systemd-python
	touch $@
