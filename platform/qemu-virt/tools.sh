#!/bin/bash
# Which tools a job needs, whether they are here and new enough, and the Debian packages that bring them.
#
#     tools.sh check JOB      says on stderr what is missing; status 1 if anything is
#     tools.sh install JOB    says what is missing, then installs it (apt-get, through sudo if not root)
#
# JOB: build, run, test, lint, debug, plugin, verify.
set -u

# Each line: jobs that need it | Debian package | what must exist (command, or file with a slash) | lowest version
needs() {
    cat <<'END'
build run test lint debug|gcc-riscv64-unknown-elf|riscv64-unknown-elf-gcc|12
build run test lint debug|picolibc-riscv64-unknown-elf|/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs|
run test debug|qemu-system-misc|qemu-system-riscv64|7.2
run test debug|qemu-system-data|/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin|
run test debug|device-tree-compiler|dtc|1.6
run test debug|cpio|cpio|2.12
run test debug|python3|/usr/bin/python3|3.9
debug|gdb-multiarch|gdb-multiarch|12
test lint plugin verify|gcc|gcc|12
test lint plugin verify|libc6-dev|/usr/include/stdio.h|
test|libcmocka-dev|/usr/include/cmocka.h|
test|libfdt-dev|/usr/include/libfdt.h|
test|spin|spin|6.5
test lint verify|clang-19|clang-19|19
test|libclang-rt-19-dev|/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.fuzzer-x86_64.a|
lint|clang-format|clang-format|14
lint|cppcheck|cppcheck|2.10
verify|z3|z3|4.8
verify|python3|/usr/bin/python3|3.9
END
}

version_of() {
    case $1 in
        spin) spin -V ;; # knows no --version
        *) "$1" --version 2>&1 ;;
    esac | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1
}

at_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# The clang runtime's file name carries the machine's architecture.
exists() {
    local what=${1/x86_64/$(uname -m)}
    case $what in
        */*) [ -e "$what" ] ;;
        *) command -v "$what" >/dev/null ;;
    esac
}

# Prints a line "package: reason" for each tool of job $1 that is missing.
missing() {
    local jobs package what least have
    while IFS='|' read -r jobs package what least; do
        case " $jobs " in *" $1 "*) ;; *) continue ;; esac
        if ! exists "$what"; then
            echo "$package: $what is not there"
        elif [ -n "$least" ]; then
            have=$(version_of "$what")
            at_least "$least" "${have:-0}" || echo "$package: $what is version ${have:-unknown}, at least $least is needed"
        fi
    done < <(needs)
}

check() {
    local lines
    lines=$(missing "$1")
    [ -z "$lines" ] && return 0
    {
        echo "Missing for 'make $1':"
        printf '%s\n' "$lines" | sed 's/^/    /'
        echo "Install with: apt-get install -y --no-install-recommends $(packages "$lines")"
    } >&2
    return 1
}

packages() {
    printf '%s\n' "$1" | cut -d: -f1 | sort -u | tr '\n' ' '
}

install() {
    local lines as_root=
    lines=$(missing "$1")
    [ -z "$lines" ] && return 0
    echo "Missing for 'make $1':"
    printf '%s\n' "$lines" | sed 's/^/    /'
    [ "$(id -u)" = 0 ] || as_root=sudo
    echo "Installing with apt-get: $(packages "$lines")"
    # shellcheck disable=SC2046 # a list of packages
    $as_root apt-get update -q &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(packages "$lines") \
            </dev/null || { echo "apt-get failed; install these by hand and start again" >&2; return 1; }
    check "$1"
}

case "${1-} ${2-}" in
    "check "?*) check "$2" ;;
    "install "?*) install "$2" ;;
    *) echo "usage: $0 check|install build|run|test|lint|debug|plugin|verify" >&2; exit 2 ;;
esac
