# breaks: libboot/cpio.c
# A file's bytes need not lie in the archive.
s/ || c->bytes - data_at < file_bytes//
