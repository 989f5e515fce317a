/* Tables: adoption. See table.h. */
#include <corten/table.h>

void ct_table_adopt(paddr_t table, unsigned level, tn_cptr_t cap)
{
    struct ct_desc *d = port_desc(table);
    d->level = (uint8_t)level;
    d->cap = cap;
}
