// SPDX-License-Identifier: GPL-2.0-only
/*
 * The code of the tracepoints, whose events read the driver's structures.
 */
#include "internal.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
