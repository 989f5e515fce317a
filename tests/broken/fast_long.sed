# breaks: kernel/fastpath.c
# A long message goes the short way, and loses what is not in registers.
s/return (info \& 0xfff) <= TN_MSG_REG_WORDS \&\& /return /
