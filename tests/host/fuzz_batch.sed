# breaks: build/host/kernel/ptwrite.c
# A run may go beyond its table's end.
s/u.first >= end || u.count > end - u.first/u.first >= end/
