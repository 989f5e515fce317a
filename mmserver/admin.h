/* Requests of the administrator (badge 0, held by init): tenon/mm_protocol.h, labels from 32 on. */
#pragma once
#include "worker.h"

/* As request_serve. */
void admin_serve(struct worker *w, const struct tn_msg *m, struct answer *a);
