# breaks: kernel/ptwrite.c
# What stands in a batch before the run that is refused is written.
s/store_relaxed(&b.user->failed_run, i);/for (uint32_t k = 0; k < i; k++) write_run(\&b, \&runs[k]); &/
