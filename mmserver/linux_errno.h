/* Linux's errno values, as replies carry them (tenon/mm_protocol.h). The C library's differ above 34. */
#pragma once

enum linux_errno {
    LINUX_EPERM = 1,
    LINUX_ENOENT = 2,
    LINUX_ESRCH = 3,
    LINUX_E2BIG = 7,
    LINUX_ENOEXEC = 8,
    LINUX_EBADF = 9,
    LINUX_EAGAIN = 11,
    LINUX_ENOMEM = 12,
    LINUX_EACCES = 13,
    LINUX_EFAULT = 14,
    LINUX_EBUSY = 16,
    LINUX_EEXIST = 17,
    LINUX_EINVAL = 22,
    LINUX_ENOSYS = 38,
    LINUX_EOPNOTSUPP = 95,
};
