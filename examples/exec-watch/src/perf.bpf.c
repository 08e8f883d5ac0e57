// SPDX-License-Identifier: GPL-2.0-only
// The first arguments, through a perf event array: any older kernel that knows raw tracepoints (4.17).
#include "send-perf.h"
#include "arguments-bounded.h"
#include "exec-watch.h"
