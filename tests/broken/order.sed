# breaks: kernel/sched.c
# A thread that is woken does not go before one of less priority.
s/t->priority > h->current->priority/t->priority > 40/
