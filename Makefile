# Tenon: the one Makefile. `make help` lists what it does.
#
# Order: settings, tools, what is compiled how, the kernel, libraries and programs, targets for people, tests, lint.
SHELL := /bin/bash
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

#--- Settings (make NAME=value) ---------------------------------------------------------------------------------------
APP     ?= wordcount#     which system to run: apps/APP/APP.dts, platform/qemu-virt/APP.dts or tests/system/APP.dts
INPUT   ?=#               input file of the system; empty: license texts of this machine, see platform/qemu-virt/input.sh
HARTS   ?= 4
MEM     ?= 512M
MMU     ?=#               sv39, sv48 or sv57; empty: the widest there is
MM      ?=#               user-adv or user-rw; empty: as the system's description says
FLUSH   ?=#               now or lazy; empty: as the system's description says
AROUND  ?=#               pages that a fault may map at once; empty: as the system's description says
DEBUG   ?= 0#             1: invariants checked at run time, other build directory
TEST    ?=#               run only tests whose name contains this
SEED    ?= 1#             seed of all tests that are random
V       ?= 0#             1: print every command
SECONDS ?= 60#            how long `make fuzz` runs each fuzzer
FULL    ?= 0#             1: `make model` runs the larger models too

Q     := $(if $(filter 1,$(V)),,@)
BUILD := $(if $(filter 1,$(DEBUG)),build-debug,build)

#--- Tools: checked before anything else ------------------------------------------------------------------------------
TOOLS := platform/qemu-virt/tools.sh
GOALS := $(or $(MAKECMDGOALS),all)
JOB   := $(strip $(if $(filter lint,$(GOALS)),lint) $(if $(filter debug,$(GOALS)),debug) \
                 $(if $(filter verify,$(GOALS)),verify) $(if $(filter test %-test fuzz model soak coverage,$(GOALS)),test) $(if $(filter profile% bench% scale% coverage%,$(GOALS)),build run plugin) \
                 $(if $(filter all bench compile_commands.json $(BUILD)/%,$(GOALS)),build))
ifndef TENON_TOOLS_CHECKED
ifneq ($(filter failed,$(foreach job,$(JOB),$(shell $(TOOLS) check $(job) || echo failed))),)
$(error tools are missing, see above)
endif
endif
export TENON_TOOLS_CHECKED := 1

CROSS   := riscv64-unknown-elf-
CC      := $(CROSS)gcc --specs=picolibc.specs
AR      := $(CROSS)gcc-ar
OBJCOPY := $(CROSS)objcopy
NM      := $(CROSS)nm
HOST_CC := gcc
CLANG   := clang-19
PYTHON  := PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3

#--- How things are compiled -------------------------------------------------------------------------------------------
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
LIBC_INCLUDE := -isystem /usr/lib/picolibc/riscv64-unknown-elf/include
INCLUDES := -Ikernel/include -Ilibipc/include -Ilibboot -Immserver -Immserver/include
COMMON   := -std=gnu17 -g -O2 $(WARNINGS) $(INCLUDES) -misa-spec=2.2 -mcmodel=medany -ffreestanding -fno-common \
            -DTENON_DEBUG=$(if $(filter 1,$(DEBUG)),1,0)
# The readers of libboot run before the kernel is mapped where it was linked: no tables of absolute addresses.
KERNEL_FLAGS := $(COMMON) -march=rv64imac -mabi=lp64 -fno-omit-frame-pointer -fno-jump-tables -fno-tree-switch-conversion
# The fast paths leave the callee-saved registers alone: they are the user's (kernel/fastpath.h).
FAST_FLAGS := -fomit-frame-pointer $(addprefix -ffixed-s,0 1 2 3 4 5 6 7 8 9 10 11)
USER_FLAGS   := $(COMMON) -march=rv64imafdc -mabi=lp64d

# $(call objects,KIND,SOURCES): KIND is `kernel` or `user`; libboot is compiled as both.
objects = $(patsubst %,$(BUILD)/$(1)/%.o,$(2))

