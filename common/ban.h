/* SPDX-License-Identifier: BSD-3-Clause */
/* Forced into every file by the build: calls that cannot be used safely do not compile. */
#ifndef COMMON_BAN_H
#define COMMON_BAN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol gets

#endif /* COMMON_BAN_H */
