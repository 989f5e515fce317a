# breaks: kernel/untyped.c
# What an Untyped has given away it gives again: the invariants stop it.
s/untyped_update(untyped, r.end, zeroed/untyped_update(untyped, r.start, zeroed/
s/untyped_update(untyped, r->end, zeroed/untyped_update(untyped, r->start, zeroed/
