# breaks: kernel/ptwrite.c
# Pages past a Frame's end may be mapped.
s/if (!pt_pages_fit(u->page, r->limit, u->count, r->level))/if (r->limit == 0)/
