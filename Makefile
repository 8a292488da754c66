# Tools are installed into .tools, at these versions, and nowhere else.
TOOLS       := $(CURDIR)/.tools
NATS        := v0.5.1
STATICCHECK := v0.8.2
GOVULNCHECK := v1.9.0

export PATH := $(TOOLS):$(PATH)

# The program is built without cgo, and tested as it is built.
export CGO_ENABLED := 0

# How long `make fuzz` runs each target; how often `make crash` kills the hub; how
# many histories of feeds and sinks `make histories` runs; how often `make power` cuts
# the power; how many places `make rot` damages; how many faults `make faults` makes.
FUZZTIME  ?= 10s
CYCLES    ?= 100
HISTORIES ?= 200
CUTS      ?= 30
FAULTS    ?= 100
PLACES    ?= 100

# Packages with goroutines of their own, which the race detector is for: whole
# programs (cmd, ops/demo) run these. What only takes long there, and races no more
# than the rest, is left out (-short, and the names that UNRACED has). The longest
# come first.
RACE ?= ./broker ./broker/client ./feeds/taxii/... ./feeds/sinks ./broker/catalog ./ops ./feeds/publisher ./feeds/lookup ./feeds/sink ./feeds/fetch ./feeds/daemon
UNRACED := ^Fuzz|AClusterGoesOn|DamageTo|PowerIsCut|CutOfThePower|HostileSeat|WhatArrivesIsExactly|SlowConnections|HeadersOfASubmission|StockNats|ReadmesNats|AfterLosingTheIndex|AfterARestart|InNoFile|FoundOrHarmless|AfterAScrub|AKilledProcess|KilledAgainAndAgain|ThatCannotForget|Token|BadObject|BadSubmission|MayNotSubmit|CutAnywhere|Secret|AlwaysFits|SettingsWereBeing|WithoutAVersion|SupportingObjects|OneVersionHas|NoOriginSupersedes|MayHaveReceived|KeptANarrowed|ItsNeighbours|ReplySubject|PagingLoses|AnsweredAsIf|AreCompressed|OutlivesARestart|HeadTells

.PHONY: build demo test race lint vuln fuzz crash power rot faults histories bench tools clean

build:
	go build -trimpath -o bin/selat ./cmd/selat

demo:
	go run ./cmd/selat demo

test: $(TOOLS)/.nats-$(NATS)
	go test -timeout 25m ./...

race: $(TOOLS)/.nats-$(NATS)
	CGO_ENABLED=1 go test -race -short -skip '$(UNRACED)' -timeout 20m $(RACE)

lint: $(TOOLS)/.staticcheck-$(STATICCHECK)
	@unformatted=$$(gofmt -l broker cmd feeds ops stix 2>/dev/null); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	staticcheck ./...

vuln: $(TOOLS)/.govulncheck-$(GOVULNCHECK)
	govulncheck ./...

# Every fuzz target there is, of two packages at a time.
fuzz:
	@go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./... | xargs -P 2 -I '{}' .ci/fuzz '{}' $(FUZZTIME)

# kill -9 under load; the tests run a short form of it.
crash:
	SELAT_CRASH_CYCLES=$(CYCLES) go test -count=1 -run "WhenTheHubIsKilled" ./broker -timeout 60m -v

# Cuts of the power under a hub and under the nodes of a cluster, on a file system that
# forgets what was not synced (needs /dev/fuse, and root); the tests run a short form.
power:
	SELAT_POWER_CUTS=$(CUTS) go test -count=1 -run "ThePowerIsCut|ACutOfThePower" ./broker -timeout 90m -v

# Nodes of a cluster are killed, cut off and stopped under load.
faults:
	SELAT_FAULTS=$(FAULTS) go test -count=1 -run "WhateverHappensToItsNodes" ./broker -timeout 180m -v

# Damage to the files of a hub and of one node of a cluster; the tests run a short form.
rot:
	SELAT_BIT_ROT=$(PLACES) go test -count=1 -run "TestDamageTo" ./broker -timeout 90m -v

# What goes in and out, with daemons killed and lines cut; the tests run a few.
histories:
	SELAT_HISTORIES=$(HISTORIES) SELAT_HISTORY_ROWS=1000 go test -count=1 -run "WhateverHappens" ./feeds -timeout 120m -v
	SELAT_OUTBOX_HISTORIES=$(HISTORIES) go test -count=1 -run "RealHub" ./feeds/outbox -timeout 60m -v

bench: build
	bin/selat bench accept
	bin/selat bench deliver

tools: $(TOOLS)/.nats-$(NATS) $(TOOLS)/.staticcheck-$(STATICCHECK) $(TOOLS)/.govulncheck-$(GOVULNCHECK)

$(TOOLS)/.nats-$(NATS):
	$(call install,github.com/nats-io/natscli/nats@$(NATS))

$(TOOLS)/.staticcheck-$(STATICCHECK):
	$(call install,honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK))

$(TOOLS)/.govulncheck-$(GOVULNCHECK):
	$(call install,golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK))

define install
	GOBIN=$(TOOLS) go install $(1)
	@touch $@
endef

clean:
	rm -rf bin .tools selat
