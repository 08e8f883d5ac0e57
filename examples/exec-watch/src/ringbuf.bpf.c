// SPDX-License-Identifier: GPL-2.0-only
// The first arguments, through a ring buffer: Linux 5.8 and newer.
#include "send-ringbuf.h"
#include "arguments-bounded.h"
#include "exec-watch.h"
