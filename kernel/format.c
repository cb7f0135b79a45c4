// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * All generated code as one translation unit, so that the compiler can inline
 * the accessors, which have a few instructions each.
 */
#include "format_base.c"
#include "generated/rules.c"
#include "generated/ascii.c"
#include "generated/mediatypes.c"
#include "generated/names.c"
#include "generated/digest.c"
#include "generated/wire.c"
#include "generated/checks.c"
#include "generated/device.c"
#include "generated/nameindex.c"
#include "generated/layers.c"
#include "generated/directories.c"
#include "generated/content.c"
#include "generated/jsonstring.c"
#include "generated/json.c"
#include "generated/manifest.c"
#include "generated/littleendian.c"
#include "generated/seektable.c"
#include "generated/bundle.c"
#include "generated/places.c"
#include "generated/chunkindex.c"
#include "generated/recorded.c"
#include "generated/validate.c"
#include "generated/firstuse.c"
