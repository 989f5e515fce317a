#!/bin/bash
# Makes what the host tests read and the fuzzers start from: data.sh SAMPLE_ELF DATA_DIRECTORY SEEDS_DIRECTORY PROGRAM...
set -eu -o pipefail
sample=$1 data=$2 seeds=$3
shift 3
rm -rf "$data" "$seeds"
mkdir -p "$data/files/sub" "$seeds/fuzz_fdt" "$seeds/fuzz_cpio" "$seeds/fuzz_elf"

# Device trees: QEMU's for several machines, without the slack that it leaves at the end, and odd ones.
tree() {
    local name=$1
    shift
    qemu-system-riscv64 "$@" -display none >"$data/qemu.log" 2>&1 || { cat "$data/qemu.log" >&2; return 1; }
    dtc -q -I dtb -O dtb -o "$data/$name.dtb" "$data/full.dtb"
}
dump="virt,dumpdtb=$data/full.dtb"
for harts in 1 2 4 16 128; do
    tree "virt-$harts" -M "$dump" -smp "$harts"
done
tree virt-aia -M "$dump,aia=aplic-imsic,aclint=on" -smp 3 -m 3G
tree virt-numa -M "$dump" -smp 4 -m 256M -object memory-backend-ram,size=128M,id=m0 -numa node,memdev=m0,cpus=0-1 \
    -object memory-backend-ram,size=128M,id=m1 -numa node,memdev=m1,cpus=2-3
mv "$data/full.dtb" "$data/virt-slack.dtb"
for source in tests/host/*.dts; do
    dtc -q -I dts -O dtb -o "$data/$(basename "$source" .dts).dtb" "$source"
done
cp "$data"/{virt-1,virt-4,virt-aia,odd}.dtb "$seeds/fuzz_fdt"

# Archives: names and contents of every length modulo 4, an empty file, a directory.
printf '' >"$data/files/empty"
for n in 1 2 3 4 5 4095 4096 4097; do
    head -c "$n" /dev/zero | tr '\0' 'x' >"$data/files/file-of-$n"
done
cp "$sample" "$data/files/sub/sample"
(cd "$data/files" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >"$data/dot.cpio"
(cd "$data/files" && find . -type f -printf '%P\n' | LC_ALL=C sort | cpio -o -H newc --quiet) >"$data/plain.cpio"
(cd "$data/files" && find . -type f -printf '%P\n' | LC_ALL=C sort | cpio -o -H crc --quiet) >"$data/crc.cpio"
(cd "$data/files" && printf 'empty\nfile-of-1\nfile-of-3\n' | cpio -o -H newc --quiet) >"$data/small.cpio"
cp "$data"/{dot,crc,small}.cpio "$seeds/fuzz_cpio"

# Programs: with and without sections.
cp "$sample" "$data/sample.elf"
riscv64-unknown-elf-strip -o "$data/stripped.elf" "$sample"
riscv64-unknown-elf-objcopy --strip-debug "$sample" "$seeds/fuzz_elf/sample"
cp "$data/stripped.elf" "$seeds/fuzz_elf/stripped"

# What runs here: the programs that the build has made, and an initrd of them.
mkdir "$data/initrd"
cp "$@" "$data/initrd"
cp "$@" "$seeds/fuzz_elf"
(cd "$data/initrd" && printf '%s\n' * | cpio -o -H newc --reproducible --quiet -R 0:0) >"$seeds/fuzz_cpio/initrd"