$(BUILD)/kernel/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(KERNEL_FLAGS) -MMD -MP -c $< -o $@
$(BUILD)/kernel/kernel/fastpath.c.o: KERNEL_FLAGS += $(FAST_FLAGS)
$(BUILD)/kernel/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	@echo "  as    $<"
	$(Q)$(CC) $(KERNEL_FLAGS) -D__ASSEMBLER__=1 -MMD -MP -c $< -o $@
$(BUILD)/user/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(USER_FLAGS) -MMD -MP -c $< -o $@
$(BUILD)/user/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	@echo "  as    $<"
	$(Q)$(CC) $(USER_FLAGS) -D__ASSEMBLER__=1 -MMD -MP -c $< -o $@

#--- Kernel ------------------------------------------------------------------------------------------------------------
# kernel/offsets.c is not linked: it says, in compiled form, which structure offsets assembly may use as
# asm_offsets.h (a line "->NAME number" for each).
BOOT_C   := $(wildcard libboot/*.c)
KERNEL_C := $(filter-out kernel/offsets.c,$(wildcard kernel/*.c))
KERNEL_S := $(wildcard kernel/*.S)
KERNEL_OBJECTS := $(call objects,kernel,$(KERNEL_C) $(KERNEL_S) $(BOOT_C))
OFFSETS  := $(if $(wildcard kernel/offsets.c),$(BUILD)/include/asm_offsets.h)

$(BUILD)/include/asm_offsets.h: kernel/offsets.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_FLAGS) -MMD -MP -MT $@ -MF $(BUILD)/include/asm_offsets.d -S $< -o $(BUILD)/include/offsets.s
	$(Q)awk '$$1 ~ /^->/ { print "#define", substr($$1, 3), $$2 }' $(BUILD)/include/offsets.s > $@
$(call objects,kernel,$(KERNEL_S)): $(OFFSETS)
$(call objects,kernel,$(KERNEL_S)): KERNEL_FLAGS += -I$(BUILD)/include

# Linked twice: without the symbol table for backtraces, and with the table that nm makes of the first. That the second
# has moved no function is checked.
LINK_KERNEL = $(CC) $(KERNEL_FLAGS) -nostartfiles -T kernel/kernel.ld -Wl,-z,max-page-size=4096 -o $@
KSYMS       = $(NM) -n $(1) | awk -f platform/qemu-virt/ksyms.awk

$(BUILD)/kernel1.elf: $(KERNEL_OBJECTS) kernel/kernel.ld
	@echo "  link  $@"
	$(Q)$(LINK_KERNEL) $(KERNEL_OBJECTS)
$(BUILD)/ksyms.S: $(BUILD)/kernel1.elf platform/qemu-virt/ksyms.awk
	$(Q)$(call KSYMS,$<) > $@
$(BUILD)/ksyms.o: $(BUILD)/ksyms.S
	$(Q)$(CC) $(KERNEL_FLAGS) -c $< -o $@
$(BUILD)/kernel.elf: $(BUILD)/ksyms.o $(KERNEL_OBJECTS) kernel/kernel.ld
	@echo "  link  $@"
	$(Q)$(LINK_KERNEL) $(KERNEL_OBJECTS) $(BUILD)/ksyms.o
	$(Q)$(call KSYMS,$@) | cmp - $(BUILD)/ksyms.S

#--- Libraries and programs --------------------------------------------------------------------------------------------
USER_LD := platform/qemu-virt/user.ld
IPC     := $(wildcard libipc/*.c libipc/*.S)

$(BUILD)/libipc.a: $(call objects,user,$(IPC))
$(BUILD)/libboot.a: $(call objects,user,$(BOOT_C))
$(BUILD)/%.a:
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# $(call program,NAME,SOURCES): build/elf/NAME with everything in it, build/programs/NAME as it goes into the initrd.
define program
PROGRAMS += $(1)
USER_SOURCES += $(2)
$(BUILD)/elf/$(1): $(call objects,user,$(2)) $(BUILD)/libipc.a $(BUILD)/libboot.a $(USER_LD)
endef
$(BUILD)/elf/%:
	@mkdir -p $(@D)
	@echo "  link  $@"
	$(Q)$(CC) $(USER_FLAGS) -nostartfiles -T $(USER_LD) -Wl,-z,max-page-size=4096 -Wl,-u,_start -o $@ \
	    $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group
$(BUILD)/programs/%: $(BUILD)/elf/%
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) --strip-debug $< $@

$(foreach app,$(notdir $(patsubst %/,%,$(wildcard apps/*/))),\
    $(eval $(call program,$(app),$(wildcard apps/$(app)/*.c apps/$(app)/*.S))))
$(eval $(call program,mmserver,$(wildcard mmserver/*.c mmserver/*.S mmserver/corten/*.c)))
$(eval $(call program,ktest,$(wildcard tests/kernel/*.c tests/kernel/*.S tests/spec/*.c)))
# kbench stands in the kernel tests' frame, and measures as apps/bench does.
$(eval $(call program,kbench,$(wildcard tests/bench/*.c tests/bench/*.S) apps/bench/measure.c \
    $(addprefix tests/kernel/,asm.S check.c devices.c mem.c ptwrite.c space.c thread.c)))
# Programs that stand in init's place: its parts, and a main of their own.
$(foreach name,ends quotas kills,$(eval $(call program,$(name),tests/failure/$(name).c tests/failure/drive.c \
    $(filter-out apps/init/main.c,$(wildcard apps/init/*.c apps/init/*.S)))))
# Memory servers with a fault put in, one file in the place of another, which tests must find.
MMSERVER := $(wildcard mmserver/*.c mmserver/*.S mmserver/corten/*.c)
$(eval $(call program,leaky_server,tests/failure/leaky_threads.c $(filter-out mmserver/threads.c,$(MMSERVER))))
$(eval $(call program,dying_server,tests/failure/dying_frames.c $(filter-out mmserver/frames.c,$(MMSERVER))))
# A memory server that is refused memory, one request after the other.
$(eval $(call program,short_server,$(addprefix tests/failure/short_,process.c threads.c port.c) \
    $(filter-out $(addprefix mmserver/,process.c threads.c port.c),$(MMSERVER))))
$(eval $(call program,hasty_server,tests/failure/hasty_worker.c $(filter-out mmserver/worker.c,$(MMSERVER))))
$(eval $(call program,impatient_server,tests/failure/impatient_ending.c $(filter-out mmserver/ending.c,$(MMSERVER))))
$(eval $(call program,careless_server,tests/hostile/careless_args.c $(filter-out mmserver/mmargs.c,$(MMSERVER))))
# Memory servers that attack, all the time or at instants of their choice.
$(foreach rhythm,steady paced,$(eval $(call program,$(patsubst hostile_steady,hostile_server,hostile_$(rhythm)),\
    $(addprefix tests/hostile/,server.c attack.c race.c $(rhythm).c))))
$(eval $(call program,hostile_faults_init,tests/hostile/faults_init.c tests/failure/drive.c \
    $(filter-out apps/init/main.c,$(wildcard apps/init/*.c apps/init/*.S))))
$(foreach name,messages threads faults,$(eval $(call program,hostile_$(name),tests/hostile/$(name).c)))
$(foreach source,$(wildcard tests/system/*.c),\
    $(eval $(call program,$(basename $(notdir $(source))),$(source))))

PROGRAM_FILES := $(addprefix $(BUILD)/programs/,$(PROGRAMS))

#--- Targets for people ------------------------------------------------------------------------------------------------
.PHONY: all run debug test host-test kernel-test system-test fuzz model model-ties lint format help clean host-programs fuzz-programs
.DEFAULT_GOAL := all

all: $(BUILD)/kernel.elf $(PROGRAM_FILES)

help:
	@echo "make               build the kernel and all programs into build/ (DEBUG=1: build-debug/)"
	@echo "make run           install what is missing, build, run the demo in QEMU, end with its status"
	@echo "make debug         the same, but QEMU waits for gdb; writes .gdbinit"
	@echo "make test          all tests; ends with 'N passed, N failed'"
	@echo "make host-test | kernel-test | system-test | kill-test | hostile-test | servers-test | flush-test | panic-test |"
	@echo "     profile-test | scale-test | coverage-test | fuzz | model     a part of them"
	@echo "make model FULL=1  larger models too;  make model-ties: is the code that models stand for the same? RECORD=1: looked at"
	@echo "make soak          random system calls against the specification for SECONDS, or CALLS=10000000; make broken-test: kernels with a fault"
	@echo "make bench         instructions of every operation beside the reference; RECORD=1 records them, BENCH=part-of-a-name"
	@echo "make bench-flushes | bench-wall RUNS=10 | bench-boot    remote interrupts; wall time; where the boot's instructions go"
	@echo "make profile BENCH=pf [MM=user-rw]    where the instructions of one operation go, by phase and function"
	@echo "make profile-picture                  the same of pf, mmap and munmap as docs/profile.svg"
	@echo "make kill-test EVERY=7                clients killed at every instruction of their requests, at every 7th instant besides"
	@echo "make scale HARTS=16                   memory operations on 1 and 16 harts (without HARTS: 1 to 64) in simulated cycles"
	@echo "make verify        proofs of basic operations, and wrong variants that they must reject; TEST=part-of-a-line; QUICK=1: less of them"
	@echo "make coverage      lines of kernel and server that the tests run, by file (build/coverage); tests/never_run.txt has the others"
	@echo "make lint          warnings of gcc and clang, clang-format, cppcheck;  make format: apply clang-format"
	@echo "make clean         remove all that was built;  make compile_commands.json: for clangd"
	@echo
	@echo "APP=wordcount INPUT=file HARTS=4 MEM=512M MMU=sv39|sv48|sv57 MM=user-adv|user-rw FLUSH=now|lazy AROUND=1 DEBUG=1"
	@echo "TEST=part-of-a-name SEED=1 SECONDS=60 (of fuzzing)"

# QEMU's port for gdb differs from user to user, so that several can debug on one machine.
RUN = $(PYTHON) platform/qemu-virt/run.py $(1) --build $(BUILD) --app '$(APP)' --input '$(or $(INPUT),build/input.txt)' \
      --harts '$(HARTS)' --mem '$(MEM)' --mmu '$(MMU)' --mm '$(MM)' --flush '$(FLUSH)' --around '$(AROUND)'

run:
	@$(TOOLS) install run
	@$(MAKE) --no-print-directory all $(if $(INPUT),,build/input.txt)
	@$(call RUN,run)

debug: all $(if $(INPUT),,build/input.txt)
	@$(call RUN,debug) --gdb-port $$(($$(id -u) % 5000 + 25000))

build/input.txt: platform/qemu-virt/input.sh $(wildcard README.md docs/*.md)
	@mkdir -p $(@D)
	$(Q)platform/qemu-virt/input.sh > $@

clean:
	rm -rf build build-debug compile_commands.json .gdbinit

#--- Tests -------------------------------------------------------------------------------------------------------------
# tests/host/test_NAME.c is one cmocka program, linked with the files that its first line names after "uses:". It is
# built plain, with the address and undefined-behaviour sanitizers, and with the thread sanitizer. fuzz_NAME.c likewise,
# for libFuzzer.
HOST_TESTS   := $(basename $(notdir $(wildcard tests/host/test_*.c)))
FUZZERS      := $(basename $(notdir $(wildcard tests/host/fuzz_*.c)))
HOST_FLAGS   := -std=gnu17 -g $(WARNINGS) -Itests/host -Ilibboot -Immserver -Immserver/include -Ikernel/include -idirafter libipc/include -idirafter build/host \
                -DTENON_DEBUG=1 -pthread
HOST_plain   := $(HOST_CC) -O1 --coverage
HOST_address := $(CLANG) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_thread  := $(CLANG) -O1 -fsanitize=thread
HOST_fuzz    := $(CLANG) -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

# Not optimised where tests are quick, so that gcov sees each line by itself.
build/host/plain/libboot/%.c.o build/host/plain/mmserver/mmargs.c.o build/host/plain/mmserver/spawn_args.c.o: HOST_plain := $(HOST_CC) -O0 --coverage

uses = tests/host/$(1).c $(sort $(wildcard $(shell sed -n '1s|^// uses:||p' tests/host/$(1).c)))

# $(call host_variant,VARIANT,NAMES): objects and programs of one variant.
define host_variant
build/host/$(1)/%.c.o: %.c Makefile
	@mkdir -p $$(@D)
	@echo "  cc    $$< ($(1))"
	$$(Q)$$(HOST_$(1)) $(HOST_FLAGS) -MMD -MP -c $$< -o $$@
build/host/$(1)/%:
	@echo "  link  $$@"
	$$(Q)$(HOST_$(1)) -pthread $$(filter %.o,$$^) -o $$@ -lcmocka -lfdt
$(foreach name,$(2),$(eval build/host/$(1)/$(name): $(patsubst %,build/host/$(1)/%.o,$(call uses,$(name)))))
HOST_PROGRAMS += $(addprefix build/host/$(1)/,$(2))
endef
$(foreach variant,plain address thread,$(eval $(call host_variant,$(variant),$(HOST_TESTS))))
$(eval $(call host_variant,fuzz,$(FUZZERS)))

# fuzz_batch tests sources of the kernel: copies whose few RISC-V instructions are put in C.
KERNEL_ON_HOST := $(patsubst %,build/host/%,$(wildcard kernel/*.h) kernel/ptwrite.c)
build/host/kernel/%: kernel/% tests/host/kernel_host.sed
	@mkdir -p $(@D)
	$(Q)sed -f tests/host/kernel_host.sed $< > $@
build/host/fuzz/tests/host/fuzz_batch.c.o build/host/fuzz/build/host/kernel/ptwrite.c.o: $(KERNEL_ON_HOST)
build/host/fuzz/fuzz_batch: build/host/fuzz/build/host/kernel/ptwrite.c.o

# That the fuzzers find something: each once more, without one check of what it tests. fuzz_NAME.sed says in its first line
# which file loses it, and must change it.
BROKEN_FUZZERS := $(basename $(notdir $(wildcard tests/host/fuzz_*.sed)))
breaks = $(shell sed -n '1s|^. breaks: ||p' tests/host/$(1).sed)
# $(call broken_fuzzer,NAME,FILE)
define broken_fuzzer
build/host/broken/$(2): $(2) tests/host/$(1).sed
	@mkdir -p $$(@D)
	$$(Q)sed -f tests/host/$(1).sed $$< > $$@
	$$(Q)! cmp -s $$< $$@ || { echo "tests/host/$(1).sed does not change $(2)"; rm $$@; exit 1; }
build/host/broken/$(2).o: build/host/broken/$(2) $(KERNEL_ON_HOST)
	@echo "  cc    $$< (fuzz)"
	$$(Q)$(HOST_fuzz) $(HOST_FLAGS) -w -iquote $(dir $(2)) -c $$< -o $$@
build/host/broken/$(1): $(patsubst %,build/host/fuzz/%.o,$(filter-out $(2),$(call uses,$(1)))) build/host/broken/$(2).o
	@echo "  link  $$@"
	$$(Q)$(HOST_fuzz) -pthread $$^ -o $$@
endef
$(foreach name,$(BROKEN_FUZZERS),$(eval $(call broken_fuzzer,$(name),$(call breaks,$(name)))))
HOST_PROGRAMS += $(addprefix build/host/broken/,$(BROKEN_FUZZERS))

# Kernels with a fault put in, which tests must find: hostile servers in the release build (tests/hostile/kernel_NAME.sed), random
# calls in the debug build (tests/broken/NAME.sed). The first line says which file, which must change. Linked without the symbol table
# for backtraces.
BROKEN_SEDS    := $(wildcard $(if $(filter 1,$(DEBUG)),tests/broken/*.sed,tests/hostile/kernel_*.sed))
BROKEN_KERNELS := $(BROKEN_SEDS:%.sed=$(BUILD)/broken/%.elf)
# $(call broken_kernel,NAME,FILE): NAME with its folder
define broken_kernel
$(BUILD)/broken/$(1).c: $(2) $(1).sed
	@mkdir -p $$(@D)
	$$(Q)sed -f $(1).sed $$< > $$@
	$$(Q)! cmp -s $$< $$@ || { echo "$(1).sed does not change $(2)"; rm $$@; exit 1; }
$(BUILD)/broken/$(1).o: $(BUILD)/broken/$(1).c $(BUILD)/kernel1.elf
	@echo "  cc    $$< (broken)"
	$$(Q)$(CC) $(KERNEL_FLAGS) $(if $(filter kernel/fastpath.c,$(2)),$(FAST_FLAGS)) -w -iquote $(dir $(2)) -c $$< -o $$@
$(BUILD)/broken/$(1).elf: $(filter-out $(BUILD)/kernel/$(2).o,$(KERNEL_OBJECTS)) $(BUILD)/broken/$(1).o kernel/kernel.ld
	$$(Q)$$(LINK_KERNEL) $$(filter %.o,$$^)
endef
$(foreach sed,$(BROKEN_SEDS),$(eval $(call broken_kernel,$(sed:.sed=),$(shell sed -n '1s|^. breaks: ||p' $(sed)))))
.PHONY: broken-kernels broken-test hostile-test servers-test
broken-kernels: $(BROKEN_KERNELS)

# Device trees, archives and programs that the host tests read and the fuzzers start from.
build/host/sample.elf: tests/host/sample.c $(USER_LD) Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_FLAGS) -nostartfiles -T $(USER_LD) -Wl,-z,max-page-size=4096 -o $@ $<
DATA_PROGRAMS := build/programs/init build/programs/mmserver build/programs/brief
build/host/data.made: tests/host/data.sh build/host/sample.elf $(DATA_PROGRAMS) $(wildcard tests/host/*.dts) Makefile
	$(Q)tests/host/data.sh build/host/sample.elf build/host/data build/host/seeds $(DATA_PROGRAMS)
	@touch $@

host-programs: $(HOST_PROGRAMS) build/host/data.made
both-builds: build/input.txt
	@$(MAKE) --no-print-directory DEBUG=0 all broken-kernels
	@$(MAKE) --no-print-directory DEBUG=1 all broken-kernels
.PHONY: both-builds flush-test kill-test panic-test soak

RUN_TESTS = $(PYTHON) tests/run.py --release build --debug build-debug --filter '$(TEST)' --seed '$(SEED)'

test: host-programs both-builds $(addprefix build/plugins/,profile.so timing.so coverage.so between.so)
	@$(RUN_TESTS) model host fuzz kernel system kills hostile flushes panics soak broken profile scale servers coverage report
host-test: host-programs
	@$(RUN_TESTS) host
kernel-test: both-builds
	@$(RUN_TESTS) kernel
system-test: both-builds
	@$(RUN_TESTS) system
profile-test: both-builds build/plugins/profile.so
	@$(RUN_TESTS) profile
# Clients killed at every instruction of their requests, once each; EVERY=N: at every N-th instant besides.
EVERY ?= 0
kill-test: both-builds build/plugins/between.so
	@$(RUN_TESTS) --every $(EVERY) kills
flush-test: host-programs both-builds
	@$(RUN_TESTS) flushes
hostile-test: both-builds
	@$(RUN_TESTS) hostile
servers-test: both-builds
	@$(RUN_TESTS) servers
scale-test: all build/plugins/timing.so
	@$(RUN_TESTS) scale
panic-test: both-builds
	@$(RUN_TESTS) panics
# Random calls against the specification: for SECONDS, or, by `make soak CALLS=10000000`, so many; of one machine with HARTS=2 MMU=sv39.
soak: both-builds
	@$(RUN_TESTS) $(if $(CALLS),--soak-calls $(CALLS),--soak-seconds $(SECONDS)) --soak-mmu '$(MMU)' \
	    $(if $(filter command line environment,$(origin HARTS)),--soak-harts $(HARTS)) soak
broken-test: both-builds
	@$(RUN_TESTS) broken
coverage-test: both-builds build/plugins/coverage.so
	@$(RUN_TESTS) coverage
fuzz: host-programs
	@$(RUN_TESTS) --fuzz-seconds $(SECONDS) fuzz
model:
	@$(RUN_TESTS) $(if $(filter 1,$(FULL)),--full) model
model-ties:
	@$(PYTHON) tests/model/check_ties.py $(if $(filter 1,$(RECORD)),--record)

# Lines of kernel and server that the tests run (docs/verification.md): that part of `make test` which counts. Reports in
# build/coverage.
.PHONY: coverage coverage-test
coverage: both-builds build/plugins/coverage.so $(filter build/host/plain/%,$(HOST_PROGRAMS)) build/host/data.made
	@$(RUN_TESTS) --strict --variants plain host kernel system flushes panics report

#--- Benchmarks --------------------------------------------------------------------------------------------------------
# Instructions per operation, as a table and as JSON in build/bench/; docs/benchmarks.md.
BENCH  ?=#                run only benchmarks whose name contains this
RECORD ?= 0#              1: write what was measured into tests/bench/expected.json
.PHONY: bench
bench: $(BUILD)/kernel.elf build/plugins/marks.so $(addprefix $(BUILD)/programs/,init mmserver bench kbench)
	@$(PYTHON) tests/bench/bench.py --build $(BUILD) --filter '$(BENCH)' $(if $(filter 1,$(RECORD)),--record)

# What is not exact, or no figure: harts that run at the same time, wall time, where the boot's instructions go.
RUNS ?= 10#               of `make bench-wall`: runs of each system
.PHONY: bench-flushes bench-wall bench-boot
bench-flushes: $(BUILD)/kernel.elf $(addprefix $(BUILD)/programs/,init mmserver bench)
	@$(PYTHON) tests/bench/more.py flushes --build $(BUILD)
bench-wall: $(BUILD)/kernel.elf $(addprefix $(BUILD)/programs/,init mmserver wordcount) build/input.txt
	@$(PYTHON) tests/bench/more.py wall --build $(BUILD) --runs $(RUNS)
bench-boot: $(BUILD)/kernel.elf build/plugins/marks.so $(addprefix $(BUILD)/programs/,init mmserver bench)
	@$(PYTHON) tests/bench/boot.py --build $(BUILD) --mm '$(MM)'

# Where they go: the same systems under a plug-in of QEMU's, which is a program of this machine.
PROFILE_NEEDS := $(BUILD)/kernel.elf build/plugins/profile.so $(addprefix $(BUILD)/programs/,init mmserver bench kbench)
PICTURE_OF    := pf mmap munmap
.PHONY: profile profile-picture profile-test
build/plugins/%.so: platform/qemu-virt/%.c platform/qemu-virt/plugin_start.c platform/qemu-virt/plugin_start.h platform/qemu-virt/plugin.h
	@mkdir -p $(@D)
	@echo "  plug  $@"
	$(Q)$(HOST_CC) -std=gnu17 -O2 -g $(WARNINGS) -shared -fPIC -fvisibility=hidden -o $@ $(filter %.c,$^)
profile: $(PROFILE_NEEDS)
	@$(PYTHON) tests/bench/profile.py --build $(BUILD) --bench '$(BENCH)' --mm '$(MM)'
profile-picture: $(PROFILE_NEEDS)
	@$(PYTHON) tests/bench/profile.py --build $(BUILD) --bench '$(PICTURE_OF)' --quiet
	@$(PYTHON) tests/bench/picture.py --out docs/profile.svg $(PICTURE_OF:%=$(BUILD)/bench/profile-%.json)

# Work of many harts at once, in simulated time; docs/benchmarks.md. HARTS=16 on the command line: 1 and 16 harts alone.
SCALE_NEEDS := $(BUILD)/kernel.elf build/plugins/timing.so $(addprefix $(BUILD)/programs/,init mmserver scale)
SCALE_HARTS := $(if $(filter command line environment,$(origin HARTS)),--harts 1 $(filter-out 1,$(HARTS)))
.PHONY: scale scale-test
build/plugins/timing.so: $(wildcard platform/qemu-virt/timing_*.[ch])
scale: $(SCALE_NEEDS)
	@$(PYTHON) tests/bench/scale.py --build $(BUILD) --filter '$(BENCH)' $(SCALE_HARTS) --mm '$(MM)' --flush '$(FLUSH)' \
	    $(if $(filter 1,$(RECORD)),--record)
#--- Proofs ------------------------------------------------------------------------------------------------------------
# docs/verification.md, "Proofs". What is proved, bounded and assumed, in build/verify/report.txt too. QUICK=1: what CI runs.
.PHONY: verify
verify:
	@$(PYTHON) -B tests/verify/verify.py --only '$(TEST)' $(if $(QUICK),--quick)

#--- Lint --------------------------------------------------------------------------------------------------------------
# Four readers: gcc (by building everything, both ways), clang's front end, clang-format and cppcheck.
ALL_FORMATTED := $(wildcard $(addsuffix /*.[ch],kernel kernel/include/tenon libboot libboot/boot libipc libipc/include/* \
                 mmserver mmserver/include/* mmserver/corten apps/* tests/host tests/kernel tests/system tests/spec tests/failure tests/hostile tests/bench \
                 tests/verify platform/qemu-virt))
PLUGIN_C := $(wildcard platform/qemu-virt/*.c)
CLANG_LINT := $(CLANG) -fsyntax-only -std=gnu17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
              -mcmodel=medany -ffreestanding $(INCLUDES) $(LIBC_INCLUDE) -DTENON_DEBUG=1
CLANG_KERNEL := $(CLANG_LINT) --target=riscv64-unknown-elf -march=rv64imac -mabi=lp64
CLANG_USER   := $(CLANG_LINT) --target=riscv64-unknown-elf -march=rv64imafdc -mabi=lp64d
USER_C := $(sort $(filter %.c,$(USER_SOURCES) $(IPC) $(BOOT_C)))

lint: both-builds build/plugins/profile.so build/plugins/timing.so build/plugins/coverage.so build/plugins/between.so
	@echo "lint: clang";        for f in $(KERNEL_C) $(BOOT_C); do $(CLANG_KERNEL) $$f || exit 1; done
	@                           for f in $(USER_C); do $(CLANG_USER) $$f || exit 1; done
	@                           for f in $(PLUGIN_C); do \
	                                $(CLANG) -fsyntax-only -std=gnu17 -Wall -Wextra -Werror -Wshadow $$f || exit 1; done
	@echo "lint: clang-format"; clang-format --dry-run -Werror $(ALL_FORMATTED)
	@echo "lint: cppcheck";     cppcheck --quiet --error-exitcode=1 --std=c11 --platform=unix64 --inline-suppr \
	    --suppressions-list=platform/qemu-virt/cppcheck.txt --enable=warning,portability \
	    -D__riscv=1 -DTENON_DEBUG=1 $(filter -I%,$(INCLUDES)) $(KERNEL_C) $(USER_C) $(PLUGIN_C)
	@echo "lint: clean"
format:
	clang-format -i $(ALL_FORMATTED)

compile_commands.json: Makefile platform/qemu-virt/compile_commands.awk
	@{ for f in $(KERNEL_C) $(BOOT_C); do echo "$$f $(CROSS)gcc $(KERNEL_FLAGS) $(LIBC_INCLUDE) -c $$f"; done; \
	   for f in $(filter-out $(BOOT_C),$(USER_C)); do echo "$$f $(CROSS)gcc $(USER_FLAGS) $(LIBC_INCLUDE) -c $$f"; done; } | \
	awk -v directory='$(CURDIR)' -f platform/qemu-virt/compile_commands.awk > $@

-include $(shell find build build-debug -name '*.d' 2>/dev/null)
