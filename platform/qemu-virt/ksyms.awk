# Makes the kernel's symbol table for backtraces: input `nm -n` of the kernel, output assembly for
#
#     uint64_t kernel_symbol_count;
#     struct { uint64_t address; const char *name; } kernel_symbols[];    sorted by address
#
# in section .ksyms. Text symbols only (nm's t, T, w, W).
BEGIN { count = 0 }
$2 ~ /^[tTwW]$/ && $3 !~ /^[.$]/ {
    addresses[count] = $1
    names[count++] = $3
}
END {
    print ".section .ksyms, \"a\"\n.balign 8"
    print ".globl kernel_symbol_count\n.globl kernel_symbols"
    printf "kernel_symbol_count: .quad %d\nkernel_symbols:\n", count
    for (i = 0; i < count; i++)
        printf ".quad 0x%s, .Lname%d\n", addresses[i], i
    for (i = 0; i < count; i++)
        printf ".Lname%d: .asciz \"%s\"\n", i, names[i]
}
