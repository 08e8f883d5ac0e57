// SPDX-License-Identifier: GPL-2.0-only
// All arguments that there is room for, through a ring buffer: Linux 5.17 and newer.
#include "send-ringbuf.h"
#include "arguments-loop.h"
#include "exec-watch.h"
